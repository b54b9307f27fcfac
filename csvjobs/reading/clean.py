"""Writes cells to a file in which every record is clean and unambiguous for any reader."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from csvjobs.reading.source import Dialect

Cell = str | None
"""Its text; None if it is empty, "" if it holds the empty text."""

PLAIN = Dialect()


class CleanWriter:
    """Writes records in the dialect PLAIN, after one line to skip; counts them and measures the longest."""

    def __init__(self, path: Path) -> None:
        self.records = 0
        self.longest = 0
        self.bytes = 0
        self._file = path.open("wb", buffering=1024**2)
        # Without this line the engine would remove a byte order mark at the start of the first cell.
        self._file.write(b"-\n")

    def __enter__(self) -> CleanWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, cells: Iterable[Cell]) -> None:
        """Writes one record."""
        self.write(record(cells))

    def write(self, text: bytes) -> None:
        """Writes one record, as made by `record`."""
        self._file.write(text)
        self.records += 1
        self.bytes += len(text)
        self.longest = max(self.longest, len(text))


def record(cells: Iterable[Cell]) -> bytes:
    """The record in the dialect PLAIN: an empty cell is nothing, any other is quoted."""
    return (",".join(map(_quoted, cells)) + "\n").encode()


def _quoted(cell: Cell) -> str:
    return "" if cell is None else '"' + cell.replace('"', '""') + '"'
