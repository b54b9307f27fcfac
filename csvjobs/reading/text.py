"""Reads a text file of any size in bounded memory: line by line, or many records at once."""

from __future__ import annotations

import re
from typing import BinaryIO

from csvjobs.reading.records import Line, line_ends

CHUNK = 1024**2
WINDOW = 64 * 1024
"""Bytes validated at a time: each attempt costs that much memory, even if the first byte is bad."""

# A CR at the end of the buffer may be half of a CRLF.
_LINE = re.compile(rb"([^\r\n]*+)(\r\n|\n|\r(?=[^\n])|)")


class Text:
    """An iterator of physical lines that can also match a pattern at its position.

    `start`: the current offset of `file`. Of a line longer than `longest`, one byte more than that is
    returned. With `check_bytes`, no pattern matches bytes that are not UTF-8.
    """

    def __init__(self, file: BinaryIO, start: int, longest: int, *, check_bytes: bool) -> None:
        self._file = file
        self._base = start
        self._longest = longest
        self._check_bytes = check_bytes
        self._buffer = b""
        self._at = self._decodable = 0
        self._number = 0

    @property
    def offset(self) -> int:
        """The offset of the next byte."""
        return self._base + self._at

    @property
    def number(self) -> int:
        """The number of the next line."""
        return self._number + 1

    def __iter__(self) -> Text:
        return self

    def __next__(self) -> Line:
        start, content, ending = self.offset, b"", b""
        more = True
        while more and not ending:
            piece, ending = self._piece()
            if len(content) <= self._longest:
                content += piece
            more = bool(ending) or self._fill()
        if not ending:
            ending = self._buffer[self._at :]
            self._at = len(self._buffer)
        if self.offset == start:
            raise StopIteration
        self._number += 1
        return Line(self._number, content[: self._longest + 1], ending, start)

    def peek(self, pattern: re.Pattern[bytes]) -> bytes:
        """What the pattern matches at the current position, within the buffer."""
        if self._at == len(self._buffer):
            self._fill()
        end = self._end_of_utf8() if self._check_bytes else len(self._buffer)
        found = pattern.match(self._buffer, self._at, end)
        return found[0] if found else b""

    def skip(self, whole_lines: bytes) -> None:
        """Moves past what was peeked."""
        self._number += line_ends(whole_lines)
        self._at += len(whole_lines)

    def _piece(self) -> tuple[bytes, bytes]:
        """The part of the line that is in the buffer, and its line end."""
        found = _LINE.match(self._buffer, self._at)
        assert found is not None  # noqa: S101 (it matches nothing at least)
        self._at = found.end()
        return found[1], found[2]

    def _fill(self) -> bool:
        """Reads more and discards what was consumed; returns whether there was more."""
        more = self._file.read(CHUNK)
        self._buffer = self._buffer[self._at :] + more
        self._base += self._at
        self._at = self._decodable = 0
        return bool(more)

    def _end_of_utf8(self) -> int:
        """The position up to which the buffer is known to be UTF-8; each byte is examined once."""
        if self._decodable <= self._at:
            window = memoryview(self._buffer)[self._at : self._at + WINDOW]
            try:
                str(window, "utf-8")
                self._decodable = self._at + len(window)
            except UnicodeDecodeError as error:
                self._decodable = self._at + error.start
        return self._decodable
