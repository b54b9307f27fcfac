"""csvjobs download"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from csvjobs.cli.files import STANDARD
from csvjobs.cli.follow import save
from csvjobs.cli.options import SERVER, ServerOption, target_option
from csvjobs.cli.output import clean_end
from csvjobs.client import Client
from csvjobs.flow.deliver import FILES


def download(
    job: Annotated[str, typer.Argument(help="The job's id.")],
    output: Annotated[
        Path | None,
        target_option("--output", "-o", help="File to write, by default of the same name; - is stdout."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help=f"The file to get, by default the output: {', '.join(FILES)}.")
    ] = None,
    server: ServerOption = SERVER,
) -> None:
    """Download a file of a job, checked against its sha256; prints its path.

    When the connection breaks, the download is resumed.

    Example: `csvjobs download 01a20bb3-f8d8-76f6-9be9-fca0ab82e341 -o clean.csv`
    """
    with clean_end(), Client(server) as client:
        found = client.job(job)
        name = name or found.output.name
        target = output or Path(Path(name).name)
        save(client, found, name, target)
    if target != STANDARD:
        typer.echo(os.fsencode(target))
