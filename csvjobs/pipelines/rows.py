"""What a step may do to rows as a whole: keep some, put them in order, merge them, make several of one.

Each says how in SQL over the relation before it, and how to count what it did by another way than it does
it: a preview counts so, and tests hold what a job counts against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

ROW = "__row"
"""An integer beside the columns, different in each row, in file order; where a step is `by_order`."""

COPY = "__copy"
"""Which copy of a row it is, from 0, within the columns of a change with `Copies`."""

NEAR = "__near"
"""With the place of a cell behind it, within the columns of a change with `Nearest`."""

BROKEN = "__broken"
"""With the place of a condition behind it, within the columns of a change with `Sound`: whether a row breaks
it."""

FOUND = 100
"""Characters of what was found that are told."""

BY, NAME, CELL = "__by", "__name", "__cell"
"""Within the columns of a change with `Spread`."""

WINDOW = "__window"
"""With the place of a window behind it, within the columns of a change with `Windows`."""

GROUPS = "__groups"
"""With a number behind it, what is read once more to stand beside each row."""

MOST = 10**18
"""Rows; engines take no much larger number of them."""

READS = 8
"""How often a relation may read the rows of the file, where it can do so rather than hold them."""

ONE = "1 = 1"
"""To group by when there is one group: of no rows it makes none, where a bare aggregate makes one."""


Counted = Literal["dropped", "merged", "added", "rejected"]
OnFail = Literal["reject", "null", "keep", "fail"]


class Key(NamedTuple):
    """What rows are put in order by: an expression, NULL last."""

    sql: str
    descending: bool = False

    @property
    def term(self) -> str:
        return f"{self.sql} {'DESC' if self.descending else 'ASC'} NULLS LAST"


def terms(order: Sequence[Key]) -> str:
    """The keys as they stand behind ORDER BY."""
    return ", ".join(key.term for key in order)


class RowChange:
    """This one leaves all rows as they are.

    `counts`: where the account has the rows that went or came; nowhere when all stay.
    """

    counts: ClassVar[Counted | None] = None
    moves: ClassVar[bool] = False
    """Whether the rows have to be put in order again afterwards."""

    def source(self, relation: str, order: Sequence[Key]) -> str:
        """What the new columns are selected from."""
        return f"({relation})"

    def joined(self, relation: str) -> str:
        """What stands behind `source`, of the same rows read once more; mostly nothing."""
        return ""

    def stays(self, relation: str, order: Sequence[Key]) -> str:
        """A predicate over `source`, true for the rows that stay, neither false nor NULL; empty where no row
        goes."""
        return ""

    def keys(self, order: Sequence[Key]) -> tuple[Key, ...]:
        """What the rows stand by afterwards, as expressions over `source`."""
        return tuple(order)

    def tally(self, relation: str, sums: Sequence[str] = ()) -> str:
        """A query of one row: how many rows of the relation before go, or come, and the sums of these of its
        columns."""
        return f"SELECT 0{_summed(sums)} FROM ({relation})"


@dataclass(frozen=True)
class Keep(RowChange):
    """The rows for which the predicate is true; neither false nor NULL."""

    predicate: str
    counts = "dropped"

    def stays(self, relation: str, order: Sequence[Key]) -> str:
        return self.predicate

    def tally(self, relation: str, sums: Sequence[str] = ()) -> str:
        gone = f"COUNT(CASE WHEN {self.predicate} THEN NULL ELSE 1 END)"
        return f"SELECT {gone}{_summed(sums)} FROM ({relation})"


@dataclass(frozen=True)
class Alike(RowChange):
    """Of rows with equal keys the first or the last, or none where there are several."""

    by: tuple[str, ...]
    keep: Literal["first", "last", "none"]
    counts = "dropped"
    moves = True

    def source(self, relation: str, order: Sequence[Key]) -> str:
        return f"({relation})" if _again(relation, order) else f"({self._ranked(relation, order)})"

    def stays(self, relation: str, order: Sequence[Key]) -> str:
        if not _again(relation, order):
            return "__stays"
        which, alone = ("MAX" if self.keep == "last" else "MIN"), " HAVING COUNT(*) = 1"
        groups = f"({relation}) GROUP BY {', '.join(self.by)}{alone if self.keep == 'none' else ''}"
        return f"{ROW} IN (SELECT {which}({ROW}) FROM {groups})"

    def _ranked(self, relation: str, order: Sequence[Key]) -> str:
        among = f"PARTITION BY {', '.join(self.by)}"
        nth, of = f"ROW_NUMBER() OVER ({among} ORDER BY {terms(order)})", f"COUNT(*) OVER ({among})"
        stays = {"first": f"{nth} = 1", "last": f"{nth} = {of}", "none": f"{of} = 1"}[self.keep]
        return f"SELECT *, {stays} AS __stays FROM ({relation})"

    def tally(self, relation: str, sums: Sequence[str] = ()) -> str:
        gone = "CASE WHEN n > 1 THEN n ELSE 0 END" if self.keep == "none" else "n - 1"
        return f"SELECT SUM({gone}){_summed(sums)} FROM ({_groups(relation, self.by, sums)})"


@dataclass(frozen=True)
class Take(RowChange):
    """The first `rows` of all rows by `by`, or as they stand."""

    rows: int
    by: str | None = None
    counts = "dropped"
    moves = True

    def stays(self, relation: str, order: Sequence[Key]) -> str:
        by = terms([Key(self.by), *order] if self.by else order)
        return f"{ROW} IN (SELECT {ROW} FROM ({relation}) ORDER BY {by} LIMIT {self.rows})"

    def tally(self, relation: str, sums: Sequence[str] = ()) -> str:
        return f"SELECT GREATEST(COUNT(*) - {self.rows}, 0){_summed(sums)} FROM ({relation})"


@dataclass(frozen=True)
class Order(RowChange):
    """All rows, by these keys; equal ones as they stood."""

    by: tuple[Key, ...]
    moves = True

    def keys(self, order: Sequence[Key]) -> tuple[Key, ...]:
        return (*self.by, *order)


@dataclass(frozen=True)
class Nearest(RowChange):
    """All rows; beside each of the cells, NEAR with its place, the last of it before that is not NULL, or the
    first behind."""

    cells: tuple[str, ...]
    by: tuple[str, ...]
    before: bool
    moves = True

    def source(self, relation: str, order: Sequence[Key]) -> str:
        among = f"PARTITION BY {', '.join(self.by)} " if self.by else ""
        value, reach = (
            ("LAST_VALUE", "UNBOUNDED PRECEDING AND CURRENT ROW")
            if self.before
            else ("FIRST_VALUE", "CURRENT ROW AND UNBOUNDED FOLLOWING")
        )
        over = f"OVER ({among}ORDER BY {terms(order)} ROWS BETWEEN {reach})"
        near = (f"{value}({cell} IGNORE NULLS) {over} AS {NEAR}{n}" for n, cell in enumerate(self.cells))
        return f"(SELECT *, {', '.join(near)} FROM ({relation}))"


@dataclass(frozen=True)
class Window:
    """The rows around each row: those with equal `by`, in this order, and of these those of the `frame`.

    alone: rows that are equal in all keys are told apart, by how they stand.
    """

    by: tuple[str, ...]
    order: tuple[Key, ...] = ()
    frame: str = ""
    alone: bool = False

    @staticmethod
    def name(place: int) -> str:
        return f"{WINDOW}{place}"

    def written(self, order: Sequence[Key]) -> str:
        keys = (*self.order, *order) if self.alone else self.order
        among = f"PARTITION BY {', '.join(self.by)}" if self.by else ""
        return " ".join(filter(None, [among, f"ORDER BY {terms(keys)}" if keys else "", self.frame]))


@dataclass(frozen=True)
class Windows(RowChange):
    """All rows; within the columns values are OVER these windows, by their names."""

    windows: tuple[Window, ...]
    moves = True

    def source(self, relation: str, order: Sequence[Key]) -> str:
        named = (f"{Window.name(n)} AS ({window.written(order)})" for n, window in enumerate(self.windows))
        return f"({relation}) WINDOW {', '.join(named)}"


@dataclass(frozen=True)
class Grouped(RowChange):
    """All rows; beside each aggregates of all rows with equal keys.

    groups: the keys, and what is made of the rows with equal ones, by its name.
    """

    groups: Mapping[tuple[str, ...], Mapping[str, str]]
    moves = True

    def source(self, relation: str, order: Sequence[Key]) -> str:
        if self._again(relation):
            return f"({relation})"
        made = (
            f"{sql} OVER ({Window(by).written(())}) AS {name}"
            for by, aggregates in self.groups.items()
            for name, sql in aggregates.items()
        )
        return f"(SELECT *, {', '.join(made)} FROM ({relation}))"

    def joined(self, relation: str) -> str:
        if not self._again(relation):
            return ""
        return "".join(self._join(relation, n, by) for n, by in enumerate(self.groups))

    def _join(self, relation: str, number: int, by: tuple[str, ...]) -> str:
        called, keys = f"{GROUPS}{number}", [(key, f"{BY}{place}") for place, key in enumerate(by)]
        listed = [f"{sql} AS {name}" for sql, name in keys]
        listed += [f"{sql} AS {name}" for name, sql in self.groups[by].items()]
        groups = f"SELECT {', '.join(listed)} FROM ({relation}) GROUP BY {', '.join(by) or ONE}"
        equal = " AND ".join(f"{sql} IS NOT DISTINCT FROM {called}.{name}" for sql, name in keys)
        return f" JOIN ({groups}) AS {called} ON {equal or ONE}"

    def _again(self, relation: str) -> bool:
        """Whether to read the rows once more for each of the groups, and so hold the groups only, where a
        window holds whole rows: if they are not what takes long to make."""
        made = any(each in relation for each in (f" WINDOW {WINDOW}", f"MIN({ROW}) AS {ROW}"))
        return not made and _reads(relation) * (1 + len(self.groups)) <= READS


@dataclass(frozen=True)
class Matched(RowChange):
    """All rows, each beside the one row of another relation for which `on` is true, or beside nothing but
    NULL; its columns are called otherwise than theirs."""

    other: str
    on: str
    moves = True

    def source(self, relation: str, order: Sequence[Key]) -> str:
        return f"({relation}) LEFT JOIN ({self.other}) ON {self.on}"

    def without(self, relation: str) -> str:
        """The rows that have no such row."""
        return f"({relation}) WHERE NOT EXISTS (SELECT 1 FROM ({self.other}) WHERE {self.on})"


@dataclass(frozen=True)
class MatchedOnly(Matched):
    """The same, without the rows that would stand beside nothing."""

    counts = "dropped"

    def source(self, relation: str, order: Sequence[Key]) -> str:
        return f"({relation}) JOIN ({self.other}) ON {self.on}"

    def tally(self, relation: str, sums: Sequence[str] = ()) -> str:
        found = f"EXISTS (SELECT 1 FROM ({self.other}) WHERE {self.on}) AS __found"
        gone = "COUNT(CASE WHEN NOT __found THEN 1 END)"
        return f"SELECT {gone}{_summed(sums)} FROM (SELECT *, {found} FROM ({relation}))"


@dataclass(frozen=True)
class Merge(RowChange):
    """One row of all rows with equal keys, in the order of the first of each; the change's columns are
    aggregates.

    beside: expressions by name, in layers, each over the one before, that are there as columns: within
    another expression an engine may work out one of them several times.
    """

    by: tuple[str, ...]
    beside: tuple[Mapping[str, str], ...] = field(default=(), kw_only=True)
    counts = "merged"
    moves = True

    def source(self, relation: str, order: Sequence[Key]) -> str:
        return f"({self._layered(relation)}) GROUP BY {', '.join(self.by) or ONE}"

    def keys(self, order: Sequence[Key]) -> tuple[Key, ...]:
        return (Key(f"MIN({ROW})"),)

    def _layered(self, relation: str) -> str:
        for layer in self.beside:
            listed = ", ".join(["*", *(f"{sql} AS {name}" for name, sql in layer.items())])
            relation = f"SELECT {listed} FROM ({relation})"
        return relation

    def tally(self, relation: str, sums: Sequence[str] = ()) -> str:
        return f"SELECT SUM(n - 1){_summed(sums)} FROM ({_groups(relation, self.by, sums)})"


@dataclass(frozen=True)
class Spread(Merge):
    """The same, but what becomes cells is called by `name`: within the columns that and `cell` are NAME and
    CELL, and the keys BY with a number.

    Of rows with equal keys and names there is `only` one, or the `first` counts, or `cell` is an aggregate
    of `all`.
    """

    name: str
    cell: str
    rows: Literal["only", "first", "all"]

    def source(self, relation: str, order: Sequence[Key]) -> str:
        alike, rows, number = ", ".join([*self.by, self.name]), f"({relation})", ROW
        if self.rows == "first":
            nth = f"ROW_NUMBER() OVER (PARTITION BY {alike} ORDER BY {terms(order)})"
            rows = f"(SELECT *, {nth} AS __nth FROM ({relation})) WHERE __nth = 1"
        elif self.rows == "all":
            rows, number = f"({self._layered(relation)}) GROUP BY {alike}", f"MIN({ROW}) AS {ROW}"
        keys = [f"{key} AS {BY}{place}" for place, key in enumerate(self.by)]
        made = ", ".join([*keys, f"{self.name} AS {NAME}", f"{self.cell} AS {CELL}", number])
        among = ", ".join(f"{BY}{place}" for place in range(len(self.by)))
        return f"(SELECT {made} FROM {rows}) GROUP BY {among or ONE}"


@dataclass(frozen=True)
class Copies(RowChange):
    """Each row so many times, one below the other; COPY tells them apart."""

    times: int
    counts = "added"
    moves = True

    def source(self, relation: str, order: Sequence[Key]) -> str:
        numbers = ", ".join(f"({number})" for number in range(self.times))
        return f"({relation}) CROSS JOIN (VALUES {numbers}) AS copies({COPY})"

    def keys(self, order: Sequence[Key]) -> tuple[Key, ...]:
        return tuple(Key(f"{ROW} * {self.times} + {COPY}") if key.sql == ROW else key for key in order)

    def tally(self, relation: str, sums: Sequence[str] = ()) -> str:
        return f"SELECT COUNT(*) * {self.times - 1}{_summed(sums)} FROM ({relation})"


class Condition(NamedTuple):
    """What a row has to be; `code`, `column` and `message` are told where it is not.

    broken: a predicate, true where the row is not so; found: an expression, the text that is told; cells: the
    columns that are concerned. among: it looks at other rows too, of this table or another.
    """

    code: str
    column: str
    message: str
    broken: str
    found: str
    cells: tuple[str, ...]
    on_fail: OnFail
    among: bool = False

    @property
    def strict(self) -> bool:
        """Whether no row stays that breaks it."""
        return self.on_fail in ("reject", "fail")


@dataclass(frozen=True)
class Sound(RowChange):
    """The rows that break no strict condition; beside each row, BROKEN for each condition."""

    conditions: tuple[Condition, ...]
    counts = "rejected"

    def source(self, relation: str, order: Sequence[Key]) -> str:
        return f"({self._flagged(relation)})"

    def stays(self, relation: str, order: Sequence[Key]) -> str:
        return f"NOT {self._strictly}"

    def tally(self, relation: str, sums: Sequence[str] = ()) -> str:
        gone = f"COUNT(CASE WHEN {self._strictly} THEN 1 END)"
        return f"SELECT {gone}{_summed(sums)} FROM ({self._flagged(relation)})"

    def unsound(self, relation: str, step: int) -> str:
        """A query of the rows that break a strict condition: number, `step`, the places of all those that
        they break, and what was found for the first, of those that end the job if there are any."""
        places = [place for place, condition in enumerate(self.conditions) if condition.strict]
        ending = sorted(places, key=lambda place: self.conditions[place].on_fail != "fail")
        broken = (f"CASE WHEN {BROKEN}{place} THEN '{place}' END" for place in ending)
        found = (f"WHEN {BROKEN}{place} THEN {self.conditions[place].found}" for place in ending)
        listed = f"{ROW} AS __at, {step} AS __step, CONCAT_WS(',', {', '.join(broken)}) AS __places"
        text = f"SUBSTR(CASE {' '.join(found)} END, 1, {FOUND + 1}) AS __found"
        return f"SELECT {listed}, {text} FROM ({self._flagged(relation)}) WHERE {self._strictly}"

    def lenient(self, relation: str) -> str:
        """A query of two cells for each condition that is not strict, over the rows that stay: how many break
        it, and what was found in one of these."""
        broken = {f"{BROKEN}{place}": one for place, one in enumerate(self.conditions) if not one.strict}
        cells = (
            f"COUNT(CASE WHEN {flag} THEN 1 END), MIN(CASE WHEN {flag} THEN {one.found} END)"
            for flag, one in broken.items()
        )
        staying = f"{self.source(relation, ())} WHERE {self.stays(relation, ())}"
        return f"SELECT {', '.join(cells)} FROM {staying}"

    @property
    def _strictly(self) -> str:
        strict = [f"{BROKEN}{place}" for place, one in enumerate(self.conditions) if one.strict]
        return f"({' OR '.join(strict) or '1 = 0'})"

    def _flagged(self, relation: str) -> str:
        flags = (
            f"COALESCE({one.broken}, FALSE) AS {BROKEN}{place}" for place, one in enumerate(self.conditions)
        )
        return f"SELECT {', '.join(['*', *flags])} FROM ({relation})"


class SoundTogether(Sound):
    """The same, where a condition looks at other rows too."""

    moves = True


def _again(relation: str, order: Sequence[Key]) -> bool:
    """Whether to read the rows once more, to learn which of them to keep, and so hold the keys only, where to
    rank them holds whole rows: if they stand by their number, and are not read too often already."""
    return [key.sql for key in order] == [ROW] and 2 * _reads(relation) <= READS


def _reads(relation: str) -> int:
    """How often the rows of the file are read for it."""
    return 1 + relation.count(f"{ROW} IN (SELECT") + relation.count(f") AS {GROUPS}")


def _summed(names: Sequence[str]) -> str:
    return "".join(f", SUM({name})" for name in names)


def _groups(relation: str, by: Sequence[str], sums: Sequence[str]) -> str:
    summed = "".join(f", SUM({name}) AS {name}" for name in sums)
    return f"SELECT COUNT(*) AS n{summed} FROM ({relation}) GROUP BY {', '.join(by) or ONE}"
