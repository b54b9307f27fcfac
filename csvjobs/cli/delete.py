"""csvjobs delete"""

from __future__ import annotations

from typing import Annotated

import typer

from csvjobs.cli.options import SERVER, ServerOption
from csvjobs.client import Client


def delete(
    job: Annotated[str, typer.Argument(help="The job's id.")],
    server: ServerOption = SERVER,
) -> None:
    """Delete a job with all its files, permanently; a job that has not ended is cancelled first.

    Example: `csvjobs delete 01a20bb3-f8d8-76f6-9be9-fca0ab82e341`
    """
    with Client(server) as client:
        client.delete(job)
