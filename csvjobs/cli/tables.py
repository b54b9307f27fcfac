"""Tables on the terminal: rows of a file, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

SHOWN_ROWS = 5
SHOWN_COLUMNS = 50


def table(*headings: str) -> Table:
    """An empty table; what a file holds is text in it, never markup."""
    made = Table()
    for heading in headings:
        made.add_column(Text(heading), overflow="fold")
    return made


def print_rows(to: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """The first rows and columns of a file."""
    shown_rows = table(*columns[:SHOWN_COLUMNS])
    for row in list(rows)[:SHOWN_ROWS]:
        shown_rows.add_row(*(Text(cell or "") for cell in row[:SHOWN_COLUMNS]))
    to.print(title, markup=False, soft_wrap=True)
    to.print(shown_rows)


def print_notes(to: Console, notes: Iterable[str]) -> None:
    """A line for each."""
    for note in notes:
        to.print(Text("note  ", "yellow").append(note, "default"), soft_wrap=True)


def bad_ones(faults: Mapping[str, int]) -> str:
    """How many records are bad, to be put behind how many are good."""
    return "".join(f", {count:,} {code}" for code, count in faults.items())


def shown(value: object) -> str:
    """Texts in quotes where they would not be seen as what they are."""
    return str(value) if isinstance(value, str) and value.isalnum() else repr(value)
