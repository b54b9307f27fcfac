"""csvjobs jobs"""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from csvjobs.cli.options import SERVER, ServerOption
from csvjobs.client import Client
from csvjobs.jobs.job import Status


def jobs(
    status: Annotated[Status | None, typer.Option("--status", help="Only jobs with this status.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="List at most this many jobs.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print each whole job as JSON, one per line.")] = False,
    server: ServerOption = SERVER,
) -> None:
    """List the jobs of a service, newest first: id, status, time of submission, file.

    Example: `csvjobs jobs --status error --limit 5`
    """
    with Client(server) as client:
        for job in islice(client.jobs(status), limit):
            line = f"{job.job_id}  {job.status:<10}  {job.created_at:%Y-%m-%d %H:%M:%S} UTC  {job.filename}"
            typer.echo(job.to_json() if json else line)
