"""What is known about a file once its bytes have streamed past, without a second read."""

from __future__ import annotations

import codecs
import hashlib
from typing import Literal

from pydantic import BaseModel, ConfigDict

DELIMITERS = ",;\t|"

Bom = Literal["utf-8-sig", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]

# Longer marks first: that of UTF-32 begins with that of UTF-16.
BOMS: tuple[tuple[bytes, Bom], ...] = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_STRUCTURE = b'"\r\n' + DELIMITERS.encode()
_OTHERS = bytes(byte for byte in range(256) if byte not in _STRUCTURE)
# Beside these, a blank at a quote stands between cells; readers disagree on what it means.
_MARKS = frozenset({*(mark.encode() for mark in DELIMITERS), b"\n", b"\r", b" "})
_BLANK_LINES = (b"\n\n", b"\r\r", b"\n\r")
# A blank at a quote and the byte beside it, less one: what must be kept of one chunk to see it in two.
_OVERLAP = 2
# A byte order mark, and what may stand behind it or at the start without one.
_HEAD = 5


class Newlines(BaseModel):
    """How many line ends of each kind."""

    model_config = ConfigDict(frozen=True)

    lf: int = 0
    crlf: int = 0
    cr: int = 0


class Facts(BaseModel):
    """Counted over all bytes, whatever they mean.

    `outside` counts line feeds, carriage returns and delimiters that stand
    outside of `"` quotes, by parity.

    `blank_lines` and `blanks_at_quotes` may be true for what stands inside quotes, never false for
    what stands outside.
    """

    model_config = ConfigDict(frozen=True)

    bytes: int
    sha256: str
    bom: Bom | None = None
    utf8: bool = True
    nul: int = 0
    quotes: int = 0
    newlines: Newlines = Newlines()
    outside: dict[str, int] = {}
    blank_lines: bool = False
    blanks_at_quotes: bool = False
    final_newline: bool = False


class FactsCollector:
    """Gathers Facts chunk by chunk, at the speed of the bytes methods it uses."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._head = b""
        self._tail = b""
        self._held = b""
        self._bytes = self._nul = self._quotes = 0
        self._utf8 = True
        self._inside = False
        self._blank_lines = self._blanks_at_quotes = False
        self._newlines = {"lf": 0, "crlf": 0, "cr": 0}
        self._outside = dict.fromkeys("\r\n" + DELIMITERS, 0)

    def update(self, chunk: bytes) -> None:
        """The next bytes of the file."""
        if not chunk:
            return
        self._sha256.update(chunk)
        self._bytes += len(chunk)
        self._head = (self._head + chunk[:_HEAD])[:_HEAD]
        self._nul += chunk.count(0)
        self._check_utf8(chunk)
        self._look_across(chunk)
        # A carriage return waits for what follows it.
        data = self._held + chunk
        self._held = data[-1:] if data.endswith(b"\r") else b""
        self._count(data.removesuffix(self._held) if self._held else data)

    def finish(self) -> Facts:
        """The facts about all bytes given."""
        self._count(self._held)
        self._look_at_edges()
        return Facts(
            bytes=self._bytes,
            sha256=self._sha256.hexdigest(),
            bom=next((name for mark, name in BOMS if self._head.startswith(mark)), None),
            utf8=self._utf8 and not self._decoder.getstate()[0],
            nul=self._nul,
            quotes=self._quotes,
            newlines=Newlines(**self._newlines),
            outside=self._outside,
            blank_lines=self._blank_lines,
            blanks_at_quotes=self._blanks_at_quotes,
            final_newline=self._tail.endswith((b"\n", b"\r")),
        )

    def _check_utf8(self, chunk: bytes) -> None:
        if not self._utf8 or (chunk.isascii() and not self._decoder.getstate()[0]):
            return
        try:
            self._decoder.decode(chunk)
        except UnicodeDecodeError:
            self._utf8 = False

    def _look_across(self, chunk: bytes) -> None:
        """Patterns that may lie across two chunks."""
        seen = self._tail + chunk
        self._tail = seen[-_OVERLAP:]
        if not self._blank_lines:
            self._blank_lines = any(pattern in seen for pattern in _BLANK_LINES)
        if not self._blanks_at_quotes:
            self._blanks_at_quotes = _blank_at_quote(seen)

    def _look_at_edges(self) -> None:
        """The same patterns where the file's start or end takes the place of a line end."""
        start = self._head.removeprefix(codecs.BOM_UTF8)
        self._blank_lines |= start.startswith((b"\n", b"\r"))
        self._blanks_at_quotes |= start.startswith(b' "') or self._tail.endswith(b'" ')

    def _count(self, data: bytes) -> None:
        """Counts structure; pairs of quotes cancel out, whether they are an escape or an empty cell."""
        bare = data.translate(None, _OTHERS)
        self._quotes += bare.count(b'"')
        pieces = bare.replace(b'""', b"").split(b'"')
        outside = b"".join(pieces[1 if self._inside else 0 :: 2])
        for mark in self._outside:
            self._outside[mark] += outside.count(mark.encode())
        self._inside ^= len(pieces) % 2 == 0
        self._add_newlines(data)

    def _add_newlines(self, data: bytes) -> None:
        lf, cr = data.count(b"\n"), data.count(b"\r")
        crlf = data.count(b"\r\n") if cr and lf else 0
        self._newlines["lf"] += lf - crlf
        self._newlines["crlf"] += crlf
        self._newlines["cr"] += cr - crlf


def _blank_at_quote(data: bytes) -> bool:
    before = {piece[-1:] for piece in data.split(b' "')[:-1]}
    after = {piece[:1] for piece in data.split(b'" ')[1:]}
    return not (before | after).isdisjoint(_MARKS)
