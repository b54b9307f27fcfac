"""The interface from reading to the engine: a path to text in which every record is clean."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from csvjobs.reading.rejects import RejectSummary


@dataclass(frozen=True)
class Dialect:
    """How bytes form a table (RFC 4180 with other characters); an empty quote means that there is none.

    escape: the character before a quote within quotes; empty if the quote is doubled, as in the RFC. comment:
    the beginning of lines that are not records; empty if every line is one.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Found:
    """A detected value, its confidence (0 to 1), and alternatives, likeliest first; or a `declared` one."""

    value: Any
    confidence: float = 1.0
    alternatives: tuple[Any, ...] = ()
    declared: bool = False


class Begin(NamedTuple):
    """A record that begins after so many bytes and so many records."""

    bytes: int
    records: int


@dataclass(frozen=True)
class Source:
    """UTF-8 text in which every record has `len(columns)` cells and ends in LF, or every one in CRLF.

    `skip` lines (the header row) come before the first record. `records`, `rejected` and `dropped` are
    counted while reading, not by the engine: the account is checked against them. `rejects` summarises what
    was rejected and why, `notes` what was repaired. `longest` is the size of the longest record in bytes, if
    known. `begins`: where the engine can start to read, besides the first record.

    If there is a `query`, the cells are not in such text: DuckDB reads them with it, as columns c0, c1, …,
    and the `number` of the row, from 1.
    """

    path: Path
    dialect: Dialect
    skip: int
    columns: tuple[str, ...]
    records: int
    rejected: int = 0
    rejects: RejectSummary = field(default_factory=RejectSummary)
    dropped: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    longest: int = 0
    begins: tuple[Begin, ...] = ()
    query: str = ""
