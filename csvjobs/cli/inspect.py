"""csvjobs inspect"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from csvjobs.cli.local import beginning
from csvjobs.cli.options import FileArgument, ReadOption, read_options
from csvjobs.cli.output import Screen, counted
from csvjobs.cli.tables import SHOWN_COLUMNS, bad_ones, columns_of, print_notes, print_rows, shown, table
from csvjobs.client import shown_name
from csvjobs.flow.apply import Processing
from csvjobs.flow.inspect import Inspection
from csvjobs.flow.inspect import inspect as look_at


def inspect(
    file: FileArgument,
    read: ReadOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show how a file would be read, with what confidence, and what its columns contain.

    The encoding is detected from the first 64 MiB, the rest from the first records. Nothing is kept.

    Example: `csvjobs inspect examples/invoices-de.csv`

    Example: `csvjobs inspect my.csv --read 'delimiter=;' --json`
    """
    with beginning(file) as (incoming, partial):
        found = look_at(incoming, shown_name(file), Processing(None, read_options(read)), partial=partial)
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
        return
    to = Screen()
    for title, told in (_findings(found), _columns(found)):
        to.print(title, markup=False, soft_wrap=True)
        to.print(told)
    print_rows(to, "First records", [column.name for column in found.columns], found.rows)
    print_notes(to, found.warnings + found.hints)


def _findings(found: Inspection) -> tuple[str, Table]:
    listed = table("property", "value", "confidence", "alternatives")
    for name, finding in found.detected.items():
        others = ", ".join(map(shown, finding.alternatives))
        sure = "declared" if finding.declared else f"{finding.confidence:.0%}"
        listed.add_row(Text(name), Text(shown(finding.value)), sure, Text(others))
    seen = "only the beginning was looked at: " if found.partial else ""
    return f"{found.filename}, {seen}{found.bytes:,} bytes", listed


def _columns(found: Inspection) -> tuple[str, Table]:
    much = "all" if found.complete else "the first"
    width = len(found.rows[0]) if found.rows else len(found.columns)
    seen = f"{columns_of(width)} in {much} {counted(found.records, 'record')}"
    title = seen + bad_ones(found.faults)
    listed = table("column", "filled", "distinct", "types", "examples")
    for column in found.columns[:SHOWN_COLUMNS]:
        holds = ", ".join(f"{kind} {count}" for kind, count in column.kinds.items())
        listed.add_row(
            Text(column.name),
            f"{column.filled:,}",
            f"{column.distinct:,}",
            holds,
            Text(", ".join(map(shown, column.top))[:60]),
        )
    return title, listed
