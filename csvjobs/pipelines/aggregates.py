"""Aggregates of a column's cells, as text: counts, and sums that do not depend on the order of adding."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from math import frexp, ldexp
from typing import Literal, NamedTuple, Protocol

from csvjobs.engines.base import Sql
from csvjobs.errors import NotANumber
from csvjobs.pipelines.derive import there
from csvjobs.pipelines.distribution import Layers, deviation, distances, middle, ranks, together
from csvjobs.pipelines.rows import STANDS, Merge
from csvjobs.pipelines.step import Check, Column, Learnt, Need, constant, missing, number

Function = Literal[
    "count", "filled", "distinct", "sum", "mean", "median", "stddev", "stddev_pop", "min", "max", "join"
]
DDOF = {"stddev": 1, "stddev_pop": 0}
NUMERIC = ("sum", "mean", "median", *DDOF, "min", "max")
SEPARATOR = ", "

EXACT = "DECIMAL(28, 10)"
"""Of the 38 digits of a sum, this leaves room for 10^10 numbers."""

WIDE = "DECIMAL(38, 10)"
MOST = 1e28
ROOM = 1e18
"""Smaller numbers are added as they are, others up to MOST in two parts."""

WIDTH = 40
"""Binary digits of a bin: doubles of similar size, added as integers of WIDTH + 53 digits. 126 digits leave
room for 10^9 numbers."""

GAP = 4
"""Bins after which the carry from a bin, of 126 digits, is used up."""

LARGEST = 2.0**980
"""The sum of smaller doubles is a double too."""

HALVED = "DECIMAL(37, 10)"
"""The sum of two numbers of this type, and half of it, fit in 38 digits."""


class Cells(Protocol):
    """A numeric column to aggregate: layers of columns beside the rows, and the aggregates made from them."""

    @property
    def place(self) -> int: ...

    @property
    def layers(self) -> Layers: ...

    @property
    def keys(self) -> tuple[str, ...]:
        """The sort keys of the numbers: the double, then the decimal if it is exact as one."""

    def made(self, function: str) -> str: ...


def aggregated(
    function: Function, cell: Column | None, numbers: Mapping[str, Cells], sql: Sql, separator: str
) -> str:
    """The aggregate of a column's cells; `count` counts rows and needs none. `numbers`: the columns of the
    functions in NUMERIC, by name; separator: the text between joined texts."""
    if cell is None or function == "count":
        return "CAST(COUNT(*) AS VARCHAR)"
    if function in NUMERIC:
        return numbers[cell.name].made(function)
    if function == "join":
        return f"STRING_AGG({there(sql, cell.sql)}, {sql.text(separator)} ORDER BY {STANDS})"
    among = "DISTINCT " if function == "distinct" else ""
    return f"CAST(COUNT({among}{there(sql, cell.sql)}) AS VARCHAR)"


def need(column: str) -> Need:
    """The need for the size of a column's numbers."""
    return Need(column, "reach")


def cells(columns: Iterable[Column], learnt: Learnt, sql: Sql) -> dict[str, Cells]:
    """Numeric columns, by name. If the need of one was not learnt, the query raises Unsure for cells of it
    that are not exact as decimals."""
    return {
        c.name: Measured(c.sql, place, learnt[need(c.name)], sql)
        if need(c.name) in learnt
        else Certain(c.sql, place, sql)
        for place, c in enumerate(columns)
    }


def beside(
    numbers: Mapping[str, Cells], wanted: Iterable[tuple[str, str | None]], by: Sequence[str]
) -> Layers:
    """The columns that these functions of columns need beside the rows, in groups with equal `by`."""
    windows = dict[str, Layers]()
    for function, name in wanted:
        if name is not None and function == "median":
            windows[f"ranks {name}"] = ranks(str(numbers[name].place), by, numbers[name].keys)
        elif name is not None and function in DDOF:
            windows[f"distances {name}"] = distances(str(numbers[name].place), by, numbers[name].keys[0])
    read = together([each.layers for each in numbers.values()])
    return (*read, *together(list(windows.values())))


def sums_fit(names: Iterable[str], by: Sequence[str], numbers: Mapping[str, Cells]) -> tuple[Check, ...]:
    """Checks that the sums of these columns, in groups with equal `by`, are not too large for a double."""
    large = {name: each for name in names if isinstance(each := numbers[name], Measured) and each.large}
    return tuple(_sum_fits(name, by, each) for name, each in large.items())


def _sum_fits(name: str, by: Sequence[str], numbers: Measured) -> Check:
    grouped = Merge(tuple(by), beside=numbers.layers)
    beyond = f"ABS({numbers.total}) > {constant(sys.float_info.max)}"

    def ask(relation: str) -> str:
        return f"SELECT COUNT(*), NULL FROM (SELECT 1 FROM {grouped.source(relation, ())} HAVING {beyond})"

    def refuse(count: int, example: str | None) -> str:
        sums = "1 sum" if count == 1 else f"{count} sums"
        raise NotANumber(f"{sums} of column {name!r} would be larger than any number here.", column=name)

    return Check(ask, refuse)


