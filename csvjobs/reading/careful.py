"""The careful lane: one pass that copies good records unchanged and rejects bad ones.

The copy keeps the file's own dialect except for the escape, so that a good record needs no new quotes, and an
empty cell and a quoted empty one stay different.
"""

from __future__ import annotations

import codecs
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from csvjobs.errors import BadRow
from csvjobs.reading.corrected import uncorrected
from csvjobs.reading.encoding import wrong_bytes
from csvjobs.reading.header import Header
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import Line, LineEnds, Record, Run, Tokenizer, decodable, line_ends
from csvjobs.reading.rejects import REASONS, Failed, Reject, RejectsWriter
from csvjobs.reading.scan import Scan, Tick
from csvjobs.reading.source import Dialect, Source
from csvjobs.reading.text import CHUNK, Text

BLANK_LINES = "blank lines"
ABOVE = "lines above the table"
COMMENTS = "comments"
SHORT = 40
"""The most characters shown of the text at fault."""

KEPT = 64 * 1024
"""Bytes kept of a record that is too long; its offset tells where to find the rest."""

TICK_EVERY = 4 * 1024**2


class Failures:
    """Readable records that failed a later check, in file order."""

    def __init__(self, failed: Iterable[Failed]) -> None:
        self._rest = iter(failed)
        self._next = next(self._rest, None)

    @property
    def row(self) -> int:
        """The number of the next failed record."""
        return self._next.row if self._next else sys.maxsize

    def take(self) -> Failed:
        """Removes and returns the next failed record."""
        taken, self._next = self._next, next(self._rest, None)
        assert taken is not None  # noqa: S101 (the caller looked)
        return taken


@dataclass(frozen=True)
class TextTable:
    """A table in a file in UTF-8. check_bytes: whether bytes in it may be something else."""

    path: Path
    dialect: Dialect
    header: Header
    options: ReadOptions
    check_bytes: bool


