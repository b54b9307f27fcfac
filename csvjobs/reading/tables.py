"""Files in other formats than text in rows and columns, recognised by their contents.

The format defines the cells; they are converted to text, and from there on read like any other file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from csvjobs.errors import BadRow, TooManyColumns
from csvjobs.reading.careful import ABOVE, BLANK_LINES, KEPT, Failures
from csvjobs.reading.clean import PLAIN, Cell, CleanWriter, record
from csvjobs.reading.header import Header, column_names
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import Line, lines
from csvjobs.reading.rejects import REASONS, Failed, Reject, RejectsWriter
from csvjobs.reading.scan import Scan, Tick
from csvjobs.reading.source import Found, Source

HEAD_BYTES = 1024**2
HEAD_ROWS = 2000


class Head(NamedTuple):
    """The first rows as text in the dialect PLAIN, and whether they are all rows; the header counts the lines
    above the first record. `faults`: bad rows among them, by code."""

    lines: list[Line]
    whole: bool
    header: Header
    faults: Counter[str]


@dataclass
class Table(ABC):
    """A table in a file. `detected`: what was detected besides its columns; `notes`: warnings."""

    path: Path
    options: ReadOptions
    detected: dict[str, Found] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @abstractmethod
    def head(self, tick: Tick) -> Head:
        """The first rows; `tick` as for `look`. Raises DataError."""

    @abstractmethod
    def source(self, header: Header, target: Path, scan: Scan) -> Source:
        """All rows: as a clean file at `target`, or in place. Raises DataError."""


class Place(NamedTuple):
    """The position of a row: its number, or its line, from 1; and the offset of its first byte, if that means
    anything."""

    row: int
    byte: int = 0


class Sieve:
    """Handles each row in one pass over a table: writes it to `out`, or rejects it."""

    def __init__(self, options: ReadOptions, out: CleanWriter, rejects: RejectsWriter, scan: Scan) -> None:
        self.blank = self.above = self.kept = 0
        self._options, self._out, self._rejects, self._numbers = options, out, rejects, scan.numbers
        self._failures = Failures(scan.failed)

    def take(self, place: Place, cells: Sequence[Cell]) -> None:
        """Handles a readable row. Raises BadRow, RuleBroken if it ends the job."""
        text = record(cells)
        if len(text) > self._options.max_record_bytes:
            self.reject(place, "record-too-long", text)
            return
        self.kept += 1
        self._numbers.add(self.kept, place.row)
        if self._failures.row == self.kept:
            self._set_aside(place, cells, self._failures.take())
        else:
            self._out.write(text)

    def reject(self, place: Place, code: str, text: bytes, found: str = "") -> None:
        """Rejects an unreadable row; `text`: the part of it to keep. Raises BadRow."""
        message = REASONS[code].sentence
        if option := self._options.failing(code):
            hint = f"Correct the row, or set {option}: reject to reject such rows."
            raise BadRow(f"Line {place.row}: {message}", line=place.row, hint=hint)
        found = found or f"over {self._options.max_record_bytes} bytes"
        said = text[:KEPT].decode("utf-8", "replace")
        self._add(place, code, "", found, message, [], said)

    def source(self, path: Path, columns: tuple[str, ...], notes: Iterable[str]) -> Source:
        """The source for the engine to read, with the account of its rows."""
        dropped = {BLANK_LINES: self.blank, ABOVE: self.above}
        return Source(
            path=path,
            dialect=PLAIN,
            skip=1,
            columns=columns,
            records=self.kept,
            rejected=self._rejects.count,
            rejects=self._rejects.summary(),
            dropped={name: count for name, count in dropped.items() if count},
            notes=tuple(notes),
            longest=self._out.longest,
        )

    def _set_aside(self, place: Place, cells: Sequence[Cell], failed: Failed) -> None:
        failed.check(place.row)
        self._add(place, failed.code, failed.column, failed.found, failed.message, cells, "")

    def _add(
        self, place: Place, code: str, column: str, found: str, message: str, cells: Sequence[Cell], text: str
    ) -> None:
        said = [cell or "" for cell in cells]
        row, byte = place
        self._rejects.add(Reject(row, row, byte, code, column, found, message, said, text))


def named_head(names: Sequence[str], rows: Iterable[Sequence[Cell]], options: ReadOptions) -> Head:
    """The head of a table whose format names the columns. Raises TooManyColumns."""
    check_width(len(names), options)
    columns, warnings = column_names(names)
    text, whole = first_text(rows)
    top = record(columns).splitlines(keepends=True)
    found = list(lines([*top, *text]))
    return Head(found, whole, Header(columns, 0, len(list(lines(top))), warnings), Counter())


def first_text(rows: Iterable[Sequence[Cell]]) -> tuple[list[bytes], bool]:
    """The physical lines of the first rows, and whether these are all rows."""
    left = iter(rows)
    found: list[bytes] = []
    size = 0
    for row in islice(left, HEAD_ROWS):
        text = record(row)
        found += text.splitlines(keepends=True)
        size += len(text)
        if size > HEAD_BYTES:
            break
    return found, next(left, None) is None


def check_width(width: int, options: ReadOptions) -> None:
    """Raises TooManyColumns if `width` exceeds max_columns."""
    if width > options.max_columns:
        found = f"The file has more than {options.max_columns} columns."
        raise TooManyColumns(found, hint="If that is right, raise max_columns.")