class Certain(NamedTuple):
    """A cell as a decimal, NULL if it is missing; the query raises Unsure for one that is not a number, or
    not exact as a decimal."""

    cell: str
    place: int
    sql: Sql

    @property
    def layers(self) -> Layers:
        exact, double = f"__decimal{self.place}", f"__double{self.place}"
        read = {exact: f"TRY_CAST({self.cell} AS {EXACT})", double: self.sql.number(self.cell)}
        gone = missing(self.sql, self.cell)
        fits = f"ABS({double}) < {constant(ROOM)} AND CAST({exact} AS DOUBLE) = {double}"
        checked = f"CASE WHEN {gone} THEN NULL WHEN {fits} THEN {exact} ELSE {self.sql.refused()} END"
        return read, {self._exact: checked}

    @property
    def keys(self) -> tuple[str, ...]:
        # From the checked column: an engine does not compute a column that nothing uses.
        return (f"CAST({self._exact} AS DOUBLE)", self._exact)

    @property
    def _exact(self) -> str:
        return f"__exact{self.place}"

    def made(self, function: str) -> str:
        match function:
            case "sum":
                return _shortest(f"SUM({self._exact})")
            case "mean":
                return _quotient(_shortest(f"SUM({self._exact})"), f"COUNT({self._exact})")
            case "median":
                return _shortest(_halfway(self.place, self._exact))
            case "stddev" | "stddev_pop":
                return _text(deviation(str(self.place), DDOF[function]))
            case _:
                return _shortest(f"{function.upper()}({self._exact})")


class Measured(NamedTuple):
    """A cell as a double, and as a decimal if it is exact as one; NULL if it is missing or not a number.

    reach: the absolute values of the column's numbers, as spans.
    """

    cell: str
    place: int
    reach: Sequence[tuple[float, float]]
    sql: Sql

    @property
    def layers(self) -> Layers:
        wide = f"__wide{self.place}"
        read = {wide: f"TRY_CAST({self.cell} AS {WIDE})", self._double: number(self.sql, self.cell)}
        fits = f"CAST({wide} AS DOUBLE) = {self._double}"
        if self._farthest >= MOST:
            # Engines convert 1e28 to a decimal with more digits than its type has.
            fits += f" AND ABS({wide}) <= CAST('{'9' * 28}.{'9' * 10}' AS {WIDE})"
        return read, {self._exact: f"CASE WHEN {fits} THEN {wide} END"}

    @property
    def keys(self) -> tuple[str, ...]:
        return (self._double, self._exact)

    @property
    def _double(self) -> str:
        return f"__double{self.place}"

    @property
    def _exact(self) -> str:
        return f"__exact{self.place}"

    @property
    def _farthest(self) -> float:
        return max((high for _, high in self.reach), default=0.0)

    @property
    def large(self) -> bool:
        """Whether the sum may be too large for a double."""
        return self._farthest >= LARGEST

    def made(self, function: str) -> str:
        """The aggregate: exact if all numbers of the group have few enough digits (for min and max, if the
        result has); otherwise as precise as doubles."""
        if function in ("min", "max"):
            exact, about = f"{function.upper()}({self._exact})", f"{function.upper()}({self._double})"
            same = f"CAST({exact} AS DOUBLE) = {about}"
            return f"CASE WHEN {same} THEN {_shortest(exact)} ELSE {_text(about)} END"
        if function in DDOF:
            return _text(deviation(str(self.place), DDOF[function]))
        if function == "median":
            return self._median
        count, exact, about = f"COUNT({self._double})", self._decimal, _text(self.total)
        if function == "mean":
            exact, about = _quotient(exact, count), _text(_added(self._sums, count))
        whens = (
            f"WHEN {count} = 0 THEN NULL WHEN COUNT({self._exact}) = {count} THEN COALESCE({exact}, {about})"
        )
        return f"CASE {whens} ELSE {about} END"

    @property
    def _median(self) -> str:
        called = str(self.place)
        low, high = (middle(called, self._double, upper=upper) for upper in (False, True))
        same, other = (middle(called, self._exact, upper=upper) for upper in (False, True))
        halfway = _shortest(_halfway(self.place, self._exact))
        about = _text(f"CASE WHEN {low} = {high} THEN {low} ELSE {low} / 2 + {high} / 2 END")
        return f"CASE WHEN {same} = {other} THEN {_shortest(same)} ELSE COALESCE({halfway}, {about}) END"

    @property
    def _decimal(self) -> str:
        """The sum of the decimals; NULL if it has more than 38 digits."""
        if self._farthest < ROOM:
            return _shortest(f"SUM({self._exact})")
        whole, rest = f"SUM(TRUNC({self._exact}))", f"SUM({self._exact} - TRUNC({self._exact}))"
        fits = f"ABS({whole}) < CAST('9e27' AS DECIMAL(38, 0))"
        both = _shortest(f"(CAST({whole} AS {WIDE}) + {rest})")
        return f"CASE WHEN {fits} THEN {both} WHEN {rest} = 0 THEN CAST({whole} AS VARCHAR) END"

    @property
    def total(self) -> str:
        """The sum of the doubles."""
        return _added(self._sums)

    @property
    def _sums(self) -> dict[int, str]:
        """The sums, as integers, of the numbers in each bin that has any."""
        size = f"ABS({self._double})"
        bins = sorted({nth for low, high in self.reach for nth in range(_bin(low), _bin(high) + 1)})
        made = dict[int, str]()
        for nth in bins:
            above = [f"{size} >= {constant(ldexp(1.0, nth * WIDTH))}"] if nth != bins[0] else []
            below = [f"{size} < {constant(ldexp(1.0, (nth + 1) * WIDTH))}"] if nth != bins[-1] else []
            part = f"CAST({_scaled(self._double, -_unit(nth))} AS HUGEINT)"
            within = " AND ".join([*above, *below])
            part = f"CASE WHEN {within} THEN {part} END" if within else part
            made[nth] = f"COALESCE(SUM({part}), 0)"
        return made


