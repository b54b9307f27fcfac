"""Following a job of a service from a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from csvjobs.cli.files import STANDARD, place, workplace
from csvjobs.cli.options import SERVER
from csvjobs.cli.output import exit_status, remark, running, tell, transfer
from csvjobs.client import Client
from csvjobs.errors import ServiceError
from csvjobs.jobs.job import Job, Status


@contextmanager
def findable(job_id: str, server: str) -> Iterator[None]:
    """Whoever stops waiting, or loses the service, is told how to find the job again."""
    try:
        yield
    except (KeyboardInterrupt, ServiceError):
        elsewhere = "" if server == SERVER else f" --server {server}"
        remark(f"The job stays with the service; find it again: csvjobs status {job_id} --wait{elsewhere}")
        raise


def to_its_end(client: Client, job: Job, output: Path | None, *, wait: bool) -> None:
    """Prints the id of a job that was just made. If asked to wait, or for its output, follows it to its end,
    saves that, tells of it and exits as it ended."""
    with findable(job.job_id, client.url):
        # Standard output has room for one of the two.
        typer.echo(job.job_id, err=output == STANDARD)
        if not (wait or output):
            return
        job = follow(client, job.job_id)
        if output and job.status is Status.DONE:
            save(client, job, job.output.name, output)
    tell(job)
    raise typer.Exit(exit_status(job))


def follow(client: Client, job_id: str) -> Job:
    """The job at its end."""
    with running() as bar:
        return client.wait(job_id, bar.show)


def save(client: Client, job: Job, name: str, target: Path) -> None:
    """Brings a file of the job to its target, once it is here whole."""
    known = job.files.get(name)
    with workplace(target) as folder, transfer("receiving ", known.bytes if known else None) as bar:
        place(client.download(job.job_id, folder / "file", name, bar.advance), target)
