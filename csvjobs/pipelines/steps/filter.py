"""Keeps the rows that pass all given comparisons."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import chain
from math import inf, nextafter
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainValidator, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.engines.parsing import MAX_TEXT
from csvjobs.pipelines.derive import there, undecided
from csvjobs.pipelines.expressions import ConditionText, condition
from csvjobs.pipelines.expressions.terms import Text, compared, literal, of_text
from csvjobs.pipelines.patterns import Pattern
from csvjobs.pipelines.rows import Keep
from csvjobs.pipelines.step import (
    Change,
    Column,
    Columns,
    Doubt,
    Example,
    Learnt,
    Step,
    constant,
    missing,
    number,
)

COMPARISONS: dict[str, Callable[[str, Any, Sql], str]] = {
    "equals": lambda cell, text, sql: f"{_text(cell)} = {sql.text(text)}",
    "not_equals": lambda cell, text, sql: f"{_text(cell)} <> {sql.text(text)}",
    "one_of": lambda cell, texts, sql: f"{_text(cell)} IN ({_listed(texts, sql)})",
    "none_of": lambda cell, texts, sql: f"{_text(cell)} NOT IN ({_listed(texts, sql)})",
    "matches": lambda cell, pattern, sql: sql.matches(_text(cell), pattern),
    "contains": lambda cell, text, sql: f"POSITION({sql.text(text)} IN {_text(cell)}) > 0",
    "is_missing": lambda cell, wanted, sql: f"{'' if wanted else 'NOT '}{missing(sql, cell)}",
}

LOWEST: dict[str, Callable[[float], float]] = {
    "at_least": float,
    "above": lambda bound: nextafter(bound, inf),
}
HIGHEST: dict[str, Callable[[float], float]] = {
    "at_most": float,
    "below": lambda bound: nextafter(bound, -inf),
}
SIGNS = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<="}
KNOWN = (*COMPARISONS, *LOWEST, *HIGHEST)

LONG = 2**53
"""Integers from here on need not be doubles."""


def _text(cell: str) -> str:
    """The cell, with an empty one as the empty text, so that it compares like any other."""
    return f"COALESCE({cell}, '')"


def _range(number: str, given: Mapping[str, Any]) -> list[str]:
    """The bounds that are doubles as one comparison, so that the number is read only once."""
    given = {name: bound for name, bound in given.items() if isinstance(bound, float)}
    low = max((lowest(given[name]) for name, lowest in LOWEST.items() if name in given), default=None)
    high = min((highest(given[name]) for name, highest in HIGHEST.items() if name in given), default=None)
    if low is not None and high is not None:
        return [f"{number} BETWEEN {constant(low)} AND {constant(high)}"]
    if low is not None:
        return [f"{number} >= {constant(low)}"]
    return [] if high is None else [f"{number} <= {constant(high)}"]


def _exactly(column: Column, given: Mapping[str, Any], sql: Sql) -> list[str]:
    """The bounds that are integers, which are too long for a double."""
    cell = of_text(Text(there(sql, column.sql), cell=column), sql)
    bounds = {sign: given[name] for name, sign in SIGNS.items() if isinstance(given.get(name), int)}
    return [compared(sign, cell, literal(str(bound)), sql) for sign, bound in bounds.items()]


def _no_number(column: Column, sql: Sql) -> Doubt:
    """Counts cells that are neither missing nor a number."""
    odd = f"NOT {missing(sql, column.sql)} AND {number(sql, column.sql)} IS NULL"

    def said(count: int, example: str) -> str:
        cells = (
            f"1 cell of column {column.name!r} is"
            if count == 1
            else f"{count} cells of column {column.name!r} are"
        )
        return f"{cells} not a number, for example {example[:80]!r}; such a row does not pass."

    return f"CASE WHEN {odd} THEN {column.sql} END", said


def _listed(texts: Iterable[str], sql: Sql) -> str:
    return ", ".join(sql.text(text) for text in texts)


FINITE: TypeAdapter[float] = TypeAdapter(Annotated[float, Field(allow_inf_nan=False)])


def _bound(given: Any) -> float | int:
    """A bound, as an integer if a double may not hold it."""
    number = FINITE.validate_python(given)
    with suppress(ValueError):
        return int(str(given)) if abs(number) >= LONG else number
    return number


Number = Annotated[float | int, PlainValidator(_bound, json_schema_input_type=float)]
Texts = Annotated[list[str], Field(min_length=1)]


class Filter(Step):
    """Keeps the rows whose cell in `column` passes all comparisons given, and drops all others.

    Instead, or in addition, `where` is an SQL condition over several columns that must be true: `status =
    'open' AND (total > 100 OR CAST(due AS DATE) < DATE '2026-01-01')`. [expressions.md](expressions.md) says
    what it can contain. A missing cell is NULL there, and a comparison with NULL is not true.

    Texts are compared as they are, case-sensitively: `equals: 007` does not match 7. An empty cell, quoted
    (`""`) or not, is the empty text, so `not_equals: closed` keeps it. `matches` is a regular expression in
    RE2 syntax for the whole cell; put `(?i)` in front to ignore case. `above`, `at_least`, `below` and
    `at_most` compare numbers (12, -1.5, 3e8) as doubles, except that a bound which is an integer of 2^53
    (9007199254740992) or more is exact for cells with up to 28 digits before the point and ten after it. A
    cell that is missing or not a number does not pass, and a warning counts those that are not numbers.
    """

    example: ClassVar = Example(
        options={"column": "age", "at_least": 18, "below": 65},
        before="name,age\nAda,36\nMax,9\nEve,unknown\nNoor,\nAlan,41.5\n",
        after="name,age\nAda,36\nAlan,41.5\n",
    )
    local: ClassVar = False

    step: Literal["filter"] = "filter"
    where: ConditionText | None = Field(
        None, description=f"An SQL condition over the row's cells, of up to {MAX_TEXT} characters."
    )
    column: str | None = Field(None, description="Name of the column to compare.")
    equals: str | None = Field(None, description="The cell is this text.")
    not_equals: str | None = Field(None, description="The cell is not this text.")
    one_of: Texts | None = Field(None, description="The cell is one of these texts.")
    none_of: Texts | None = Field(None, description="The cell is none of these texts.")
    matches: Pattern | None = Field(None, description="The whole cell matches this regular expression.")
    contains: str | None = Field(None, min_length=1, description="The cell contains this text.")
    above: Number | None = Field(None, description="The cell is a number greater than this.")
    at_least: Number | None = Field(None, description="The cell is a number equal to this or greater.")
    below: Number | None = Field(None, description="The cell is a number less than this.")
    at_most: Number | None = Field(None, description="The cell is a number equal to this or less.")
    is_missing: bool | None = Field(
        None, description="Whether the cell is missing: empty, or one of the read option `nulls`."
    )

    @model_validator(mode="after")
    def _compares(self) -> "Filter":
        if self.column is None and self._given():
            raise PydanticCustomError("no_column", "Name the column to compare")
        if not self._given() and (self.column is not None or self.where is None):
            said = "Give at least one comparison: {known}; or where"
            raise PydanticCustomError("no_comparison", said, {"known": ", ".join(KNOWN)})
        return self

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        judged = [] if self.where is None else [condition(self.where, columns, sql, self.step)]
        passed, doubts = [each.sql for each in judged], list(chain.from_iterable(map(undecided, judged)))
        for column in columns.pick([self.column] if self.column is not None else [], self.step):
            given = self._given()
            passed += [
                COMPARISONS[name](column.sql, given[name], sql) for name in COMPARISONS if name in given
            ]
            bounds = [*_range(number(sql, column.sql), given), *_exactly(column, given, sql)]
            passed += bounds
            doubts += [_no_number(column, sql)] if bounds else []
        return Change(columns, Keep(" AND ".join(passed)), doubts=tuple(doubts))

    def _given(self) -> dict[str, Any]:
        return self.model_dump(include=set(KNOWN), exclude_none=True)
