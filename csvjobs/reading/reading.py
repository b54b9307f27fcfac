"""Reading: from the bytes as received to a source on which every record is clean."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import dropwhile, islice
from pathlib import Path
from typing import NamedTuple

from csvjobs.errors import EmptyFile, FieldTooLong, TooManyColumns
from csvjobs.reading.careful import FAULTS, careful
from csvjobs.reading.compression import unpack
from csvjobs.reading.dialect import find_dialect
from csvjobs.reading.encoding import check_text, find_encoding, is_utf8, to_utf8
from csvjobs.reading.express import express
from csvjobs.reading.facts import Facts
from csvjobs.reading.header import column_names, numbered_names
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import Line, Tokenizer, lines
from csvjobs.reading.source import Dialect, Found, Source

HEAD_BYTES = 1024**2
HEAD_LINES = 2000
MAX_COLUMNS = 20_000
UNSURE = 0.8


@dataclass(frozen=True)
class Reading:
    """The source, what was found out on the way, and what a person should know of it."""

    source: Source
    detected: dict[str, Found]
    warnings: list[str]


class Header(NamedTuple):
    """Column names, and the physical line on which the header row ends (0 when there is none)."""

    columns: tuple[str, ...]
    last_line: int
    warnings: list[str]


def read(
    path: Path,
    facts: Facts,
    options: ReadOptions,
    scratch: Path,
    rejected: Path,
    tick: Callable[[int], None],
    *,
    force_careful: bool = False,
    most_bytes: int = sys.maxsize,
) -> Reading:
    """Finds out how to read a file, and makes it clean where it is not.

    `facts` are of the same bytes; `scratch` takes copies; `rejected` is written if a record is bad;
    `tick(bytes read)` is called now and then and may raise to stop; a packed file may hold `most_bytes`.
    Raises DataError for what cannot be read.
    """
    unpacked = unpack(path, scratch / "unpacked.csv", most_bytes, tick)
    if unpacked:
        path, facts = unpacked.path, unpacked.facts
    check_text(path, facts, options.encoding)
    encoding, text = _utf8(path, facts, options.encoding, scratch / "utf8.csv", tick)
    native = text == path
    head = _head(text)
    dialect, found = find_dialect(head, options)
    header = _header(head, dialect, options)
    source = None
    if native and not force_careful and header.last_line <= 1:
        source = express(path, facts, dialect, header.columns, header.last_line)
    if source is None:
        clean, last = scratch / "clean.csv", header.last_line
        check = native and not facts.utf8
        source = careful(
            text, dialect, header.columns, last, options, clean, rejected, tick, check_bytes=check
        )
    detected = {"encoding": encoding, **found, "header": Found(options.header is not False)}
    if unpacked:
        detected["compression"] = Found(unpacked.kind)
    return Reading(source, detected, header.warnings + _doubts(detected))


def _utf8(
    path: Path, facts: Facts, declared: str | None, target: Path, tick: Callable[[int], None]
) -> tuple[Found, Path]:
    """The encoding, and where the text is in UTF-8: the file itself or a copy."""
    encoding = find_encoding(path, facts, declared)
    if is_utf8(encoding.value):
        return encoding, path
    return to_utf8(path, encoding, target, tick, declared=declared is not None), target


def _head(path: Path) -> list[Line]:
    """The first lines of a UTF-8 file but for blank ones before them, the last one whole.

    Raises EmptyFile, FieldTooLong.
    """
    with path.open("rb") as file:
        start = file.read(HEAD_BYTES)
    kept = start.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True)
    cut = len(start) == HEAD_BYTES
    # bytes.splitlines knows the three line ends of text files, and no others.
    whole = lines(kept[:-1] if cut else kept)
    found = list(islice(dropwhile(lambda line: not line.content, whole), HEAD_LINES))
    if not found and cut:
        raise FieldTooLong(f"No row ends within the first {HEAD_BYTES} bytes.", line=len(kept))
    if not found:
        raise EmptyFile("The file holds no rows.", hint="Send a file with at least a header row.")
    return found


def _header(head: list[Line], dialect: Dialect, options: ReadOptions) -> Header:
    """Raises TooManyColumns."""
    tokenizer = Tokenizer(dialect)
    first = next(record for record in tokenizer.records(head) if record.text)
    # A bad first row still has a first line: its cells by the plain delimiter are the best that is known.
    cells = tokenizer.cells(first._replace(plain=True) if first.fault else first)
    if len(cells) > MAX_COLUMNS:
        raise TooManyColumns(
            f"The file has {len(cells)} columns; {MAX_COLUMNS} is the most.", line=first.first
        )
    if options.header is False:
        return Header(numbered_names(len(cells)), 0, [])
    said = cells if first.fault else map(tokenizer.text, cells)
    names, warnings = column_names(cell.decode("utf-8", "replace") for cell in said)
    if first.fault:
        warnings.insert(0, f"The header row was cut at each delimiter: {FAULTS[first.fault]}")
    spans = first.text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n")
    return Header(names, first.first + spans, warnings)


def _doubts(detected: dict[str, Found]) -> list[str]:
    return [
        f"The {name} was taken to be {found.value!r} with a confidence of {found.confidence:.0%} only; "
        f"set the option {name} if that is wrong."
        for name, found in detected.items()
        if found.confidence < UNSURE
    ]
