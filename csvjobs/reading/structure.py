"""Finds where the table begins: lines above it, and whether its first row is a header."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, takewhile
from typing import NamedTuple

from csvjobs.errors import EmptyFile
from csvjobs.reading.cells import kind
from csvjobs.reading.dialect import USUAL
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import Line, Tokenizer
from csvjobs.reading.source import Dialect, Found

SAMPLE = 200
BODY = 50
"""Rows below a possible header that are examined for what the columns contain."""

MOST_VOTES = 1000
"""Columns examined to decide whether the first row is a header: more would not change the result, and take
seconds."""

LONGEST_PREAMBLE = 120
FEWEST_ALIKE = 3
"""Rows of one width needed to conclude that the table begins below rows of other widths."""

MOSTLY_ALIKE = 0.7
"""The share of the rows from there on that must have that width."""

MOST_HEADING_ROWS = 4
FEWEST_BELOW = 3
"""Rows, or cells of a column, needed below several header rows to recognise them."""

FEWEST_CUT = 3
"""Names needed to recognise a header with another delimiter than the rows: two may be any two words."""

SHORTEST_COUNT = 4
"""So many consecutive numbers are more likely names made by a program than a first row of data."""
COMMENT = b"#"
YEAR = re.compile(rb"(?:1[4-9]|20)\d\d(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])?)?")
"""A year, as in 2026, or with the month, or the month and the day: 202604, 20260403."""


class Row(NamedTuple):
    """A record that is not blank: its physical lines, and the texts of its cells."""

    first: int
    last: int
    cells: list[bytes]
    fault: str | None

    @property
    def filled(self) -> int:
        return len(self.cells) - self.cells.count(b"")


class Beginning(NamedTuple):
    """`top`: the header row, several joined into one, or the first row of the table if there is none; `body`:
    a sample of the rows below it; `names`: the number of header rows; `mark`: the delimiter of the header, if
    it differs from that of the rows; `data`: the first of several header rows that looks like one of data."""

    top: Row
    body: list[Row]
    skip: Found
    header: Found
    names: int = 1
    mark: str = ""
    data: Row | None = None


def find_beginning(
    head: list[Line], dialect: Dialect, options: ReadOptions, *, cut: bool = False
) -> Beginning:
    """Where the table begins in a file that begins with the lines `head`, `cut` off the rest or not; declared
    options win.

    Raises EmptyFile.
    """
    rows = list(islice(_rows(head, Tokenizer(dialect), cut=cut), SAMPLE))
    rows = rows or list(islice(_rows(head, Tokenizer(dialect), cut=False), SAMPLE))
    start, sure = _start(rows) if options.skip is None else (_behind(rows, options.skip), 1.0)
    header = Found(options.header) if options.header is not None else _header(rows[start:])
    if otherwise := _cut_otherwise(head, rows, start, header, dialect, options):
        return otherwise
    start, count = _heading_rows(rows, start, options) if header.value else (start, 1)
    heading, body = rows[start : start + count], rows[start + count :]
    if len(heading) < (options.header_rows or 0):
        told = f"{options.header_rows} header rows are declared, but only {len(heading)} rows were found."
        raise EmptyFile(told, hint="Set header_rows to fewer, or leave it out to detect it.")
    above = options.skip if options.skip is not None else rows[start].first - 1 if start else 0
    # What was detected is told anyway.
    data = _data(rows, start, len(heading)) if options.header_rows else None
    return Beginning(_joined(heading), body, Found(above, sure), header, len(heading), data=data)


def _rows(head: list[Line], tokenizer: Tokenizer, *, cut: bool) -> Iterator[Row]:
    for record in tokenizer.beginning(head, cut=cut):
        if record.text:
            # Splits a bad row at every delimiter: the best guess at its cells.
            cells = tokenizer.cells(record._replace(plain=True) if record.fault else record)
            said = [_whole(tokenizer, cell) for cell in cells] if record.fault else map(tokenizer.text, cells)
            spans = len(record.text.splitlines()) - 1
            yield Row(record.first, record.first + spans, [cell.strip() for cell in said], record.fault)


def _whole(tokenizer: Tokenizer, cell: bytes) -> bytes:
    """The text of a cell in a bad row: quotes are removed only if they enclose it."""
    quote = tokenizer.dialect.quote.encode()
    closed = len(cell) > 1 and cell.startswith(quote) and cell.endswith(quote)
    return tokenizer.text(cell) if closed else cell


def _behind(rows: Sequence[Row], skip: int) -> int:
    """The first row after so many lines. Raises EmptyFile."""
    for place, row in enumerate(rows):
        if row.first > skip:
            return place
    raise EmptyFile("No row was found below the lines to skip.", hint="Set skip to fewer lines.")


def _start(rows: Sequence[Row]) -> tuple[int, float]:
    """The table's first row, and the confidence: rows above it have hardly any cells, or other numbers of
    cells."""
    said = [row for row in rows if not row.cells[0].startswith(COMMENT)] or rows
    counts = sorted(row.filled for row in said if row.filled) or [0]
    full = counts[len(counts) * 3 // 4]
    thin = (_thin(row, full) or _comment(rows, place, full) for place, row in enumerate(rows))
    start = next((place for place, is_thin in enumerate(thin) if not is_thin), 0)
    if not start and _misfit(rows):
        return 1, 0.7
    following = rows[start + 1 : start + 2]
    table = full > 1 and following and len(following[0].cells) == len(rows[start].cells)
    if not table:
        below = _below(rows)
        return (below, 0.6) if below else (0, 1.0)
    if not 0 < start <= LONGEST_PREAMBLE:
        return 0, 1.0
    return start, 0.9 if rows[start].filled > full * 0.7 else 0.6


def _below(rows: Sequence[Row]) -> int:
    """Where rows of one width begin, which most rows from there on have, and none of the several rows above;
    0 if there is no such place. The header row may have another width."""
    widths = [len(row.cells) for row in rows]
    [(width, count)] = Counter(width for width in widths if width > 1).most_common(1) or [(0, 0)]
    first = widths.index(width) if count >= FEWEST_ALIKE else 0
    if not 2 <= first <= LONGEST_PREAMBLE or count < MOSTLY_ALIKE * (len(rows) - first):
        return 0
    names, above = _header(rows[first:]), rows[first - 1]
    fits = width / 2 < len(above.cells) and above.filled <= width and _words([above])
    return first - 1 if fits and not (names.value and names.confidence > 0.9) else first


def _misfit(rows: Sequence[Row]) -> bool:
    """Whether the first row has another number of cells than all others, and the second is a header."""
    widths = {len(row.cells) for row in rows[1:]}
    if len(rows) < 3 or len(widths) > 1 or len(rows[0].cells) in widths:
        return False
    names = _header(rows[1:])
    return bool(names.value and names.confidence > 0.9)


def _thin(row: Row, full: float) -> bool:
    """Whether the row has too few cells for a header: a title, or a key with its value."""
    wide = 2 * len(row.cells) > full
    unnamed_first = wide and not row.cells[0] and row.filled == len(row.cells) - 1 > 0
    return row.filled <= max(1 if full < 4 else 2, full / 4) and not unnamed_first


def _comment(rows: Sequence[Row], place: int, full: float) -> bool:
    """Whether the row is a comment: the last of several such rows may be the header."""
    row, following = rows[place], rows[place + 1 : place + 2]
    if not row.cells[0].startswith(COMMENT):
        return False
    last = not following or not following[0].cells[0].startswith(COMMENT)
    return not (last and row.filled == full)


def _header(rows: Sequence[Row]) -> Found:
    """Whether the first row is a header: its cells are not numbers or dates above numbers or dates."""
    first, body = rows[0], rows[1 : BODY + 1]
    if not body or _corner(first.cells, body):
        return Found(True, 0.9)
    cells = first.cells[:MOST_VOTES]
    counted = _counted(cells, body[0].cells[:MOST_VOTES])
    places = [place for place, cell in enumerate(cells) if not (counted and kind(cell) == "number")]
    votes = [_vote(cells, body, place) for place in places]
    names, values = votes.count("name"), votes.count("value")
    # Many years above numbers are names, even if a few of those numbers look like years.
    if values > names and votes.count("heading") <= 2 * values:
        return Found(False, round(0.5 + values / (names + values) / 2, 2), (True,))
    if names:
        return Found(True, round(0.5 + names / (names + values) / 2, 2))
    return Found(True, 0.8)


def _corner(first: Sequence[bytes], body: Sequence[Row]) -> bool:
    """Whether the first row lacks only its first cell, above row names: its other cells, if all different,
    are then column names, even if they are numbers."""
    names = first[1:]
    whole = len(names) > 1 and all(names) and len(set(names)) == len(names)
    return whole and not first[0] and len(body) > 1 and all(row.cells[0] for row in body)


def _vote(first: Sequence[bytes], body: Sequence[Row], place: int) -> str | None:
    """Whether the first row's cell looks like a name, like one more value, or may be a heading; None if there
    is no evidence."""
    below = [row.cells[place] for row in body if place < len(row.cells) and row.cells[place]]
    cell = first[place]
    kinds = [kind(other) for other in below]
    if not cell or not kinds:
        return None
    usual = max(set(kinds), key=kinds.count)
    if usual is None or kinds.count(usual) < 0.8 * len(kinds):
        return None
    if kind(cell) is None or (kind(cell) == "datetime" and usual == "number"):
        return "name"
    return "heading" if _heading(cell, below) else "value"


def _heading(cell: bytes, below: Sequence[bytes]) -> bool:
    """Whether a number may be a name: a year above cells that are not all years."""
    return bool(YEAR.fullmatch(cell)) and not all(YEAR.fullmatch(other) for other in below)


def _counted(first: Sequence[bytes], second: Sequence[bytes]) -> bool:
    """Whether the numbers among the first cells count up from 0 or 1, and those below do not."""
    count, below = _integers(first), _integers(second)
    return len(count) >= SHORTEST_COUNT and count[0] in (0, 1) and _consecutive(count) > _consecutive(below)


def _integers(cells: Sequence[bytes]) -> list[int]:
    """The numbers among the cells; -1 for one that is not a whole number or not a count."""
    numbers = [cell for cell in cells if kind(cell) == "number"]
    return [int(number) if number.isdigit() and len(number) < 10 else -1 for number in numbers]


def _consecutive(numbers: Sequence[int]) -> bool:
    return bool(numbers) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _cut_otherwise(
    head: list[Line],
    rows: Sequence[Row],
    start: int,
    header: Found,
    dialect: Dialect,
    options: ReadOptions,
) -> Beginning | None:
    """The table if its header has another delimiter than its rows: in the first row, or above it if that has
    values."""
    place = start if header.value else start - 1
    if place < 0 or (place < start and (options.skip, options.header) != (None, None)):
        return None
    row, body = rows[place], rows[place + 1 :]
    widths = {len(other.cells) for other in body if not other.fault}
    if len(row.cells) > 1 or row.first < row.last or len(widths) != 1 or min(widths) < FEWEST_CUT:
        return None
    line = next(line for line in head if line.number == row.first)
    for mark in USUAL:
        cells = _cells(line, replace(dialect, delimiter=mark))
        if len(cells) in widths and _distinct(cells):
            above = Found(row.first - 1, 0.9) if options.skip is None else Found(options.skip)
            named = header if header.value else Found(True, 0.7, (False,))
            return Beginning(row._replace(cells=cells, fault=None), list(body), above, named, mark=mark)
    return None


def _distinct(cells: Sequence[bytes]) -> bool:
    """Whether all cells are words and different."""
    return all(cells) and len(set(cells)) == len(cells) and not any(map(kind, cells))


def _cells(line: Line, dialect: Dialect) -> list[bytes]:
    """The texts of a line's cells; none if it is bad."""
    tokenizer = Tokenizer(dialect)
    record = tokenizer.record(line, iter(()), deque())
    return [] if record.fault else [tokenizer.text(cell).strip() for cell in tokenizer.cells(record)]


