"""Tables on the terminal: rows of a file, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

SHOWN_ROWS = 5
SHOWN_COLUMNS = 50
FOLDED_AT = 12
"""So many characters side by side are enough to read a cell: more are folded where room is short."""

BORDERS = 3


def table(*headings: str) -> Table:
    """An empty table; what a file holds is text in it, never markup."""
    made = Table()
    for heading in headings:
        made.add_column(Text(heading), overflow="fold")
    return made


def print_rows(to: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """The first rows of a file, and as many of its columns as can be read side by side."""
    first = list(rows)[:SHOWN_ROWS]
    fitting = _fitting(to.width, columns[:SHOWN_COLUMNS], first)
    shown_rows = table(*columns[:fitting])
    for row in first:
        shown_rows.add_row(*(Text(cell or "") for cell in row[:fitting]))
    some = f" (the first {fitting} of {len(columns):,} columns)" if fitting < len(columns) else ""
    to.print(title + some, markup=False, soft_wrap=True)
    to.print(shown_rows)


def _fitting(width: int, columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> int:
    """How many of the columns have room; at least one."""
    for place, name in enumerate(columns):
        longest = max(cell_len(text or "") for text in (name, *(row[place] for row in rows)))
        width -= min(longest, FOLDED_AT) + BORDERS
        if width < 1 and place:
            return place
    return len(columns)


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
