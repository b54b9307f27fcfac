"""Profile: what each column of a whole table holds, in one pass and small memory.

Counts and bounds are exact. What one pass cannot know exactly is said to be about so: how many different
values there are, and quantiles. What needs a closer look is told of rows that are drawn, or of all if there
are few.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from csvjobs.engines.base import NUMBER, Engine, Sql
from csvjobs.pipelines.meaning import meaning
from csvjobs.pipelines.rows import ROW
from csvjobs.pipelines.step import Columns, missing
from csvjobs.reading.profile import ColumnProfile, profiled

DRAWN = 2000
BARS = 12
QUARTERS = (0.25, 0.5, 0.75)
DIGITS = 8
"""Hexadecimal ones of the hash by which rows are drawn."""

MOST_COLUMNS = 200


class Spread(BaseModel):
    """The numbers of a column; `bars`: how many of those drawn lie in each of equal parts from the lowest to
    the highest drawn."""

    model_config = ConfigDict(frozen=True)

    count: int
    low: float
    high: float
    about_quartiles: list[float]
    bars: list[int]


class ColumnSummary(BaseModel):
    """A column of the whole table; lengths in characters."""

    model_config = ConfigDict(frozen=True)

    name: str
    meaning: str = Field(description="What its cells are, as far as the drawn rows tell.")
    filled: int
    empty: int = Field(description="Cells that are empty or one of the read option `nulls`.")
    quoted_empty: int = Field(description="Those of them that are empty texts in quotes.")
    about_distinct: int = Field(description="Different values among the filled cells; exact in small tables.")
    first: str | None = Field(description="The lowest text, in code point order.")
    last: str | None
    shortest: int | None
    longest: int | None
    numbers: Spread | None = None
    drawn: ColumnProfile = Field(description="The same and more of the rows that were drawn.")


class TableProfile(BaseModel):
    """A table and its first columns. `drawn`: rows that were looked at closely, spread over the table."""

    model_config = ConfigDict(frozen=True)

    rows: int
    drawn: int
    columns: list[ColumnSummary]


class Profiles(BaseModel):
    """What a job was given, and what it made."""

    model_config = ConfigDict(frozen=True)

    input: TableProfile
    output: TableProfile


def profile(engine: Engine, sql: Sql, relation: str, columns: Columns, rows: int) -> TableProfile:
    """One scan of the relation, which has ROW and about so many `rows`."""
    columns = Columns(columns[:MOST_COLUMNS])
    numbers = ", ".join(f"{sql.number(_there(sql, c.sql))} AS n{i}" for i, c in enumerate(columns))
    facts = [fact for i, c in enumerate(columns) for fact in _facts(sql, c.sql, f"n{i}")]
    drawn = sql.listed([c.sql for c in columns], _drawn(rows))
    listed = ", ".join(["COUNT(*)", drawn, *facts])
    [(count, sample, *found)] = engine.rows(f"SELECT {listed} FROM (SELECT *, {numbers} FROM ({relation}))")
    close = profiled(columns.names, sample or [], sql.nulls)
    width = len(found) // max(1, len(columns))
    parts = (found[i : i + width] for i in range(0, len(found), width))
    whole = len(sample or []) == count
    summaries = [
        _summary(one, count, part, _filled(sample or [], i, sql.nulls), whole=whole)
        for i, (one, part) in enumerate(zip(close, parts, strict=True))
    ]
    return TableProfile(rows=count, drawn=len(sample or []), columns=summaries)


def _facts(sql: Sql, cell: str, number: str) -> Iterator[str]:
    there = _there(sql, cell)
    yield f"COUNT({there})"
    yield f"COUNT(CASE WHEN {cell} = '' THEN 1 END)"
    yield sql.about_distinct(there)
    yield from (f"{bound}({there})" for bound in ("MIN", "MAX"))
    yield from (f"{bound}(CHAR_LENGTH({there}))" for bound in ("MIN", "MAX"))
    yield from (f"{bound}({number})" for bound in ("COUNT", "MIN", "MAX"))
    yield sql.about_quantiles(number, QUARTERS)


def _there(sql: Sql, cell: str) -> str:
    return f"(CASE WHEN NOT {missing(sql, cell)} THEN {cell} END)"


def _drawn(rows: int) -> str:
    """About as many as are to be drawn, the same at every run."""
    if rows <= DRAWN:
        return "1 = 1"
    bound = format(16**DIGITS * DRAWN // rows, f"0{DIGITS}x")
    return f"SUBSTR(MD5(CAST({ROW} AS VARCHAR)), 1, {DIGITS}) < '{bound}'"


def _summary(
    close: ColumnProfile, rows: int, facts: Sequence[Any], cells: Sequence[str], *, whole: bool
) -> ColumnSummary:
    filled, quoted, distinct, first, last, shortest, longest, *numbers = facts
    return ColumnSummary(
        name=close.name,
        meaning=meaning(close, cells),
        filled=filled,
        empty=rows - filled,
        quoted_empty=quoted,
        about_distinct=close.distinct if whole else min(distinct, filled),
        first=first,
        last=last,
        shortest=shortest,
        longest=longest,
        numbers=_spread(numbers, cells) if numbers[0] else None,
        drawn=close,
    )


def _filled(rows: Sequence[Sequence[str | None]], place: int, nulls: Sequence[str]) -> list[str]:
    return [cell for row in rows if (cell := row[place]) and cell not in nulls]


def _spread(facts: Sequence[Any], cells: Sequence[str]) -> Spread:
    count, low, high, quartiles = facts
    drawn = [float(cell) for cell in cells if re.fullmatch(NUMBER, cell, re.ASCII)]
    return Spread(count=count, low=low, high=high, about_quartiles=quartiles, bars=_bars(drawn))


def _bars(numbers: Sequence[float]) -> list[int]:
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    width = high / BARS - low / BARS
    if not width:
        return [len(numbers)]
    counts = Counter(min(BARS - 1, int((number - low) / width)) for number in numbers if isfinite(number))
    return [counts[place] for place in range(BARS)]
