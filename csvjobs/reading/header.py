"""Makes column names from the header row: trimmed, not blank, and unique."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from csvjobs.errors import BadRow, TooManyColumns
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import decodable
from csvjobs.reading.rejects import REASONS
from csvjobs.reading.structure import Beginning, Row

MOST_TOLD = 5
"""The most renamed columns that warnings list one by one."""

MOST_ENDING = 0.75
"""The share of rows that shows that each row ends in a delimiter."""

_SEVERAL = "The column names were joined from {} rows; set header_rows: 1 if that is wrong."
_DATA = "Line {} was taken for a header row, but looks like data; set header_rows to fewer if it is."
_NO_TEXT = (
    "The header row holds bytes that are not text in the file's encoding; they were replaced by U+FFFD."
)
_CUT = "Line {} is the header row, but its delimiter {!r} is not that of the rows below."


class Header(NamedTuple):
    """Column names; `above`: physical lines above the table; `before`: those before its first record.

    marks: cells at the end of each record, after those of the columns, that are not part of the table.
    """

    columns: tuple[str, ...]
    above: int
    before: int
    warnings: list[str]
    marks: int = 0

    @property
    def width(self) -> int:
        """The number of cells in a record."""
        return len(self.columns) + self.marks


def header_of(beginning: Beginning, options: ReadOptions) -> Header:
    """The header of a table. Raises TooManyColumns; BadRow if bad rows end the job."""
    top, most = beginning.top, options.max_columns
    if len(top.cells) > most:
        hint = "Is the delimiter right? If so, raise max_columns."
        found = f"The file has {len(top.cells)} columns; {most} is the most."
        raise TooManyColumns(found, line=top.first, hint=hint)
    if not beginning.header.value:
        above = beginning.skip.value
        return Header(numbered_names(len(top.cells)), above, above, [])
    cells, misfit = fitted(top.cells, beginning.body)
    names, warnings = column_names(cell.decode("utf-8", "replace") for cell in cells)
    several = [_SEVERAL.format(beginning.names)] if beginning.names > 1 and not options.header_rows else []
    cut = [_CUT.format(top.first, beginning.mark)] if beginning.mark else []
    data = [_DATA.format(beginning.data.first)] if beginning.data else []
    doubts = [*several, *data, *cut, *_doubts(top, options), *misfit, *warnings]
    return Header(names, top.first - 1, top.last, doubts)


def _doubts(top: Row, options: ReadOptions) -> list[str]:
    """What is wrong with the header row. Raises BadRow if bad rows end the job."""
    replaced = not all(decodable(cell) for cell in top.cells)
    cut = f"The header row was cut at each delimiter: {REASONS[top.fault].sentence}" if top.fault else ""
    bad = _NO_TEXT if replaced else ""
    if ((cut or bad) and options.bad_rows == "fail") or (bad and options.bad_bytes == "fail"):
        raise BadRow(cut or bad, line=top.first, hint="Correct the header row.")
    return [doubt for doubt in (cut, bad) if doubt]


def fitted(cells: list[bytes], body: Sequence[Row]) -> tuple[list[bytes], list[str]]:
    """The header's cells, with blank ones added or removed if all rows have another number of cells, or most
    end in delimiters that the header lacks; and the warnings."""
    widths = Counter(len(row.cells) for row in body if not row.fault)
    if len(widths) > 1 and (ends := _ends(cells, body, widths)):
        most = f"The header row has {len(cells)} cells, most rows below it have {len(cells) + len(ends)}"
        return cells + ends, [f"{most}: the last columns, which are blank, were taken to have no name."]
    if len(widths) != 1:
        return cells, []
    [(width, count)] = widths.items()
    if count == 1 and any(body[0].cells[len(cells) :]):
        # With a single row, the row may be the one at fault.
        return cells, []
    named = [cell for cell in cells if cell]
    told = f"The header row has {len(cells)} cells, the rows below it have {width}"
    if len(named) == width < len(cells):
        return named, [f"{told}: its blank cells were left out."]
    if len(cells) >= width:
        return cells, []
    blank = [b""] * (width - len(cells))
    if len(blank) == 1 and _name_rows(body, width):
        return blank + cells, [f"{told}: the first column was taken to have no name."]
    return cells + blank, [f"{told}: the last columns were taken to have no name."]


def _ends(cells: list[bytes], body: Sequence[Row], widths: Counter[int]) -> list[bytes]:
    """The blank cells that most rows have after those of the header; none if one of them is filled."""
    [(width, count)] = widths.most_common(1)
    behind = {cell for row in body if len(row.cells) == width for cell in row.cells[len(cells) :]}
    mostly = count >= MOST_ENDING * widths.total()
    return [b""] * (width - len(cells)) if mostly and behind == {b""} else []


def _name_rows(body: Sequence[Row], width: int) -> bool:
    """Whether the first cells are row names, as R writes them: all different, and the last cells are
    filled."""
    whole = [row.cells for row in body if len(row.cells) == width]
    first = [cells[0] for cells in whole]
    return len(set(first)) == len(first) and any(cells[-1] for cells in whole)


def column_names(cells: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    """The names, and warnings for those that were made up or changed beyond trimming."""
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
    return tuple(names), _first_told(warnings)


def _first_told(warnings: list[str]) -> list[str]:
    more = len(warnings) - MOST_TOLD
    if more < 2:
        return warnings
    return [*warnings[:MOST_TOLD], f"{more} more columns were renamed: see the output's header row."]


def numbered_names(width: int) -> tuple[str, ...]:
    """Names for a file without a header row."""
    return tuple(f"column_{place}" for place in range(1, width + 1))


def _numbered(name: str, taken: set[str], numbers: dict[str, int]) -> str:
    """The name with a number appended. `numbers`: the last one tried for each name, so that thousands of
    equal names are not slow."""
    number = numbers.get(name, 1) + 1
    while f"{name}_{number}" in taken:
        number += 1
    numbers[name] = number
    return f"{name}_{number}"
