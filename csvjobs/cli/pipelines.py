"""csvjobs pipelines"""

from __future__ import annotations

from typing import Annotated

import typer
import yaml

from csvjobs.pipelines.named import NamedPipelines
from csvjobs.settings import Settings, load


def pipelines(
    name: Annotated[str | None, typer.Argument(help="Show this one whole.")] = None,
) -> None:
    """List the named pipelines, or show one as YAML.

    Example: `csvjobs pipelines crm-clean > mine.yaml`
    """
    known = NamedPipelines(load().pipelines_dir)
    if name:
        # What is not set is left out: in a pipeline file, null would be a text like any other.
        document = known.get(name).model_dump(mode="json", by_alias=True, exclude_none=True)
        typer.echo(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), nl=False)
        return
    for pipeline in known.list():
        typer.echo(f"{pipeline.name:<20} {' '.join(pipeline.description.split())}")
    typer.echo(f"\nFrom {known.folder} ({Settings.variable('pipelines_dir')}).", err=True)
