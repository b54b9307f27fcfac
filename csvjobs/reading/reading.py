"""Reading: turns the bytes as received into a source in which every record is clean."""

from __future__ import annotations

import codecs
import json
import os
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import dropwhile, islice
from pathlib import Path

from csvjobs.errors import EmptyFile, FieldTooLong, RuleBroken
from csvjobs.reading.careful import TextTable, careful
from csvjobs.reading.clean import PLAIN
from csvjobs.reading.compression import unpack
from csvjobs.reading.corrected import LAYOUT, as_written, own_columns
from csvjobs.reading.dialect import find_dialect
from csvjobs.reading.encoding import check_text, find_encoding, is_utf8, to_utf8
from csvjobs.reading.express import express
from csvjobs.reading.facts import DELIMITERS, Facts
from csvjobs.reading.formats import binary_table, text_table
from csvjobs.reading.header import Header, header_of
from csvjobs.reading.linenumbers import LineNumbers
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import Line, lines
from csvjobs.reading.rejects import UNSOUND, Failed, RejectSummary
from csvjobs.reading.scan import Scan, Tick
from csvjobs.reading.source import Dialect, Found, Source
from csvjobs.reading.structure import find_beginning
from csvjobs.reading.tables import Table
from csvjobs.reading.text import Text

HEAD_BYTES = 1024**2
HEAD_LINES = 2000
SHORT_LINE = 64
UNSURE = 0.8
ONE_COLUMN = "The table has one column; set the option delimiter if it has more, or skip if it begins below."
UNCUT = (
    "The table has one column, as the delimiter {!r} was declared, and its name contains {!r}; "
    "set delimiter to detect if that is wrong."
)
MANY_BAD = 5
"""So many bad rows may have a common cause; fewer may each have their own."""


@dataclass(frozen=True)
class Reading:
    """The source, what was detected on the way, and warnings."""

    source: Source
    detected: dict[str, Found]
    warnings: list[str]


@dataclass(frozen=True)
class Look:
    """What a file is, judged by its facts and first lines. `path`: the file, or what was packed in it, which
    `facts` describe; `options`: as declared; `text`: the same as `path`, if it is `native`, or its copy in
    UTF-8; `whole`: whether `head` is all of it. `table`: set if it is not text in rows and columns; `head` is
    then its text form, and `faults` counts the bad rows left out there, by code."""

    path: Path
    facts: Facts
    options: ReadOptions
    text: Path
    native: bool
    head: list[Line]
    whole: bool
    dialect: Dialect
    header: Header
    detected: dict[str, Found]
    warnings: list[str]
    table: Table | None = None
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def declared(self) -> str:
        """What was declared, not detected, in words."""
        told = {
            name: json.dumps(found.value, ensure_ascii=False)
            for name, found in self.detected.items()
            if found.declared
        }
        return ", ".join(f"{name} {value}" for name, value in told.items())


def look(
    path: Path,
    facts: Facts,
    options: ReadOptions,
    scratch: Path,
    tick: Tick,
    *,
    most_bytes: int = sys.maxsize,
    enough: int = sys.maxsize,
) -> Look:
    """Finds out how to read a file. `facts` describe the same bytes; `scratch` takes copies; `tick(bytes
    read)` is called regularly and may raise to stop; a packed file may contain at most `most_bytes`. A copy
    of more than `enough` bytes may be limited to the beginning: good for a look, not for reading.

    Raises DataError for what cannot be read.
    """
    unpacked = unpack(path, scratch / "unpacked.csv", most_bytes, tick, cut=facts.cut, enough=enough)
    if unpacked:
        path, facts = unpacked.path, unpacked.facts
    packed = {"compression": Found(unpacked.kind)} if unpacked else {}
    given, options = options, as_written(path, facts, options) or options
    if table := binary_table(path, facts, options, scratch, most_bytes):
        return _look_at(table, facts, path, packed, tick)
    check_text(path, facts, options.encoding, (options.delimiter or "") + options.comment)
    enough = facts.bytes if facts.cut else enough
    encoding, text = _utf8(path, facts, options.encoding, scratch / "utf8.csv", tick, enough)
    head, whole = first_lines(text, options, cut=facts.cut)
    if table := text_table(text, head, options, cut=facts.cut):
        return _look_at(table, facts, path, {"encoding": encoding, **packed}, tick)
    dialect, found = find_dialect(head, options, _skipped_top(text, options), cut=not whole)
    beginning = find_beginning(head, dialect, options, cut=not whole)
    header = _own(header_of(beginning, options), options)
    detected = {"encoding": encoding, **found, "skip": beginning.skip, "header": beginning.header, **packed}
    if header.marks:
        detected["layout"] = Found(LAYOUT)
    doubts = _doubts(detected, header, options) + (_joined(facts) if is_utf8(encoding.value) else [])
    warnings = [*header.warnings, *doubts, *_unused(detected, options)]
    if options is given:
        detected = _marked(detected, given)
    return Look(path, facts, given, text, text == path, head, whole, dialect, header, detected, warnings)


