"""csvjobs download"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from csvjobs.cli.options import SERVER, ServerOption
from csvjobs.cli.output import transfer
from csvjobs.client import Client


def download(
    job: Annotated[str, typer.Argument(help="The job's id.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where it goes.")] = None,
    name: Annotated[
        str, typer.Option(help="Which file: output.csv, rejected.csv, fitted.json, report.json, error.txt.")
    ] = "output.csv",
    server: ServerOption = SERVER,
) -> None:
    """Save a file of a job, checked against its sha256.

    Example: `csvjobs download 01a20bb3-f8d8-76f6-9be9-fca0ab82e341 -o clean.csv`
    """
    with Client(server) as client:
        known = client.job(job).files.get(name)
        with transfer("receiving ", known.bytes if known else 0) as bar:
            target = client.download(job, output or Path(name), name, bar.advance)
    typer.echo(target)
