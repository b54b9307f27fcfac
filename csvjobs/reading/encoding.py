"""Encoding detection and conversion to UTF-8: a declared encoding, a byte order mark, the positions of NUL
bytes, UTF-8, then a guess."""

from __future__ import annotations

import codecs
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from csvjobs.errors import BadEncoding, NotCsv
from csvjobs.reading.facts import Facts
from csvjobs.reading.legacy import decodes, guesses
from csvjobs.reading.source import Found

CHUNK = 1024**2
SAMPLE = 64 * 1024
HEAD = 4096
# The most confident guesses were right 99 times in 100.
SUREST = 0.99
# The confidence in an encoding that was only the second guess.
UNCERTAIN = 0.5

# A tar archive begins with the name of its first file; its mark comes later.
TAR, TAR_AT = b"ustar", 257
OFFICE, OLD_OFFICE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
# The first bytes of other kinds of files, and their names.
MAGIC = {
    b"\x1f\x8b": "a gzip",
    OFFICE: "a zip or an office document",
    b"\x28\xb5\x2f\xfd": "a zstandard",
    b"BZh": "a bzip2",
    b"\xfd7zXZ": "an xz",
    b"7z\xbc\xaf\x27\x1c": "a 7z",
    b"Rar!\x1a\x07": "a RAR",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF": "a PDF",
    OLD_OFFICE: "an old or password-protected office",
    b"PAR1": "a Parquet",
    b"ARROW1\0\0": "a Feather or Arrow",
    b"Obj\x01": "an Avro",
    b"ORC": "an ORC",
    b"SQLite format 3": "an SQLite database",
    TAR: "a tar",
}
# Text can begin with these letters too; real files of these kinds go on with bytes that are not text.
LETTERS = (b"BZh", b"PAR1", b"ORC", b"SQLite format 3", TAR)
INSTEAD = {
    OLD_OFFICE: "Save it as .xlsx without a password",
    OFFICE: "Unpack it, or save it as .xlsx",
    TAR: "Unpack it",
}
MANY_CONTROLS = 16
MOSTLY = 4
"""So many good characters for each bad one count as damaged text."""

# A byte that is no text is marked in the UTF-8 copy by the first three bytes of U+10000 + 64 * byte: that is
# not UTF-8 either, and says which byte it was.
MARKED = "csvjobs.marked"
_MARKS = re.compile(rb"(?:\xf0[\x90-\x93][\x80-\xbf](?![\x80-\xbf]))+")

# Wide encodings, the positions of NUL bytes in each group of bytes of an ASCII character, and the confidence.
WIDE = (
    ("utf-32-le", (1, 2, 3), 0.99),
    ("utf-32-be", (0, 1, 2), 0.99),
    ("utf-16-le", (1,), 0.97),
    ("utf-16-be", (0,), 0.97),
)
# Encodings that write other letters as ASCII bytes: the escape sequence that begins such text, and the name.
ESCAPED = ((re.compile(rb"\x1b\$\)C"), "iso2022_kr"), (re.compile(rb"\x1b\$[@B(]"), "iso2022_jp_ext"))
CONTROLS = frozenset(map(chr, range(32))) - frozenset("\t\n\v\f\r\x1a\x1b")
STRANGE = CONTROLS | {"\ufffd"}


