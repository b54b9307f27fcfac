"""The seam to the engine: a relation in, a few rows or one file out. Steps speak SQL through `Sql`."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from csvjobs.engines.options import PLAIN, WriteOptions
from csvjobs.reading.source import Source

NUMBER = r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*"
"""What counts as a number in a cell, in ASCII."""

DIRECTIVES = {
    "%Y": r"(?:\d{3}[1-9]|\d\d[1-9]\d|\d[1-9]\d\d|[1-9]\d{3})",
    "%y": r"\d\d",
    "%m": r"(?:0?[1-9]|1[0-2])",
    "%b": "[A-Za-z]{3}",
    "%B": "[A-Za-z]+",
    "%d": r"(?:0?[1-9]|[12]\d|3[01])",
    "%H": r"(?:[01]?\d|2[0-3])",
    "%I": r"(?:0?[1-9]|1[0-2])",
    "%p": "[AaPp][Mm]",
    "%M": r"[0-5]\d",
    "%S": r"[0-5]\d(?:\.\d{1,6})?",
}
"""What a part of a date or time may look like; what engines take for one differs."""


def shape(strptime: str) -> str:
    """The regular expression of texts in a format of DIRECTIVES; numbers side by side have all their
    digits."""
    parts = re.split("(%[A-Za-z])", strptime)
    shapes = "".join(DIRECTIVES[part] if part in DIRECTIVES else re.escape(part) for part in parts)
    side_by_side = re.search("%[A-Za-z]%", strptime)
    return shapes.replace("0?[", "0[").replace("[01]?", "[01]") if side_by_side else shapes


def balanced(terms: Sequence[str], operator: str) -> str:
    """Terms, one at least, with an operator between them of which the order makes no difference, in brackets.

    Of + and || in a row engines make a tree as deep as there are terms, and refuse or take long over 1,000.
    """
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return f"({balanced(terms[:half], operator)} {operator} {balanced(terms[half:], operator)})"


class SideTable(NamedTuple):
    """A table beside the file's own: what its columns are called, and a relation that has them as c0, c1, …
    and `__row` (1, 2, …) behind them."""

    columns: tuple[str, ...]
    relation: str


class Pair(NamedTuple):
    """A cell before and after a step: place and name of the step, place and name of the column, and two
    expressions."""

    step: int
    label: str
    place: int
    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Sql(ABC):
    """The hooks in which engines' SQL differs; everything else a step writes means the same on all.

    nulls: texts that every step takes for missing, beside those of its own. keyed: whether the engine has a
    key for `keyed_hash`. tables: those that steps look things up in, by what they call them.
    """

    nulls: tuple[str, ...] = ()
    keyed: bool = False
    tables: Mapping[str, SideTable] = field(default_factory=dict)

    @abstractmethod
    def text(self, value: str) -> str:
        """A string literal."""

    @abstractmethod
    def matches(self, expression: str, pattern: str) -> str:
        """Whether the *whole* text matches the regular expression (NULL for NULL)."""

    @abstractmethod
    def substitute(self, expression: str, pattern: str, replacement: str) -> str:
        r"""The text with each match of the regular expression, from the left, replaced (NULL for NULL).

        In `replacement` \0 is the match, \1 to \9 are its groups, \\ is a backslash. Raises BadPattern.
        """

    @abstractmethod
    def group(self, expression: str, pattern: str, number: int) -> str:
        """What the group 1 to 9 holds in the first match of the regular expression; the empty text or NULL
        where it holds nothing. Raises BadPattern."""

    @abstractmethod
    def upper(self, expression: str) -> str:
        """Each character by Unicode's simple mapping, one for one, and ẞ for ß.

        Engines' own may make several of one (SS).
        """

    @abstractmethod
    def lower(self, expression: str) -> str:
        """Each character by Unicode's simple mapping, one for one, whatever its neighbours."""

    @abstractmethod
    def number(self, expression: str) -> str:
        """The text as a double, NULL where it is no NUMBER or too large for one.

        Engines' own casts disagree on '1_000', 'inf', '1d', '+-1'.
        """

    @abstractmethod
    def attempt(self, expression: str) -> str:
        """The expression, NULL in rows where a number in it would be too large for its type."""

    @abstractmethod
    def about_distinct(self, expression: str) -> str:
        """An aggregate: how many different values there are, give or take some per cent, in small memory."""

    @abstractmethod
    def about_quantiles(self, expression: str, parts: Sequence[float]) -> str:
        """An aggregate: a list of the quantiles of numbers, nearly, in small memory."""

    @abstractmethod
    def listed(self, expressions: Sequence[str], condition: str) -> str:
        """An aggregate: for each row that is so a list of these texts, as a list."""

    @abstractmethod
    def differing(self, pairs: Sequence[Pair]) -> str:
        """An expression: those pairs whose texts are not the same, for `each`."""

    @abstractmethod
    def each(self, pairs: Sequence[str], relation: str, beside: str) -> str:
        """A query with a row for each pair that differs, by columns of the relation that are `differing`: its
        column `beside`, and the fields of the pair."""

    @abstractmethod
    def latest(self, relation: str, by: str, other: str, since: str) -> str:
        """What to select from: each row of the relation beside that of the other one whose `since` is the
        largest that is not above `by`."""

    @abstractmethod
    def keyed_hash(self, expression: str) -> str:
        """The HMAC-SHA-256 (RFC 2104) of the text in UTF-8, as 64 hexadecimal digits. Raises NoMaskKey."""

    @abstractmethod
    def refused(self) -> str:
        """An expression: the query ends, raising Unsure, at the first row for which it is asked."""

    @abstractmethod
    def counted(self, counter: int) -> str:
        """A number above 0 for each row, to get which moves the engine's counter of that number by one."""

    @abstractmethod
    def moment(self, expression: str, strptime: str) -> str:
        """The text in a format of DIRECTIVES, blanks around it or not, as a timestamp; NULL where it has
        another shape or is no day of the calendar.

        Month names are English, 69 is 1969 and 68 is 2068, as Python's strptime has it.
        """


