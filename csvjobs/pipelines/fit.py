"""Learning: one scan keeps the columns that steps learn from; small queries then read what was kept.

Modes are computed from counted values, which spill to disk; the engine's own mode holds every value in
memory.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from csvjobs.engines.base import Engine, Sql
from csvjobs.errors import NotANumber, NothingToLearn, TooManyCategories
from csvjobs.pipelines.grouped import grouped
from csvjobs.pipelines.numbers import Numbers, Span
from csvjobs.pipelines.readings import choose
from csvjobs.pipelines.step import By, Columns, Learnt, Need, Step, missing

TEXTS = ("mode", "size", "values", "sample", "reading", "missing")


@dataclass(frozen=True)
class Cells:
    """One column as kept for learning: as numbers for numeric statistics, otherwise as texts."""

    column: str
    missing: tuple[str, ...]
    numeric: bool
    strict: bool
    ref: str


class Lesson(NamedTuple):
    """What was learnt, warnings about cells that could not be learnt from, and, for each need that reads
    cells as something other than text, how many could not be read."""

    learnt: Learnt
    warnings: list[str]
    unparsed: dict[Need, int]

    @property
    def cells_unparsed(self) -> int:
        """The number of cells that could not be read, each counted once even if several needs read it."""
        return sum({need[:1] + need[3:4]: count for need, count in self.unparsed.items()}.values())

    def of(self, needs: Sequence[Need]) -> Lesson:
        """The part for these needs."""
        unparsed = {need: self.unparsed[need] for need in needs if need in self.unparsed}
        return Lesson({need: self.learnt[need] for need in needs}, [], unparsed)


def learn(
    engine: Engine,
    sql: Sql,
    relation: str,
    columns: Columns,
    wanted: Sequence[tuple[Step, tuple[Need, ...]]],
) -> Lesson:
    """Learns all needs from the relation's rows.

    Raises NotANumber, NothingToLearn, TooManyCategories.
    """
    absent = [need for _, needs in wanted for need in needs if need.statistic == "missing"]
    lesson = Lesson(_missing(engine, sql, relation, columns, absent), [], {})
    others = [(step, tuple(need for need in needs if need not in absent)) for step, needs in wanted]
    if not any(needs for _, needs in others):
        return lesson
    learnt, warnings, unparsed = _kept(engine, sql, relation, columns, others)
    return Lesson(learnt | lesson.learnt, warnings, unparsed)


def _missing(engine: Engine, sql: Sql, relation: str, columns: Columns, needs: Sequence[Need]) -> Learnt:
    """The number of missing cells, or their share; counted without keeping cells."""
    if not needs:
        return {}
    cells = [c.sql for c in columns.pick((need.column for need in needs), "fit")]
    gone = (missing(sql, cell, need.missing) for cell, need in zip(cells, needs, strict=True))
    counts = ", ".join(f"COUNT(CASE WHEN {each} THEN 1 END)" for each in gone)
    [(rows, *found)] = engine.rows(f"SELECT COUNT(*), {counts} FROM ({relation})")
    counted = zip(needs, found, strict=True)
    return {need: count / max(rows, 1) if need.argument else count for need, count in counted}


def _kept(
    engine: Engine,
    sql: Sql,
    relation: str,
    columns: Columns,
    wanted: Iterable[tuple[Step, tuple[Need, ...]]],
) -> Lesson:
    """Learns the needs for which cells must be kept."""
    kept: dict[tuple[str, tuple[str, ...], bool, bool], Cells] = {}
    needs: dict[Need, Cells] = {}
    groups: dict[By, list[str]] = {}
    for step, step_needs in wanted:
        for need in step_needs:
            columns.pick([need.column], step.step)
            needs[need] = cells_of(need, step, kept)
            if need.by:
                groups[need.by] = [_key(name, kept) for name in need.by.columns]
    with engine.kept(_narrow(sql, relation, columns, kept.values())) as table:
        numbers = Numbers.of(engine, table, [cells.ref for cells in kept.values() if cells.numeric])
        odd = [cells for cells in kept.values() if cells.numeric and numbers[cells.ref].odd]
        warnings = [_odd(engine, sql, relation, columns, cells, numbers[cells.ref].odd) for cells in odd]
        learnt: Learnt = {
            need: _number(cells, numbers[cells.ref], need)
            if cells.numeric
            else _text(engine, sql, table, need, cells)
            for need, cells in needs.items()
            if not need.by
        }
        learnt |= grouped(engine, table, {need: cells.ref for need, cells in needs.items()}, groups)
        unparsed = {need: numbers[cells.ref].odd for need, cells in needs.items() if cells.numeric}
        readings = {need: learnt[need]["odd"] for need in needs if need.statistic == "reading"}
        return Lesson(learnt, warnings, unparsed | readings)


def cells_of(need: Need, step: Step, kept: dict[Any, Cells]) -> Cells:
    """The cells that the need reads; shared with another need in `kept` that reads the same."""
    numeric = need.statistic not in TEXTS
    key = (need.column, need.missing, numeric, step.strict_numbers)
    return kept.setdefault(key, Cells(*key, ref=f"k{len(kept)}"))


def _key(name: str, kept: dict[Any, Cells]) -> str:
    """The name under which a grouping column is kept."""
    key = (name, ("",), False, False)
    return kept.setdefault(key, Cells(*key, ref=f"k{len(kept)}")).ref


def _narrow(sql: Sql, relation: str, columns: Columns, kept: Iterable[Cells]) -> str:
    """Selects the cells to keep: missing ones as NULL, and texts that should be numbers but are not as
    NaN."""
    inner, outer = [], []
    for cells in kept:
        text = there(sql, columns, cells)
        if not cells.numeric:
            outer.append(f"{text} AS {cells.ref}")
            continue
        inner.append(f"{as_number(sql, columns, cells)} AS {cells.ref}")
        odd = f"{cells.ref} IS NULL AND {text} IS NOT NULL"
        outer.append(f"CASE WHEN {odd} THEN CAST('NaN' AS DOUBLE) ELSE {cells.ref} END AS {cells.ref}")
    return f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(['*', *inner])} FROM ({relation}))"


def there(sql: Sql, columns: Columns, cells: Cells) -> str:
    """The cell's text; NULL if it is missing."""
    [column] = columns.pick([cells.column], "fit")
    return f"CASE WHEN NOT {missing(sql, column.sql, cells.missing)} THEN {column.sql} END"


