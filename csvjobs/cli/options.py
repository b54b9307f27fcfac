"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from csvjobs.errors import InvalidOption

PipelineOption = Annotated[
    str, typer.Option("--pipeline", "-p", help="A pipeline's name, or a YAML or JSON file that holds one.")
]
ReadOption = Annotated[
    list[str] | None,
    typer.Option(
        "--read",
        "-r",
        metavar="NAME=VALUE",
        help="A read option: delimiter, quote, encoding, header, bad_rows. May be given again.",
    ),
]
ServerOption = Annotated[str, typer.Option("--server", "-s", help="Where the service is.")]
SERVER = "http://127.0.0.1:8000"


def pipeline_text(given: str) -> str:
    """What was given, or what the file of that name holds."""
    path = Path(given)
    if path.suffix in (".yaml", ".yml", ".json"):
        if not path.is_file():
            raise InvalidOption(f"There is no pipeline file {given!r}.")
        return path.read_text("utf-8")
    return given


def read_options(given: list[str] | None) -> dict[str, str]:
    """`["delimiter=;"]` as `{"delimiter": ";"}`. Raises InvalidOption."""
    pairs = [text.partition("=") for text in given or []]
    for name, sign, _ in pairs:
        if not sign:
            raise InvalidOption(
                f"--read {name!r} is not NAME=VALUE.", hint="For example: --read 'delimiter=;'"
            )
    return {name: value.replace("\\t", "\t") for name, _, value in pairs}
