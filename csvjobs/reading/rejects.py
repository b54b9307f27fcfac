"""rejected.csv: each bad record, in file order, with its position, the reason and what to do."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import NamedTuple, TextIO

from pydantic import BaseModel, ConfigDict, Field

from csvjobs.errors import RuleBroken
from csvjobs.reading.rows import row

SAMPLES = 5
"""The most lines that a group lists."""

GROUPS = 50
"""The most groups that a summary lists: a file of thousands of columns may have more."""


class Reason(NamedTuple):
    """Why a record is bad, and what a person can do; a released code never changes."""

    sentence: str
    hint: str


UNREADABLE = {
    "missing-cell": Reason(
        "The record has fewer cells than the table has columns.",
        "Fill in the missing cells, or set bad_rows: pad to add empty ones.",
    ),
    "extra-cell": Reason(
        "The record has more cells than the table has columns.",
        "Quote the cell that contains the delimiter; if the cells are right, name all of them in the "
        "header row.",
    ),
    "unclosed-quote": Reason(
        "A quote is opened and not closed at the end of a cell.",
        "Close the quote, or double it if it is text; if the file has no quotes, set quote to nothing.",
    ),
    "text-after-quote": Reason(
        "Text follows a closing quote.",
        "Double each quote that is text, or remove what is between the closing quote and the delimiter.",
    ),
    "too-many-open-lines": Reason(
        "A quote is opened and not closed within the allowed number of lines.",
        "Close the quote, or raise max_open_lines.",
    ),
    "record-too-long": Reason(
        "The record is longer than allowed.",
        "Check for an open quote or a missing line end; if there is none, raise max_record_bytes.",
    ),
    "bad-bytes": Reason(
        "The record contains bytes that are not text in the file's encoding.",
        "Set encoding to that of the file, or set bad_bytes: replace to put U+FFFD in their place.",
    ),
    "bad-json": Reason(
        "The line is not a JSON object with unique keys.",
        "Write one complete object on each line, with texts in double quotes.",
    ),
    "not-corrected": Reason(
        "The row comes from a rejected.csv, and its cells do not hold all of its _record yet.",
        "Put its cells into the table's own columns; if they are already right, clear _record; or delete "
        "the row.",
    ),
}
"""Why a record cannot be read."""

UNSOUND = {
    "required": Reason(
        "A required cell is missing.",
        "Fill it in, or remove required from the rule.",
    ),
    "wrong-type": Reason(
        "The cell is not a valid value of the required type.",
        "Correct it, or say in the rule how its values are written: decimal, group, format, true, false.",
    ),
    "not-in-enum": Reason(
        "The cell is not one of the allowed values.",
        "Correct it, or add the value to one_of; case and spaces matter.",
    ),
    "no-match": Reason(
        "The cell does not match the required pattern.",
        "Correct it, or change the regular expression, which must match the whole cell.",
    ),
    "out-of-range": Reason("The value is too small or too large.", "Correct it, or move the bounds."),
    "wrong-length": Reason("The text is too short or too long.", "Correct it, or change the lengths."),
    "not-in-table": Reason(
        "The cell has no match in the other table.",
        "Correct it, or add it to the other table; case and spaces matter.",
    ),
    "condition-false": Reason(
        "The row does not meet a required condition.",
        "Correct one of its cells, or change the condition.",
    ),
    "not-unique": Reason(
        "Duplicate value: it already appears in an earlier row.",
        "Correct one of the two rows, or delete one.",
    ),
}
"""Why a readable record breaks a rule."""

REASONS = UNREADABLE | UNSOUND


class Reject(NamedTuple):
    """One bad record: its cells if it could be split, and its text if that says more."""

    line: int
    last_line: int
    byte: int
    code: str
    column: str
    found: str
    message: str
    cells: list[str]
    record: str


class Failed(NamedTuple):
    """A readable record that breaks a rule; `row`: its number among the readable ones, from 1.

    ends: such a record ends the job.
    """

    row: int
    code: str
    column: str
    found: str
    message: str
    ends: bool = False

    def check(self, line: int) -> None:
        """Raises RuleBroken for the record, which begins on that line, if it ends the job."""
        if self.ends:
            said = f"Line {line}: {self.message} Found: {self.found!r}."
            raise RuleBroken(said, line=line, column=self.column or None, hint=REASONS[self.code].hint)


EXTRA = (
    *("_line", "_last_line", "_byte", "_code", "_column", "_found"),
    *("_message", "_hint", "_record"),
)
"""The columns that follow the table's own."""


class RejectGroup(BaseModel):
    """Bad records of one kind."""

    model_config = ConfigDict(frozen=True)

    code: str
    column: str = Field("", description="Empty if it concerns the whole record.")
    count: int
    lines: list[int] = Field(description="Where the first of them begin.")
    message: str
    hint: str


class RejectSummary(BaseModel):
    """The bad records by kind, largest groups first; `others` counts those in groups that are not listed."""

    model_config = ConfigDict(frozen=True)

    groups: list[RejectGroup] = []
    others: int = 0
    first: str = Field("", description="What is wrong with the first one.")

    @property
    def count(self) -> int:
        """All bad records."""
        return sum(group.count for group in self.groups) + self.others


class RejectsWriter:
    """Writes `path` row by row; creates no file if there is nothing to write.

    `columns`: the table's column names, which come before ours.
    """

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self.count = 0
        self._path = path
        self._columns = columns
        self._file: TextIO | None = None
        self._counts: dict[tuple[str, str], int] = {}
        self._lines: dict[tuple[str, str], list[int]] = {}
        self._first = ""

    def __enter__(self) -> RejectsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    def add(self, bad: Reject) -> None:
        """Writes one bad record."""
        file = self._file or self._begin(bad)
        width = len(self._columns)
        fitted = (bad.cells + [""] * width)[:width]
        hint = REASONS[bad.code].hint
        file.write(row((*fitted, *bad[:7], hint, bad.record)))
        self._count(bad)

    def summary(self) -> RejectSummary:
        """A summary of what was written so far."""
        largest = sorted(self._counts.items(), key=lambda item: -item[1])[:GROUPS]
        groups = [
            RejectGroup(
                code=code,
                column=column,
                count=count,
                lines=self._lines[code, column],
                message=REASONS[code].sentence,
                hint=REASONS[code].hint,
            )
            for (code, column), count in largest
        ]
        others = self.count - sum(group.count for group in groups)
        return RejectSummary(groups=groups, others=others, first=self._first)

    def _begin(self, first: Reject) -> TextIO:
        self._first = f"line {first.line}: {first.message}"
        self._file = self._path.open("w", encoding="utf-8", newline="")
        self._file.write(row((*self._columns, *extra_names(self._columns))))
        return self._file

    def _count(self, bad: Reject) -> None:
        group = bad.code, bad.column
        self.count += 1
        self._counts[group] = self._counts.get(group, 0) + 1
        lines = self._lines.setdefault(group, [])
        if len(lines) < SAMPLES:
            lines.append(bad.line)


def extra_names(columns: tuple[str, ...]) -> list[str]:
    """Our column names, with a number appended if the table has a column of that name."""
    taken = set(columns)
    return [name if name not in taken else _numbered(name, taken) for name in EXTRA]


def _numbered(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
