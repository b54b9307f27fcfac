"""csvjobs pipelines"""

from __future__ import annotations

from typing import Annotated

import typer

from csvjobs.pipelines.named import NamedPipelines
from csvjobs.settings import Settings, load


def pipelines(
    name: Annotated[str | None, typer.Argument(help="Show this pipeline; name@2 is its version 2.")] = None,
    other: Annotated[str | None, typer.Argument(help="Compare with this pipeline.")] = None,
) -> None:
    """List the named pipelines with their newest versions, show one as YAML, or compare two.

    Example: `csvjobs pipelines crm-clean > mine.yaml`

    Example: `csvjobs pipelines crm-clean dedupe`
    """
    known = NamedPipelines(load().pipelines_dir)
    if name and other:
        typer.echo(known.diff(name, other), nl=False)
        return
    if name:
        typer.echo(known.called(name).yaml(), nl=False)
        return
    for pipeline in known.list():
        called = f"{pipeline.name}@{pipeline.version}" if pipeline.version else pipeline.name
        typer.echo(f"{called:<20} {' '.join(pipeline.description.split())}")
    typer.echo(f"\nFrom {known.folder} ({Settings.variable('pipelines_dir')}).", err=True)
