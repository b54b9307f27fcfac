"""csvjobs status"""

from __future__ import annotations

from typing import Annotated

import typer

from csvjobs.cli.follow import findable, follow
from csvjobs.cli.options import SERVER, ServerOption
from csvjobs.cli.output import Screen, exit_status, tell
from csvjobs.client import Client


def status(
    job: Annotated[str, typer.Argument(help="The job's id.")],
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow the job to its end.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the whole job as JSON.")] = False,
    server: ServerOption = SERVER,
) -> None:
    """Show the state of a job.

    Example: `csvjobs status 01a20bb3-f8d8-76f6-9be9-fca0ab82e341 --wait`
    """
    with Client(server) as client:
        found = client.job(job)
        if wait:
            with findable(job, server):
                found = follow(client, job)
    if json:
        typer.echo(found.to_json())
    else:
        tell(found, Screen())
    raise typer.Exit(exit_status(found))