def _heading_rows(rows: Sequence[Row], start: int, options: ReadOptions) -> tuple[int, int]:
    """The first header row, and the number of header rows: one in most files."""
    if options.header_rows is not None:
        return _raised(rows, start, options), options.header_rows
    above = start - 1 if options.skip is None else start
    for first in sorted({max(above, 0), start}):
        if _groups(rows[first:]):
            return first, 2
    most = min(MOST_HEADING_ROWS, len(rows) - start)
    counts = (count for count in range(2, most) if _completed(rows[start:], count))
    return start, next(counts, None) or _continued(rows[start:], most)


def _raised(rows: Sequence[Row], start: int, options: ReadOptions) -> int:
    """The first of as many header rows as declared: the rows of group names above the names may have been
    taken for titles, if otherwise a row of data would be a header row."""
    assert options.header_rows is not None  # noqa: S101 (it is declared)
    width = len(rows[start].cells)
    while options.skip is None and start and len(rows[start - 1].cells) == width:
        if not _data(rows, start, options.header_rows):
            break
        start -= 1
    return start


def _data(rows: Sequence[Row], start: int, count: int) -> Row | None:
    """The first of the header rows but one that looks like a row of data."""
    lower = range(start + 1, min(start + count, len(rows)))
    return next((rows[place] for place in lower if not _header(rows[place:]).value), None)


