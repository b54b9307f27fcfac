"""Changes to rows as a whole: keep some, sort them, merge them, make several out of one.

Each is written as SQL over the relation before it, and counts its effect in a different way than it produces
it: previews use that count, and tests compare it with what a job counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

ROW = "__row"
"""An integer column, different in each row, in file order; there if a step is `by_order`."""

COPY = "__copy"
"""The number of a row's copy, from 0; in the columns of a change with `Copies`."""

NEAR = "__near"
"""Followed by the position of a cell; in the columns of a change with `Nearest`."""

BROKEN = "__broken"
"""Followed by the position of a condition; in the columns of a change with `Sound`: whether the row breaks
it."""

FOUND = 100
"""The most characters shown of what was found."""

STANDS = "__stands"
"""Numbers the rows in their current order; in the columns of a change with `Merge` that asks for it."""

STAYS = "__stays"
"""Whether the row stays; a column beside the rows of a change that keeps some."""

BY, NAME, CELL = "__by", "__name", "__cell"
"""Column names in a change with `Spread`."""

WINDOW = "__window"
"""Followed by the position of a window; in the columns of a change with `Windows`."""

GROUPS = "__groups"
"""Followed by a number: the name of a relation that is read once more and joined to each row."""

MOST = 10**18
"""Rows; engines do not accept much larger numbers."""

READS = 8
"""The most times that a relation may read the rows of the file in order not to hold them in memory."""

ONE = "1 = 1"
"""The GROUP BY term for a single group: without rows it makes no group, where a bare aggregate makes one."""


Counted = Literal["dropped", "merged", "added", "rejected"]
OnFail = Literal["reject", "null", "keep", "fail"]


class Key(NamedTuple):
    """A sort key: an expression, NULL last."""

    sql: str
    descending: bool = False

    @property
    def term(self) -> str:
        return f"{self.sql} {'DESC' if self.descending else 'ASC'} NULLS LAST"


def terms(order: Sequence[Key]) -> str:
    """The keys as the terms of ORDER BY."""
    return ", ".join(key.term for key in order)


class RowChange:
    """The base class, which leaves all rows as they are.

    `counts`: where the account lists the rows that were removed or added; None if all stay.
    """

    counts: ClassVar[Counted | None] = None
    moves: ClassVar[bool] = False
    """Whether the rows must be sorted again afterwards."""

    def source(self, relation: str, order: Sequence[Key]) -> str:
        """The FROM item that the new columns are selected from."""
        return f"({relation})"

    def joined(self, relation: str) -> str:
        """Joins to append to `source`, with the same rows read once more; usually none."""
        return ""

    def stays(self, relation: str, order: Sequence[Key]) -> str:
        """A predicate over `source` that is true for the rows that stay, not false or NULL; empty if all
        stay."""
        return ""

    def keys(self, order: Sequence[Key]) -> tuple[Key, ...]:
        """The sort keys afterwards, as expressions over `source`."""
        return tuple(order)

    def tally(self, relation: str, sums: Sequence[str] = ()) -> str:
        """A query of one row: how many rows of the previous relation are removed, or how many are added, and
        the sums of the given columns."""
        return f"SELECT 0{_summed(sums)} FROM ({relation})"


@dataclass(frozen=True)
class Keep(RowChange):
    """Keeps the rows for which the predicate is true, not false or NULL."""

    predicate: str
    counts = "dropped"

    def stays(self, relation: str, order: Sequence[Key]) -> str:
        return self.predicate

    def tally(self, relation: str, sums: Sequence[str] = ()) -> str:
        gone = f"COUNT(CASE WHEN {self.predicate} THEN NULL ELSE 1 END)"
        return f"SELECT {gone}{_summed(sums)} FROM ({relation})"


@dataclass(frozen=True)
class Alike(RowChange):
    """Keeps the first or the last of the rows with equal keys, or none if there are several."""

    by: tuple[str, ...]
    keep: Literal["first", "last", "none"]
    counts = "dropped"
    moves = True

    def source(self, relation: str, order: Sequence[Key]) -> str:
        return f"({relation})" if _again(relation, order) else f"({self._ranked(relation, order)})"

    def stays(self, relation: str, order: Sequence[Key]) -> str:
        if not _again(relation, order):
            return STAYS
        which, alone = ("MAX" if self.keep == "last" else "MIN"), " HAVING COUNT(*) = 1"
        groups = f"({relation}) GROUP BY {', '.join(self.by)}{alone if self.keep == 'none' else ''}"
        return f"{ROW} IN (SELECT {which}({ROW}) FROM {groups})"

    def _ranked(self, relation: str, order: Sequence[Key]) -> str:
        among = f"PARTITION BY {', '.join(self.by)}"
        nth, of = f"ROW_NUMBER() OVER ({among} ORDER BY {terms(order)})", f"COUNT(*) OVER ({among})"
        stays = {"first": f"{nth} = 1", "last": f"{nth} = {of}", "none": f"{of} = 1"}[self.keep]
        return f"SELECT *, {stays} AS {STAYS} FROM ({relation})"

    def tally(self, relation: str, sums: Sequence[str] = ()) -> str:
        gone = "CASE WHEN n > 1 THEN n ELSE 0 END" if self.keep == "none" else "n - 1"
        return f"SELECT SUM({gone}){_summed(sums)} FROM ({_groups(relation, self.by, sums)})"


