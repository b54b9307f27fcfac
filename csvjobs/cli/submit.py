"""csvjobs submit"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from csvjobs.cli.files import size_of, source
from csvjobs.cli.follow import to_its_end
from csvjobs.cli.options import (
    SERVER,
    ApplyOption,
    FileArgument,
    KeyOption,
    PipelineOption,
    PriorityOption,
    ReadOption,
    RetentionOption,
    ServerOption,
    apply_text,
    pipeline_text,
    read_options,
    target_option,
)
from csvjobs.cli.output import clean_end, transfer
from csvjobs.client import Client
from csvjobs.jobs.job import Job


def submit(
    file: FileArgument,
    pipeline: PipelineOption = "",
    read: ReadOption = None,
    apply: ApplyOption = "",
    key: KeyOption = "",
    retention: RetentionOption = "",
    priority: PriorityOption = "",
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow the job to its end.")] = False,
    output: Annotated[
        Path | None,
        target_option("--output", "-o", help="Follow the job and save its result here; - is stdout."),
    ] = None,
    server: ServerOption = SERVER,
) -> None:
    """Submit a file to a service; prints the job's id.

    Without --pipeline it uses tidy, which changes no value; with --apply, the pipeline that learnt.

    Example: `csvjobs submit my.csv -p tidy -o clean.csv`
    """
    with clean_end(), Client(server) as client:
        given = {"apply": apply_text(apply), "key": key, "retention": retention, "priority": priority}
        job = _send(client, source(file), pipeline_text(pipeline), {**given, **read_options(read)})
        to_its_end(client, job, output, wait=wait)


def _send(client: Client, path: Path, pipeline: str, given: dict[str, str]) -> Job:
    with transfer("sending   ", size_of(path)) as bar:
        return client.submit(path, pipeline, bar.advance, **given)
