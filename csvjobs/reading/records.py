"""Splits bytes into records without losing any: the tokenizer of the careful lane and of detection.

A record is a physical line, or several if a quoted cell contains line ends. LF, CRLF and a lone CR end a
line. Grammar: RFC 4180; a quote inside a cell that does not begin with one is plain text. If the dialect has
an escape, it makes the next character within quotes plain text; before a quote or itself it is removed.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from operator import length_hint
from typing import NamedTuple

from csvjobs.reading.options import MAX_OPEN_LINES, MAX_RECORD_BYTES, MOST_OPEN_LINES
from csvjobs.reading.source import Dialect


class Line(NamedTuple):
    """A physical line; `start` is the offset of its first byte."""

    number: int
    content: bytes
    ending: bytes
    start: int = 0


class Record(NamedTuple):
    """`fault` is the reject code of a text that is not a record; `plain` means that it contains no quote.

    `first` and `last` are its physical lines, `start` is the offset of its first byte, `ending` its line end.
    """

    first: int
    text: bytes
    plain: bool
    fault: str | None = None
    last: int = 0
    start: int = 0
    ending: bytes = b""


def lines(file: Iterable[bytes], start: int = 0) -> Iterator[Line]:
    """The physical lines of a binary file, numbered from 1; its first byte has the offset `start`."""
    number = 0
    for raw in file:
        if b"\r" not in raw:
            number += 1
            yield Line(number, raw.removesuffix(b"\n"), raw[-1:] if raw.endswith(b"\n") else b"", start)
            start += len(raw)
            continue
        for content, ending in _split_at_cr(raw):
            number += 1
            yield Line(number, content, ending, start)
            start += len(content) + len(ending)


def _split_at_cr(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    ending = next(end for end in (b"\r\n", b"\n", b"\r", b"") if raw.endswith(end))
    *before, last = raw.removesuffix(ending).split(b"\r")
    for content in before:
        yield content, b"\r"
    yield last, ending


class Run(NamedTuple):
    """Consecutive clean records: their bytes, the text of each, and the line and offset where they begin."""

    whole: bytes
    texts: list[bytes]
    line: int
    start: int


class LineEnds:
    """Counts how rows end: in a carriage return alone, `first` on that line, or in another line end."""

    def __init__(self) -> None:
        self.alone = self.others = self.first = 0

    def add(self, ending: bytes, line: int) -> None:
        """A row ends on that line."""
        alone = ending == b"\r"
        self.alone += alone
        self.others += bool(ending) and not alone
        self.first = self.first or alone * line

    def add_run(self, run: Run) -> None:
        """All rows of a run."""
        alone = _alone(run.whole)
        if alone:
            alone -= _alone(b" ".join(run.texts))
        self.alone += alone
        self.others += len(run.texts) - alone
        if alone and not self.first:
            self.first = run.line + line_ends(_up_to_alone(run))

    def doubts(self) -> list[str]:
        """A warning if both occur, as a carriage return may be text."""
        if not (self.alone and self.others):
            return []
        told = f"{self.alone:,} of {self.alone + self.others:,} lines end in a carriage return (CR) alone"
        return [
            f"{told}, the first of them line {self.first}; each was taken for the end of a row. If it is "
            "text, its cell was cut in two: put such cells in quotes."
        ]


def _alone(content: bytes) -> int:
    """The number of CR without LF."""
    count = content.count(b"\r")
    return count - content.count(b"\r\n") if count else 0


def _up_to_alone(run: Run) -> bytes:
    """The rows above the first that ends in a CR alone, and that row without its end."""
    place = 0
    for text in run.texts:
        place += len(text)
        ending = run.whole[place : place + 2]
        if ending[:1] == b"\r" and ending != b"\r\n":
            break
        place += 2 if ending == b"\r\n" else 1
    return run.whole[:place]


class CleanRecords(NamedTuple):
    """Patterns: `run` matches as many consecutive clean records as there are, `each` a single one, without
    its end."""

    run: re.Pattern[bytes]
    each: re.Pattern[bytes]


class Tokenizer:
    """Splits text of one dialect into records and cells. The bounds limit how far an unclosed quote
    reaches."""

    def __init__(
        self,
        dialect: Dialect,
        max_open_lines: int = MAX_OPEN_LINES,
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        self.dialect = dialect
        self.max_open_lines = max_open_lines
        self.max_record_bytes = max_record_bytes
        self._delimiter = dialect.delimiter.encode()
        self._quote = dialect.quote.encode()
        self._escape = dialect.escape.encode()
        self._comment = dialect.comment.encode()
        # The last line of those in `back` that leave a quote open when they begin inside one: so each line is
        # examined once, and not by each record that may reach it. `_opened`: the last of them that begins the
        # quote it leaves open.
        self._open_to = self._opened = 0
        d, q = re.escape(self._delimiter), re.escape(self._quote or b"\0")
        inside = rb"[^%b]*+(?:%b%b[^%b]*+)*+" % (q, q, q, q)
        if self._escape:
            e = re.escape(self._escape)
            inside = rb"(?:[^%b%b]|%b%b|%b[\x00-\xff])*+%b?" % (q, e, q, q, e, e)
            self._escaped = re.compile(rb"%b([%b%b])|%b%b" % (e, q, e, q, q))
        quoted = rb"%b%b%b" % (q, inside, q)
        unquoted = rb"(?!%b)%b*+" % (q, _other_than(d, rb"\r\n"))
        cell = rb"(?:%b|%b)" % (quoted, unquoted)
        self._whole = re.compile(rb"%b(?:%b%b)*+" % (cell, d, cell))
        self._open = re.compile(rb"((?:%b%b)*+)%b%b" % (cell, d, q, inside))
        self._cell = re.compile(rb"(?:^|%b)(%b)" % (d, cell))
        self._quoted = re.compile(quoted)
        self._before = re.compile(rb"(?:%b%b)*+" % (cell, d))

    def records(self, given: Iterable[Line]) -> Iterator[Record]:
        """All records, good and bad; blank lines are records without text; comments are left out."""
        source, back = iter(given), deque[Line]()
        self._open_to = self._opened = 0
        while (line := back.popleft() if back else next(source, None)) is not None:
            if not self.is_comment(line):
                yield self.record(line, source, back)

    def beginning(self, head: list[Line], *, cut: bool) -> Iterator[Record]:
        """The records of a file's first lines. If these were `cut` off the rest, only those that end there: a
        quote still open may be closed later."""
        left = iter(head)
        for record in self.records(left):
            if cut and record.fault == "unclosed-quote" and not length_hint(left):
                return
            yield record

    def is_comment(self, line: Line) -> bool:
        """Whether a line at which a record could begin is a comment."""
        return bool(self._comment) and line.content.startswith(self._comment)

    def record(self, line: Line, source: Iterator[Line], back: deque[Line]) -> Record:
        """The record that begins with `line`. Further lines are taken from `back`, then from `source`; lines
        that turn out not to belong to it are put into `back`."""
        if len(line.content) > self.max_record_bytes:
            return _record([line], "record-too-long")
        if not self._quote or self._quote not in line.content:
            return _record([line], plain=True)
        if self._whole.fullmatch(line.content):
            return _record([line])
        if self._open.fullmatch(line.content):
            return self._spanning(line, source, back)
        return _record([line], "text-after-quote")

    def clean(self, width: int) -> CleanRecords:
        """Patterns for records of `width` cells that every reader of RFC 4180 reads as we do."""
        d, q, e = map(re.escape, (self._delimiter, self._quote, self._escape))
        cell = rb"%b*+" % _other_than(d, rb"\r\n" + q)
        if q:
            text = rb"[^%b%b]*+" % (q, e)
            cell = rb"(?:%b%b(?:%b%b%b)*+%b|(?!%b)%b)" % (q, text, q, q, text, q, q, cell)
        begin = rb"(?!%b)" % re.escape(self._comment) if self._comment else b""
        record = rb"%b%b(?:%b%b){%d}+" % (begin, cell, d, cell, width - 1)
        # A CR at the end of the buffer may be half of a CRLF; within a run it cannot be.
        run = re.compile(rb"(?:%b(?:\n|\r(?:\n|(?=[^\n]))))*+" % record)
        return CleanRecords(run, re.compile(rb"(%b)(?:\n|\r\n?+)" % record))

    def singly(self, run: Run, clean: CleanRecords) -> Iterator[Record]:
        """The records of a run, one by one."""
        line = run.line
        for found in clean.each.finditer(run.whole):
            following = line + line_ends(found[0])
            plain = not self._quote or self._quote not in found[1]
            yield Record(line, found[1], plain, None, following - 1, run.start + found.start())
            line = following

    def cells(self, record: Record) -> list[bytes]:
        """The raw cells of a record without a fault, including quotes."""
        if record.plain:
            return record.text.split(self._delimiter)
        return self._cell.findall(record.text)

    def trouble(self, record: Record) -> tuple[int, bytes]:
        """For a record with a fault: the position of the invalid cell, and the text at fault."""
        before = self._before.match(record.text)
        assert before is not None  # noqa: S101 (it matches nothing at least)
        rest = record.text[before.end() :]
        closed = self._quoted.match(rest)
        return len(self._cell.findall(before[0])) - 1, rest[closed.end() :] if closed else rest

    def text(self, cell: bytes) -> bytes:
        """The text of a raw cell."""
        if not self._quote or not cell.startswith(self._quote):
            return cell
        if self._escape:
            return self._escaped.sub(lambda found: found[1] or self._quote, cell[1:-1])
        return cell[1:-1].replace(self._quote * 2, self._quote)

    def odd(self, cell: bytes) -> bool:
        """Whether readers of RFC 4180 may read the cell differently: plain text with a quote in it, or a
        quote not escaped by another."""
        if not self._quote:
            return False
        if cell.startswith(self._quote):
            return bool(self._escape) and self._escape in cell
        return self._quote in cell

    def quoted(self, text: bytes) -> bytes:
        """A quoted cell that readers of RFC 4180 read as `text`."""
        return self._quote + text.replace(self._quote, self._quote * 2) + self._quote

    def _spanning(self, first: Line, source: Iterator[Line], back: deque[Line]) -> Record:
        """The record that begins with a line that leaves a quote open; if it is bad, its other lines are in
        `back`."""
        count, fault = max(0, self._open_to - first.number), "too-many-open-lines"
        # Each quote of a record may have so many lines; all together they may not take any memory.
        while count < MOST_OPEN_LINES and self._open_lines(first, count) < self.max_open_lines:
            if count == len(back) and (more := next(source, None)):
                back.append(more)
            if count == len(back):
                fault = "unclosed-quote"
                break
            line = back[count]
            if line.start + len(line.content) - first.start > self.max_record_bytes:
                fault = "record-too-long"
                break
            if self._quote in line.content:
                # A line that begins inside a quote reads like one that begins with a quote.
                inside = self._quote + line.content
                if self._whole.fullmatch(inside):
                    return _record([first, *(back.popleft() for _ in range(count + 1))])
                if not (opened := self._open.fullmatch(inside)):
                    fault = "unclosed-quote"
                    break
                self._opened = line.number if opened[1] else self._opened
            count, self._open_to = count + 1, line.number
        return _record([first], fault)

    def _open_lines(self, first: Line, count: int) -> int:
        """The lines of the open quote, when `count` lines after the first belong to the record."""
        return first.number + count + 1 - max(first.number, self._opened)


def line_ends(content: bytes) -> int:
    """The number of LF, CRLF and lone CR."""
    count = content.count(b"\n")
    if b"\r" in content:
        count += content.count(b"\r") - content.count(b"\r\n")
    return count


def decodable(text: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _other_than(mark: bytes, more: bytes = b"") -> bytes:
    """A pattern for one byte that neither begins the (escaped) mark, which may have several bytes, nor is in
    `more`."""
    if len(mark.removeprefix(b"\\")) == 1:
        return rb"[^%b%b]" % (mark, more)
    return rb"(?:(?!%b)%b)" % (mark, rb"[^%b]" % more if more else rb"[\x00-\xff]")


def _record(taken: list[Line], fault: str | None = None, *, plain: bool = False) -> Record:
    """The record of one or more lines, without the end of the last."""
    first, last = taken[0], taken[-1]
    text = first.content
    if last is not first:
        parts = [part for line in taken for part in (line.content, line.ending)]
        text = b"".join(parts[:-1])
    return Record(first.number, text, plain, fault, last.number, first.start, last.ending)
