"""csvjobs inspect"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from csvjobs.cli.files import source
from csvjobs.cli.local import alone, take
from csvjobs.cli.options import FileArgument, ReadOption, read_options
from csvjobs.cli.output import clean_end
from csvjobs.client import shown_name
from csvjobs.flow.inspect import ENOUGH, Inspection
from csvjobs.flow.inspect import inspect as look_at
from csvjobs.flow.submit import Incoming

SHOWN_ROWS = 5
SHOWN_COLUMNS = 50


def inspect(
    file: FileArgument,
    read: ReadOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
) -> None:
    """Show how a file would be read, how sure that is, and what its columns hold.

    Looks at the first 64 MiB for the encoding, and at the first records for the rest. Nothing is kept.

    Example: `csvjobs inspect examples/invoices-de.csv`

    Example: `csvjobs inspect my.csv --read 'delimiter=;' --json`
    """
    with clean_end(), tempfile.TemporaryDirectory(prefix="csvjobs-") as folder:
        path = source(file)
        with Incoming(alone(Path(folder))) as incoming:
            partial = take(incoming, path, _enough(path))
            found = look_at(incoming, shown_name(path), None, read_options(read), partial=partial)
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
        return
    to = Console(highlight=False)
    for title, table in (_findings(found), _columns(found), _rows(found)):
        to.print(title, markup=False, soft_wrap=True)
        to.print(table)
    for warning in found.warnings:
        to.print(Text("note  ", "yellow").append(warning, "default"), soft_wrap=True)


def _enough(path: Path) -> int:
    """Bytes of the file that are looked at: a zip file says at its end what it holds."""
    return sys.maxsize if path.is_file() and zipfile.is_zipfile(path) else ENOUGH


def _findings(found: Inspection) -> tuple[str, Table]:
    table = _table("what", "found", "sure", "or else")
    for name, finding in found.detected.items():
        others = ", ".join(map(_shown, finding.alternatives))
        table.add_row(Text(name), Text(_shown(finding.value)), f"{finding.confidence:.0%}", Text(others))
    seen = "only the beginning was looked at: " if found.partial else ""
    return f"{found.filename}, {seen}{found.bytes:,} bytes", table


def _columns(found: Inspection) -> tuple[str, Table]:
    much = "all" if found.complete else "the first"
    bad = "".join(f", {count} {code}" for code, count in found.faults.items())
    title = f"{len(found.columns):,} columns in {much} {found.records:,} records{bad}"
    table = _table("column", "filled", "distinct", "holds", "for example")
    for column in found.columns[:SHOWN_COLUMNS]:
        holds = ", ".join(f"{kind} {count}" for kind, count in column.kinds.items())
        table.add_row(
            Text(column.name),
            f"{column.filled:,}",
            f"{column.distinct:,}",
            holds,
            Text(", ".join(map(_shown, column.top))[:60]),
        )
    return title, table


def _rows(found: Inspection) -> tuple[str, Table]:
    table = _table(*(column.name for column in found.columns[:SHOWN_COLUMNS]))
    for row in found.rows[:SHOWN_ROWS]:
        table.add_row(*(Text(cell or "") for cell in row[:SHOWN_COLUMNS]))
    return "First records", table


def _table(*headings: str) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(Text(heading), overflow="fold")
    return table


def _shown(value: object) -> str:
    """Texts in quotes where they would not be seen as what they are."""
    return str(value) if isinstance(value, str) and value.isalnum() else repr(value)