def read(found: Look, scratch: Path, scan: Scan, *, force_careful: bool = False) -> Reading:
    """Makes the source of a file that was looked at, with a clean copy in `scratch` if needed.

    Raises as `look`.
    """
    header, clean = found.header, scratch / "clean.csv"
    if found.table:
        source = found.table.source(header, clean, scan)
        return Reading(source, found.detected, [*found.warnings, *source.notes])
    careful_only = force_careful or header.above or header.before > 1 or header.marks or found.options.bounded
    direct = None if careful_only or not found.native else _express(found, scan.numbers)
    source = direct or careful(_text(found), clean, scan)
    doubts = few_fit(source.records, source.rejected)
    return Reading(source, found.detected, [*found.warnings, *doubts, *source.notes])


def few_fit(good: int, bad: int) -> list[str]:
    """A warning if more rows are bad than good, as the cause may not be in the rows. Empty if no row is good:
    the job then ends with an error."""
    if not 0 < good < bad or bad < MANY_BAD:
        return []
    return [
        f"{bad:,} of {good + bad:,} rows do not fit the table's columns. If the table begins further down, "
        "set skip to the lines above it; if the file holds several tables, make a file of each."
    ]


def _express(found: Look, numbers: LineNumbers) -> Source | None:
    """The file itself, if the facts allow it; they do not say which records contain line ends."""
    facts, before = found.facts, found.header.before
    if numbers.asked and facts.newlines.lf + facts.newlines.crlf > facts.outside["\n"]:
        return None
    with numbers:
        numbers.add(1, before + 1)
    return express(found.path, facts, found.dialect, found.header.columns, before)


def reject(found: Look, scan: Scan) -> RejectSummary:
    """Rewrites the file of rejects with the records that failed a check among the bad ones; reads the file
    again for their lines and original cells.

    Raises RuleBroken if a failed record ends the job.
    """
    nowhere = Path(os.devnull)
    if found.table:
        return found.table.source(found.header, nowhere, scan).rejects
    return careful(_text(found), nowhere, scan).rejects


def line_of(found: Look, row: int, scratch: Path, tick: Tick) -> int | None:
    """The line on which the `row`-th readable record begins; reads the file again up to there. `scratch`: a
    file to create."""
    there = Failed(row, next(iter(UNSOUND)), "", "", "", ends=True)
    try:
        reject(found, Scan(scratch, tick, [there]))
    except RuleBroken as broken:
        return broken.line
    return None


def _text(found: Look) -> TextTable:
    # Not those of a copy: they may be marked.
    check = not (found.native and found.facts.utf8)
    return TextTable(found.text, found.dialect, found.header, found.options, check)


def _marked(detected: dict[str, Found], options: ReadOptions) -> dict[str, Found]:
    """What was found, with what the options declare marked as such."""
    return {
        name: replace(found, declared=getattr(options, name, None) is not None)
        for name, found in detected.items()
    }


def _look_at(table: Table, facts: Facts, path: Path, known: dict[str, Found], tick: Tick) -> Look:
    """A look at a table that is not text in rows and columns; `known`: what was detected before."""
    head = table.head(tick)
    detected = _marked(table.detected | known, table.options)
    doubts = _doubts(detected, head.header, table.options) + _unused(detected, table.options)
    warnings = table.notes + head.header.warnings + doubts
    native = table.path == path
    return Look(
        path,
        facts,
        table.options,
        table.path,
        native,
        head.lines,
        head.whole,
        PLAIN,
        head.header,
        detected,
        warnings,
        table,
        head.faults,
    )


def _own(header: Header, options: ReadOptions) -> Header:
    """The header without our columns, if it is that of a rejected.csv."""
    own = own_columns(header.columns)
    marks = header.columns[len(own) :]
    if not marks or options.layout == "table":
        return header
    said = f"This is a {LAYOUT} of csvjobs: its columns {marks[0]} to {marks[-1]} were left out"
    note = f"{said}; set layout: table to keep them."
    return header._replace(columns=own, marks=len(marks), warnings=[note, *header.warnings])


def _utf8(
    path: Path, facts: Facts, declared: str | None, target: Path, tick: Tick, enough: int
) -> tuple[Found, Path]:
    """The encoding, and the path of the text in UTF-8: the file itself or a copy."""
    encoding = find_encoding(path, facts, declared)
    if is_utf8(encoding.value):
        return encoding, path
    return to_utf8(path, encoding, target, tick, declared=declared is not None, enough=enough), target