def as_number(sql: Sql, columns: Columns, cells: Cells) -> str:
    """The cell as a number; NULL if it is not one."""
    [column] = columns.pick([cells.column], "fit")
    # An empty cell is never a number, but other texts that mean missing may be.
    only_empty = {*cells.missing, *sql.nulls} <= {""}
    return sql.number(column.sql if only_empty else f"({there(sql, columns, cells)})")


def _odd(engine: Engine, sql: Sql, relation: str, columns: Columns, cells: Cells, count: int) -> str:
    """The warning for cells that are neither missing nor numbers. Raises NotANumber for a strict step."""
    text, number = there(sql, columns, cells), as_number(sql, columns, cells)
    first = f"SELECT {text} FROM ({relation}) WHERE {text} IS NOT NULL AND {number} IS NULL LIMIT 1"
    [(example,)] = engine.rows(first)
    return f"{not_a_number(cells, count, example)}; not used for learning and left as found."


def not_a_number(cells: Cells, count: int, example: str) -> str:
    """The message that so many cells are not numbers, without a full stop. Raises NotANumber for a strict
    step."""
    found = f"{count} cell{'s' if count > 1 else ''} of column {cells.column!r}"
    said = f"{found} {'are' if count > 1 else 'is'} not a number, for example {example[:80]!r}"
    if cells.strict:
        raise NotANumber(f"{said}.", column=cells.column, cell=example, hint=_advice(example))
    return said


def _advice(example: str) -> str:
    """What to do about a cell that should be a number."""
    if re.match(r"\d{4}-\d\d-\d\d", example):
        return (
            "The step sql compares dates, for example max(CAST(sent AS DATE)); derive makes numbers of them."
        )
    return "Name texts that mean missing in the read option nulls, or clean the column with replace or cast."


def _text(engine: Engine, sql: Sql, table: str, need: Need, cells: Cells) -> Any:
    match need.statistic:
        case "values":
            return _values(engine, table, need, cells)
        case "sample":
            return _texts(engine, table, cells, int(need.argument))
        case "reading":
            return choose(engine, sql, table, cells.column, cells.ref, need.argument)
        case _:
            return _mode(engine, table, cells)


def _number(cells: Cells, numbers: Numbers, need: Need) -> float | list[Span]:
    if need.statistic == "count":
        return numbers.count
    if need.statistic == "reach":
        return numbers.reach()
    if not numbers.count:
        raise _nothing(cells, "number")
    value = _statistic(numbers, need)
    if not math.isfinite(value):
        too_large = f"Column {cells.column!r} holds numbers too large to compute with."
        raise NotANumber(too_large, column=cells.column)
    return value


def _statistic(numbers: Numbers, need: Need) -> float:
    match need.statistic:
        case "mean":
            return numbers.mean
        case "deviation":
            return numbers.deviation()
        case "quantile":
            return numbers.quantile(need.argument)
        case "min":
            return numbers.low
        case _:
            return numbers.high


def _nothing(cells: Cells, what: str) -> NothingToLearn:
    return NothingToLearn(
        f"Column {cells.column!r} holds no {what} to learn from.",
        column=cells.column,
        hint="Leave the column out of the step, or fill it with the step fill_missing and with: constant.",
    )


def _mode(engine: Engine, table: str, cells: Cells) -> str:
    rows = engine.rows(
        f"SELECT {cells.ref}, COUNT(*) AS n FROM ({table}) WHERE {cells.ref} IS NOT NULL "
        f"GROUP BY {cells.ref} ORDER BY n DESC, {cells.ref} LIMIT 1"
    )
    if not rows:
        raise _nothing(cells, "value")
    mode: str = rows[0][0]
    return mode


def _values(engine: Engine, table: str, need: Need, cells: Cells) -> list[str]:
    bound = int(need.argument)
    values = _texts(engine, table, cells, bound + 1)
    if len(values) > bound:
        raise TooManyCategories(
            f"Column {cells.column!r} has more than {bound} different values.",
            column=cells.column,
            hint="Raise max_categories, or choose another column.",
        )
    return values


def _texts(engine: Engine, table: str, cells: Cells, bound: int) -> list[str]:
    rows = engine.rows(
        f"SELECT {cells.ref} FROM ({table}) WHERE {cells.ref} IS NOT NULL "
        f"GROUP BY {cells.ref} ORDER BY {cells.ref} LIMIT {bound}"
    )
    return [value for (value,) in rows]
