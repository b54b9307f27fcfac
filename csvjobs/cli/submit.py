"""csvjobs submit"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from csvjobs.cli.options import SERVER, PipelineOption, ReadOption, ServerOption, pipeline_text, read_options
from csvjobs.cli.output import running, tell, transfer
from csvjobs.client import Client
from csvjobs.jobs.job import Status


def submit(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The CSV file.")],
    pipeline: PipelineOption = "",
    read: ReadOption = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow the job to its end.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Follow the job and save its result here.")
    ] = None,
    server: ServerOption = SERVER,
) -> None:
    """Send a file to a service. Prints the job's id.

    Example: `csvjobs submit my.csv -p tidy -o clean.csv`
    """
    with Client(server) as client:
        with transfer("sending   ", file.stat().st_size) as bar:
            text = pipeline_text(pipeline)
            job = client.submit(file, text, bar.advance, **read_options(read))
        typer.echo(job.job_id)
        if not (wait or output):
            return
        with running() as bar:
            job = client.wait(job.job_id, bar.show)
        if output and job.status is Status.DONE:
            client.download(job.job_id, output)
    tell(job)
    raise typer.Exit(0 if job.status is Status.DONE else 1)
