"""What reading hands to the engine: a path on which every record is clean."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from csvjobs.reading.rejects import RejectSummary


@dataclass(frozen=True)
class Dialect:
    """How the bytes are a table (RFC 4180 with other characters); an empty quote means that there is none.

    escape: what stands before a quote within quotes; empty where the quote is doubled, as the RFC has it.
    comment: with what a line begins that is no record; empty where every line is one.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Found:
    """What was found out: a value, how sure (0 to 1), and what else it might be, likeliest first."""

    value: Any
    confidence: float = 1.0
    alternatives: tuple[Any, ...] = ()


class Begin(NamedTuple):
    """A record that begins behind so many bytes and so many records."""

    bytes: int
    records: int


@dataclass(frozen=True)
class Source:
    """UTF-8 text in which every record has `len(columns)` cells and ends in LF, or in CRLF.

    `skip` lines (header row) stand before the first record. `records`, `rejected` and `dropped` are
    counted by reading, not by the engine: the account is checked with them. `rejects` says what was
    rejected and why, `notes` what was mended. `longest` is the size of the longest record in bytes, where
    reading knows it. `begins`: where the engine may begin to read, beside the first record.

    With a `query` the cells are not in such text: it is what DuckDB reads them from, as columns c0, c1, …,
    and beside them the `number` of the row, from 1.
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
