"""Following a job of a service from a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from csvjobs.cli.files import place, workplace
from csvjobs.cli.options import SERVER
from csvjobs.cli.output import remark, running, transfer
from csvjobs.client import Client
from csvjobs.errors import ServiceError
from csvjobs.jobs.job import Job


@contextmanager
def findable(job_id: str, server: str) -> Iterator[None]:
    """Whoever stops waiting, or loses the service, is told how to find the job again."""
    try:
        yield
    except (KeyboardInterrupt, ServiceError):
        elsewhere = "" if server == SERVER else f" --server {server}"
        remark(f"The job stays with the service; find it again: csvjobs status {job_id} --wait{elsewhere}")
        raise


def follow(client: Client, job_id: str) -> Job:
    """The job at its end."""
    with running() as bar:
        return client.wait(job_id, bar.show)


def save(client: Client, job: Job, name: str, target: Path) -> None:
    """Brings a file of the job to its target, once it is here whole."""
    known = job.files.get(name)
    with workplace(target) as folder, transfer("receiving ", known.bytes if known else None) as bar:
        place(client.download(job.job_id, folder / "file", name, bar.advance), target)