def _bin(size: float) -> int:
    _, exponent = frexp(size)
    return (exponent - 1) // WIDTH


def _unit(nth: int) -> int:
    """The exponent of the power of two of which all doubles in the bin are multiples."""
    return max(nth * WIDTH - 52, -1074)


def _scaled(number: str, power: int) -> str:
    """The double times a power of two, which may itself exceed the range of a double."""
    first = max(-1000, min(power, 1000))
    made = f"{number} * {constant(ldexp(1.0, first))}"
    return made if first == power else f"{made} * {constant(ldexp(1.0, power - first))}"


def _added(sums: Mapping[int, str], count: str = "1") -> str:
    """The double nearest to the sum of all bins, give or take its last digit, divided by the count.

    What exceeds a bin is carried to the next, so the first bin that is not 0 outweighs all after it, and what
    is left when large numbers cancel out is as exact as any other sum.
    """
    terms, carried, left = list[str](), "", 0
    for nth in range(min(sums, default=0), max(sums, default=-1) + 1):
        left = GAP if nth in sums else left - 1
        total = " + ".join(filter(None, [sums.get(nth, ""), carried]))
        if not total:
            continue
        adjacent = _unit(nth + 1) - _unit(nth) == WIDTH and nth < max(sums)
        kept, carried = _split(total) if adjacent and left else (total, "")
        terms.append(_scaled(f"(CAST({kept} AS DOUBLE) / {count})", _unit(nth)))
    return f"({' + '.join(terms) or constant(0.0)})"


def _split(total: str) -> tuple[str, str]:
    """The part of an integer that stays in its bin, at most half of one in the next, and the carry to the
    next."""
    step, half, large = 2**WIDTH, 2 ** (WIDTH - 1), 2**126
    above = f"({total} + {_integer(large + half)})"
    return (
        f"({above} % {_integer(step)} - {half})",
        f"({above} // {_integer(step)} - {_integer(large // step)})",
    )


def _integer(value: int) -> str:
    return f"CAST('{value}' AS HUGEINT)"


def _halfway(place: int, decimal: str) -> str:
    """The median as a decimal, NULL if it has more than 38 digits."""
    low, high = (
        f"TRY_CAST({middle(str(place), decimal, upper=upper)} AS {HALVED})" for upper in (False, True)
    )
    return f"({low} + {high}) * CAST('0.5' AS DECIMAL(2, 1))"


def _text(double: str) -> str:
    return f"CAST({double} AS VARCHAR)"


def _shortest(decimal: str) -> str:
    return f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST({decimal} AS VARCHAR)))"


def _quotient(decimal: str, count: str) -> str:
    """Divides as whole numbers, 2776 / (50 * 10) for 277.6 / 50: doubles represent these exactly, and of
    larger ones the remainder of the division."""
    digits = f"CAST(REPLACE({decimal}, '.', '') AS HUGEINT)"
    divisor = f"({count} * CAST(POWER(10, LENGTH(SPLIT_PART({decimal}, '.', 2))) AS HUGEINT))"
    small = f"ABS({digits}) < {_integer(2**53)}"
    large = f"CAST({digits} // {divisor} AS DOUBLE) + CAST({digits} % {divisor} AS DOUBLE) / {divisor}"
    return _text(f"CASE WHEN {small} THEN CAST({digits} AS DOUBLE) / {divisor} ELSE {large} END")
