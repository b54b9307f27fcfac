"""rejected.csv: each bad record, in the order of the file, with its place, its reason and what to do."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import NamedTuple, TextIO

from pydantic import BaseModel, ConfigDict, Field

from csvjobs.errors import RuleBroken
from csvjobs.reading.rows import row

SAMPLES = 5
"""Lines that a group names."""

GROUPS = 50
"""Groups that a summary names: a file of thousands of columns may have more."""


class Reason(NamedTuple):
    """Why a record is bad, and what a person can do; a code never changes once released."""

    sentence: str
    hint: str


UNREADABLE = {
    "missing-cell": Reason(
        "The record has fewer cells than the table has columns.",
        "Fill in what is missing, or set bad_rows: pad to take it for empty.",
    ),
    "extra-cell": Reason(
        "The record has more cells than the table has columns.",
        "Put quotes around a cell that holds the delimiter; if the cells are right, name all of them in the "
        "header row.",
    ),
    "unclosed-quote": Reason(
        "A quote is opened and not closed where a cell could end.",
        "Close the quote, or double it where it is text; if no quote means anything, set quote to nothing.",
    ),
    "text-after-quote": Reason(
        "Text follows a closing quote.",
        "Double each quote that is text, or leave nothing between the closing quote and the delimiter.",
    ),
    "too-many-open-lines": Reason(
        "A quote is opened and not closed within as many lines as are allowed.",
        "Close the quote, or set max_open_lines higher.",
    ),
    "record-too-long": Reason(
        "The record is longer than is allowed.",
        "Is a quote left open, or a line end missing? If not, set max_record_bytes higher.",
    ),
    "bad-bytes": Reason(
        "The record holds bytes that are not UTF-8.",
        "Set encoding to what the file is in, or bad_bytes: replace to go on without these bytes.",
    ),
    "bad-json": Reason(
        "The line is not a JSON object with unique keys.",
        "Write one whole object on each line, its texts in double quotes.",
    ),
    "not-corrected": Reason(
        "The row comes from a rejected.csv and does not hold yet what its _record says.",
        "Write its cells into the table's own columns; if they are already right, empty _record; or "
        "delete the row.",
    ),
}
"""Why a record cannot be read."""

UNSOUND = {
    "required": Reason(
        "A required cell is missing.",
        "Fill it in, or let the rule on the column go without required.",
    ),
    "wrong-type": Reason(
        "The cell is not a valid value of the required type.",
        "Correct it, or say in the rule how its values are written: decimal, group, format, true, false.",
    ),
    "not-in-enum": Reason(
        "The cell is not one of the allowed values.",
        "Correct it, or add the value to one_of; upper and lower case, and blanks, make a difference.",
    ),
    "no-match": Reason(
        "The cell does not match the required pattern.",
        "Correct it, or change the regular expression, which is for the whole cell.",
    ),
    "out-of-range": Reason("The value is too small or too large.", "Correct it, or move the bounds."),
    "wrong-length": Reason("The text is too short or too long.", "Correct it, or change the lengths."),
    "not-in-table": Reason(
        "The cell has no match in the other table.",
        "Correct it, or add it to the other table; upper and lower case, and blanks, make a difference.",
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
"""Why a record that can be read is not what it has to be."""

REASONS = UNREADABLE | UNSOUND


class Reject(NamedTuple):
    """One bad record: its cells where it could be split, its text where that says more."""

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
    """A record that can be read and is not what it has to be: the `row`-th of those that can, from 1.

    ends: no such record may be, so that the job ends at it.
    """

    row: int
    code: str
    column: str
    found: str
    message: str
    ends: bool = False

    def check(self, line: int) -> None:
        """Raises RuleBroken where no such record, which begins on that line, may be."""
        if self.ends:
            said = f"Line {line}: {self.message} Found: {self.found!r}."
            raise RuleBroken(said, line=line, column=self.column or None, hint=REASONS[self.code].hint)


EXTRA = (
    *("_line", "_last_line", "_byte", "_code", "_column", "_found"),
    *("_message", "_hint", "_record"),
)
"""What stands behind the table's own columns."""


class RejectGroup(BaseModel):
    """Bad records of one kind."""

    model_config = ConfigDict(frozen=True)

    code: str
    column: str = Field("", description="Empty where it concerns the record as a whole.")
    count: int
    lines: list[int] = Field(description="Where the first of them begin.")
    message: str
    hint: str


class RejectSummary(BaseModel):
    """The bad records by kind, the largest groups first; `others` are in groups that are not listed."""

    model_config = ConfigDict(frozen=True)

    groups: list[RejectGroup] = []
    others: int = 0
    first: str = Field("", description="What is wrong with the first one.")

    @property
    def count(self) -> int:
        """All bad records."""
        return sum(group.count for group in self.groups) + self.others


class RejectsWriter:
    """Writes `path` row by row; makes no file when there is nothing to say.

    `columns`: the names of the table, which stand before ours.
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
        """One more bad record."""
        file = self._file or self._begin(bad)
        width = len(self._columns)
        fitted = (bad.cells + [""] * width)[:width]
        hint = REASONS[bad.code].hint
        file.write(row((*fitted, *bad[:7], hint, bad.record)))
        self._count(bad)

    def summary(self) -> RejectSummary:
        """What was written so far."""
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
    """Our names, with a number where the table has one of the same name."""
    taken = set(columns)
    return [name if name not in taken else _numbered(name, taken) for name in EXTRA]


def _numbered(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
