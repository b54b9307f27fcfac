"""What can be said of many cells at once, as text: counts, and sums that no order of adding changes."""

from math import frexp, ldexp
from typing import Literal

from csvjobs.engines.base import Sql
from csvjobs.pipelines.derive import there
from csvjobs.pipelines.step import Column, Learnt, Need, constant, number

Function = Literal["count", "filled", "distinct", "sum", "mean", "min", "max"]
NUMERIC = ("sum", "mean", "min", "max")

DECIMALS = 10
EXACT_BELOW = 1e18
"""Of 38 digits that leaves room for the sum of 10^10 numbers."""

BITS = 62
"""Of the integers that other numbers are added as, so that no order of adding makes a difference."""


def aggregated(function: Function, cell: Column | None, learnt: Learnt, sql: Sql) -> str:
    """The aggregate of a column's cells; `count`, which is of rows, needs none. For those in NUMERIC the
    column's `needs` must be learnt."""
    if cell is None or function == "count":
        return "CAST(COUNT(*) AS VARCHAR)"
    if function in NUMERIC:
        bound = max(abs(learnt[need]) for need in needs(cell.name))
        return _numeric(function, number(sql, cell.sql), cell.sql, bound)
    among = "DISTINCT " if function == "distinct" else ""
    return f"CAST(COUNT({among}{there(sql, cell.sql)}) AS VARCHAR)"


def needs(column: str) -> tuple[Need, Need]:
    """How large the numbers of a column are."""
    return Need(column, "min"), Need(column, "max")


def _numeric(function: str, number: str, text: str, bound: float) -> str:
    """Exact where all numbers of the group have few enough digits, else as doubles are."""
    exact = f"TRY_CAST({text} AS DECIMAL(38, {DECIMALS}))"
    fits = f"ABS({number}) < {constant(EXACT_BELOW)} AND CAST({exact} AS DOUBLE) = {number}"
    exact = f"CASE WHEN {fits} THEN {exact} END"
    made = {
        "sum": (_shortest(f"SUM({exact})"), f"CAST({_sum(number, bound)} AS VARCHAR)"),
        "mean": (
            f"CAST({_quotient(_shortest(f'SUM({exact})'), f'COUNT({number})')} AS VARCHAR)",
            f"CAST({_sum(number, bound)} / COUNT({number}) AS VARCHAR)",
        ),
        "min": (_shortest(f"MIN({exact})"), f"CAST(MIN({number}) AS VARCHAR)"),
        "max": (_shortest(f"MAX({exact})"), f"CAST(MAX({number}) AS VARCHAR)"),
    }
    exactly, about = made[function]
    return f"CASE WHEN COUNT({exact}) = COUNT({number}) THEN {exactly} ELSE {about} END"


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
