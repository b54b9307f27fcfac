"""Cells into one row of CSV text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable


def row(cells: Iterable[object], end: str = "\n", delimiter: str = ",", *, quote_all: bool = False) -> str:
    """The row as RFC 4180 has it, but for what is declared otherwise, and its end, which is LF.

    Python's writer puts quotes around the characters of its own line end only, so it is given both.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(
        out,
        delimiter=delimiter,
        lineterminator="\r\n",
        quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL,
    )
    writer.writerow(cells)
    return out.getvalue().removesuffix("\r\n") + end
