"""Applying: reuses what steps learnt elsewhere, and counts the cells here for which they have learnt
nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, FiniteFloat, model_validator

from csvjobs.engines.base import Engine, Sql
from csvjobs.errors import NotLearnt, UnknownCategory
from csvjobs.pipelines.fit import Cells, Lesson, as_number, cells_of, not_a_number, there
from csvjobs.pipelines.step import Columns, Doubt, Learnt, Need, Statistic, Step, Unseen, missing

Wanted = Sequence[tuple[Step, tuple[Need, ...]]]


class LearntValue(BaseModel):
    """One Need of a step and its value: texts for `values` and `sample`, a text for `mode`, formats for
    `reading`, otherwise a number. With `by`, a list of pairs of a group's cells and its value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    statistic: Statistic
    argument: FiniteFloat
    by: tuple[str, ...] = ()
    value: FiniteFloat | str | list[str] | list[tuple[list[str], FiniteFloat | str]]

    @model_validator(mode="after")
    def _of_its_kind(self) -> LearntValue:
        kinds = {"values": list, "sample": list, "reading": list, "mode": str}
        kind = list if self.by else kinds.get(self.statistic, float)
        if not isinstance(self.value, kind):
            raise ValueError(f"{self.statistic} has a value of another kind")
        return self


class LearntStep(BaseModel):
    """What one step has learnt."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str
    learnt: tuple[LearntValue, ...]

    @classmethod
    def of(cls, step: Step, learnt: Learnt) -> LearntStep:
        values = (
            LearntValue(**_key(need)._asdict(), value=_written(need, value)) for need, value in learnt.items()
        )
        return cls(step=step.step, learnt=tuple(values))


class _Key(NamedTuple):
    """Identifies a value within a step."""

    column: str
    statistic: Statistic
    argument: float
    by: tuple[str, ...]


def _key(need: Need) -> _Key:
    argument = 0.0 if need.statistic == "reading" else need.argument
    return _Key(need.column, need.statistic, argument, need.by.columns if need.by else ())


def _written(need: Need, value: Any) -> Any:
    return [reading.format for reading in value["settled"]] if need.statistic == "reading" else value


def recall(steps: deque[LearntStep], wanted: Wanted) -> Learnt:
    """The values of all needs, from the next of `steps` instead of learning; readings are the formats that
    were found. Raises NotLearnt."""
    learnt: Learnt = {}
    for step, needs in wanted:
        readings, others = _parted(needs)
        there = bool(steps) and steps[0].step == step.step
        # Format 2 has no readings, and no entry for steps that learn nothing else.
        if others or (readings and there):
            learnt |= _recalled(steps.popleft() if there else None, step, needs)
    return learnt


def settled(need: Need, learnt: Learnt) -> Need:
    """The need for a reading, limited to the formats that were found elsewhere, if any were.

    Raises NotLearnt if the step does not have them.
    """
    if not (formats := learnt.get(need)):
        return need
    if unknown := set(formats) - {reading.format for reading in need.argument}:
        raise NotLearnt(f"The format {min(unknown)[:80]!r} is not one of the step's.", column=need.column)
    return need._replace(argument=tuple(each for each in need.argument if each.format in formats))


def _parted(needs: Iterable[Need]) -> tuple[list[Need], list[Need]]:
    readings = [need for need in needs if need.statistic == "reading"]
    return readings, [need for need in needs if need.statistic != "reading"]


def _recalled(entry: LearntStep | None, step: Step, needs: Iterable[Need]) -> Learnt:
    if entry is None:
        raise NotLearnt(f"Step {step.step} has learnt nothing.")
    known = {_Key(one.column, one.statistic, one.argument, one.by): one.value for one in entry.learnt}
    learnt: Learnt = {}
    for need in needs:
        if (wanted := _key(need)) not in known:
            said = f"Step {step.step} has learnt nothing of the column {need.column!r}."
            raise NotLearnt(said, column=need.column, hint="Name the columns of the step, and learn again.")
        learnt[need] = known[wanted]
    return learnt


def check(
    engine: Engine, sql: Sql, relation: str, columns: Columns, wanted: Wanted, learnt: Learnt
) -> Lesson:
    """Counts in one scan the cells for which nothing was learnt, and warns of what happens to them.

    Raises NotANumber, UnknownCategory if a step accepts none.
    """
    kept: dict[Any, Cells] = {}
    needs = {
        need: cells_of(need, step, kept)
        for step, own in wanted
        for need in own
        if need.column in step.chosen(columns).names
    }
    numeric = [cells for cells in kept.values() if cells.numeric]
    numbers = [_number(sql, columns, cells) for cells in numeric]
    doubts = [*numbers, *_categories(sql, columns, wanted, learnt)]
    found = counted(engine, relation, doubts)
    odd = dict(zip(numeric, (count for count, _ in found), strict=False))
    return Lesson(
        learnt,
        told(doubts, found),
        {need: odd[cells] for need, cells in needs.items() if cells.numeric},
    )


def counted(engine: Engine, relation: str, doubts: Sequence[Doubt]) -> list[tuple[int, str]]:
    """The number of the relation's cells that each doubt is about, and one of them, from one scan."""
    if not doubts:
        return []
    counts = ", ".join(f"COUNT({cell}), MIN({cell})" for cell, _ in doubts)
    [found] = engine.rows(f"SELECT {counts} FROM ({relation})")
    return list(zip(found[::2], found[1::2], strict=True))


def told(doubts: Sequence[Doubt], found: Sequence[tuple[int, str]]) -> list[str]:
    """The warnings of the doubts whose count is not 0."""
    return [said(*each) for (_, said), each in zip(doubts, found, strict=True) if each[0]]


def _number(sql: Sql, columns: Columns, cells: Cells) -> Doubt:
    """A doubt for cells that are neither missing nor numbers, in a column of which numbers were learnt."""
    number, text = as_number(sql, columns, cells), there(sql, columns, cells)
    return f"CASE WHEN {number} IS NULL THEN {text} END", partial(_odd, cells)


def _odd(cells: Cells, count: int, example: str) -> str:
    return f"{not_a_number(cells, count, example)}; left as found."


def _categories(sql: Sql, columns: Columns, wanted: Wanted, learnt: Learnt) -> Iterator[Doubt]:
    """Doubts for cells with values that were not learnt."""
    for unseen in (unseen for step, _ in wanted for unseen in step.unseen(columns, learnt)):
        known = missing(sql, unseen.column.sql, ("", *unseen.known))
        yield f"CASE WHEN NOT {known} THEN {unseen.column.sql} END", partial(_unseen, unseen)


def _unseen(unseen: Unseen, count: int, example: str) -> str:
    name = unseen.column.name
    found = f"{count} cell{'s' if count > 1 else ''} of column {name!r}"
    said = f"{found} {'hold' if count > 1 else 'holds'} an unknown value, for example {example[:80]!r}"
    if unseen.fate is None:
        hint = "Leave such rows out beforehand, or learn again with unknown: empty."
        raise UnknownCategory(f"{said}.", column=name, cell=example, hint=hint)
    return f"{said}; {unseen.fate}."
