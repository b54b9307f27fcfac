"""Profile: describes each column of a whole table, in at most two passes and little memory.

Counts and bounds are exact. What one pass can only estimate, the number of distinct values and quantiles, is
named as approximate. What needs a closer look is computed from a sample of rows, or from all if there are
few.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from math import isfinite
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from csvjobs.engines.base import NUMBER, Engine, Sql
from csvjobs.pipelines.meaning import LEADING_ZEROS, formats, meaning
from csvjobs.pipelines.rows import ROW
from csvjobs.pipelines.step import Column, Columns, constant, missing
from csvjobs.reading.profile import ColumnProfile, profiled

DRAWN = 2000
BARS = 12
QUARTERS = (0.25, 0.5, 0.75)
SURE = 2**53
"""A double represents every whole number below it."""
DIGITS = 8
"""Hexadecimal digits of the hash by which rows are sampled."""

MOST_COLUMNS = 200


class Spread(BaseModel):
    """The numbers of a column as doubles; bounds are integers if whole numbers are too large for those;
    `bars`: how many of the sampled numbers fall into each of equal intervals from the lowest to the highest
    sampled."""

    model_config = ConfigDict(frozen=True)

    count: int
    low: int | float
    high: int | float
    about_quartiles: list[float] = Field(description="In small tables by linear interpolation, as in numpy.")
    bars: list[int]


class ColumnSummary(BaseModel):
    """A column of the whole table; lengths in characters."""

    model_config = ConfigDict(frozen=True)

    name: str
    meaning: str = Field(description="What its cells are, judged by the sampled rows.")
    filled: int
    empty: int = Field(description="Cells that are empty or one of the read option `nulls`.")
    quoted_empty: int = Field(description="Those of them that are quoted empty texts.")
    about_distinct: int = Field(description="Distinct values among the filled cells; exact in small tables.")
    first: str | None = Field(
        description="The lowest cell, as it is written: of numbers the smallest, of dates the earliest in "
        "the first format that fits, otherwise the first in code point order."
    )
    last: str | None = Field(description="The highest cell, likewise.")
    shortest: int | None
    longest: int | None
    numbers: Spread | None = None
    drawn: ColumnProfile = Field(description="The same and more, of the sampled rows.")


class TableProfile(BaseModel):
    """A table and its first columns. `drawn`: the number of rows sampled, spread over the table. `width`: the
    number of columns it has, of which only the first MOST_COLUMNS are described."""

    model_config = ConfigDict(frozen=True)

    rows: int
    drawn: int
    width: int
    columns: list[ColumnSummary]


class Profiles(BaseModel):
    """A job's input and output."""

    model_config = ConfigDict(frozen=True)

    input: TableProfile
    output: TableProfile


def profile(engine: Engine, sql: Sql, relation: str, columns: Columns, rows: int) -> TableProfile:
    """One scan of the relation, which has ROW and about `rows` rows; a second one for the bounds of numbers
    and dates."""
    table_width = len(columns)
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
    cells = [_filled(sample or [], place, sql.nulls) for place in range(len(columns))]
    summaries = [
        _summary(one, count, part, some, whole=whole)
        for one, part, some in zip(close, parts, cells, strict=True)
    ]
    asked = [_bounds(sql, *each) for each in zip(columns, summaries, cells, strict=True)]
    bounded = list(map(_bounded, summaries, _found(engine, relation, asked)))
    return TableProfile(rows=count, drawn=len(sample or []), width=table_width, columns=bounded)


def _bounds(sql: Sql, column: Column, summary: ColumnSummary, cells: Sequence[str]) -> list[str]:
    """Aggregates for a column of numbers or dates: how many there are, the lowest and the highest cell."""
    there = _there(sql, column.sql)
    if strptime := _ordered_by(summary, cells):
        by = sql.moment(there, strptime)
        return [
            f"COUNT({by})",
            *(bound(there, by, f"{by} IS NOT NULL") for bound in (sql.lowest, sql.highest)),
        ]
    if not summary.numbers:
        return []
    number = sql.number(there)
    low, high = (f"{number} = {constant(bound)}" for bound in (summary.numbers.low, summary.numbers.high))
    # Among cells that are the same double.
    by = f"TRY_CAST({there} AS DECIMAL(38, 10))"
    return [f"COUNT({number})", sql.lowest(there, by, low), sql.highest(there, by, high)]