def _groups(rows: Sequence[Row]) -> bool:
    """Whether the first row distinguishes repeated names in the second: it has a word above the first of each
    group."""
    above, names = rows[0].cells, rows[1].cells if rows[1:] else []
    begin = next((place for place, cell in enumerate(above) if cell), 0)
    spans = rows[0].filled > 1 and b"" in above[begin:]
    if not spans or not _names(rows, 2, range(len(names))) or b"" in names:
        return False
    counts, joined = Counter(names), _joined(rows[:2]).cells
    return len(set(joined)) == len(joined) and all(counts[name] > 1 for name in names[begin:])


def _completed(rows: Sequence[Row], count: int) -> bool:
    """Whether the first row has one name for several columns, and the other of `count` rows have words for
    these columns only."""
    top, lower = rows[0].cells, _joined(rows[1:count]).cells
    shared = [place for place, cell in enumerate(top) if not cell and any(top[:place])]
    begin = [place - 1 for place in shared if top[place - 1]]
    named = [place for place, cell in enumerate(lower) if cell]
    return bool(shared) and named == sorted(shared + begin) and _names(rows, count, named)


def _continued(rows: Sequence[Row], most: int) -> int:
    """The number of header rows, if the lower ones continue names of the first: they have no cell in the
    first column, in which all rows below have one."""
    lower = takewhile(lambda row: not row.cells[0] and row.filled > 1, rows[1:most])
    count = 1 + sum(1 for _ in lower)
    body = [row for row in rows[count : count + BODY] if row.filled]
    if count == 1 or not all(row.cells[0] for row in body):
        return 1
    cells = enumerate(_joined(rows[1:count]).cells)
    named = [place for place, cell in cells if cell and _cells_below(body, place) >= FEWEST_BELOW]
    return count if _names(rows, count, named) else 1


