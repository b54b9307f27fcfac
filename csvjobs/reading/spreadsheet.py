"""Reads a sheet of a workbook as a table: lines above it and its header are detected as in a CSV file."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from pathlib import Path

from csvjobs.errors import EmptyFile, UnknownSheet
from csvjobs.reading.clean import PLAIN, Cell, CleanWriter, record
from csvjobs.reading.compression import check_size
from csvjobs.reading.header import Header, column_names, header_of
from csvjobs.reading.records import lines
from csvjobs.reading.rejects import RejectsWriter
from csvjobs.reading.scan import Scan, Tick
from csvjobs.reading.source import Found, Source
from csvjobs.reading.structure import find_beginning
from csvjobs.reading.tables import HEAD_BYTES, HEAD_ROWS, Head, Place, Sieve, Table, check_width
from csvjobs.reading.workbook import Row, Sheet, Workbook

CHECK_EVERY = 1000
"""Rows between checks of the size of what is made from a workbook."""

Cells = Sequence[Cell]


@dataclass
class Spreadsheet(Table):
    """A sheet; its rows are as wide as the widest. Other arguments as for Workbook."""

    scratch: Path = Path()
    most_bytes: int = 0
    names: tuple[str, ...] = ()
    before: int = 0
    above: list[bool] = field(default_factory=list)

    def head(self, tick: Tick) -> Head:
        with self._open(tick) as book:
            sheet = self._sheet(book)
            left = _every(book.rows(sheet))
            rows = _beginning(left)
            whole = next(left, None) is None
        width = max(map(len, rows), default=0)
        if not width:
            others = self.detected["sheet"].alternatives
            choice = f", or set sheet to another one: {_listed(others)}" if others else ""
            hint = f"Send a sheet with at least a header row{choice}."
            raise EmptyFile(f"The sheet {sheet.name!r} holds no cells.", hint=hint)
        check_width(width, self.options)
        return self._begin([_padded(row, width) for row in rows], whole=whole)

    def source(self, header: Header, target: Path, scan: Scan) -> Source:
        """Reads all rows; if a row is wider than those before it, starts again with more columns."""
        with self._open(scan.tick) as book:
            sheet = self._sheet(book)
            while True:
                made = self._pass(book, sheet, target, scan)
                if isinstance(made, Source):
                    return made
                self.names = column_names([*self.names, *[""] * (made - len(self.names))])[0]

    def _open(self, tick: Tick) -> Workbook:
        return Workbook(self.path, self.scratch, self.most_bytes, tick)

    def _sheet(self, book: Workbook) -> Sheet:
        """The requested sheet, or the first visible one. Raises UnknownSheet."""
        asked, names = self.options.sheet, [sheet.name for sheet in book.sheets]
        visible = [sheet for sheet in book.sheets if not sheet.hidden] or book.sheets
        found = [sheet for sheet in book.sheets if sheet.name == asked] if asked else visible
        if not found and asked and asked.isdecimal():
            found = book.sheets[int(asked) - 1 : int(asked)] if int(asked) else []
        if not book.sheets:
            raise EmptyFile("The workbook has no sheet of cells.", hint="Send one that has.")
        if not found:
            raise UnknownSheet(
                f"The workbook has no sheet {asked!r}.", hint=f"Its sheets are {_listed(names)}."
            )
        chosen = found[0]
        others = tuple(sheet.name for sheet in book.sheets if sheet is not chosen)
        self.detected |= {"format": Found("xlsx"), "sheet": Found(chosen.name, 1.0, others)}
        if not asked and len(visible) > 1:
            told = (
                f"The sheet {chosen.name!r} was read, the first visible one; the others are {_listed(others)}"
            )
            self.notes = [f"{told}. Set sheet to read another one."]
        return chosen

    def _pass(self, book: Workbook, sheet: Sheet, target: Path, scan: Scan) -> Source | int:
        """The source and its account; or the width of the sheet, if it is wider than was known."""
        known = width = len(self.names)
        packed = self.path.stat().st_size
        with CleanWriter(target) as out, RejectsWriter(scan.rejected, self.names) as rejects, scan.numbers:
            sieve = Sieve(self.options, out, rejects, scan)
            sieve.above, sieve.blank = self.above.count(True), self.above.count(False)
            rows = islice(_every(book.rows(sheet)), self.before, None)
            for number, cells in enumerate(rows, self.before + 1):
                if len(cells) > width:
                    check_width(width := len(cells), self.options)
                elif not cells and known > 1:
                    sieve.blank += 1
                elif width == known:
                    sieve.take(Place(number), _padded(cells, known))
                if number % CHECK_EVERY == 0:
                    # Shared texts, once repeated in each cell, may be many times as large as the file.
                    check_size(out.bytes, packed, self.most_bytes)
        return width if width > known else sieve.source(target, self.names, _notes(book))

    def _begin(self, rows: list[Cells], *, whole: bool) -> Head:
        """Finds where the table begins, in rows of the sheet, each of which may be several physical lines."""
        texts = [record(row) if any(cell is not None for cell in row) else b"\n" for row in rows]
        starts = list(accumulate((len(text.splitlines()) for text in texts), initial=1))[:-1]
        found = list(lines(line for text in texts for line in text.splitlines(keepends=True)))
        options = self.options
        if options.skip is not None:
            skip = starts[options.skip] - 1 if options.skip < len(starts) else len(found)
            options = options.model_copy(update={"skip": skip})
        beginning = find_beginning(found, PLAIN, options)
        header = header_of(beginning, options)
        above = bisect_right(starts, header.above)
        self.detected["skip"] = Found(above, beginning.skip.confidence)
        self.detected["header"] = beginning.header
        self.names, self.before = header.columns, bisect_right(starts, header.before)
        self.above = [text != b"\n" for text in texts[:above]]
        return Head(found, whole, header, Counter())


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _notes(book: Workbook) -> Iterator[str]:
    if book.errors:
        yield f"Cells with errors such as #N/A, read as these texts: {book.errors}."
    if book.uncalculated:
        yield (
            f"Formulas whose values are not in the file, so that their cells are empty: {book.uncalculated}; "
            "open it in a spreadsheet program and save it there."
        )


def _every(rows: Iterator[Row]) -> Iterator[Cells]:
    """Every row of the sheet, including missing ones, up to the last that has a value."""
    last = 0
    for row in rows:
        if row.cells:
            yield from [()] * (row.number - last - 1)
            yield row.cells
            last = row.number


def _beginning(left: Iterator[Cells]) -> list[Cells]:
    rows: list[Cells] = []
    size = 0
    for row in islice(left, HEAD_ROWS):
        rows.append(row)
        size += sum(map(len, filter(None, row)))
        if size > HEAD_BYTES:
            break
    return rows


def _padded(row: Cells, width: int) -> Cells:
    return [*row, *[None] * (width - len(row))]
