"""csvjobs schema"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from csvjobs.cli.options import pipeline_text
from csvjobs.errors import InvalidPipeline
from csvjobs.pipelines.named import NamedPipelines
from csvjobs.pipelines.plain import plain
from csvjobs.pipelines.schemas import from_schema, is_schema, to_schema
from csvjobs.settings import load


def schema(
    given: Annotated[
        str,
        typer.Argument(
            metavar="SCHEMA_OR_PIPELINE", help="A Table Schema or Data Package, or a pipeline's name or file."
        ),
    ],
    resource: Annotated[
        str | None, typer.Option("--resource", help="The resource to use of a Data Package.")
    ] = None,
) -> None:
    """Make a pipeline that checks rows from a Table Schema, or a Table Schema from such a pipeline.

    Table Schema is the format of https://datapackage.org/. Rules that the other format cannot express are
    refused, except `on_fail`, for which Table Schema has no equivalent.

    Example: `csvjobs schema table-schema.json > check.yaml`

    And back: `csvjobs schema check.yaml > table-schema.json`
    """
    text = pipeline_text(given)
    if _is_schema(text):
        typer.echo(from_schema(text, Path(given).stem, resource).yaml(), nl=False)
    else:
        made = to_schema(NamedPipelines(load().pipelines_dir).resolve(text))
        typer.echo(json.dumps(made, ensure_ascii=False, indent=2))


def _is_schema(text: str) -> bool:
    try:
        return is_schema(plain(text))
    except InvalidPipeline:
        return False
