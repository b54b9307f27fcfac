"""From bytes to UTF-8: a declared encoding, a byte order mark, strict UTF-8, then a guess."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import chardet

from csvjobs.errors import BadEncoding, NotCsv
from csvjobs.reading.facts import Facts
from csvjobs.reading.source import Found

CHUNK = 1024**2
SAMPLE = 64 * 1024
HEAD = 4096

# What other files begin with, and what a person calls them.
MAGIC = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip or an office document",
    b"\x28\xb5\x2f\xfd": "zstandard",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x89PNG": "PNG image",
    b"\xff\xd8\xff": "JPEG image",
    b"%PDF": "PDF",
    b"\xd0\xcf\x11\xe0": "old office document",
    b"PAR1": "Parquet",
    b"SQLite format 3": "SQLite database",
}
# A header row may begin with these letters; the files that do go on with bytes that are no text.
LETTERS = (b"BZh", b"PAR1", b"SQLite format 3")
MANY_CONTROLS = 16
CONTROLS = frozenset(map(chr, range(32))) - frozenset("\t\n\v\f\r\x1a\x1b")


def check_text(path: Path, facts: Facts, declared: str | None = None) -> None:
    """Raises NotCsv for a file that is plainly no text, read as `declared`; BadEncoding as below."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    controls = _controls(head, "latin-1" if declared is None else _codec(declared))
    text = facts.utf8 and not controls
    magics = [magic for magic in MAGIC if head.startswith(magic) and not (text and magic in LETTERS)]
    if not magics and (facts.bom or controls <= max(MANY_CONTROLS, len(head) // 50)):
        return
    kind = MAGIC[magics[0]] if magics else None
    what = f"looks like a {kind} file" if kind else "is binary data"
    raise NotCsv(f"The file {what}, not CSV text.", hint="Unpack or export it as CSV and send that.")


def find_encoding(path: Path, facts: Facts, declared: str | None) -> Found:
    """The encoding's Python codec name. Raises BadEncoding for a declared one that does not exist."""
    if declared is not None:
        return Found(_codec(declared))
    if facts.bom:
        return Found(facts.bom)
    if facts.utf8:
        return Found("utf-8")
    guess = chardet.detect(_sample(path))
    return Found(_codec(guess["encoding"] or "cp1252"), round(float(guess["confidence"] or 0.0), 2))


def is_utf8(encoding: str) -> bool:
    return encoding in ("utf-8", "utf-8-sig")


def transcode(path: Path, encoding: str, target: Path, tick: Callable[[int], None]) -> Path:
    """A UTF-8 copy of the file. Raises BadEncoding where the bytes do not fit."""
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0
    with path.open("rb") as source, target.open("wb") as out:
        try:
            for chunk in _chunks(source):
                out.write(decoder.decode(chunk).removeprefix("\ufeff" if not done else "").encode())
                done += len(chunk)
                tick(done)
            out.write(decoder.decode(b"", final=True).encode())
        except UnicodeError as error:
            raise BadEncoding(
                f"The file is not {encoding}: {error} after byte {done}.",
                hint="Send it again with the option encoding.",
            ) from None
    return target


def _controls(head: bytes, encoding: str) -> int:
    """How many control characters there are: in UTF-16 a NUL byte is none."""
    try:
        return sum(character in CONTROLS for character in head.decode(encoding, "replace"))
    except UnicodeError:
        # A few codecs replace nothing; the transcoder says what does not fit.
        return 0


def _codec(name: str) -> str:
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        codec = None
    # Other codecs (base64, zip …) turn bytes into bytes.
    if codec is None or not codec._is_text_encoding:
        raise BadEncoding(f"There is no text encoding {name!r}.", hint="Try utf-8, cp1252 or latin-1.")
    return codec.name


def _sample(path: Path) -> bytes:
    """The first lines that hold more than ASCII: the others would only make a guess look surer."""
    taken: list[bytes] = []
    size = 0
    with path.open("rb") as file:
        for chunk in _chunks(file):
            if chunk.isascii():
                continue
            taken += [line for line in chunk.splitlines() if not line.isascii()]
            size = sum(map(len, taken))
            if size > SAMPLE:
                break
    return b"\n".join(taken)[:SAMPLE]


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