@dataclass(frozen=True)
class Take(RowChange):
    """Keeps the first `rows` rows in the order of `by`, or in their current order; or the `rest`."""

    rows: int
    by: str | None = None
    rest: bool = False
    counts = "dropped"
    moves = True

    def stays(self, relation: str, order: Sequence[Key]) -> str:
        by = terms([Key(self.by), *order] if self.by else order)
        among = f"(SELECT {ROW} FROM ({relation}) ORDER BY {by} LIMIT {self.rows})"
        return f"{ROW} {'NOT ' if self.rest else ''}IN {among}"

    def tally(self, relation: str, sums: Sequence[str] = ()) -> str:
        gone = f"LEAST(COUNT(*), {self.rows})" if self.rest else f"GREATEST(COUNT(*) - {self.rows}, 0)"
        return f"SELECT {gone}{_summed(sums)} FROM ({relation})"


@dataclass(frozen=True)
class Order(RowChange):
    """Sorts all rows by these keys; equal rows keep their order."""

    by: tuple[Key, ...]
    moves = True

    def keys(self, order: Sequence[Key]) -> tuple[Key, ...]:
        return (*self.by, *order)


@dataclass(frozen=True)
class Nearest(RowChange):
    """Keeps all rows; next to each of the cells adds NEAR with its position: the last value before, or the
    first after, that is not NULL."""

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
    """The rows around each row: those with equal `by`, in this order, limited to the `frame`.

    alone: rows that are equal in all keys are told apart by their current order.
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
    """Keeps all rows; the columns can use values OVER these windows, by their names."""

    windows: tuple[Window, ...]
    moves = True

    def source(self, relation: str, order: Sequence[Key]) -> str:
        named = (f"{Window.name(n)} AS ({window.written(order)})" for n, window in enumerate(self.windows))
        return f"({relation}) WINDOW {', '.join(named)}"


@dataclass(frozen=True)
class Grouped(RowChange):
    """Keeps all rows; next to each adds aggregates of all rows with equal keys.

    groups: the keys, and the aggregates of the rows with equal ones, by name.
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
        """Whether to read the rows once more for each of the groups, which holds only the groups in memory,
        where a window holds whole rows; only if the rows are cheap to make."""
        made = any(each in relation for each in (f" WINDOW {WINDOW}", f"MIN({ROW}) AS {ROW}"))
        return not made and _reads(relation) * (1 + len(self.groups)) <= READS


@dataclass(frozen=True)
class Matched(RowChange):
    """Keeps all rows, each joined with the one row of another relation for which `on` is true, or with NULLs;
    its column names must differ from those of the rows."""

    other: str
    on: str
    moves = True

    def source(self, relation: str, order: Sequence[Key]) -> str:
        return f"({relation}) LEFT JOIN ({self.other}) ON {self.on}"

    def without(self, relation: str) -> str:
        """The rows without a match."""
        return f"({relation}) WHERE NOT EXISTS (SELECT 1 FROM ({self.other}) WHERE {self.on})"


@dataclass(frozen=True)
class MatchedOnly(Matched):
    """The same, without the rows that have no match; `key`: a column of the other relation that is never
    NULL."""

    key: str
    counts = "dropped"

    def stays(self, relation: str, order: Sequence[Key]) -> str:
        # Not an inner join: an engine derives predicates from it, which it moves below the counters.
        return f"{self.key} IS NOT NULL"

    def tally(self, relation: str, sums: Sequence[str] = ()) -> str:
        found = f"EXISTS (SELECT 1 FROM ({self.other}) WHERE {self.on}) AS __found"
        gone = "COUNT(CASE WHEN NOT __found THEN 1 END)"
        return f"SELECT {gone}{_summed(sums)} FROM (SELECT *, {found} FROM ({relation}))"