def check_text(path: Path, facts: Facts, declared: str | None = None, marks: str = "") -> None:
    """Raises NotCsv for a file that is clearly not text, read as `declared`; `marks`: characters that it is
    known to contain, whatever they are."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    encoding = (_wide(path, facts) or "latin-1") if declared is None else codecs.lookup(declared).name
    controls = _controls(head, encoding, CONTROLS - set(marks))
    text = facts.utf8 and not controls
    known = head[TAR_AT:] if head.startswith(TAR, TAR_AT) else head
    magic = next((each for each in MAGIC if known.startswith(each) and not (text and each in LETTERS)), b"")
    if not magic and (facts.bom or controls <= max(MANY_CONTROLS, len(head) // 50)):
        return
    what = f"looks like {MAGIC[magic]} file" if magic else "is binary data"
    instead = INSTEAD.get(magic, "Unpack or export it as CSV")
    raise NotCsv(f"The file {what}, not CSV text.", hint=f"{instead} and send that.")


def find_encoding(path: Path, facts: Facts, declared: str | None) -> Found:
    """The encoding, by its Python codec name; `declared`: as in ReadOptions."""
    wide = _wide(path, facts)
    if declared is not None:
        name = codecs.lookup(declared).name
        # Without a byte order mark UTF-16 does not say which of the two it is.
        return Found(wide if wide and wide.startswith(name) else name)
    if facts.bom:
        return Found(facts.bom)
    if wide:
        sure = next(sure for name, _, sure in WIDE if name == wide)
        return Found(wide, sure, ("utf-8",) if facts.utf8 else ())
    if facts.utf8:
        escaped = _escaped(path)
        return Found(escaped, 0.97, ("utf-8",)) if escaped else Found("utf-8")
    sample = _sample(path)
    guess = _guess(sample)
    damaged = _damaged_utf8(sample)
    return replace(damaged, alternatives=(guess.value,)) if damaged else guess


def _damaged_utf8(sample: bytes) -> Found | None:
    """UTF-8 with some bad bytes: text in other encodings hardly ever looks like it."""
    text = sample.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = sum(not character.isascii() for character in text) - bad
    return Found("utf-8", round(good / (good + bad + 1), 2)) if good >= MOSTLY * max(bad, 1) else None


def to_utf8(
    path: Path,
    found: Found,
    target: Path,
    tick: Callable[[int], None],
    *,
    declared: bool = False,
    enough: int = sys.maxsize,
) -> Found:
    """Writes a UTF-8 copy; returns the encoding that fits the whole file: `found` or, if it was guessed, an
    alternative. If none fits, the copy has bytes that are not UTF-8 where bytes of the file are not `found`.

    If the file has `enough` bytes or more, only its beginning is copied and must fit. Raises BadEncoding if
    the file is hardly text in that encoding.
    """
    if not (error := _misfit(path, found.value, target, tick, enough)):
        return found
    for other in found.alternatives:
        if not _misfit(path, other, target, tick, enough):
            return Found(other, UNCERTAIN, (found.value, *(a for a in found.alternatives if a != other)))
    if _misfit(path, found.value, target, tick, enough, errors=MARKED) or _hardly_text(target):
        if declared:
            error.hint = "That encoding was declared: declare another one, or set encoding to detect."
        raise error
    return found


def _misfit(
    path: Path,
    encoding: str,
    target: Path,
    tick: Callable[[int], None],
    enough: int,
    *,
    errors: str = "strict",
) -> BadEncoding | None:
    """Writes a UTF-8 copy; returns what does not fit."""
    try:
        transcode(path, encoding, target, tick, enough, errors=errors)
    except BadEncoding as error:
        return error
    return None


def _hardly_text(copy: Path) -> bool:
    """Whether more than one in so many bytes is a mark."""
    size = marks = 0
    with copy.open("rb") as file:
        for chunk in _chunks(file):
            size += len(chunk)
            marks += sum(len(found) for found in _MARKS.findall(chunk)) // 3
    return marks * MOSTLY > size


def _mark(error: UnicodeError) -> tuple[str | bytes, int]:
    """What takes the place of bytes that are no text, or of surrogates."""
    if isinstance(error, UnicodeDecodeError):
        return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101 (there is no other)
    codes = [ord(surrogate) & 0xFF for surrogate in error.object[error.start : error.end]]
    return b"".join(chr(0x10000 + 64 * code).encode()[:3] for code in codes), error.end


codecs.register_error(MARKED, _mark)


def wrong_bytes(raw: bytes) -> str:
    """The first bytes that are no text, in hexadecimal as in the file; empty if there are none."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        wrong = raw[error.start : error.end]
        if marks := _MARKS.match(raw, error.start):
            pairs = zip(marks[0][1::3], marks[0][2::3], strict=True)
            wrong = bytes((high & 3) << 6 | (low & 0x3F) for high, low in pairs)
        return f"0x{wrong.hex()}"
    return ""


def is_utf8(encoding: str) -> bool:
    return encoding in ("utf-8", "utf-8-sig")


