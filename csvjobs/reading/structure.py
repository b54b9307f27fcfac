"""Where the table begins: lines above it, and whether its first row names the columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from csvjobs.reading.cells import kind
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import Line, Tokenizer
from csvjobs.reading.source import Dialect, Found

SAMPLE = 200
BODY = 50
"""Rows below a possible header that tell what its columns hold."""

LONGEST_PREAMBLE = 60
COMMENT = b"#"
YEAR = re.compile(rb"(?:1[89]|20)\d\d")


class Row(NamedTuple):
    """A record that is not blank: its physical lines, and what its cells say."""

    first: int
    last: int
    cells: list[bytes]
    fault: str | None

    @property
    def filled(self) -> int:
        return sum(bool(cell) for cell in self.cells)


class Beginning(NamedTuple):
    """`top`: the row that names the columns, or the first of the table where none does; `body`: a sample of
    the rows below it."""

    top: Row
    body: list[Row]
    skip: Found
    header: Found


def find_beginning(head: list[Line], dialect: Dialect, options: ReadOptions) -> Beginning:
    """Where the table begins in a file that begins with the lines `head`; declared options win."""
    rows = list(islice(_rows(head, Tokenizer(dialect)), SAMPLE))
    if options.skip is not None:
        start = next((i for i, row in enumerate(rows) if row.first > options.skip), len(rows) - 1)
        skip = Found(options.skip)
    else:
        start, sure = _start(rows)
        skip = Found(rows[start].first - 1 if start else 0, sure)
    header = Found(options.header) if options.header is not None else _header(rows[start:])
    return Beginning(rows[start], rows[start + 1 :], skip, header)


def _rows(head: list[Line], tokenizer: Tokenizer) -> Iterator[Row]:
    for record in tokenizer.records(head):
        if record.text:
            # A bad row still has cells by the plain delimiter: the best that is known.
            cells = tokenizer.cells(record._replace(plain=True) if record.fault else record)
            said = cells if record.fault else map(tokenizer.text, cells)
            spans = len(record.text.splitlines()) - 1
            yield Row(record.first, record.first + spans, [cell.strip() for cell in said], record.fault)


def _start(rows: Sequence[Row]) -> tuple[int, float]:
    """The table's first row, and how sure that is: what stands above has hardly any cells."""
    full = sorted(row.filled for row in rows)[len(rows) * 3 // 4]
    thin = (_thin(row, full) or _comment(rows, place, full) for place, row in enumerate(rows))
    start = next((place for place, is_thin in enumerate(thin) if not is_thin), 0)
    if not start and _misfit(rows):
        return 1, 0.7
    following = rows[start + 1 : start + 2]
    table = full > 1 and following and len(following[0].cells) == len(rows[start].cells)
    if not table or not 0 < start <= LONGEST_PREAMBLE:
        return 0, 1.0
    return start, 0.9 if rows[start].filled > full * 0.7 else 0.6


def _misfit(rows: Sequence[Row]) -> bool:
    """Whether the first row has another number of cells than all others, of which the first has names."""
    widths = {len(row.cells) for row in rows[1:]}
    if len(rows) < 3 or len(widths) > 1 or len(rows[0].cells) in widths:
        return False
    names = _header(rows[1:])
    return bool(names.value and names.confidence > 0.9)


def _thin(row: Row, full: float) -> bool:
    """Whether the row has too few cells for names of columns: a title, or a key with its value."""
    unnamed_first = not row.cells[0] and row.filled == len(row.cells) - 1 > 0
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
    if not body:
        return Found(True, 0.9)
    votes = [_vote(first.cells, body, place) for place in range(len(first.cells))]
    names, values = votes.count("name"), votes.count("value")
    if values > names:
        return Found(False, round(0.5 + values / (names + values) / 2, 2), (True,))
    if names:
        return Found(True, round(0.5 + names / (names + values) / 2, 2))
    return Found(True, 0.8)


def _vote(first: Sequence[bytes], body: Sequence[Row], place: int) -> str | None:
    """Whether the first row's cell looks like a name or like one more value; None where nothing tells."""
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
    return None if _heading(cell, first, below) else "value"


def _heading(cell: bytes, first: Sequence[bytes], below: Sequence[bytes]) -> bool:
    """Whether a number or date may well be a name: a year among such, above what is no year."""
    if YEAR.fullmatch(cell):
        return not all(YEAR.fullmatch(other) for other in below)
    return False
