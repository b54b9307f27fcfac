"""Turns steps into queries: fit passes for steps that learn, then one query that makes the output.

Each step becomes a SELECT layer on top of the previous one. Layers name their columns c0, c1, …; the user's
names never become SQL.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from csvjobs.engines.base import Engine, Pair, SideTable, Sql, balanced
from csvjobs.errors import DataError, UnknownColumn
from csvjobs.pipelines.fit import Lesson, learn
from csvjobs.pipelines.learnt import LearntStep, Wanted, check, counted, recall, settled, told
from csvjobs.pipelines.rows import ROW, STAYS, Condition, Counted, Keep, Key, RowChange, Sound, terms
from csvjobs.pipelines.step import Change, Changes, Column, Columns, Doubt, Learnt, Step, of_relation
from csvjobs.pipelines.types import Type

NO_CHANGES = (
    f"SELECT 1 AS {ROW}, 0 AS step, '' AS label, 0 AS place, '' AS name, '' AS before, '' AS after "
    "WHERE 1 = 0"
)
"""The query of changed cells if no step changes any."""

ROWS: tuple[Counted, ...] = get_args(Counted)
Counts = dict[Counted | Literal["changed", "unparsed"], int]
"""Rows that a step dropped, merged, added or rejected; cells that it changed, and that it could not read as
the expected type."""


@dataclass(frozen=True)
class Tally:
    """A query of one row: how many rows the step `label` dropped, merged, added or rejected, if it is such a
    step, and how many cells each of the steps in `changed` changed.

    If a copy has counted the rows, the query is needed for the cells only: one of `counters` has the rows
    that were removed, or two have those before and after the step.
    """

    label: str
    counts: Counted | None
    changed: tuple[str, ...]
    query: str
    counters: range = range(0)

    def rows(self, passed: Sequence[int]) -> int:
        """How many rows were removed or added, according to the counters."""
        before, *behind = (passed[counter] for counter in self.counters)
        return abs(before - sum(behind))


@dataclass(frozen=True)
class Checked:
    """The result of a check: a query of the rows that break a condition, from `Sound.unsound`. `of_file`:
    whether they are rows of the file, identified by their number."""

    label: str
    conditions: tuple[Condition, ...]
    query: str
    of_file: bool


@dataclass(frozen=True)
class Doubted:
    """Doubts to count in a relation for warnings; there are none if a copy has not moved the `counter`."""

    relation: str
    doubts: tuple[Doubt, ...]
    counter: int


@dataclass(frozen=True)
class Given:
    """What a plan is made with besides the rows and the steps.

    `nulls`: texts that every step takes for missing. `known`: what was learnt elsewhere and is applied; None
    to learn it here. `tables`: those that the steps name. `late`: skip learning for steps that can do without
    it, so that a query may raise Unsure. `count_cells`: whether to count the cells that steps change, which
    may cost another scan. `list_cells`: whether to list them, which needs numbered rows.
    """

    nulls: tuple[str, ...] = ()
    known: Sequence[LearntStep] | None = None
    tables: Mapping[str, SideTable] = field(default_factory=dict)
    late: bool = False
    count_cells: bool = False
    list_cells: bool = False


NOTHING = Given()


@dataclass
class Plan:
    """The steps applied on top of a relation, one after the other; complete once all are added.

    `counters`: how many there are; they count the rows that pass before and after each step that removes or
    adds rows, and the rows with a cell in doubt. `order`: the columns, besides those of the table, that
    define the order of the rows; empty if no step needs it. `known`: what is left of what was learnt
    elsewhere. `types`: of the columns that a step converted to a type and no other has changed since.
    `named`: the names of the columns that each step made and removed, by its label.
    """

    engine: Engine
    sql: Sql
    relation: str
    columns: Columns
    order: tuple[Key, ...]
    given: Given
    known: deque[LearntStep] | None = field(init=False)
    tallies: list[Tally] = field(default_factory=list)
    doubted: list[Doubted] = field(default_factory=list)
    checked: list[Checked] = field(default_factory=list)
    fitted: list[LearntStep] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    types: dict[str, Type] = field(default_factory=dict)
    named: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    counters: int = 0
    _counting: str = ""
    _made: int = 0
    _moved: bool = False
    _of_file: bool = True
    _counts: dict[str, Counts] = field(default_factory=dict)
    _uncounted: dict[str, str] = field(default_factory=dict)
    _unlisted: list[str] = field(default_factory=list)
    _unsaid: list[Doubt] = field(default_factory=list)
    _listings: list[str] = field(default_factory=list)
    _waiting: list[tuple[int, Step]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._counting = self.relation
        self.known = None if self.given.known is None else deque(self.given.known)

    def query(self, *, counting: bool = False) -> str:
        """The query of the output, with columns and rows in order; `counting`: whether it moves the
        `counters`."""
        listed = ", ".join(column.sql for column in self.columns)
        order = f" ORDER BY {self.terms}" if self._moved else ""
        return f"SELECT {listed} FROM ({self._counting if counting else self.relation}){order}"

    @property
    def terms(self) -> str:
        """The order of the rows, as the terms of ORDER BY."""
        return terms(self.order)

    def add(self, place: int, step: Step) -> None:
        """Adds a step; runs the fit pass of the waiting steps first if it depends on them, or they on what it
        changes.

        A step that learns waits, so that independent steps learn in one scan.
        """
        self._counts[label(step, place)] = {}
        if self._waiting and not self._independent(step):
            self.fit()
        if not (late := self.given.late and step.learns_late) and self._waits(step):
            self._waiting.append((place, step))
            return
        if self._awaited(step):
            self.fit()
        # When it learns late, the query itself raises Unsure for cells that the step cannot read.
        unparsed = dict.fromkeys(step.needs(self.columns), 0) if late else {}
        self._apply(place, step, Lesson({}, [], unparsed))

    def count(self, passed: Sequence[int] | None = None) -> dict[str, Counts]:
        """What each step so far did to rows and cells, by its label; adds warnings for cells in doubt.
        `passed`: the values of the counters, if a copy has counted the rows."""
        self.settle()
        for each in self.doubted:
            if passed is None or passed[each.counter]:
                self.warnings += told(each.doubts, counted(self.engine, each.relation, each.doubts))
        self.doubted = []
        if self._uncounted:
            self._tally("", RowChange())
        for tally in self.tallies:
            of_use = passed is None or tally.changed
            [(rows, *cells)] = self.engine.rows(tally.query) if of_use else [(0,)]
            if tally.counts:
                gone = tally.rows(passed) if passed is not None else int(rows or 0)
                did = self._counts[tally.label]
                did[tally.counts] = did.get(tally.counts, 0) + gone
            for changed, number in zip(tally.changed, cells, strict=True):
                did = self._counts[changed]
                did["changed"] = did.get("changed", 0) + int(number or 0)
        self.tallies = []
        return self._counts

    def changes(self) -> str:
        """A query of all cells changed in rows of the file, once all steps are added: the row's number, and
        the fields of a Pair."""
        self._list()
        listed = f"{ROW}, step, label, place, name, before, after"
        return f"SELECT {listed} FROM ({' UNION ALL '.join(self._listings or [NO_CHANGES])})"

    def fit(self) -> None:
        """Runs one scan for all waiting steps, to learn or to check what is applied; then adds their
        layers."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        wanted = [(step, step.needs(self.columns)) for _, step in waiting]
        try:
            lesson = self._lesson(wanted)
        except DataError as error:
            asked = zip(waiting, wanted, strict=True)
            about = [each for each, (_, needs) in asked if error.column in {need.column for need in needs}]
            raise self._placed(error, about) from None
        self.warnings += lesson.warnings
        for (place, step), (_, needs) in zip(waiting, wanted, strict=True):
            own = lesson.of(needs)
            if elsewhere := {need: v for need, v in own.learnt.items() if not step.holds_here(need)}:
                self.fitted.append(LearntStep.of(step, elsewhere))
            self._apply(place, step, own)

    def _lesson(self, wanted: Wanted) -> Lesson:
        if self.known is None:
            return self._learn(wanted)
        elsewhere = [(step, tuple(n for n in needs if not step.holds_here(n))) for step, needs in wanted]
        learnt = recall(self.known, elsewhere)
        checked = check(self.engine, self.sql, self.relation, self.columns, elsewhere, learnt)
        own = self._learnt_here(wanted, learnt)
        warnings = checked.warnings + own.warnings
        return Lesson(learnt | own.learnt, warnings, checked.unparsed | own.unparsed)

    def _learnt_here(self, wanted: Wanted, learnt: Learnt) -> Lesson:
        """What must be learnt from the rows at hand although `learnt` was learnt elsewhere: also readings,
        limited to the formats found there."""
        asked = {
            need: settled(need, learnt)
            for step, needs in wanted
            for need in needs
            if step.holds_here(need) or need.statistic == "reading"
        }
        if not asked:
            return Lesson({}, [], {})
        here = [(step, tuple(asked[need] for need in needs if need in asked)) for step, needs in wanted]
        own = self._learn(here)
        unparsed = {need: own.unparsed[one] for need, one in asked.items() if one in own.unparsed}
        return Lesson({need: own.learnt[one] for need, one in asked.items()}, own.warnings, unparsed)

    def _learn(self, wanted: Wanted) -> Lesson:
        return learn(self.engine, self.sql, self.relation, self.columns, wanted)

    def _independent(self, step: Step) -> bool:
        """Whether the step neither reads nor changes what the waiting steps will change."""
        if not step.local:
            return False
        try:
            mine = set(step.reads(self.columns).names)
        except UnknownColumn:
            return False
        return all(mine.isdisjoint(other.chosen(self.columns).names) for _, other in self._waiting)

    def _waits(self, step: Step) -> bool:
        """Whether the step must learn or check something before it can be applied."""
        return bool(step.needs(self.columns) or (self.known is not None and step.unseen(self.columns, {})))

    def _awaited(self, step: Step) -> bool:
        """Whether waiting steps have yet to read what the step changes."""
        try:
            unread = {name for _, other in self._waiting for name in other.reads(self.columns).names}
        except UnknownColumn:
            return True
        return bool(unread) and not unread.isdisjoint(step.chosen(self.columns).names)

    def _apply(self, place: int, step: Step, lesson: Lesson) -> None:
        called, before = label(step, place), dict.fromkeys(self.columns.names)
        try:
            for change in self._changes(step.change(self.columns, lesson.learnt, self.sql)):
                self._change(place, called, change)
        except DataError as error:
            raise self._placed(error, [(place, step)]) from None
        after = dict.fromkeys(self.columns.names)
        self.named[called] = ([n for n in after if n not in before], [n for n in before if n not in after])
        if lesson.unparsed:
            self._counts[called]["unparsed"] = lesson.cells_unparsed

    def _placed(self, error: DataError, steps: Sequence[tuple[int, Step]]) -> DataError:
        """The error about a column, with the position of the step if only one can be meant, and the row of
        the cell if rows are numbered and still those of the file."""
        if error.column is not None and error.pointer is None and len(steps) == 1:
            [(place, step)] = steps
            error.at(f"/steps/{place}", step.step)
        if error.column is not None and error.cell is not None and self.order and self._of_file:
            [column] = self.columns.pick([error.column], error.code)
            there = f"{column.sql} = {self.sql.text(error.cell)}"
            [(error.row,)] = self.engine.rows(f"SELECT MIN({ROW}) FROM ({self.relation}) WHERE {there}")
        return error

    def _changes(self, made: Change | Changes) -> Iterator[Change]:
        """The changes, each once the previous one has been made."""
        if isinstance(made, Change):
            yield made
            return
        with suppress(StopIteration):
            change = next(made)
            while True:
                yield change
                change = made.send(self.columns)

    def _change(self, place: int, called: str, change: Change) -> None:
        rows = change.rows or RowChange()
        self.warnings += change.warnings
        carried, doubted = self._in_doubt, list(self._doubt(change.doubts))
        if change.rows:
            rows = self._beside(rows, doubted)
            self.settle()
        for asked in change.checks:
            [(count, example)] = self.engine.rows(asked.query(self.relation))
            self.warnings += [asked.said(count, example)] if count else []
        if isinstance(rows, Sound):
            self._check(called, rows)
        if rows.counts:
            self._tally(called, rows)
            self._list()
        self._moved = self._moved or rows.moves
        self._of_file = self._of_file and rows.counts not in ("merged", "added")
        carried = self._in_doubt if change.rows else [*carried, *doubted]
        tallied = [*self._uncounted, *self._unlisted]
        if rows.counts not in ("merged", "added"):
            tallied += self._changed(place, called, change.columns)
        self._layer(change.columns, rows, carried, tallied)
        self.types |= {c.sql: change.types[c.name] for c in self.columns if c.name in change.types}

    def _beside(self, rows: RowChange, doubted: Sequence[str]) -> RowChange:
        """Adds columns to the rows that the change finds: the cells in doubt, and whether a row stays, since
        engines compute what occurs several times once among columns, but not in a predicate. Returns the
        change as it is then."""
        made = list(doubted)
        if isinstance(rows, Keep):
            made.append(f"{rows.predicate} AS {STAYS}")
            rows = Keep(STAYS)
        if made:
            listed = ", ".join(["*", *made])
            self.relation = f"SELECT {listed} FROM ({self.relation})"
            self._counting = f"SELECT {listed} FROM ({self._counting})"
        return rows

    @property
    def _in_doubt(self) -> list[str]:
        """Columns that layers carry along with the table until the cells in them are counted."""
        return [cell for cell, _ in self._unsaid]

    def _doubt(self, doubts: Iterable[Doubt]) -> Iterator[str]:
        """Texts of cells in doubt, as columns; they are counted while the rows are the same."""
        for cell, said in doubts:
            self._made += 1
            self._unsaid.append((f"q{self._made}", said))
            yield f"{cell} AS q{self._made}"

    def settle(self) -> None:
        """Schedules the count of the cells in doubt so far: a scan, if a copy meets one."""
        if not self._unsaid:
            return
        self.doubted.append(Doubted(self.relation, tuple(self._unsaid), self.counters))
        sure = " AND ".join(f"{cell} IS NULL" for cell, _ in self._unsaid)
        passes = f"CASE WHEN {sure} THEN TRUE ELSE {self.sql.counted(self.counters)} > 0 END"
        self._counting = f"SELECT * FROM ({self._counting}) WHERE {passes}"
        self.counters += 1
        self._unsaid = []

    def _check(self, label: str, rows: Sound) -> None:
        lenient = [condition for condition in rows.conditions if not condition.strict]
        if lenient:
            [found] = self.engine.rows(rows.lenient(self.relation))
            for condition, count, example in zip(lenient, found[::2], found[1::2], strict=True):
                self.warnings += [_left(label, condition, count, example)] if count else []
        if len(lenient) < len(rows.conditions):
            query = rows.unsound(self.relation, len(self.checked))
            self.checked.append(Checked(label, rows.conditions, query, self._of_file))

    def _tally(self, called: str, rows: RowChange) -> None:
        """Schedules the count of rows that the step removes or adds and, in the same scan, of cells changed
        before."""
        query = rows.tally(self.relation, list(self._uncounted))
        self.tallies.append(Tally(called, rows.counts, tuple(self._uncounted.values()), query))
        self._uncounted = {}

    def _list(self) -> None:
        """Schedules the listing of the changed cells that are not listed yet."""
        if self._unlisted:
            self._listings.append(self.sql.each(self._unlisted, self.relation, ROW))
        self._unlisted = []

    def _changed(self, place: int, called: str, made: Columns) -> Iterator[str]:
        """Columns that hold how many cells of a row changed, in columns that still exist, and which; as far
        as they are to be counted and listed."""
        before = {column.name: column.sql for column in self.columns}
        pairs = [
            Pair(place, called, at, column.name, old, column.sql)
            for at, column in enumerate(made)
            if (old := before.get(column.name, column.sql)) != column.sql
        ]
        if not pairs:
            self._counts[called].setdefault("changed", 0)
            return
        self._made += 1
        if self.given.count_cells:
            differ = [f"CASE WHEN {p.after} IS DISTINCT FROM {p.before} THEN 1 ELSE 0 END" for p in pairs]
            self._uncounted[f"d{self._made}"] = called
            yield f"{balanced(differ, '+')} AS d{self._made}"
        if self.given.list_cells and self._of_file:
            self._unlisted.append(f"e{self._made}")
            yield f"{self.sql.differing(pairs)} AS e{self._made}"

    def _layer(self, made: Columns, rows: RowChange, carried: Sequence[str], tallied: Sequence[str]) -> None:
        """Adds a layer; `carried`: what it holds besides the columns; `tallied`: what else, except for a
        copy, which has no use for it, and would take longer to plan."""
        columns, keys = self._named(made), self._keys(rows.keys(self.order))
        parts = [f"{c.sql} AS {n.sql}" for c, n in zip(made, columns, strict=True)]
        parts += [f"{k.sql} AS {n.sql}" for k, n in zip(rows.keys(self.order), keys, strict=True)]
        listed = ", ".join([*parts, *carried])
        self._counting = self._counted(listed, rows)
        where = f" WHERE {stays}" if (stays := rows.stays(self.relation, self.order)) else ""
        listed = ", ".join([listed, *tallied])
        self.relation = f"SELECT {listed} FROM {self._source(self.relation, rows)}{where}"
        self.columns, self.order = columns, keys
        pairs = [(c.sql, n.sql) for c, n in zip(made, columns, strict=True)]
        self.types = {now: self.types[then] for then, now in pairs if then in self.types}

    def _source(self, relation: str, rows: RowChange) -> str:
        """The FROM item; what is read once more has no counters, as they would count twice."""
        return rows.source(relation, self.order) + rows.joined(self.relation)

    def _counted(self, listed: str, rows: RowChange) -> str:
        """The layer with counters of the rows removed, or of the rows before and after it.

        An engine moves predicates below the layer, except those that move a counter.
        """
        if stays := rows.stays(self.relation, self.order):
            where = f"CASE WHEN {stays} THEN TRUE ELSE {self._counter()} < 0 END"
            return f"SELECT {listed} FROM {self._source(self._counting, rows)} WHERE {where}"
        before = self._passing(self._counting) if rows.counts else self._counting
        made = f"SELECT {listed} FROM {self._source(before, rows)}"
        return self._passing(made) if rows.counts else made

    def _passing(self, relation: str) -> str:
        return f"SELECT * FROM ({relation}) WHERE {self._counter()} > 0"

    def _counter(self) -> str:
        """A new counter, for the step whose tally is the last one."""
        self.counters += 1
        last = self.tallies[-1]
        used = range(last.counters.start if last.counters else self.counters - 1, self.counters)
        self.tallies[-1] = replace(last, counters=used)
        return self.sql.counted(self.counters - 1)

    def _named(self, made: Columns) -> Columns:
        """The columns as the next layer names them: a bare reference keeps its name, once."""
        unused = {column.sql for column in self.columns}
        return Columns(Column(column.name, self._reference(column.sql, unused)) for column in made)

    def _keys(self, made: Sequence[Key]) -> tuple[Key, ...]:
        """The same for the order keys; the last one is always the row's number."""
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
    """The warning for rows that break a condition and stay."""
    rows = f"{count} row{'s' if count > 1 else ''}"
    fate = "left as found" if condition.on_fail == "keep" else "made missing there"
    where = f" in column {condition.column!r}" if condition.column else ""
    said = f"{rows}, {condition.code}{where}, for example {example[:80]!r}"
    return f"{label}: {condition.message.removesuffix('.')}: {said}; {fate}."


def label(step: Step, place: int) -> str:
    """The step's name in the account."""
    return f"{step.step} (step {place + 1})"


def plan(
    engine: Engine,
    relation: str,
    names: Sequence[str],
    steps: Sequence[Step],
    numbered: bool,
    given: Given = NOTHING,
) -> Plan:
    """The complete plan of `steps` over a relation whose columns c0, c1, … are called `names`.

    Runs the fit passes, or checks what is applied. Raises DataError for what the steps or the data do not
    allow, and Unsure if it learns late.
    """
    columns = of_relation(names)
    order = (Key(ROW),) if numbered else ()
    sql = replace(engine.sql, nulls=given.nulls, tables=given.tables)
    made = Plan(engine, sql, relation, columns, order, given)
    for place, step in enumerate(steps):
        made.add(place, step)
    made.fit()
    made.settle()
    return made


def needs_row_numbers(steps: Sequence[Step]) -> bool:
    """Whether the relation must have the file order as a column."""
    return any(step.by_order for step in steps)
