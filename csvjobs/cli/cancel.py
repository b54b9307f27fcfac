"""csvjobs cancel"""

from __future__ import annotations

from typing import Annotated

import typer

from csvjobs.cli.options import SERVER, ServerOption
from csvjobs.cli.output import Screen, tell
from csvjobs.client import Client


def cancel(
    job: Annotated[str, typer.Argument(help="The job's id.")],
    json: Annotated[bool, typer.Option("--json", help="Print the whole job as JSON.")] = False,
    server: ServerOption = SERVER,
) -> None:
    """Cancel a waiting or running job; a second time changes nothing.

    Its files stay until it is deleted.

    Example: `csvjobs cancel 01a20bb3-f8d8-76f6-9be9-fca0ab82e341`
    """
    with Client(server) as client:
        found = client.cancel(job)
    if json:
        typer.echo(found.to_json())
    else:
        tell(found, Screen())
