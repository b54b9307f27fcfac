"""Formats cells as one row of CSV text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable


def row(cells: Iterable[object], end: str = "\n", delimiter: str = ",", *, quote_all: bool = False) -> str:
    """The row as in RFC 4180 except for the arguments, followed by `end`.

    Python's writer quotes only the characters of its own line end, so it is given both, CR and LF.
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