@dataclass(frozen=True)
class Merge(RowChange):
    """Merges rows with equal keys into one, in the order of the first of each; the change's columns are
    aggregates.

    beside: layers of named expressions, each over the previous layer, that become columns first: within
    another expression an engine may compute one several times. `stands`: whether STANDS is one of them.
    """

    by: tuple[str, ...]
    beside: tuple[Mapping[str, str], ...] = field(default=(), kw_only=True)
    stands: bool = field(default=False, kw_only=True)
    counts = "merged"
    moves = True

    def source(self, relation: str, order: Sequence[Key]) -> str:
        return f"({self._layered(relation, order)}) GROUP BY {', '.join(self.by) or ONE}"

    def keys(self, order: Sequence[Key]) -> tuple[Key, ...]:
        return (Key(f"MIN({ROW})"),)

    def _layered(self, relation: str, order: Sequence[Key]) -> str:
        numbered = (
            ROW if [key.sql for key in order] == [ROW] else f"ROW_NUMBER() OVER (ORDER BY {terms(order)})"
        )
        for layer in (*([{STANDS: numbered}] if self.stands else []), *self.beside):
            listed = ", ".join(["*", *(f"{sql} AS {name}" for name, sql in layer.items())])
            relation = f"SELECT {listed} FROM ({relation})"
        return relation

    def tally(self, relation: str, sums: Sequence[str] = ()) -> str:
        return f"SELECT SUM(n - 1){_summed(sums)} FROM ({_groups(relation, self.by, sums)})"


@dataclass(frozen=True)
class Spread(Merge):
    """The same, but `name` says which column a cell goes to: in the columns, `name` and `cell` are NAME and
    CELL, and the keys BY with a number.

    Of rows with equal keys and names there is `only` one, or the `first` counts, or `cell` is an aggregate of
    `all`.
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
            rows, number = f"({self._layered(relation, order)}) GROUP BY {alike}", f"MIN({ROW}) AS {ROW}"
        keys = [f"{key} AS {BY}{place}" for place, key in enumerate(self.by)]
        made = ", ".join([*keys, f"{self.name} AS {NAME}", f"{self.cell} AS {CELL}", number])
        among = ", ".join(f"{BY}{place}" for place in range(len(self.by)))
        return f"(SELECT {made} FROM {rows}) GROUP BY {among or ONE}"


@dataclass(frozen=True)
class Copies(RowChange):
    """Repeats each row that many times, one below the other; COPY tells them apart."""

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
    """What a row must be; `code`, `column` and `message` are reported if it is not.

    broken: a predicate, true if the row breaks it; found: an expression, the text to report; cells: the
    columns concerned. among: it depends on other rows too, of this table or another.
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
        """Whether rows that break it are removed, or end the job."""
        return self.on_fail in ("reject", "fail")


@dataclass(frozen=True)
class Sound(RowChange):
    """Keeps the rows that break no strict condition; next to each row adds BROKEN for each condition."""

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
        """A query of the rows that break a strict condition: number, `step`, the positions of all conditions
        that they break, those that end the job first, and what was found for the first of these."""
        places = [place for place, condition in enumerate(self.conditions) if condition.strict]
        ending = sorted(places, key=lambda place: self.conditions[place].on_fail != "fail")
        broken = (f"CASE WHEN {BROKEN}{place} THEN '{place}' END" for place in ending)
        found = (f"WHEN {BROKEN}{place} THEN {self.conditions[place].found}" for place in ending)
        listed = f"{ROW} AS __at, {step} AS __step, CONCAT_WS(',', {', '.join(broken)}) AS __places"
        text = f"SUBSTR(CASE {' '.join(found)} END, 1, {FOUND + 1}) AS __found"
        return f"SELECT {listed}, {text} FROM ({self._flagged(relation)}) WHERE {self._strictly}"

    def lenient(self, relation: str) -> str:
        """A query of two cells for each condition that is not strict, over the rows that stay: how many break
        it, and what was found in one of them."""
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
    """The same, with a condition that depends on other rows too."""

    moves = True


def _again(relation: str, order: Sequence[Key]) -> bool:
    """Whether to read the rows once more to find out which to keep, which holds only the keys in memory,
    where ranking holds whole rows: if they are in order of their number, and not read too often already."""
    return [key.sql for key in order] == [ROW] and 2 * _reads(relation) <= READS


def _reads(relation: str) -> int:
    """How often the relation reads the rows of the file."""
    return 1 + relation.count(f"{ROW} IN (SELECT") + relation.count(f") AS {GROUPS}")


def _summed(names: Sequence[str]) -> str:
    return "".join(f", SUM({name})" for name in names)


def _groups(relation: str, by: Sequence[str], sums: Sequence[str]) -> str:
    summed = "".join(f", SUM({name}) AS {name}" for name in sums)
    return f"SELECT COUNT(*) AS n{summed} FROM ({relation}) GROUP BY {', '.join(by) or ONE}"