def _found(engine: Engine, relation: str, asked: Sequence[Sequence[str]]) -> list[Sequence[Any]]:
    """The values of each column's aggregates."""
    listed = [aggregate for each in asked for aggregate in each]
    [found] = engine.rows(f"SELECT {', '.join(listed)} FROM ({relation})") if listed else [()]
    left = iter(found)
    return [list(islice(left, len(each))) for each in asked]


def _bounded(summary: ColumnSummary, found: Sequence[Any]) -> ColumnSummary:
    """The summary with the bounds found: with these cells if they are of one kind with all others."""
    if not found:
        return summary
    count, low, high = found
    if numbers := summary.numbers:
        whole = {name: int(cell) for name, cell in (("low", low), ("high", high)) if _is_long(cell)}
        summary = summary.model_copy(update={"numbers": numbers.model_copy(update=whole)})
    return summary.model_copy(update={"first": low, "last": high}) if count == summary.filled else summary


def _is_long(cell: str) -> bool:
    """Whether the cell is a whole number that may be too large for a double."""
    return bool(re.fullmatch(r"\s*[+-]?\d{1,400}\s*", cell, re.ASCII)) and abs(int(cell)) >= SURE


def _ordered_by(summary: ColumnSummary, cells: Sequence[str]) -> str | None:
    """The format by which the cells are ordered; None if they are ordered as text."""
    if not summary.meaning.startswith("date"):
        return None
    # Formats of times with a zone begin with the year anyway.
    return next((one for one in formats(cells) if not one.endswith("%z")), None)


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
    """A predicate that samples about DRAWN rows, the same ones at every run."""
    if rows <= DRAWN:
        return "1 = 1"
    bound = format(16**DIGITS * DRAWN // rows, f"0{DIGITS}x")
    return f"SUBSTR(MD5(CAST({ROW} AS VARCHAR)), 1, {DIGITS}) < '{bound}'"


def _summary(
    close: ColumnProfile, rows: int, facts: Sequence[Any], cells: Sequence[str], *, whole: bool
) -> ColumnSummary:
    filled, quoted, distinct, first, last, shortest, longest, *numbers = facts
    looks_like = meaning(close, cells)
    return ColumnSummary(
        name=close.name,
        meaning=looks_like,
        filled=filled,
        empty=rows - filled,
        quoted_empty=quoted,
        about_distinct=close.distinct if whole else min(distinct, filled),
        first=first,
        last=last,
        shortest=shortest,
        longest=longest,
        numbers=_spread(numbers, cells, whole=whole) if numbers[0] and looks_like != LEADING_ZEROS else None,
        drawn=close,
    )


def _filled(rows: Sequence[Sequence[str | None]], place: int, nulls: Sequence[str]) -> list[str]:
    return [cell for row in rows if (cell := row[place]) and cell not in nulls]


def _spread(facts: Sequence[Any], cells: Sequence[str], *, whole: bool) -> Spread:
    count, low, high, quartiles = facts
    drawn = (float(cell) for cell in cells if re.fullmatch(NUMBER, cell, re.ASCII))
    numbers = sorted(filter(isfinite, drawn))
    if whole and numbers:
        quartiles = [_quantile(numbers, part) for part in QUARTERS]
    return Spread(count=count, low=low, high=high, about_quartiles=quartiles, bars=_bars(numbers))


def _quantile(numbers: Sequence[float], part: float) -> float:
    """The quantile, linearly interpolated between the two nearest of the sorted numbers."""
    place = part * (len(numbers) - 1)
    below = int(place)
    above = min(below + 1, len(numbers) - 1)
    # Weighted, as the difference of two doubles may be none.
    return numbers[below] * (1 - (place - below)) + numbers[above] * (place - below)


def _bars(numbers: Sequence[float]) -> list[int]:
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    width = high / BARS - low / BARS
    if not width:
        return [len(numbers)]
    counts = Counter(min(BARS - 1, max(0, int(number / width - low / width))) for number in numbers)
    return [counts[place] for place in range(BARS)]
