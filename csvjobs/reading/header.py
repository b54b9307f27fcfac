"""The header row into column names: trimmed, none blank, none twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from csvjobs.errors import TooManyColumns
from csvjobs.reading.rejects import REASONS
from csvjobs.reading.structure import Beginning

MAX_COLUMNS = 20_000


class Header(NamedTuple):
    """Column names; so many physical lines stand `above` the table, and `before` its first record."""

    columns: tuple[str, ...]
    above: int
    before: int
    warnings: list[str]


def header_of(beginning: Beginning) -> Header:
    """The names of a table's columns. Raises TooManyColumns."""
    top = beginning.top
    if len(top.cells) > MAX_COLUMNS:
        raise TooManyColumns(
            f"The file has {len(top.cells)} columns; {MAX_COLUMNS} is the most.", line=top.first
        )
    if not beginning.header.value:
        above = beginning.skip.value
        return Header(numbered_names(len(top.cells)), above, above, [])
    names, warnings = column_names(cell.decode("utf-8", "replace") for cell in top.cells)
    if top.fault:
        warnings.insert(0, f"The header row was cut at each delimiter: {REASONS[top.fault].sentence}")
    return Header(names, top.first - 1, top.last, warnings)


def column_names(cells: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    """The names, and a warning for each that had to be made up or changed beyond trimming."""
    given = [cell.strip().removeprefix("\ufeff").strip() for cell in cells]
    taken, numbers = set(given), dict[str, int]()
    names: dict[str, None] = {}
    warnings: list[str] = []
    for place, name in enumerate(given, 1):
        made = name or f"column_{place}"
        if made in (names if name else taken):
            made = _numbered(made, taken, numbers)
        if made != name:
            said = (
                f"is called {made!r}, a second one of its name" if name else f"has no name: called {made!r}"
            )
            warnings.append(f"Column {place} {said}.")
        taken.add(made)
        names[made] = None
    return tuple(names), warnings


def numbered_names(width: int) -> tuple[str, ...]:
    """Names for a file without a header row."""
    return tuple(f"column_{place}" for place in range(1, width + 1))


def _numbered(name: str, taken: set[str], numbers: dict[str, int]) -> str:
    """`numbers`: the last one tried of each name, so that thousands of one name are no long search."""
    number = numbers.get(name, 1) + 1
    while f"{name}_{number}" in taken:
        number += 1
    numbers[name] = number
    return f"{name}_{number}"
