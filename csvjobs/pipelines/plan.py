"""From steps to queries: fit passes where steps learn, then one query that makes the output.

Each step becomes one SELECT layer over the one before. Layers name their columns c0, c1, …; the
user's names never become SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from csvjobs.engines.base import Engine, Sql
from csvjobs.errors import UnknownColumn
from csvjobs.pipelines.fit import learn
from csvjobs.pipelines.step import Change, Column, Columns, Learnt, Need, Step

ROW = "__row"


@dataclass(frozen=True)
class Loss:
    """A query of two numbers: the rows that a step saw and those that it dropped.

    It counts by another way than the step's own layer, so that the account can catch a mistake.
    """

    label: str
    query: str


@dataclass(frozen=True)
class Fitted:
    """What one step has learnt, for fitted.json."""

    step: str
    learnt: Learnt

    def document(self) -> dict[str, Any]:
        entries = [
            {"column": n.column, "statistic": n.statistic, "argument": n.argument, "value": value}
            for n, value in self.learnt.items()
        ]
        return {"step": self.step, "learnt": entries}


@dataclass
class Plan:
    """The steps put on top of a relation, one after the other; ready when all are on."""

    engine: Engine
    sql: Sql
    relation: str
    columns: Columns
    numbered: bool = False
    losses: list[Loss] = field(default_factory=list)
    fitted: list[Fitted] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _made: int = 0
    _waiting: list[tuple[int, Step]] = field(default_factory=list)

    def query(self) -> str:
        """The query of the output, columns in order, rows in file order."""
        listed = ", ".join(column.sql for column in self.columns)
        order = f" ORDER BY {ROW}" if self.numbered else ""
        return f"SELECT {listed} FROM ({self.relation}){order}"

    def add(self, place: int, step: Step) -> None:
        """Puts a step on top, running the fit pass of those that wait for one if it depends on them.

        A step that learns waits, so that independent ones learn in one scan.
        """
        if self._waiting and not self._independent(step):
            self.fit()
        if step.needs(self.columns):
            self._waiting.append((place, step))
        else:
            self._apply(place, step, {})

    def fit(self) -> None:
        """One scan for all steps that wait, then their layers."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        wanted = [(step, step.needs(self.columns)) for _, step in waiting]
        learnt, warnings = learn(self.engine, self.sql, self.relation, self.columns, wanted)
        self.warnings += warnings
        for (place, step), (_, needs) in zip(waiting, wanted, strict=True):
            own: dict[Need, Any] = {need: learnt[need] for need in needs}
            self.fitted.append(Fitted(step.step, own))
            self._apply(place, step, own)

    def _independent(self, step: Step) -> bool:
        """Whether the step neither reads nor changes what the waiting ones will change."""
        if not step.local:
            return False
        try:
            mine = set(step.chosen(self.columns).names)
        except UnknownColumn:
            return False
        return all(mine.isdisjoint(other.chosen(self.columns).names) for _, other in self._waiting)

    def _apply(self, place: int, step: Step, learnt: Learnt) -> None:
        change = step.change(self.columns, learnt, self.sql)
        self.warnings += change.warnings
        if change.keep or change.first_of:
            self.losses.append(Loss(f"{step.step} (step {place + 1})", _loss(self.relation, change)))
        self.relation, self.columns = self._layer(change)

    def _layer(self, change: Change) -> tuple[str, Columns]:
        unused = {column.sql for column in self.columns}
        columns = Columns(Column(c.name, self._reference(c.sql, unused)) for c in change.columns)
        parts = [f"{c.sql} AS {n.sql}" for c, n in zip(change.columns, columns, strict=True)]
        select = ", ".join([*parts, ROW] if self.numbered else parts)
        return f"SELECT {select} FROM ({_kept(self.relation, change)})", columns

    def _reference(self, sql: str, unused: set[str]) -> str:
        """The reference by which the next layer knows an expression; a bare one keeps its own, once."""
        if sql in unused:
            unused.remove(sql)
            return sql
        self._made += 1
        return f"s{self._made}"


def plan(
    engine: Engine,
    relation: str,
    names: Sequence[str],
    steps: Sequence[Step],
    numbered: bool,
    nulls: tuple[str, ...] = (),
) -> Plan:
    """The whole plan of `steps` over a relation with the columns c0, c1, … called `names`.

    nulls: texts that each step takes for missing.
    Runs the fit passes. Raises DataError for what the steps or the data do not allow.
    """
    columns = Columns(Column(name, f"c{place}") for place, name in enumerate(names))
    made = Plan(engine, replace(engine.sql, nulls=nulls), relation, columns, numbered)
    for place, step in enumerate(steps):
        made.add(place, step)
    made.fit()
    return made


def needs_row_numbers(steps: Sequence[Step]) -> bool:
    """Whether the relation must carry file order as a column."""
    return any(step.by_order for step in steps)


def _kept(relation: str, change: Change) -> str:
    if change.first_of:
        keys = ", ".join(change.first_of)
        nth = f"ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY {ROW}) AS __nth"
        return f"SELECT * FROM (SELECT *, {nth} FROM ({relation})) WHERE __nth = 1"
    if change.keep:
        return f"SELECT * FROM ({relation}) WHERE {change.keep}"
    return relation


def _loss(relation: str, change: Change) -> str:
    if change.first_of:
        keys = ", ".join(change.first_of)
        groups = f"SELECT COUNT(*) AS n FROM ({relation}) GROUP BY {keys}"
        return f"SELECT COALESCE(SUM(n), 0), COALESCE(SUM(n - 1), 0) FROM ({groups})"
    dropped = f"COUNT(CASE WHEN {change.keep} THEN NULL ELSE 1 END)"
    return f"SELECT COUNT(*), {dropped} FROM ({relation})"
