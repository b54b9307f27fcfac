"""From steps to queries: fit passes where steps learn, then one query that makes the output.

Each step becomes one SELECT layer over the one before. Layers name their columns c0, c1, …; the
user's names never become SQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from csvjobs.engines.base import Engine, SideTable, Sql
from csvjobs.errors import UnknownColumn
from csvjobs.pipelines.fit import learn
from csvjobs.pipelines.learnt import LearntStep, Wanted, check, recall
from csvjobs.pipelines.rows import ROW, Condition, Counted, Key, RowChange, Sound, terms
from csvjobs.pipelines.step import Column, Columns, Learnt, Need, Step


@dataclass(frozen=True)
class Tally:
    """A query of one number: the rows that a step dropped, rejected, merged or added."""

    label: str
    counts: Counted
    query: str


@dataclass(frozen=True)
class Checked:
    """What a step has checked: a query of the rows that are not so, as `Sound.unsound` makes it. `of_file`:
    whether they are rows of the file, known by their number."""

    label: str
    conditions: tuple[Condition, ...]
    query: str
    of_file: bool


@dataclass
class Plan:
    """The steps put on top of a relation, one after the other; ready when all are on.

    `order`: the columns, beside those of the table, by which the rows stand; none where no step asks.
    `known`: what the steps that learn have learnt elsewhere; None to learn it here.
    """

    engine: Engine
    sql: Sql
    relation: str
    columns: Columns
    order: tuple[Key, ...] = ()
    known: Iterator[LearntStep] | None = None
    tallies: list[Tally] = field(default_factory=list)
    checked: list[Checked] = field(default_factory=list)
    fitted: list[LearntStep] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _made: int = 0
    _moved: bool = False
    _of_file: bool = True
    _waiting: list[tuple[int, Step]] = field(default_factory=list)

    def query(self) -> str:
        """The query of the output, columns and rows in order."""
        listed = ", ".join(column.sql for column in self.columns)
        order = f" ORDER BY {self.terms}" if self._moved else ""
        return f"SELECT {listed} FROM ({self.relation}){order}"

    @property
    def terms(self) -> str:
        """What the rows stand by, as behind ORDER BY."""
        return terms(self.order)

    def add(self, place: int, step: Step) -> None:
        """Puts a step on top, running the fit pass of those that wait for one if it depends on them.

        A step that learns waits, so that independent ones learn in one scan.
        """
        if self._waiting and not self._independent(step):
            self.fit()
        if step.needs(self.columns) or (self.known is not None and step.unseen(self.columns, {})):
            self._waiting.append((place, step))
        else:
            self._apply(place, step, {})

    def fit(self) -> None:
        """One scan for all steps that wait, to learn or to check what is applied; then their layers."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        wanted = [(step, step.needs(self.columns)) for _, step in waiting]
        learnt = self._learnt(wanted)
        for (place, step), (_, needs) in zip(waiting, wanted, strict=True):
            own: dict[Need, Any] = {need: learnt[need] for need in needs}
            if not step.always_learns:
                self.fitted.append(LearntStep.of(step, own))
            self._apply(place, step, own)

    def _learnt(self, wanted: Wanted) -> Learnt:
        if self.known is None:
            return self._learn(wanted)
        elsewhere = [(step, needs) for step, needs in wanted if not step.always_learns]
        learnt = recall(self.known, elsewhere)
        self.warnings += check(self.engine, self.sql, self.relation, self.columns, elsewhere, learnt)
        here = [(step, needs) for step, needs in wanted if step.always_learns]
        return learnt | self._learn(here) if here else learnt

    def _learn(self, wanted: Wanted) -> Learnt:
        learnt, warnings = learn(self.engine, self.sql, self.relation, self.columns, wanted)
        self.warnings += warnings
        return learnt

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
        for asked in change.checks:
            [(count, example)] = self.engine.rows(asked.query(self.relation))
            self.warnings += [asked.said(count, example)] if count else []
        if isinstance(change.rows, Sound):
            self._check(label(step, place), change.rows)
        if change.rows:
            self._count(label(step, place), change.rows)
            self._moved = self._moved or change.rows.moves
            self._of_file = self._of_file and change.rows.counts not in ("merged", "added")
        self._layer(change.columns, change.rows or RowChange())

    def _count(self, label: str, rows: RowChange) -> None:
        if rows.counts:
            self.tallies.append(Tally(label, rows.counts, rows.tally(self.relation)))

    def _check(self, label: str, rows: Sound) -> None:
        lenient = [condition for condition in rows.conditions if not condition.strict]
        if lenient:
            [found] = self.engine.rows(rows.lenient(self.relation))
            for condition, count, example in zip(lenient, found[::2], found[1::2], strict=True):
                self.warnings += [_left(label, condition, count, example)] if count else []
        if len(lenient) < len(rows.conditions):
            query = rows.unsound(self.relation, len(self.checked))
            self.checked.append(Checked(label, rows.conditions, query, self._of_file))

    def _layer(self, made: Columns, rows: RowChange) -> None:
        columns, keys = self._named(made), self._keys(rows.keys(self.order))
        parts = [f"{c.sql} AS {n.sql}" for c, n in zip(made, columns, strict=True)]
        parts += [f"{k.sql} AS {n.sql}" for k, n in zip(rows.keys(self.order), keys, strict=True)]
        self.relation = f"SELECT {', '.join(parts)} FROM {rows.source(self.relation, self.order)}"
        self.columns, self.order = columns, keys

    def _named(self, made: Columns) -> Columns:
        """The columns as the next layer knows them: a bare reference keeps its name, once."""
        unused = {column.sql for column in self.columns}
        return Columns(Column(column.name, self._reference(column.sql, unused)) for column in made)

    def _keys(self, made: Sequence[Key]) -> tuple[Key, ...]:
        """The same for what the rows stand by; the last of it is always the row's own number."""
        unused = {key.sql for key in self.order}
        own = [Key(self._reference(key.sql, unused), key.descending) for key in made[:-1]]
        return (*own, Key(ROW)) if made else ()

    def _reference(self, sql: str, unused: set[str]) -> str:
        if sql in unused:
            unused.remove(sql)
            return sql
        self._made += 1
        return f"s{self._made}"