def transcode(
    path: Path,
    encoding: str,
    target: Path,
    tick: Callable[[int], None],
    enough: int = sys.maxsize,
    *,
    errors: str = "strict",
) -> Path:
    """Writes a UTF-8 copy of the file, or if it has `enough` bytes or more, of its beginning, which may end
    within a character. Raises BadEncoding if the bytes do not fit and are not MARKED."""
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    done = 0
    with path.open("rb") as source, target.open("wb") as out:
        try:
            for chunk in _chunks(source):
                out.write(
                    decoder.decode(chunk).removeprefix("\ufeff" if not done else "").encode(errors=errors)
                )
                done += len(chunk)
                tick(done)
                if done >= enough:
                    return target
            out.write(decoder.decode(b"", final=True).encode(errors=errors))
        except UnicodeError as error:
            raise BadEncoding(
                f"The file is not {encoding}: {error} after byte {done}.",
                hint="Send it again with the option encoding.",
            ) from None
    return target


def _controls(head: bytes, encoding: str, controls: frozenset[str]) -> int:
    """The number of control characters; the NUL bytes of UTF-16 do not count."""
    try:
        return sum(character in controls for character in head.decode(encoding, "replace"))
    except UnicodeError:
        # A few codecs do not support replacing; the transcoder reports what does not fit.
        return 0


def _wide(path: Path, facts: Facts) -> str | None:
    """UTF-16 or UTF-32 without a byte order mark: NUL bytes are next to those of ASCII, and nowhere else."""
    if facts.bom or not facts.nul:
        return None
    with path.open("rb") as file:
        sample = file.read(SAMPLE)
    for encoding, places, _ in WIDE:
        width = 4 if len(places) == 3 else 2
        whole = facts.cut or facts.bytes % width == 0
        if whole and _fits_wide(sample, facts.utf8, encoding, places, width):
            return encoding
    return None


def _fits_wide(sample: bytes, utf8: bool, encoding: str, places: tuple[int, ...], width: int) -> bool:
    """Whether the sample decodes to text with ASCII, a few characters excepted; a few letters have their NUL
    byte in the other position."""
    nul = sample.count(0)
    if sum(sample[place::width].count(0) for place in places) < 0.7 * nul:
        return False
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample)
    strange = sum(c in STRANGE or unicodedata.category(c) in ("Cn", "Co", "Cs") for c in text)
    ends = _line_ends(text) > 0 or nul >= len(sample) // 3
    return strange <= len(text) // 50 and ends and not _stray(sample, text, utf8)


def _stray(sample: bytes, text: str, utf8: bool) -> bool:
    """Whether the NUL bytes are errors in text of one byte per character, whose line ends have none next to
    them."""
    nul = sample.count(0)
    if nul < max(2, len(sample) // 64):
        return True
    if any(character in CONTROLS and character != "\0" for character in set(sample.decode("latin-1"))):
        return False
    return 2 * _line_ends(text) < _line_ends(sample.decode("latin-1")) or (utf8 and 3 * nul < len(sample))


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r")


def _escaped(path: Path) -> str | None:
    """The encoding that switches to other letters by escape sequences, which are valid UTF-8 too."""
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    for mark, encoding in ESCAPED if b"\x1b$" in head else ():
        if mark.search(head) and decodes(head, encoding):
            return encoding
    return None


def _guess(sample: bytes) -> Found:
    """The likeliest legacy encoding; its alternatives are likely too, not merely able to decode the
    sample."""
    ranked = guesses(sample)
    if not ranked:
        return Found("cp1252", 0.1, ("latin-1",))
    best, *others = ranked
    return Found(best.encoding, min(SUREST, round(best.right, 2)), tuple(guess.encoding for guess in others))


def _sample(path: Path) -> bytes:
    """The first lines that have more than ASCII: the others would only inflate the confidence of a guess."""
    taken: list[bytes] = []
    size = 0
    with path.open("rb") as file:
        for line in _lines(file):
            if not line.isascii():
                taken.append(line)
                size += len(line)
                if size > SAMPLE:
                    break
    return b"".join(taken)[:SAMPLE]


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Whole lines, except those longer than a sample. A chunk of only ASCII is one line."""
    rest = b""
    for chunk in _chunks(file):
        if rest.isascii() and chunk.isascii():
            rest = b""
            continue
        *whole, rest = (rest + chunk).splitlines(keepends=True)
        yield from whole
        if len(rest) > SAMPLE:
            yield rest
            rest = b""
    yield rest


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk
