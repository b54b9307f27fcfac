"""Reading: from the bytes as received to a source on which every record is clean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import dropwhile, islice
from pathlib import Path

from csvjobs.errors import EmptyFile, FieldTooLong
from csvjobs.reading.careful import careful
from csvjobs.reading.dialect import find_dialect
from csvjobs.reading.encoding import check_text, find_encoding, is_utf8, transcode
from csvjobs.reading.express import express
from csvjobs.reading.facts import Facts
from csvjobs.reading.header import Header, header_of
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import Line, lines
from csvjobs.reading.source import Found, Source
from csvjobs.reading.structure import find_beginning

HEAD_BYTES = 1024**2
HEAD_LINES = 2000
UNSURE = 0.8


@dataclass(frozen=True)
class Reading:
    """The source, what was found out on the way, and what a person should know of it."""

    source: Source
    detected: dict[str, Found]
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
) -> Reading:
    """Finds out how to read a file, and makes it clean where it is not.

    `facts` are of the same bytes; `scratch` takes copies; `rejected` is written if a record is bad;
    `tick(bytes read)` is called now and then and may raise to stop.
    Raises DataError for what cannot be read.
    """
    check_text(path, facts, options.encoding)
    encoding = find_encoding(path, facts, options.encoding)
    native = is_utf8(encoding.value)
    text = path if native else transcode(path, encoding.value, scratch / "utf8.csv", tick)
    head = first_lines(text)
    dialect, found = find_dialect(head, options)
    beginning = find_beginning(head, dialect, options)
    header = header_of(beginning, options)
    source = None
    if native and not (force_careful or header.above or options.bounded):
        source = express(path, facts, dialect, header.columns, header.before)
    if source is None:
        clean, check = scratch / "clean.csv", native and not facts.utf8
        source = careful(text, dialect, header, options, clean, rejected, tick, check_bytes=check)
    detected = {"encoding": encoding, **found, "skip": beginning.skip, "header": beginning.header}
    doubts = _doubts(detected, header, options)
    return Reading(source, detected, [*header.warnings, *doubts, *source.notes])


def first_lines(path: Path) -> list[Line]:
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


def _doubts(detected: dict[str, Found], header: Header, options: ReadOptions) -> list[str]:
    """What was found out and not declared, where a person should look."""
    doubts = [
        f"The {name} was taken to be {found.value!r} with a confidence of {found.confidence:.0%} only; "
        f"set the option {name} if that is wrong."
        for name, found in detected.items()
        if found.confidence < UNSURE and name not in ("skip", "header")
    ]
    if len(header.columns) == 1 and options.delimiter is None:
        doubts[:] = ["The table has one column; set the option delimiter if it has more."]
    skip = detected["skip"]
    if skip.value and options.skip is None:
        above = "The first line was" if skip.value == 1 else f"The first {skip.value} lines were"
        doubts.append(f"{above} left out as not part of the table; set skip: 0 if that is wrong.")
    if not detected["header"].value and options.header is None:
        doubts.append("The first row was taken for data, not for names; set header: true if that is wrong.")
    return doubts
