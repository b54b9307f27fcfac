"""The interface to the SQL engine: a relation in, a few rows or one file out. Steps write SQL through
`Sql`."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
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
"""The texts allowed for each part of a date or time; what engines accept differs."""


def shape(strptime: str) -> str:
    """The regular expression of texts in a format made of DIRECTIVES; adjacent numbers must have all their
    digits."""
    parts = re.split("(%[A-Za-z])", strptime)
    shapes = "".join(DIRECTIVES[part] if part in DIRECTIVES else re.escape(part) for part in parts)
    side_by_side = re.search("%[A-Za-z]%", strptime)
    return shapes.replace("0?[", "0[").replace("[01]?", "[01]") if side_by_side else shapes


def balanced(terms: Sequence[str], operator: str) -> str:
    """Joins one or more terms with an associative operator, in brackets that keep the tree shallow.

    Engines parse a + b + c + … into a tree as deep as there are terms, and refuse or are slow with over
    1,000.
    """
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return f"({balanced(terms[:half], operator)} {operator} {balanced(terms[half:], operator)})"


class SideTable(NamedTuple):
    """Another table than the input: its column names, and a relation with them as c0, c1, … followed by
    `__row` (1, 2, …)."""

    columns: tuple[str, ...]
    relation: str


class Pair(NamedTuple):
    """A cell before and after a step: position and name of the step, position and name of the column, and the
    two expressions."""

    step: int
    label: str
    place: int
    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Sql(ABC):
    """The parts of SQL in which engines differ; everything else that a step writes means the same on all
    engines.

    nulls: texts that every step takes for missing, besides its own. keyed: whether the engine has a key for
    `keyed_hash`. tables: the tables that steps look things up in, by the name that the step uses.
    """

    nulls: tuple[str, ...] = ()
    keyed: bool = False
    tables: Mapping[str, SideTable] = field(default_factory=dict)

    @abstractmethod
    def text(self, value: str) -> str:
        """A string literal."""

    @abstractmethod
    def matches(self, expression: str, pattern: str) -> str:
        """A predicate: the *whole* text matches the regular expression (NULL for NULL)."""

    @abstractmethod
    def substitute(self, expression: str, pattern: str, replacement: str) -> str:
        r"""The text with each match of the regular expression replaced, from the left (NULL for NULL).

        In `replacement` \0 is the match, \1 to \9 are its groups, \\ is a backslash. Raises BadPattern.
        """

    @abstractmethod
    def group(self, expression: str, pattern: str, number: int) -> str:
        """What group 1 to 9 captures in the first match of the regular expression; the empty text or NULL if
        it captures nothing. Raises BadPattern."""

    @abstractmethod
    def mapped(self, expression: str, texts: Mapping[str, str]) -> str:
        """The replacement of the text, NULL if it is none of `texts`, which are not empty."""

    @abstractmethod
    def upper(self, expression: str) -> str:
        """The text in upper case: each character by Unicode's simple mapping, one to one, and ẞ for ß.

        Engines' own functions may make several characters of one (SS).
        """

    @abstractmethod
    def lower(self, expression: str) -> str:
        """The text in lower case: each character by Unicode's simple mapping, one to one, whatever its
        neighbours."""

    @abstractmethod
    def number(self, expression: str) -> str:
        """The text as a double; NULL if it is not a NUMBER or too large for a double.

        Engines' own casts disagree on '1_000', 'inf', '1d', '+-1'.
        """

    @abstractmethod
    def attempt(self, expression: str) -> str:
        """The expression; NULL in rows where it would overflow its number type."""

    @abstractmethod
    def let(self, values: Sequence[str], body: Callable[[Sequence[str]], str]) -> str:
        """What the body makes of the names of these values, each of which is computed once."""

    @abstractmethod
    def about_distinct(self, expression: str) -> str:
        """An aggregate: the approximate number of distinct values, within a few per cent, in little
        memory."""

    @abstractmethod
    def about_quantiles(self, expression: str, parts: Sequence[float]) -> str:
        """An aggregate: a list of approximate quantiles of numbers, in little memory."""

    @abstractmethod
    def lowest(self, expression: str, by: str, condition: str) -> str:
        """An aggregate: the text in the row with the lowest `by` that meets the condition; in several such
        rows, the first text in code point order."""

    @abstractmethod
    def highest(self, expression: str, by: str, condition: str) -> str:
        """An aggregate: the text in the row with the highest `by` that meets the condition; in several such
        rows, the last text in code point order."""

    @abstractmethod
    def listed(self, expressions: Sequence[str], condition: str) -> str:
        """An aggregate: a list with, for each row that meets the condition, a list of these texts."""

    @abstractmethod
    def stacked(self, expressions: Sequence[str], place: str, value: str) -> str:
        """Two columns of a SELECT list that make a row for each expression: its place in the list, from 0,
        and its value."""

    @abstractmethod
    def differing(self, pairs: Sequence[Pair]) -> str:
        """An expression: the pairs whose two texts differ, as input for `each`."""

    @abstractmethod
    def each(self, pairs: Sequence[str], relation: str, beside: str) -> str:
        """A query with one row for each pair that differs: the relation's column `beside`, and the fields of
        the pair. `pairs` are columns of the relation made with `differing`."""

    @abstractmethod
    def latest(self, relation: str, by: str, other: str, since: str) -> str:
        """A FROM item that joins each row of the relation with the row of the other one whose `since` is the
        largest that is not above `by`."""

    @abstractmethod
    def keyed_hash(self, expression: str) -> str:
        """The HMAC-SHA-256 (RFC 2104) of the text in UTF-8, as 64 hexadecimal digits. Raises NoMaskKey."""

    @abstractmethod
    def refused(self) -> str:
        """An expression that ends the query, raising Unsure, at the first row for which it is evaluated."""

    @abstractmethod
    def counted(self, counter: int) -> str:
        """An expression above 0 whose evaluation increments the engine's counter of that number, once for
        each row."""

    @abstractmethod
    def moment(self, expression: str, strptime: str) -> str:
        """The text, in a format made of DIRECTIVES, as a timestamp; NULL if it has another shape or is not a
        calendar date. White space around it is allowed.

        Month names are English; 69 is 1969 and 68 is 2068, as in Python's strptime.
        """


class Engine(ABC):
    """The engine of one run. A relation is the text of a query with text columns, NULL for an empty cell.

    Raises: ReadFailed if the source is not as clean as declared, or cannot be read on several cores; Unsure
    from `refused`; MemoryLimit, DiskFull; Interrupted after `interrupt`.
    """

    sql: Sql

    @abstractmethod
    def relation(self, source: Source, *, numbered: bool) -> str:
        """The source's records as columns c0, c1, …; with `__row` (1, 2, … in file order) if numbered."""

    @abstractmethod
    def spare(self) -> None:
        """Switches to one core, at the price of time: needs less memory, and reads every file that is as
        clean as declared."""

    @abstractmethod
    def kept(self, query: str) -> AbstractContextManager[str]:
        """A context manager that runs a query once and keeps its rows, spilling to disk; yields a relation to
        read them again."""

    @abstractmethod
    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Runs a query with a small result."""

    @abstractmethod
    def copy(self, query: str, header: Sequence[str], target: Path, write: WriteOptions = PLAIN) -> int:
        """Streams a query into a new file with the column names `header`; returns the number of rows."""

    @abstractmethod
    def counting(self, number: int) -> None:
        """Creates that many counters, set to 0."""

    @abstractmethod
    def passed(self) -> list[int]:
        """The values of the counters."""

    @abstractmethod
    def progress(self) -> float:
        """The progress of the running query, 0 to 1; callable from any thread."""

    @abstractmethod
    def interrupt(self) -> None:
        """Stops the running query; callable from any thread."""

    @abstractmethod
    def close(self) -> None:
        """Releases all resources."""


class ReadFailed(Exception):
    """The engine could not read the source as declared; the careful lane can."""


class Unsure(Exception):
    """The query met a row that steps must learn something for first."""


class Interrupted(Exception):
    """The running query was stopped by `interrupt`."""
