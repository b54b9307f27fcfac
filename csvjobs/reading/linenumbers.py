"""On which line of the file each record begins, for those who have to know: read off while it is copied."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TextIO

from csvjobs.reading.clean import PLAIN
from csvjobs.reading.records import Run, line_ends
from csvjobs.reading.source import Source


class LineNumbers:
    """Writes `path` in each pass over the file, which is a block; without one it does nothing.

    A row of it is the number of a record that can be read, from 1, and by how much its line is more; for
    those behind it that is the same up to the next row.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._rows = 0
        self._more: int | None = None

    def __enter__(self) -> LineNumbers:
        self._rows, self._more = 0, None
        self._file = self._path.open("w", encoding="ascii") if self._path else None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    @property
    def asked(self) -> bool:
        """Whether anybody has to know."""
        return self._path is not None

    def add(self, record: int, line: int) -> None:
        """The next record begins on that line; in a workbook or the like it is that row."""
        if self._file and line - record != self._more:
            self._more = line - record
            self._file.write(f"{record},{self._more}\n")
            self._rows += 1

    def add_run(self, record: int, run: Run) -> bool:
        """The next records, if each of the run is one line; whether that is so, or nobody has to know."""
        if self._file is None:
            return True
        if line_ends(run.whole) != len(run.texts):
            return False
        self.add(record, run.line)
        return True

    def source(self) -> Source:
        """What was written."""
        assert self._path is not None  # noqa: S101 (somebody asked)
        return Source(self._path, PLAIN, 0, ("record", "more"), self._rows)


UNASKED = LineNumbers(None)
