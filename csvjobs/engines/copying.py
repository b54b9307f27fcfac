"""How DuckDB's COPY is told to write."""

from __future__ import annotations

from collections.abc import Sequence

from csvjobs.engines.options import WriteOptions
from csvjobs.reading.rows import row

BOM = "\ufeff"
NEWLINES = {"lf": "\n", "crlf": "\r\n"}


def csv_options(header: Sequence[str], write: WriteOptions, *, empty: bool = False) -> dict[str, str]:
    """The header row is ours: DuckDB would rename columns that differ by case only.

    empty: no row comes below it.
    """
    newline = NEWLINES[write.newline]
    options = {
        "FORMAT": "csv",
        "HEADER": "false",
        "USE_TMP_FILE": "false",
        "DELIMITER": write.delimiter,
        "NEW_LINE": newline,
    }
    if write.quote == "all":
        options["FORCE_QUOTE"] = "*"
    if first := _first(header, write, newline, empty):
        # Between rows DuckDB writes the newline, after the last one the suffix; it wants both or none.
        options |= {"PREFIX": first, "SUFFIX": newline}
    return options


def _first(header: Sequence[str], write: WriteOptions, newline: str, empty: bool) -> str:
    """What stands before the first row."""
    mark = BOM if write.bom else ""
    if not write.header:
        return "" if empty else mark
    end = "" if empty else newline
    return mark + row(header, end, write.delimiter, quote_all=write.quote == "all")
