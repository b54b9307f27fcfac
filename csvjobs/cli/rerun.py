"""csvjobs rerun"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from csvjobs.cli.follow import to_its_end
from csvjobs.cli.options import (
    SERVER,
    KeyOption,
    PipelineOption,
    PriorityOption,
    ReadOption,
    RetentionOption,
    ServerOption,
    pipeline_text,
    read_options,
    target_option,
)
from csvjobs.cli.output import clean_end
from csvjobs.client import Client


def rerun(
    job: Annotated[str, typer.Argument(help="The id of the job whose file is processed again.")],
    pipeline: PipelineOption = "",
    read: ReadOption = None,
    apply: Annotated[
        str, typer.Option("--apply", "-a", metavar="JOB", help="Apply the fitted parameters of this job.")
    ] = "",
    key: KeyOption = "",
    retention: RetentionOption = "",
    priority: PriorityOption = "",
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Follow the new job to its end.")] = False,
    output: Annotated[
        Path | None,
        target_option("--output", "-o", help="Follow the new job and save its result here; - is stdout."),
    ] = None,
    server: ServerOption = SERVER,
) -> None:
    """Process the file of a job again, without sending it again; prints the new job's id.

    Without --pipeline, --read or --apply it uses what the old job had.

    Example: `csvjobs rerun 01a20bb3-f8d8-76f6-9be9-fca0ab82e341 --read encoding=cp1250`
    """
    with clean_end(), Client(server) as client:
        given = {"apply": apply, "key": key, "retention": retention, "priority": priority}
        made = client.rerun(job, pipeline_text(pipeline), **{**given, **read_options(read)})
        to_its_end(client, made, output, wait=wait)
