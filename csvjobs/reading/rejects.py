"""rejected.csv: each bad record, in the order of the file, with its line and reason."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TextIO

from csvjobs.reading.rows import row

EXTRA = ("_line", "_code", "_column", "_message", "_record")

FAULTS = {
    "unclosed-quote": "A quote is opened and not closed where a cell could end.",
    "text-after-quote": "Text follows a closing quote.",
    "bad-bytes": "The record holds bytes that are not UTF-8.",
}


class RejectsWriter:
    """Writes `path` row by row; makes no file when there is nothing to say.

    `columns`: the names of the table, which stand before ours.
    """

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self.count = 0
        self._path = path
        self._columns = columns
        self._file: TextIO | None = None

    def __enter__(self) -> RejectsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    def add(
        self, line: int, code: str, message: str, cells: list[str], record: str, column: str = ""
    ) -> None:
        """One bad record: its cells where it could be split, else its text."""
        if self._file is None:
            self._file = self._path.open("w", encoding="utf-8", newline="")
            self._file.write(row((*self._columns, *EXTRA)))
        width = len(self._columns)
        fitted = (cells + [""] * width)[:width]
        self._file.write(row((*fitted, line, code, column, message, record)))
        self.count += 1