def first_lines(path: Path, options: ReadOptions, *, cut: bool = False) -> tuple[list[Line], bool]:
    """The first lines of a UTF-8 file, without those to skip and leading comments and blank ones, and ending
    with a whole line; and whether these are all lines. `cut`: the file is only the beginning of one.

    Raises EmptyFile, FieldTooLong.
    """
    before, offset = _skipped(path, options)
    with path.open("rb") as file:
        file.seek(offset)
        start = file.read(HEAD_BYTES)
    kept = start.splitlines(keepends=True)
    cut = cut or len(start) == HEAD_BYTES
    # bytes.splitlines splits at LF, CRLF and CR only.
    there = lines(kept[:-1] if cut and not start.endswith(b"\n") else kept, offset)
    said = dropwhile(
        lambda line: not line.content, (line._replace(number=before + line.number) for line in there)
    )
    found = list(islice(said, HEAD_LINES))
    if not found and before:
        told = f"{'The beginning of the file' if cut else 'The file'} holds no rows below its first {before}"
        raise EmptyFile(f"{told} lines.", hint="Set skip to fewer lines, or leave it out to detect it.")
    if not found and cut:
        raise FieldTooLong(
            f"No row ends within the first {len(start)} bytes.",
            line=len(kept),
            hint="Is it a table with a row on each line? If so, make several files of fewer columns.",
        )
    if not found:
        raise EmptyFile("The file holds no rows.", hint="Send a file with at least a header row.")
    return found, not cut and next(said, None) is None


def _skipped(path: Path, options: ReadOptions) -> tuple[int, int]:
    """How many lines of a UTF-8 file are to be skipped, with the comments and blank lines behind them, and
    the offset where they end."""
    begin = len(codecs.BOM_UTF8)
    with path.open("rb", buffering=0) as file:
        if file.read(begin) != codecs.BOM_UTF8:
            begin = file.seek(0)
        if not (options.skip or options.comment):
            return 0, begin
        text, comment = Text(file, begin, len(options.comment), check_bytes=False), options.comment.encode()
        for line in text:
            other = not line.content or (comment and line.content.startswith(comment))
            if line.number > (options.skip or 0) and not other:
                return line.number - 1, line.start
        return text.number - 1, text.offset


def _uncut(name: str, delimiter: str) -> str:
    """A usual delimiter in the only column's name, other than the declared one; empty if there is none."""
    return next((mark for mark in DELIMITERS if mark != delimiter and mark in name), "")


def _skipped_top(path: Path, options: ReadOptions) -> bytes:
    """The first line of a UTF-8 file, if it is to be skipped; empty if not, or if it is long."""
    if not options.skip:
        return b""
    with path.open("rb") as file:
        start = file.read(SHORT_LINE).removeprefix(codecs.BOM_UTF8)
    first, *more = start.splitlines() or [b""]
    return first if more or len(start) < SHORT_LINE else b""


def _doubts(detected: dict[str, Found], header: Header, options: ReadOptions) -> list[str]:
    """Warnings for properties that a person should check: what was detected, not declared, and a declared
    delimiter that is hardly the file's."""
    doubts = [
        f"The {name} was detected as {found.value!r} with a confidence of only {found.confidence:.0%}; "
        f"set the option {name} if that is wrong."
        for name, found in detected.items()
        if found.confidence < UNSURE and name not in ("skip", "header")
    ]
    if len(header.columns) == 1 and "delimiter" in detected:
        if options.delimiter is None:
            doubts = [ONE_COLUMN]
        elif mark := _uncut(header.columns[0], options.delimiter):
            doubts.append(UNCUT.format(options.delimiter, mark))
    if "skip" not in detected:
        return doubts
    skip = detected["skip"]
    if skip.value and options.skip is None:
        above = "The first line was" if skip.value == 1 else f"The first {skip.value} lines were"
        doubts.append(f"{above} left out as not part of the table; set skip: 0 if that is wrong.")
    if not detected["header"].value and options.header is None:
        doubts.append("The first row was taken for data, not for names; set header: true if that is wrong.")
    return doubts


def _joined(facts: Facts) -> list[str]:
    """A warning for a file that seems to be several: a row may be the header of another one."""
    if not facts.joints:
        return []
    lines = "1 line below the first begins" if facts.joints == 1 else f"{facts.joints:,} lines begin"
    return [
        f"{lines} with a byte order mark, as if files had been joined: the mark is part of a cell there, and "
        "a header row is one of data. Join the files without their marks and header rows."
    ]


def _unused(detected: dict[str, Found], options: ReadOptions) -> list[str]:
    """A warning for options that do not apply to this format; not an error, as a pipeline may be used for
    files of many formats."""
    kind = detected["format"].value if "format" in detected else "csv"
    idle = options.idle(kind)
    said = "option {} was not used: it means" if len(idle) == 1 else "options {} were not used: they mean"
    return [f"The {said.format(', '.join(idle))} nothing for the format {kind}."] if idle else []
