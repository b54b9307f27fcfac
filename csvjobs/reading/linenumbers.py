"""Records the line on which each record begins, while the file is copied, if it is needed."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TextIO

from csvjobs.reading.clean import PLAIN
from csvjobs.reading.records import Run, line_ends
from csvjobs.reading.source import Source


class LineNumbers:
    """Writes `path` in each pass over the file, as a context manager; does nothing without a path.

    A row of it is the number of a readable record, from 1, and the difference between its line and that
    number; the difference holds for all records up to the next row.
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
        """Whether line numbers are needed."""
        return self._path is not None

    def add(self, record: int, line: int) -> None:
        """The next record begins on that line; in a workbook and the like, it is that row."""
        if self._file and line - record != self._more:
            self._more = line - record
            self._file.write(f"{record},{self._more}\n")
            self._rows += 1

    def add_run(self, record: int, run: Run) -> bool:
        """Adds the records of the run, if each is one line; returns False if not. True if line numbers are
        not needed."""
        if self._file is None:
            return True
        if line_ends(run.whole) != len(run.texts):
            return False
        self.add(record, run.line)
        return True

    def source(self) -> Source:
        """The written file as a source."""
        assert self._path is not None  # noqa: S101 (somebody asked)
        return Source(self._path, PLAIN, 0, ("record", "more"), self._rows)


UNASKED = LineNumbers(None)
