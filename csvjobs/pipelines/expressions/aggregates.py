"""Aggregates in queries: what to compute over many rows, a group's or a window's, and the value made from
it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from csvjobs.engines.base import Sql
from csvjobs.pipelines.distribution import Layers, deviation, distances, middle, ranks
from csvjobs.pipelines.expressions.parts import each, listed
from csvjobs.pipelines.expressions.terms import (
    DIGITS,
    NUMBERS,
    Date,
    Number,
    Term,
    Text,
    Time,
    added,
    decimal,
    divided,
    literal,
    multiplied,
    whole,
)
from csvjobs.pipelines.expressions.values import Values

SPARE = 10
"""Digits left for the sum of 10^10 numbers."""

Asked = Callable[[str, str], str]
"""Makes an engine's aggregate, from its name and an expression, over the rows of the group or window."""


class Kind(NamedTuple):
    """A kind of aggregate. takes: converts the argument; over: the terms to compute over the rows; made: the
    value, from these.

    beside: the columns that it needs beside the rows of groups, from a suffix for their names, the groups'
    keys and the argument; `over` then takes the suffix too. separated: it takes a separator too. merged: the
    same as `over`, for groups only.
    """

    takes: Callable[[Values, Term], Term]
    over: Callable[..., list[Term]]
    made: Callable[..., Term]
    beside: Callable[[str, Sequence[str], Term], Layers] | None = None
    separated: bool = False
    merged: Callable[..., list[Term]] | None = None

    @property
    def of_groups_only(self) -> bool:
        """Whether it cannot be used as a window function."""
        return self.separated or self.beside is not None


def _count(term: Term, asked: Asked) -> list[Term]:
    [cell] = listed(term)
    return [whole(asked("COUNT", cell))]


def _sum(term: Number, asked: Asked) -> list[Term]:
    """Exact if all numbers of the rows are exact and have few enough digits."""
    about, exact = term.about, term.exact
    if exact is None:
        return [Number(asked("SUM", about))]
    exact = f"CASE WHEN ABS({about}) < {_power(DIGITS - SPARE - term.places)} THEN {exact} END"
    total, fits = asked("SUM", exact), _all_exact(about, exact, asked)
    double = f"CASE WHEN {fits} THEN CAST({total} AS {NUMBERS}) ELSE {asked('SUM', about)} END"
    return [Number(double, f"CASE WHEN {fits} THEN {total} END", term.places)]


def _sum_of_group(term: Number, asked: Asked) -> list[Term]:
    """The same, but integers and decimals of each number with more digits are added by themselves."""
    about, places = term.about, term.places
    if term.exact is None or not places:
        return _sum(term, asked)
    exact = term.exact
    if places < SPARE:
        exact = f"CASE WHEN ABS({about}) < {_power(DIGITS - SPARE)} THEN {exact} END"
    short, whole = f"ABS({about}) < {_power(DIGITS - SPARE - places)}", decimal(f"TRUNC({exact})", 0)
    small, integers, rest = (
        f"COALESCE({asked('SUM', f'CASE WHEN {which} THEN {part} END')}, {decimal('0', digits)})"
        for which, part, digits in (
            (short, exact, places),
            (f"NOT ({short})", whole, 0),
            (f"NOT ({short})", f"{exact} - TRUNC({exact})", places),
        )
    )
    every = f"{asked('COUNT', about)} > 0 AND {_all_exact(about, exact, asked)}"
    fits = " AND ".join(f"ABS({part}) < {_power(DIGITS - 1 - places)}" for part in (small, integers))
    total = f"CASE WHEN {every} AND {fits} THEN {decimal(integers, places)} + {rest} + {small} END"
    integer = f"{integers} + {decimal(f'TRUNC({small})', 0)}"
    integer = f"CASE WHEN {every} AND {rest} = 0 AND {small} = TRUNC({small}) THEN {integer} END"
    doubles = ", ".join(f"CAST({each} AS {NUMBERS})" for each in (total, integer))
    return [Number(f"COALESCE({doubles}, {asked('SUM', about)})", total, places, integer=integer)]


def _mean_of_group(term: Number, asked: Asked) -> list[Term]:
    return [*_sum_of_group(term, asked), whole(asked("COUNT", term.about))]


def _power(digits: int) -> str:
    return f"CAST('1e{digits}' AS {NUMBERS})"


def _mean(term: Number, asked: Asked) -> list[Term]:
    return [*_sum(term, asked), whole(asked("COUNT", term.about))]


def _extreme(function: str) -> Callable[[Term, Asked], list[Term]]:
    def over(term: Term, asked: Asked) -> list[Term]:
        made = each(lambda part: asked(function, part), term)
        if isinstance(term, Number) and isinstance(made, Number) and term.exact:
            same = f"CAST({made.exact} AS {NUMBERS}) = {made.about}"
            made = replace(made, exact=f"CASE WHEN {same} THEN {made.exact} END")
        return [made]

    return over


def _median(term: Term, asked: Asked, called: str) -> list[Term]:
    return [each(partial(middle, called, upper=upper), term) for upper in (False, True)]


def _halfway(sql: Sql, low: Number, high: Number) -> Term:
    half = literal("0.5")
    return added("+", multiplied(low, half, sql), multiplied(high, half, sql))


def _deviation(ddof: int) -> Kind:
    def over(term: Term, asked: Asked, called: str) -> list[Term]:
        return [Number(deviation(called, ddof))]

    def beside(called: str, by: Sequence[str], term: Term) -> Layers:
        return distances(called, by, listed(term)[0])

    return Kind(Values.number, over, lambda sql, value: value, beside)


def _joined(term: Term, asked: Asked) -> list[Term]:
    [cell] = listed(term)
    return [Text(asked("STRING_AGG", cell))]


def _all_exact(about: str, exact: str, asked: Asked) -> str:
    return f"{asked('COUNT', exact)} = {asked('COUNT', about)}"


def _comparable(values: Values, term: Term) -> Term:
    """The term; a bare cell as a number, as its kind is not known."""
    sure = isinstance(term, (Date, Time)) or (isinstance(term, Text) and term.sure)
    return term if sure else values.number(term)


AGGREGATES = {
    "count_star": Kind(Values.text, lambda _, asked: [whole(asked("COUNT", "*"))], lambda sql, count: count),
    "count": Kind(Values.text, _count, lambda sql, count: count),
    "sum": Kind(Values.number, _sum, lambda sql, total: total, merged=_sum_of_group),
    "avg": Kind(
        Values.number,
        _mean,
        lambda sql, total, count: divided(total, count, sql),
        merged=_mean_of_group,
    ),
    "median": Kind(
        Values.number, _median, _halfway, lambda called, by, term: ranks(called, by, listed(term))
    ),
    "stddev": _deviation(1),
    "stddev_samp": _deviation(1),
    "stddev_pop": _deviation(0),
    "string_agg": Kind(Values.text, _joined, lambda sql, text: text, separated=True),
    "min": Kind(_comparable, _extreme("MIN"), lambda sql, least: least),
    "max": Kind(_comparable, _extreme("MAX"), lambda sql, most: most),
}