class RecordSieve:
    """Decides what happens to each record, and counts them by kind."""

    def __init__(self, table: TextTable, rejects: RejectsWriter, scan: Scan) -> None:
        self.kept = self.blank = self.above = self.comments = self.longest = 0
        self.padded = self.replaced = self.unread = 0
        self.table, self.rejects, self.numbers = table, rejects, scan.numbers
        self.header, self.options, self.failures = table.header, table.options, Failures(scan.failed)
        self.columns, self._width = self.header.columns, self.header.width
        bounds = self.options.max_open_lines, self.options.max_record_bytes
        self.tokenizer, self.ends = Tokenizer(table.dialect, *bounds), LineEnds()
        self.clean = self.tokenizer.clean(self._width)

    def skip(self, before: Iterable[Line]) -> None:
        """Counts the lines before the first record; some may be above the table."""
        lines, above = list(before), self.header.above
        # The other lines of the header may end within quotes.
        for line in [*lines[:above], *lines[above:][-1:]]:
            self.ends.add(line.ending, line.number)
        said = [bool(line.content) for line in lines[:above]]
        self.above, self.blank = said.count(True), said.count(False)

    def skip_comment(self, line: Line) -> None:
        """Counts a comment."""
        self.comments += 1
        self.ends.add(line.ending, line.number)

    def pass_all(self, texts: list[bytes]) -> bytes:
        """Clean records as the engine will read them."""
        self.kept += len(texts)
        self.longest = max(self.longest, max(map(len, texts)))
        return b"\n".join(texts) + b"\n"

    def pass_run(self, run: Run) -> bytes:
        """The records of a run as the engine will read them, without those that failed a check."""
        self.ends.add_run(run)
        sound = self.failures.row > self.kept + len(run.texts)
        if sound and self.numbers.add_run(self.kept + 1, run):
            return self.pass_all(run.texts)
        each = self.tokenizer.singly(run, self.clean)
        return b"".join(self._pass_good(record, record.text) for record in each)

    def pass_on(self, record: Record) -> bytes:
        """The record as the engine will read it; empty if it was rejected."""
        self.ends.add(record.ending, record.last)
        if not record.text and self._width > 1:
            self.blank += 1
            return b""
        good = self._checked(record)
        return b"" if good is None else self._pass_good(record, good)

    def _pass_good(self, record: Record, text: bytes) -> bytes:
        """The same for a readable record, whose copy is `text`."""
        self.numbers.add(self.kept + 1, record.first)
        if self.failures.row != self.kept + 1:
            return self.pass_all([text])
        self.kept += 1
        self._set_aside(record, self.failures.take())
        return b""

    def _checked(self, record: Record) -> bytes | None:
        if record.fault:
            self._reject_fault(record, record.fault)
            return None
        if self.table.check_bytes and not decodable(record.text):
            if self.options.bad_bytes != "replace":
                self._reject_bytes(record)
                return None
            self.replaced += 1
            record = record._replace(text=_text(record.text).encode())
        if record.plain and not self.header.marks:
            width = record.text.count(self.tokenizer.dialect.delimiter.encode()) + 1
            return record.text if width == self._width else self._ragged(record, width)
        cells = self.tokenizer.cells(record)
        if len(cells) != self._width:
            return self._ragged(record, len(cells))
        return self._own(record, cells) if self.header.marks else self._unambiguous(record, cells)

    def _own(self, record: Record, cells: list[bytes]) -> bytes | None:
        """The table's own cells in a row of a rejected.csv."""
        said = [self.tokenizer.text(cell) for cell in cells]
        if uncorrected(said):
            self._reject(record, "not-corrected", self._width, "", text=said[-1])
            return None
        self.unread += bool(said[-1])
        own = cells[: len(self.columns)]
        text = self.tokenizer.dialect.delimiter.encode().join(own)
        return self._unambiguous(record._replace(text=text), own)

    def _unambiguous(self, record: Record, cells: list[bytes]) -> bytes:
        """Quotes cells that have a quote in the middle, so that every reader reads them alike."""
        odd = self.tokenizer.odd
        if not any(odd(cell) for cell in cells):
            return record.text
        text, quoted = self.tokenizer.text, self.tokenizer.quoted
        delimiter = self.tokenizer.dialect.delimiter.encode()
        return delimiter.join(quoted(text(cell)) if odd(cell) else cell for cell in cells)

    def _ragged(self, record: Record, width: int) -> bytes | None:
        if width < self._width and self.options.bad_rows == "pad":
            self.padded += 1
            cells = self.tokenizer.cells(record)
            if self.header.marks:
                return self._own(record, cells + [b""] * (self._width - width))
            text = self._unambiguous(record, cells)
            return text + self.tokenizer.dialect.delimiter.encode() * (self._width - width)
        found = f"{width} cell{'s' if width != 1 else ''}"
        message = f"The record has {found} where {self._width} are expected."
        code = "extra-cell" if width > self._width else "missing-cell"
        self._reject(record, code, width, found, message)
        return None

    def _reject_fault(self, record: Record, fault: str) -> None:
        if fault == "record-too-long":
            bound = self.tokenizer.max_record_bytes
            self._reject(record._replace(text=record.text[:KEPT]), fault, self._width, f"over {bound} bytes")
        else:
            place, found = self.tokenizer.trouble(record)
            self._reject(record, fault, place, short(found))

    def _reject_bytes(self, record: Record) -> None:
        cells = self.tokenizer.cells(record)
        place = next(place for place, cell in enumerate(cells) if not decodable(cell))
        self._reject(record, "bad-bytes", place, wrong_bytes(cells[place]))

    def _may_fail(self, record: Record, code: str, message: str, column: str) -> None:
        """Raises BadRow if such a row ends the job."""
        if option := self.options.failing(code):
            hint = f"Correct the line, or set {option}: reject to reject such rows."
            raise BadRow(f"Line {record.first}: {message}", line=record.first, column=column, hint=hint)

    def source(self, path: Path) -> Source:
        """The source for the engine to read, with the account of its rows."""
        dropped = {BLANK_LINES: self.blank, ABOVE: self.above, COMMENTS: self.comments}
        return Source(
            path=path,
            dialect=replace(self.tokenizer.dialect, escape="", comment=""),
            skip=1,
            columns=self.columns,
            records=self.kept,
            rejected=self.rejects.count,
            rejects=self.rejects.summary(),
            notes=tuple(self._notes()),
            dropped={name: count for name, count in dropped.items() if count},
            longest=self.longest,
        )

    def _notes(self) -> Iterator[str]:
        """What was repaired."""
        if self.padded:
            yield f"{_rows(self.padded)} had missing cells and got empty ones."
        if self.replaced:
            yield replaced(self.replaced)
        if self.unread:
            yield f"Of {_rows(self.unread)} the cells were read; what only _record contains was not."
        yield from self.ends.doubts()

    def _reject(
        self, record: Record, code: str, place: int, found: str, message: str = "", text: bytes = b""
    ) -> None:
        """Rejects a record. `place`: the position of the cell at fault, if it is one of the table's; `text`:
        the text to report, if not the record's own."""
        column = self.columns[place] if place < len(self.columns) else ""
        message = message or REASONS[code].sentence
        self._may_fail(record, code, message, column)
        cells = [] if record.fault else [_text(self.tokenizer.text(c)) for c in self.tokenizer.cells(record)]
        said = "" if code == "missing-cell" else _text(text or record.text)
        place_of = record.first, record.last, record.start
        self.rejects.add(Reject(*place_of, code, column, found, message, cells, said))

    def _set_aside(self, record: Record, failed: Failed) -> None:
        """Rejects a readable record. Raises RuleBroken if it ends the job."""
        failed.check(record.first)
        _, code, column, found, message, _ = failed
        cells = [_text(self.tokenizer.text(cell)) for cell in self.tokenizer.cells(record)]
        place = record.first, record.last, record.start
        self.rejects.add(Reject(*place, code, column, found, message, cells, ""))