class Engine(ABC):
    """One run's engine. A relation is the text of a query; columns of text, NULL for an empty cell.

    Raises: ReadFailed when the source is not as clean as it was said to be; Unsure where `refused` says so;
    MemoryLimit, DiskFull; Interrupted after `interrupt`.
    """

    sql: Sql

    @abstractmethod
    def relation(self, source: Source, *, numbered: bool) -> str:
        """The source's records as columns c0, c1, …; with `__row` (1, 2, …, file order) if numbered."""

    @abstractmethod
    def spare(self) -> None:
        """From now on takes less memory, and more time."""

    @abstractmethod
    def kept(self, query: str) -> AbstractContextManager[str]:
        """Runs a query once and keeps its rows, spilling to disk, for a block: yields a relation to read
        them again."""

    @abstractmethod
    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Runs a query with a small result."""

    @abstractmethod
    def copy(self, query: str, header: Sequence[str], target: Path, write: WriteOptions = PLAIN) -> int:
        """Streams a query into a new file, its columns called `header`; returns its rows."""

    @abstractmethod
    def counting(self, number: int) -> None:
        """Sets so many counters to 0."""

    @abstractmethod
    def passed(self) -> list[int]:
        """What the counters say."""

    @abstractmethod
    def progress(self) -> float:
        """How much of the running query is done, 0 to 1; from any thread."""

    @abstractmethod
    def interrupt(self) -> None:
        """Stops the running query; from any thread."""

    @abstractmethod
    def close(self) -> None:
        """Gives everything back."""


class ReadFailed(Exception):
    """The engine could not read the source as declared; the careful lane can."""


class Unsure(Exception):
    """A row was met for which steps have to learn something first."""


class Interrupted(Exception):
    """The running query was stopped by `interrupt`."""
