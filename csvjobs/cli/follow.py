"""Follows a job of a service in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from csvjobs.cli.files import STANDARD, place, workplace
from csvjobs.cli.options import SERVER
from csvjobs.cli.output import exit_status, remark, running, tell, transfer
from csvjobs.client import Client, Refused
from csvjobs.errors import CsvjobsError
from csvjobs.jobs.job import Job, Status


@contextmanager
def findable(job_id: str, server: str) -> Iterator[None]:
    """Prints how to find the job again when the user interrupts the block or the service is lost."""
    try:
        yield
    except (KeyboardInterrupt, CsvjobsError, OSError) as error:
        if isinstance(error, Refused) and error.http_status in (404, 410):
            raise
        elsewhere = "" if server == SERVER else f" --server {server}"
        remark(f"The service still has the job. Follow it again: csvjobs status {job_id} --wait{elsewhere}")
        raise


def to_its_end(client: Client, job: Job, output: Path | None, *, wait: bool) -> None:
    """Prints the id of a new job. With `wait` or `output` it then follows the job to its end, saves the
    output, prints a summary, and exits with the job's exit status."""
    with findable(job.job_id, client.url):
        # If the output goes to stdout, the id goes to stderr.
        typer.echo(job.job_id, err=output == STANDARD)
        if not (wait or output):
            return
        job = follow(client, job.job_id)
        if output and job.status is Status.DONE:
            save(client, job, job.output.name, output)
    tell(job)
    raise typer.Exit(exit_status(job))


def follow(client: Client, job_id: str) -> Job:
    """Follows the job to its end, with a progress bar, and returns it."""
    with running() as bar:
        return client.wait(job_id, bar.show)


def save(client: Client, job: Job, name: str, target: Path) -> None:
    """Downloads a file of the job, then moves it to its target."""
    known = job.files.get(name)
    with workplace(target) as folder, transfer("receiving ", known.bytes if known else None) as bar:
        place(client.download(job.job_id, folder / "file", name, bar.advance), target)