def careful(table: TextTable, target: Path, scan: Scan) -> Source:
    """Writes a clean copy of the records below the header to `target`.

    Raises BadRow under `bad_rows: fail`, RuleBroken if a failed record ends the job, and whatever the scan's
    tick raises.
    """
    with (
        target.open("wb", buffering=CHUNK) as out,
        RejectsWriter(scan.rejected, table.header.columns) as rejects,
        scan.numbers,
    ):
        sieve = RecordSieve(table, rejects, scan)
        # A line to skip: the engine would remove a byte order mark at the start of the first cell.
        out.write(b"+\n" if table.dialect.quote == "-" else b"-\n")
        for passed in _passed(table.path, sieve, scan.tick):
            out.write(passed)
    return sieve.source(target)


def _passed(path: Path, sieve: RecordSieve, tick: Tick) -> Iterator[bytes]:
    """What the filter lets through of a file."""
    with path.open("rb", buffering=0) as file:
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        text = Text(file, file.tell(), sieve.options.max_record_bytes, check_bytes=sieve.table.check_bytes)
        sieve.skip(islice(text, sieve.header.before))
        next_tick = TICK_EVERY
        for found in _found(text, sieve):
            if isinstance(found, Line):
                sieve.skip_comment(found)
            else:
                yield sieve.pass_run(found) if isinstance(found, Run) else sieve.pass_on(found)
            if text.offset >= next_tick:
                tick(text.offset)
                next_tick = text.offset + TICK_EVERY


def _found(text: Text, sieve: RecordSieve) -> Iterator[Run | Record | Line]:
    """All records: clean ones many at a time, any other on its own. A Line is a comment."""
    tokenizer, clean, back = sieve.tokenizer, sieve.clean, deque[Line]()
    singly_to = sys.maxsize if sieve.header.marks else 0
    while True:
        if not back and text.offset >= singly_to and (whole := text.peek(clean.run)):
            run = Run(whole, clean.each.findall(whole), text.number, text.offset)
            if _within_bounds(run, tokenizer):
                text.skip(whole)
                yield run
            else:
                singly_to = text.offset + len(whole)
        line = back.popleft() if back else next(text, None)
        if line is None:
            return
        yield line if tokenizer.is_comment(line) else tokenizer.record(line, text, back)


def _within_bounds(run: Run, tokenizer: Tokenizer) -> bool:
    """Whether no record of the run exceeds the allowed bytes or lines."""
    lines, size = tokenizer.max_open_lines, tokenizer.max_record_bytes
    if len(run.whole) <= size and line_ends(run.whole) - len(run.texts) < lines:
        return True
    return all(len(text) <= size and line_ends(text) < lines for text in run.texts)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def replaced(count: int) -> str:
    """The warning about so many rows."""
    told = f"{_rows(count)} had bytes that are not text in the file's encoding"
    return f"{told}; they were replaced by U+FFFD."


def _rows(count: int) -> str:
    return f"{count} row{'s' if count != 1 else ''}"


def short(raw: bytes) -> str:
    """The text, cut to the length shown."""
    said = _text(raw[: 4 * SHORT])
    return said if len(said) <= SHORT else f"{said[:SHORT]}…"
