"""Options shared by several commands."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from csvjobs.cli.files import STANDARD
from csvjobs.client import shown_name
from csvjobs.errors import InvalidOption, nearest
from csvjobs.reading.options import ReadOptions


def _a_file(path: Path) -> Path:
    if path == STANDARD:
        return path
    if path.is_dir():
        raise typer.BadParameter(f"'{path}' is a folder.")
    if not path.exists():
        raise typer.BadParameter(f"there is no file '{path}'.")
    return path


def _a_target(target: Path | None) -> Path | None:
    if target is None:
        return None
    if str(target) in ("-", "/dev/stdout", "/dev/fd/1"):
        if sys.stdout is None:
            raise typer.BadParameter("standard output is closed.")
        return STANDARD
    if target.is_dir():
        raise typer.BadParameter(f"'{target}' is a folder; name a file.")
    if not target.resolve().parent.is_dir():
        raise typer.BadParameter(f"there is no folder '{target.parent}'.")
    return target


JOB_ID = re.compile(r"[0-9a-fA-F-]{36}")

FileArgument = Annotated[
    Path,
    typer.Argument(callback=_a_file, help="The file: CSV, JSON lines, Parquet or XLSX; - is stdin."),
]
PipelineOption = Annotated[
    str, typer.Option("--pipeline", "-p", help="A pipeline's name, or a YAML or JSON file with one.")
]
ReadOption = Annotated[
    list[str] | None,
    typer.Option(
        "--read",
        "-r",
        metavar="NAME=VALUE",
        help=f"A read option: {', '.join(ReadOptions.model_fields)}. May be repeated.",
    ),
]
ApplyOption = Annotated[
    str,
    typer.Option(
        "--apply",
        "-a",
        metavar="JOB_OR_FILE",
        help="Apply the fitted parameters of a job instead of learning: its id, or its fitted.json file.",
    ),
]
KeyOption = Annotated[
    str, typer.Option("--key", help="Idempotency key: repeated with it, the command makes no second job.")
]
RetentionOption = Annotated[
    str, typer.Option("--retention", help="How long the job is kept after its end, like 12h or 7d.")
]
PriorityOption = Annotated[
    str, typer.Option("--priority", help="normal, or high if the service has workers for it.")
]
ServerOption = Annotated[str, typer.Option("--server", "-s", help="URL of the service.")]
SERVER = "http://127.0.0.1:8000"


def target_option(*names: str, help: str) -> Any:  # noqa: A002 (as typer calls it)
    """An option for a file to write, or - for stdout; checked before any work begins."""
    return typer.Option(*names, callback=_a_target, help=help)


def check_differ(targets: list[Path | None]) -> None:
    """Raises InvalidOption when two files have the same path."""
    places = [str(target) if target == STANDARD else str(target.resolve()) for target in targets if target]
    if twice := [place for place in places if places.count(place) > 1]:
        raise InvalidOption(f"Two files cannot both be {twice[0]}.", hint="Give each its own name.")


def pipeline_text(given: str) -> str:
    """The text of a pipeline file, with the file's name if it has none; other values unchanged.

    Raises InvalidOption."""
    # Imported here: importing all steps takes a while, and most commands for a service need none.
    from csvjobs.pipelines.spec import from_file

    path = Path(given)
    if path == STANDARD:
        hint = "Give its name, or the path of a YAML or JSON file."
        raise InvalidOption("A pipeline is not read from standard input.", hint=hint)
    if path.suffix not in (".yaml", ".yml", ".json") and not given.startswith(("/", "./", "../")):
        return given
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise InvalidOption(f"The pipeline file {given!r} is not UTF-8 text.") from None
    except OSError as error:
        raise InvalidOption(f"The pipeline file {given!r} cannot be read: {error.strerror}.") from None
    if not text.strip():
        raise InvalidOption(f"The pipeline file {given!r} is empty.")
    return from_file(text, shown_name(path))


def apply_text(given: str) -> str:
    """The id of a job, or the text of a fitted.json file. Raises InvalidOption, InvalidFitted."""
    from csvjobs.pipelines.fitted import read

    path = Path(given)
    if not given or (JOB_ID.fullmatch(given) and not path.exists()):
        return given
    try:
        return read(path.read_text("utf-8")).text
    except UnicodeDecodeError:
        raise InvalidOption(f"The file {given!r} is not UTF-8 text.") from None
    except OSError as error:
        hint = "Give the id of a job, or its fitted.json."
        raise InvalidOption(f"The file {given!r} cannot be read: {error.strerror}.", hint=hint) from None


def read_options(given: list[str] | None) -> dict[str, str]:
    """Parses `["delimiter=;"]` to `{"delimiter": ";"}`. Raises InvalidOption."""
    pairs = [text.partition("=") for text in given or []]
    for name, sign, _ in pairs:
        if not sign:
            raise InvalidOption(
                f"--read {name!r} is not NAME=VALUE.", hint="For example: --read 'delimiter=;'"
            )
        if name not in ReadOptions.model_fields:
            near = nearest(name, ReadOptions.model_fields)
            hint = f"Did you mean {near!r}?" if near else f"Known: {', '.join(ReadOptions.model_fields)}."
            raise InvalidOption(f"--read {name!r}: there is no such read option.", hint=hint)
        if [each[0] for each in pairs].count(name) > 1:
            hint = "A list, such as nulls, is one option with commas between its texts."
            raise InvalidOption(f"--read {name!r} is given twice.", hint=hint)
    return {name: value for name, _, value in pairs}
