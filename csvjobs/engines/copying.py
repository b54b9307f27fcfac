"""Options of DuckDB's COPY for each output format."""

from __future__ import annotations

from collections.abc import Sequence

from csvjobs.engines.options import WriteOptions
from csvjobs.errors import DuplicateColumn
from csvjobs.reading.rows import row

BOM = "\ufeff"
BARE = {"FORMAT": "csv", "HEADER": "false", "USE_TMP_FILE": "false"}
NEWLINES = {"lf": "\n", "crlf": "\r\n"}

# The engine holds a row group in memory until it is full: its default, 122,880 rows, exceeds 512 MB with 50
# hashes a row. With these sizes the file is at most a few per cent larger, and written as fast.
MOST_ROWS = 16_384
FEWEST_ROWS = 2048
GROUP_CELLS = 1_000_000


def csv_options(header: Sequence[str], write: WriteOptions, *, empty: bool = False) -> dict[str, str]:
    """Options for CSV. We write the header row: DuckDB would rename columns that differ by case only.

    empty: the table has no rows.
    """
    newline = NEWLINES[write.newline]
    options = BARE | {
        "DELIMITER": write.delimiter,
        "NEW_LINE": newline,
        "COMPRESSION": write.compression,
    }
    if write.quote == "all":
        options["FORCE_QUOTE"] = "*"
    if first := _first(header, write, newline, empty):
        # DuckDB writes the newline between rows and the suffix after the last; it wants both or neither.
        options |= {"PREFIX": first, "SUFFIX": newline}
    return options


def jsonl_options(write: WriteOptions) -> dict[str, str]:
    """Options for rows of one cell, which is written unchanged."""
    return BARE | {"QUOTE": "", "ESCAPE": "", "COMPRESSION": write.compression}


def parquet_options(columns: int) -> dict[str, str]:
    rows = max(FEWEST_ROWS, min(MOST_ROWS, GROUP_CELLS // columns))
    return {"FORMAT": "parquet", "USE_TMP_FILE": "false", "ROW_GROUP_SIZE": str(rows)}


def distinct(names: Sequence[str]) -> Sequence[str]:
    """The names, unchanged. Raises DuplicateColumn if two differ by case only: most Parquet readers, and the
    engine itself, take these for one."""
    folded = dict[str, str]()
    for name in names:
        if (other := folded.setdefault(name.lower(), name)) is not name:
            raise DuplicateColumn(
                f"Parquet cannot have both columns {other!r} and {name!r}: they differ by case only.",
                column=name,
                hint="Rename one of them, or write csv or jsonl.",
            )
    return names


def _first(header: Sequence[str], write: WriteOptions, newline: str, empty: bool) -> str:
    """The text before the first row."""
    mark = BOM if write.bom else ""
    if not write.header:
        return "" if empty else mark
    end = "" if empty else newline
    return mark + row(header, end, write.delimiter, quote_all=write.quote == "all")
