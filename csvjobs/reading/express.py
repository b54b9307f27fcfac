"""The express lane: facts alone prove that the engine reads the file correctly as it is."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

from csvjobs.reading.facts import DELIMITERS, Facts
from csvjobs.reading.source import Begin, Dialect, Source

_USUAL = {Dialect(delimiter) for delimiter in DELIMITERS}


def express(path: Path, facts: Facts, dialect: Dialect, columns: tuple[str, ...], skip: int) -> Source | None:
    """The file itself as a source, or None if each record must be examined.

    `skip`: header lines. What this accepts was compared with the careful lane on random files; DuckDB would
    silently change or lose: a delimiter after the last cell, spaces or text next to quotes, blank lines,
    mixed line ends.
    """
    stray = facts.quotes % 2 or not set(facts.beside_quotes) <= {dialect.delimiter}
    odd = stray or (facts.blank_lines and len(columns) > 1)
    if odd or not (dialect in _USUAL and facts.utf8 and _one_line_end(facts)):
        return None
    records = facts.outside["\n"] + (not facts.final_newline)
    if facts.outside[dialect.delimiter] != (len(columns) - 1) * records:
        return None
    begins = tuple(_begins(path, facts, skip))
    return Source(path, dialect, skip, columns, records - skip, begins=begins)


def _begins(path: Path, facts: Facts, skip: int) -> Iterator[Begin]:
    """The first record after each mark, if each record is one line."""
    if facts.newlines.lf + facts.newlines.crlf != facts.outside["\n"]:
        return
    with path.open("rb") as file:
        for mark in facts.marks:
            file.seek(mark.bytes)
            file.readline()
            begin = Begin(file.tell(), mark.line_ends + 1 - skip)
            # An engine would remove a byte order mark at the beginning of a part.
            if begin.records > 0 and file.read(3) not in (b"", BOM_UTF8):
                yield begin


def _one_line_end(facts: Facts) -> bool:
    """Whether all records end in LF, or all in CRLF; within quotes both may occur."""
    return not facts.newlines.cr and facts.outside["\r"] in (0, facts.outside["\n"])
