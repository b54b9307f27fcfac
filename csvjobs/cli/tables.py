"""Tables in the terminal: rows of a file, and notes about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from csvjobs.cli.output import counted

SHOWN_ROWS = 5
SHOWN_COLUMNS = 50
FOLDED_AT = 12
"""Width in characters beyond which cells are folded when the terminal is narrow."""

BORDERS = 3


def table(*headings: str) -> Table:
    """An empty table; headings, like cells, are plain text, never markup."""
    made = Table()
    for heading in headings:
        made.add_column(Text(heading), overflow="fold")
    return made


def print_rows(to: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """Prints the first rows of a file, with as many columns as fit side by side."""
    first = list(rows)[:SHOWN_ROWS]
    fitting = _fitting(to.width, columns[:SHOWN_COLUMNS], first)
    shown_rows = table(*columns[:fitting])
    for row in first:
        shown_rows.add_row(*(Text(cell or "") for cell in row[:fitting]))
    some = f" (the first {fitting} of {len(columns):,} columns)" if fitting < len(columns) else ""
    to.print(title + some, markup=False, soft_wrap=True)
    to.print(shown_rows)


def _fitting(width: int, columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> int:
    """The number of columns that fit; at least one."""
    for place, name in enumerate(columns):
        longest = max(cell_len(text or "") for text in (name, *(row[place] for row in rows)))
        width -= min(longest, FOLDED_AT) + BORDERS
        if width < 1 and place:
            return place
    return len(columns)


def print_notes(to: Console, notes: Iterable[str]) -> None:
    """Prints a line for each note."""
    for note in notes:
        to.print(Text("note  ", "yellow").append(note, "default"), soft_wrap=True)


def columns_of(width: int) -> str:
    """The number of columns of a table that has a line for each of the first ones."""
    some = f" (the first {SHOWN_COLUMNS} shown)" if width > SHOWN_COLUMNS else ""
    return counted(width, "column") + some


def bad_ones(faults: Mapping[str, int]) -> str:
    """The numbers of bad records by code, to append to the number of good ones."""
    return "".join(f", {count:,} {code}" for code, count in faults.items())


def shown(value: object) -> str:
    """The value as text; quoted unless it is alphanumeric, so that spaces and the like are visible."""
    return str(value) if isinstance(value, str) and value.isalnum() else repr(value)
