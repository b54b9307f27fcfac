"""csvjobs submit"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from csvjobs.cli.files import STANDARD, size_of, source
from csvjobs.cli.follow import findable, follow, save
from csvjobs.cli.options import (
    SERVER,
    ApplyOption,
    FileArgument,
    PipelineOption,
    ReadOption,
    ServerOption,
    apply_text,
    pipeline_text,
    read_options,
    target_option,
)
from csvjobs.cli.output import clean_end, exit_status, tell, transfer
from csvjobs.client import Client
from csvjobs.jobs.job import Job, Status


def submit(
    file: FileArgument,
    pipeline: PipelineOption = "",
    read: ReadOption = None,
    apply: ApplyOption = "",
    key: Annotated[
        str, typer.Option("--key", help="Sent again with the same key, the file makes no second job.")
    ] = "",
    retention: Annotated[
        str,
        typer.Option("--retention", help="How long the job is kept after its end, like 12h or 7d."),
    ] = "",
    priority: Annotated[
        str, typer.Option("--priority", help="normal or high, where the service has workers for it.")
    ] = "",
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow the job to its end.")] = False,
    output: Annotated[
        Path | None,
        target_option("--output", "-o", help="Follow the job and save its result here; - is stdout."),
    ] = None,
    server: ServerOption = SERVER,
) -> None:
    """Send a file to a service. Prints the job's id.

    Example: `csvjobs submit my.csv -p tidy -o clean.csv`
    """
    with clean_end(), Client(server) as client:
        given = {"apply": apply_text(apply), "key": key, "retention": retention, "priority": priority}
        job = _send(client, source(file), pipeline_text(pipeline), {**given, **read_options(read)})
        with findable(job.job_id, server):
            # Standard output has room for one of the two.
            typer.echo(job.job_id, err=output == STANDARD)
            if not (wait or output):
                return
            job = follow(client, job.job_id)
            if output and job.status is Status.DONE:
                save(client, job, job.output.name, output)
    tell(job)
    raise typer.Exit(exit_status(job))


def _send(client: Client, path: Path, pipeline: str, given: dict[str, str]) -> Job:
    with transfer("sending   ", size_of(path)) as bar:
        return client.submit(path, pipeline, bar.advance, **given)
