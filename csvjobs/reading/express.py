"""The express lane: facts alone prove that the engine will read the file as it stands."""

from __future__ import annotations

from pathlib import Path

from csvjobs.reading.facts import Facts
from csvjobs.reading.source import Dialect, Source


def express(path: Path, facts: Facts, dialect: Dialect, columns: tuple[str, ...], skip: int) -> Source | None:
    """The file itself as a source, or None where only a look at each record can tell.

    `skip`: header lines. What is let through was compared with the careful lane on random files; DuckDB
    would change or lose in silence: a delimiter after the last cell, blanks beside quotes, blank lines,
    line ends of several kinds, and with CRLF any line end within quotes.
    """
    newline = _newline(facts)
    usual = dialect.quote == '"' and dialect.delimiter in facts.outside and facts.bom in (None, "utf-8-sig")
    odd = facts.blanks_at_quotes or facts.quotes % 2 or (facts.blank_lines and len(columns) > 1)
    if not (usual and newline and facts.utf8) or odd:
        return None
    records = facts.outside["\n"] + (not facts.final_newline)
    if facts.outside[dialect.delimiter] != (len(columns) - 1) * records:
        return None
    return Source(path, dialect, newline, skip, columns, records - skip)


def _newline(facts: Facts) -> str | None:
    """The one kind of line end that the engine can be told of, if the file has but one."""
    kinds = facts.newlines
    if kinds.cr or (kinds.lf and kinds.crlf):
        return None
    if kinds.lf:
        return "\n"
    return "\r\n" if facts.final_newline and kinds.crlf == facts.outside["\n"] else None
