"""Cells into one row of CSV text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable


def row(cells: Iterable[object]) -> str:
    """The row as RFC 4180 has it, but for its end, which is LF.

    Python's writer puts quotes around the characters of its own line end only, so it is given both.
    """
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n") + "\n"