def _cells_below(body: Sequence[Row], place: int) -> int:
    """The number of cells that are not blank."""
    return sum(1 for row in body if place < len(row.cells) and row.cells[place])


def _names(rows: Sequence[Row], count: int, places: Iterable[int]) -> bool:
    """Whether the first `count` rows are words, all but the last perhaps years, and those at the places are
    above numbers or dates."""
    heading, body = rows[:count], rows[count : count + BODY]
    alike = len({len(row.cells) for row in heading}) == 1
    words = _words(heading[-1:]) and _labels(heading[:-1])
    if not alike or not words or len(body) < FEWEST_BELOW:
        return False
    names = _joined(heading[1:]).cells
    votes = [_vote(names, body, place) for place in places]
    return "name" in votes and "value" not in votes


def _words(rows: Sequence[Row]) -> bool:
    return not any(row.fault or any(map(kind, row.cells)) for row in rows)


def _labels(rows: Sequence[Row]) -> bool:
    """Whether the rows are words or years, as groups of columns are called."""
    return not any(
        row.fault or any(kind(cell) and not YEAR.fullmatch(cell) for cell in row.cells) for row in rows
    )


def _joined(heading: Sequence[Row]) -> Row:
    """Joins several header rows into one. A cell also applies to the blank cells right of it that have names
    below, up to the next one in its row or in a row above."""
    if len(heading) == 1:
        return heading[0]
    width = max(len(row.cells) for row in heading)
    names = [b""] * width
    carried = [b""] * len(heading)
    for place in range(width):
        cells = [row.cells[place] if place < len(row.cells) else b"" for row in heading]
        if any(cells):
            first = next(depth for depth, cell in enumerate(cells) if cell)
            carried[first:] = cells[first:]
            names[place] = b" ".join(filter(None, carried))
    return Row(
        heading[0].first, heading[-1].last, names, next((row.fault for row in heading if row.fault), None)
    )
