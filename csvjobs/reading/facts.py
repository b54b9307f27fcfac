"""Facts about a file, collected while its bytes stream past, without a second read."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

DELIMITERS = ",;\t|"
CHUNK = 512 * 1024
"""Bytes of a file to add at a time. Of pieces twice as large, malloc gives the memory back to the system each
time, and getting it again costs a fifth of the whole."""

MARK_EVERY = 16 * 1024**2
MOST_MARKS = 64

Bom = Literal["utf-8-sig", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]

# Longer ones first: the mark of UTF-32 begins with that of UTF-16.
BOMS: tuple[tuple[bytes, Bom], ...] = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_STRUCTURE = b"\r\n\0" + DELIMITERS.encode()
_OTHERS = bytes(byte for byte in range(256) if byte not in _STRUCTURE)
_JOINT = re.compile(rb"[\r\n]" + codecs.BOM_UTF8)
_BLANK_LINES = (b"\n\n", b"\r\r", b"\n\r")
# How the facts name a byte next to a quote: empty for a line end, the end of the file, or a quote.
_MARKS = {ord(mark): mark for mark in DELIMITERS} | dict.fromkeys(b'"\n\r', "")
_first, _last = itemgetter(0), itemgetter(-1)


class Newlines(BaseModel):
    """The number of line ends of each kind."""

    model_config = ConfigDict(frozen=True)

    lf: int = 0
    crlf: int = 0
    cr: int = 0


class Mark(NamedTuple):
    """The number of line ends in the first `bytes` bytes of a file."""

    bytes: int
    line_ends: int


class Facts(BaseModel):
    """Counts over all bytes, whatever they mean; `cut`: they are only the beginning of a file.

    `outside` counts line feeds, carriage returns and delimiters outside `"` quotes, by parity.

    `beside_quotes` has the delimiters that touch a quote from outside, and "*" for any other byte that does.
    If it is the delimiter alone, every quote begins or ends a cell; only then does parity tell what is
    outside.

    `blank_lines`: whether there are any outside quotes, by parity.

    `joints` counts the lines but the first that begin with a byte order mark of UTF-8, as they do where files
    were joined.

    `marks` are at about equal distances, at most MOST_MARKS; a small file has none.
    """

    model_config = ConfigDict(frozen=True)

    bytes: int
    sha256: str
    cut: bool = False
    bom: Bom | None = None
    utf8: bool = True
    nul: int = 0
    quotes: int = 0
    newlines: Newlines = Newlines()
    outside: dict[str, int] = {}
    blank_lines: bool = False
    beside_quotes: str = ""
    final_newline: bool = False
    joints: int = 0
    marks: tuple[Mark, ...] = ()


class FactsCollector:
    """Collects Facts chunk by chunk, at the speed of the bytes methods it uses."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._head = b""
        self._last = b""
        self._tail = b""
        self._held = b""
        self._bytes = self._nul = self._quotes = self._joints = 0
        self._utf8 = self._at_start = True
        self._inside = self._blank_lines = False
        self._last_outside = b"\n"
        self._beside = set[int]()
        self._newlines = {"lf": 0, "crlf": 0, "cr": 0}
        self._outside = dict.fromkeys("\r\n" + DELIMITERS, 0)
        self._marks, self._mark_every = list[Mark](), MARK_EVERY

    def update(self, chunk: bytes) -> None:
        """Adds the next bytes of the file."""
        if not chunk:
            return
        self._sha256.update(chunk)
        self._bytes += len(chunk)
        self._head = (self._head + chunk[:4])[:4]
        self._check_utf8(chunk)
        self._count_joints(chunk)
        data = self._held + chunk
        if self._bytes < len(codecs.BOM_UTF8):
            self._held = data
            return
        # Holds back a carriage return until the next byte is known, as it does the first bytes.
        self._held = data[-1:] if data.endswith(b"\r") else b""
        self._count(data.removesuffix(self._held) if self._held else data)
        self._mark()

    def finish(self, *, cut: bool = False) -> Facts:
        """The facts about all bytes added; if the file was `cut`, the last character need not be complete."""
        self._count(self._held)
        self._blank_lines |= self._head.removeprefix(codecs.BOM_UTF8).startswith((b"\n", b"\r"))
        return Facts(
            bytes=self._bytes,
            sha256=self._sha256.hexdigest(),
            cut=cut,
            bom=next((name for mark, name in BOMS if self._head.startswith(mark)), None),
            utf8=self._utf8 and (cut or not self._decoder.getstate()[0]),
            nul=self._nul,
            quotes=self._quotes,
            newlines=Newlines(**self._newlines),
            outside=self._outside,
            blank_lines=self._blank_lines,
            beside_quotes="".join(sorted({_MARKS.get(byte, "*") for byte in self._beside})),
            final_newline=self._last in (b"\n", b"\r"),
            joints=self._joints,
            marks=tuple(self._marks),
        )

    def _mark(self) -> None:
        place = self._bytes - len(self._held)
        if place >= self._mark_every + (self._marks[-1].bytes if self._marks else 0):
            self._marks.append(Mark(place, sum(self._newlines.values())))
        if len(self._marks) > MOST_MARKS:
            self._marks, self._mark_every = self._marks[1::2], 2 * self._mark_every

    def _check_utf8(self, chunk: bytes) -> None:
        if not self._utf8 or (chunk.isascii() and not self._decoder.getstate()[0]):
            return
        try:
            self._decoder.decode(chunk)
        except UnicodeDecodeError:
            self._utf8 = False

    def _count_joints(self, chunk: bytes) -> None:
        """A joint may span two chunks."""
        # To look for a mark first takes a seventh of the time, and for its first byte a tenth of that.
        first = codecs.BOM_UTF8[:1]
        if (first in self._tail or first in chunk) and codecs.BOM_UTF8 in (seen := self._tail + chunk):
            self._joints += len(_JOINT.findall(seen))
        self._tail = (self._tail + chunk[-3:])[-3:]

    def _count(self, data: bytes) -> None:
        """Counts structural bytes; data without any costs one pass."""
        if self._at_start:
            data, self._at_start = data.removeprefix(codecs.BOM_UTF8), False
        if not data:
            return
        pieces = data.split(b'"')
        outside, inside = pieces[self._inside :: 2], pieces[not self._inside :: 2]
        self._quotes += len(pieces) - 1
        self._inside ^= len(pieces) % 2 == 0
        bare, quoted = (b"".join(part).translate(None, _OTHERS) for part in (outside, inside))
        if outside:
            parts = self._between_quotes(outside, opened=self._inside and len(pieces) > 1)
            self._look_beside(parts)
            self._look_for_blank_lines(parts, bare)
        found = {mark: bare.count(mark.encode()) for mark in self._outside}
        for mark, number in found.items():
            self._outside[mark] += number
        self._nul += bare.count(0) + quoted.count(0)
        self._add_newlines(data, found["\n"] + quoted.count(b"\n"), found["\r"] + quoted.count(b"\r"))
        self._last = data[-1:]

    def _between_quotes(self, outside: list[bytes], *, opened: bool) -> list[bytes]:
        """The pieces of `outside`, the first with the byte before it if that is outside too. Between two of
        them, and after the last if `opened`, is quoted text."""
        last = self._last_outside
        parts = [b"", *outside] if last == b'"' else [last + outside[0], *outside[1:]]
        self._last_outside = b'"' if opened else parts[-1][-1:] or b'"'
        return [*parts, b""] if opened else parts

    def _look_beside(self, parts: list[bytes]) -> None:
        """Records the bytes next to quotes."""
        self._beside.update(map(_last, filter(None, parts[:-1])), map(_first, filter(None, parts[1:])))

    def _look_for_blank_lines(self, parts: list[bytes], bare: bytes) -> None:
        """Lines with several cells have structural bytes between their ends, so most chunks are done at
        once."""
        suspect = parts[0][:1] in b"\r\n" or _may_be_blank(bare)
        if suspect and not self._blank_lines:
            seen = b'"'.join(parts)
            self._blank_lines = any(pattern in seen for pattern in _BLANK_LINES)

    def _add_newlines(self, data: bytes, lf: int, cr: int) -> None:
        crlf = data.count(b"\r\n") if cr and lf else 0
        self._newlines["lf"] += lf - crlf
        self._newlines["crlf"] += crlf
        self._newlines["cr"] += cr - crlf


def _may_be_blank(bare: bytes) -> bool:
    return b"\n\n" in bare or (b"\r" in bare and any(pattern in bare for pattern in _BLANK_LINES))


def facts_of(path: Path, tick: Callable[[int], None]) -> Facts:
    """The facts about an existing file; `tick(bytes read)` is called regularly and may raise."""
    collector, size = FactsCollector(), 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            collector.update(chunk)
            size += len(chunk)
            tick(size)
    return collector.finish()
