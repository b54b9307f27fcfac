"""Where the table begins: lines above it, and whether its first row names the columns."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, takewhile
from typing import NamedTuple

from csvjobs.reading.cells import kind
from csvjobs.reading.dialect import USUAL
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import Line, Tokenizer
from csvjobs.reading.source import Dialect, Found

SAMPLE = 200
BODY = 50
"""Rows below a possible header that tell what its columns hold."""

MOST_VOTES = 1000
"""Columns that are asked whether the first row names them: more would say the same, and take seconds."""

LONGEST_PREAMBLE = 120
FEWEST_ALIKE = 3
"""Rows of one width that tell that the table begins below rows of other widths."""

MOSTLY_ALIKE = 0.7
"""The part of the rows from there on that must have that width."""

MOST_HEADING_ROWS = 4
FEWEST_BELOW = 3
"""Rows, or cells of a column, that must stand below several rows of names to tell that they are names."""

FEWEST_CUT = 3
"""Names that may be found by another mark than the one between cells: two are any two words."""

SHORTEST_COUNT = 4
"""So many numbers, one after the other, are rather names that a program gave than a first row."""
COMMENT = b"#"
YEAR = re.compile(rb"(?:1[4-9]|20)\d\d")


class Row(NamedTuple):
    """A record that is not blank: its physical lines, and what its cells say."""

    first: int
    last: int
    cells: list[bytes]
    fault: str | None

    @property
    def filled(self) -> int:
        return len(self.cells) - self.cells.count(b"")


class Beginning(NamedTuple):
    """`top`: the row that names the columns, several joined into one, or the first of the table where none
    does; `body`: a sample of the rows below it; `names`: how many rows name the columns; `mark`: what stands
    between the names where it is another mark than in the rows."""

    top: Row
    body: list[Row]
    skip: Found
    header: Found
    names: int = 1
    mark: str = ""


def find_beginning(head: list[Line], dialect: Dialect, options: ReadOptions) -> Beginning:
    """Where the table begins in a file that begins with the lines `head`; declared options win."""
    rows = list(islice(_rows(head, Tokenizer(dialect)), SAMPLE))
    start, sure = _start(rows) if options.skip is None else (_behind(rows, options.skip), 1.0)
    header = Found(options.header) if options.header is not None else _header(rows[start:])
    if otherwise := _cut_otherwise(head, rows, start, header, dialect, options):
        return otherwise
    start, count = _heading_rows(rows, start, options) if header.value else (start, 1)
    heading, body = rows[start : start + count], rows[start + count :]
    above = options.skip if options.skip is not None else rows[start].first - 1 if start else 0
    return Beginning(_joined(heading), body, Found(above, sure), header, len(heading))


def _rows(head: list[Line], tokenizer: Tokenizer) -> Iterator[Row]:
    for record in tokenizer.records(head):
        if record.text:
            # A bad row still has cells by the plain delimiter: the best that is known.
            cells = tokenizer.cells(record._replace(plain=True) if record.fault else record)
            said = [_whole(tokenizer, cell) for cell in cells] if record.fault else map(tokenizer.text, cells)
            spans = len(record.text.splitlines()) - 1
            yield Row(record.first, record.first + spans, [cell.strip() for cell in said], record.fault)


def _whole(tokenizer: Tokenizer, cell: bytes) -> bytes:
    """What a cell of a bad row says: quotes go only where they stand around it."""
    quote = tokenizer.dialect.quote.encode()
    closed = len(cell) > 1 and cell.startswith(quote) and cell.endswith(quote)
    return tokenizer.text(cell) if closed else cell


def _behind(rows: Sequence[Row], skip: int) -> int:
    """The first row behind so many lines, or the last one."""
    return next((place for place, row in enumerate(rows) if row.first > skip), len(rows) - 1)


def _start(rows: Sequence[Row]) -> tuple[int, float]:
    """The table's first row, and how sure that is: what stands above has hardly any cells, or other numbers
    of them."""
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
    """Where rows of one width begin, as most are from there on, below several others none of which has that
    width; 0 if there is no such place. The row of names may be of another width."""
    widths = [len(row.cells) for row in rows]
    [(width, count)] = Counter(width for width in widths if width > 1).most_common(1) or [(0, 0)]
    first = widths.index(width) if count >= FEWEST_ALIKE else 0
    if not 2 <= first <= LONGEST_PREAMBLE or count < MOSTLY_ALIKE * (len(rows) - first):
        return 0
    names, above = _header(rows[first:]), rows[first - 1]
    fits = width / 2 < len(above.cells) and above.filled <= width and _words([above])
    return first - 1 if fits and not (names.value and names.confidence > 0.9) else first


def _misfit(rows: Sequence[Row]) -> bool:
    """Whether the first row has another number of cells than all others, of which the first has names."""
    widths = {len(row.cells) for row in rows[1:]}
    if len(rows) < 3 or len(widths) > 1 or len(rows[0].cells) in widths:
        return False
    names = _header(rows[1:])
    return bool(names.value and names.confidence > 0.9)


def _thin(row: Row, full: float) -> bool:
    """Whether the row has too few cells for names of columns: a title, or a key with its value."""
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
    """Whether the first row names the columns: names are no numbers or dates where these stand below."""
    first, body = rows[0], rows[1 : BODY + 1]
    if not body or _corner(first.cells, body):
        return Found(True, 0.9)
    cells = first.cells[:MOST_VOTES]
    counted = _counted(cells, body[0].cells[:MOST_VOTES])
    places = [place for place, cell in enumerate(cells) if not (counted and kind(cell) == "number")]
    votes = [_vote(cells, body, place) for place in places]
    names, values = votes.count("name"), votes.count("value")
    # Above numbers a few of which may be taken for years, many years are names.
    if values > names and votes.count("heading") <= 2 * values:
        return Found(False, round(0.5 + values / (names + values) / 2, 2), (True,))
    if names:
        return Found(True, round(0.5 + names / (names + values) / 2, 2))
    return Found(True, 0.8)


def _corner(first: Sequence[bytes], body: Sequence[Row]) -> bool:
    """Whether a blank first cell is all that the first row lacks, above names of rows: then its other cells,
    none of them twice, are names of columns, be they numbers."""
    names = first[1:]
    whole = len(names) > 1 and all(names) and len(set(names)) == len(names)
    return whole and not first[0] and len(body) > 1 and all(row.cells[0] for row in body)


def _vote(first: Sequence[bytes], body: Sequence[Row], place: int) -> str | None:
    """Whether the first row's cell looks like a name, like one more value, or may be a heading; None
    where nothing tells."""
    below = [row.cells[place] for row in body if place < len(row.cells) and row.cells[place]]
    cell = first[place]
    kinds = [kind(other) for other in below]
    if not cell or not kinds:
        return None
    usual = max(set(kinds), key=kinds.count)
    if usual is None or kinds.count(usual) < 0.8 * len(kinds):
        return None
    if kind(cell) is None:
        return "name"
    return "heading" if _heading(cell, below) else "value"


def _heading(cell: bytes, below: Sequence[bytes]) -> bool:
    """Whether a number or date may well be a name: a year, above what is no year."""
    return bool(YEAR.fullmatch(cell)) and not all(YEAR.fullmatch(other) for other in below)


def _counted(first: Sequence[bytes], second: Sequence[bytes]) -> bool:
    """Whether the numbers among the first cells count from 0 or 1 on, and those below go on otherwise."""
    count, below = _integers(first), _integers(second)
    return len(count) >= SHORTEST_COUNT and count[0] in (0, 1) and _consecutive(count) > _consecutive(below)


def _integers(cells: Sequence[bytes]) -> list[int]:
    """The numbers among the cells; -1 for one that is not whole, or is no count."""
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
    """The table whose names have another mark between them than its rows: in the first row, or above it where
    that has values."""
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
    """Whether all cells are words, none of them twice."""
    return all(cells) and len(set(cells)) == len(cells) and not any(map(kind, cells))


def _cells(line: Line, dialect: Dialect) -> list[bytes]:
    """What the cells of a line say; none where it is bad."""
    tokenizer = Tokenizer(dialect)
    record = tokenizer.record(line, iter(()), deque())
    return [] if record.fault else [tokenizer.text(cell).strip() for cell in tokenizer.cells(record)]


def _heading_rows(rows: Sequence[Row], start: int, options: ReadOptions) -> tuple[int, int]:
    """The first row that names the columns, and how many do: one in most files."""
    if options.header_rows is not None:
        return start, options.header_rows
    above = start - 1 if options.skip is None else start
    if above >= 0 and _groups(rows[above:]):
        return above, 2
    most = min(MOST_HEADING_ROWS, len(rows) - start)
    counts = (count for count in range(2, most) if _completed(rows[start:], count))
    return start, next(counts, None) or _continued(rows[start:], most)


def _groups(rows: Sequence[Row]) -> bool:
    """Whether the first row tells apart the names in the second, which are there several times: it has words
    above the first of each group."""
    above, names = rows[0].cells, rows[1].cells if rows[1:] else []
    begin = next((place for place, cell in enumerate(above) if cell), 0)
    spans = rows[0].filled > 1 and b"" in above[begin:]
    if not spans or not _names(rows, 2, range(len(names))) or b"" in names:
        return False
    counts, joined = Counter(names), _joined(rows[:2]).cells
    return len(set(joined)) == len(joined) and all(counts[name] > 1 for name in names[begin:])


def _completed(rows: Sequence[Row], count: int) -> bool:
    """Whether the first row has but one name for several columns, and the others of so many have words for
    these, and for no other."""
    top, lower = rows[0].cells, _joined(rows[1:count]).cells
    shared = [place for place, cell in enumerate(top) if not cell and any(top[:place])]
    begin = [place - 1 for place in shared if top[place - 1]]
    named = [place for place, cell in enumerate(lower) if cell]
    return bool(shared) and named == sorted(shared + begin) and _names(rows, count, named)


def _continued(rows: Sequence[Row], most: int) -> int:
    """How many rows name the columns, the lower ones going on with names of the first: they have none in the
    first column, in which all rows below have something."""
    lower = takewhile(lambda row: not row.cells[0] and row.filled > 1, rows[1:most])
    count = 1 + sum(1 for _ in lower)
    body = [row for row in rows[count : count + BODY] if row.filled]
    if count == 1 or not all(row.cells[0] for row in body):
        return 1
    cells = enumerate(_joined(rows[1:count]).cells)
    named = [place for place, cell in cells if cell and _cells_below(body, place) >= FEWEST_BELOW]
    return count if _names(rows, count, named) else 1


def _cells_below(body: Sequence[Row], place: int) -> int:
    """How many there are that are not blank."""
    return sum(1 for row in body if place < len(row.cells) and row.cells[place])


def _names(rows: Sequence[Row], count: int, places: Iterable[int]) -> bool:
    """Whether so many rows are words, of which those at the places stand above numbers or dates."""
    heading, body = rows[:count], rows[count : count + BODY]
    alike = len({len(row.cells) for row in heading}) == 1
    if not alike or not _words(heading) or len(body) < FEWEST_BELOW:
        return False
    names = _joined(heading[1:]).cells
    votes = [_vote(names, body, place) for place in places]
    return "name" in votes and "value" not in votes


def _words(rows: Sequence[Row]) -> bool:
    return not any(row.fault or any(map(kind, row.cells)) for row in rows)


def _joined(heading: Sequence[Row]) -> Row:
    """Several rows of names as one. A cell stands also for the blank ones right of it that have names below,
    up to the next one in its row or in one above."""
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
