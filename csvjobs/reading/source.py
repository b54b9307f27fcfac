"""What reading hands to the engine: a path on which every record is clean."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Dialect:
    """How the bytes are a table (RFC 4180 with other characters). `escape` equals `quote` when doubled."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'


@dataclass(frozen=True)
class Source:
    """UTF-8 text in which every record has `len(columns)` cells and ends in `newline`.

    `skip` physical lines (byte order mark, header row) stand before the first record.
    `records` and `rejected` are counted by reading, not by the engine: the account is checked with them.
    """

    path: Path
    dialect: Dialect
    newline: str  # "\n" or "\r\n"
    skip: int
    columns: tuple[str, ...]
    records: int
    rejected: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    longest: int = 0  # bytes of the longest record, where reading knows it
    lane: str = "express"