def _left(label: str, condition: Condition, count: int, example: str) -> str:
    """What to say of rows that break a condition and stay."""
    rows = f"{count} row{'s' if count > 1 else ''}"
    fate = "left as found" if condition.on_fail == "keep" else "made missing there"
    where = f" in column {condition.column!r}" if condition.column else ""
    said = f"{rows}, {condition.code}{where}, for example {example[:80]!r}"
    return f"{label}: {condition.message.removesuffix('.')}: {said}; {fate}."


def label(step: Step, place: int) -> str:
    """What a step is called in the account."""
    return f"{step.step} (step {place + 1})"


def plan(
    engine: Engine,
    relation: str,
    names: Sequence[str],
    steps: Sequence[Step],
    numbered: bool,
    nulls: tuple[str, ...] = (),
    known: Sequence[LearntStep] | None = None,
    tables: Mapping[str, SideTable] | None = None,
) -> Plan:
    """The whole plan of `steps` over a relation with the columns c0, c1, … called `names`.

    nulls: texts that each step takes for missing; known: what was learnt elsewhere and is to be applied;
    tables: those that the steps name.
    Runs the fit passes, or checks what is applied. Raises DataError for what the steps or the data do not
    allow.
    """
    columns = Columns(Column(name, f"c{place}") for place, name in enumerate(names))
    order = (Key(ROW),) if numbered else ()
    made = Plan(engine, replace(engine.sql, nulls=nulls, tables=tables or {}), relation, columns, order)
    made.known = None if known is None else iter(known)
    for place, step in enumerate(steps):
        made.add(place, step)
    made.fit()
    return made


def needs_row_numbers(steps: Sequence[Step]) -> bool:
    """Whether the relation must carry file order as a column."""
    return any(step.by_order for step in steps)
