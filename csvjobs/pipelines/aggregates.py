"""What can be said of many cells at once, as text: counts, and sums that no order of adding changes."""

from math import frexp, ldexp
from typing import Literal, NamedTuple

from csvjobs.engines.base import Sql
from csvjobs.pipelines.derive import there
from csvjobs.pipelines.step import Column, Learnt, Need, constant, missing, number

Function = Literal["count", "filled", "distinct", "sum", "mean", "min", "max"]
NUMERIC = ("sum", "mean", "min", "max")

EXACT = "DECIMAL(28, 10)"
"""Of the 38 digits that a sum may have that leaves room for 10^10 numbers."""

BITS = 62
"""Of the integers that other numbers are added as, so that no order of adding makes a difference."""


def aggregated(function: Function, cell: Column | None, learnt: Learnt, sql: Sql) -> str:
    """The aggregate of a column's cells; `count`, which is of rows, needs none. For those in NUMERIC the
    column's `need` must be learnt."""
    if cell is None or function == "count":
        return "CAST(COUNT(*) AS VARCHAR)"
    if function in NUMERIC:
        return _numeric(function, number(sql, cell.sql), cell.sql, learnt[need(cell.name)])
    among = "DISTINCT " if function == "distinct" else ""
    return f"CAST(COUNT({among}{there(sql, cell.sql)}) AS VARCHAR)"


def need(column: str) -> Need:
    """How large the numbers of a column are."""
    return Need(column, "reach")


class Certain(NamedTuple):
    """A cell as a decimal, NULL where it is missing; one that is no number, or is not exact as a decimal, is
    refused."""

    cell: str
    place: int

    @property
    def name(self) -> str:
        """What it is called, after both layers."""
        return f"__certain{self.place}"

    def read(self, sql: Sql) -> dict[str, str]:
        """The first layer."""
        exact = f"TRY_CAST({self.cell} AS {EXACT})"
        return {f"__exact{self.place}": exact, f"__double{self.place}": sql.number(self.cell)}

    def checked(self, sql: Sql) -> dict[str, str]:
        """The second."""
        exact, gone = f"__exact{self.place}", missing(sql, self.cell)
        fits = f"CAST({exact} AS DOUBLE) = __double{self.place}"
        return {self.name: f"CASE WHEN {gone} THEN NULL WHEN {fits} THEN {exact} ELSE {sql.refused()} END"}


def exactly(function: str, exact: str) -> str:
    """The aggregate of decimals."""
    match function:
        case "sum":
            return _shortest(f"SUM({exact})")
        case "mean":
            return f"CAST({_quotient(_shortest(f'SUM({exact})'), f'COUNT({exact})')} AS VARCHAR)"
        case _:
            return _shortest(f"{function.upper()}({exact})")


def _numeric(function: str, number: str, text: str, bound: float) -> str:
    """Exact where all numbers of the group have few enough digits, else as doubles are."""
    exact = f"TRY_CAST({text} AS {EXACT})"
    exact = f"CASE WHEN CAST({exact} AS DOUBLE) = {number} THEN {exact} END"
    about = f"CAST({_about(function, number, bound)} AS VARCHAR)"
    return f"CASE WHEN COUNT({exact}) = COUNT({number}) THEN {exactly(function, exact)} ELSE {about} END"


def _about(function: str, number: str, bound: float) -> str:
    match function:
        case "sum":
            return _sum(number, bound)
        case "mean":
            return f"{_sum(number, bound)} / COUNT({number})"
        case _:
            return f"{function.upper()}({number})"


def _shortest(decimal: str) -> str:
    return f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST({decimal} AS VARCHAR)))"


def _quotient(decimal: str, count: str) -> str:
    """Of two whole numbers, 2776 / (50 * 10) for 277.6 / 50: a double holds these as they are."""
    digits, places = f"REPLACE({decimal}, '.', '')", f"LENGTH(SPLIT_PART({decimal}, '.', 2))"
    return f"CAST({digits} AS DOUBLE) / ({count} * POWER(10, {places}))"


def _sum(number: str, bound: float) -> str:
    _, exponent = frexp(bound)
    scale = ldexp(1.0, BITS - max(exponent, BITS - 1000))
    return f"SUM(CAST(ROUND({number} * {constant(scale)}) AS BIGINT)) / {constant(scale)}"
