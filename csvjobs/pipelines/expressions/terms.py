"""Values of expressions: the kind of each, and its SQL.

A number is computed in two ways, and the first that is valid is used: `exact`, a decimal of 38 digits, NULL
if the number has more, and `about`, a double. So 0.1 + 0.2 is 0.3, and 1e300 is a number too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import Column, constant

DIGITS = 38
PLACES = 10
"""Decimal places of a cell that is computed with exactly."""

DOUBLE_DIGITS = 15
"""Decimal digits that a double always represents exactly."""

SMALL = 10**8
"""Below it, a number of few decimals times 10^PLACES is an integer that a double represents exactly."""

LONG = 1500
"""Characters of SQL from which on it is not repeated: an engine would plan and compute it each time."""

UNITS = 2**41
"""A double below it is no further than a thousandth from the quotient of the doubles that it stands for."""

NUMBERS = "DOUBLE"
DOUBLE = r"^(-?\d+(?:\.\d*[1-9])?(?:e[+-]?\d+)?)(?:\.0)?$"
"""Matches a double as text; its group leaves out a final .0."""


class Misfit(Exception):
    """A value is used where one of its kind cannot be; the message says so."""


@dataclass(frozen=True)
class Text:
    """A text. `literal`: its value, if the user wrote it; `cell`: the column, if it is an unchanged cell.

    `sure`: it is meant as a text, which is not known of a bare cell.
    """

    sql: str
    literal: str | None = None
    cell: Column | None = None
    sure: bool = True


@dataclass(frozen=True)
class Number:
    """A number. `exact` has `places` decimals; None if there is no exact value. `literal`: its value, if the
    user wrote it. `parts`: dividend and divisor, if it is the quotient of exact numbers.

    integer: the exact value without decimals, NULL if it has some, for a number that may have too many digits
    before the point for `exact`. sure: `exact` is NULL where its digits do not suffice, and no error.
    """

    about: str
    exact: str | None = None
    places: int = 0
    literal: Decimal | None = None
    integer: str | None = None
    parts: tuple[Number, Number] | None = None
    sure: bool = False


@dataclass(frozen=True)
class Date:
    sql: str


@dataclass(frozen=True)
class Time:
    """A date with a time, local, without an offset."""

    sql: str


@dataclass(frozen=True)
class Truth:
    sql: str


@dataclass(frozen=True)
class Nothing:
    """NULL, as the user wrote it."""


Term = Text | Number | Date | Time | Truth | Nothing


def decimal(sql: str, places: int) -> str:
    """The SQL as an exact number with that many decimals."""
    return f"CAST({sql} AS DECIMAL({DIGITS}, {places}))"


def defined(double: str) -> str:
    """The double; NULL if it is undefined, as the square root of -1 is, or too large."""
    return f"(CASE WHEN ABS({double}) <= {constant(sys.float_info.max)} THEN {double} END)"


def but(sql: str, other: str) -> str:
    """The value; NULL if it equals the other."""
    # Not NULLIF: it repeats its argument too, but invisibly to the limit on the SQL's length.
    return f"(CASE WHEN {sql} <> {other} THEN {sql} END)"


def literal(text: str) -> Number:
    """The exact number that a text spells. Raises Misfit."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not abs(float(value)) < float("inf"):
        raise Misfit(f"{text[:40]!r} is not a number")
    about = f"CAST('{float(value)!r}' AS {NUMBERS})"
    places = max(0, -int(value.normalize().as_tuple().exponent))
    if places > PLACES or abs(value) >= Decimal(10) ** (DIGITS - PLACES):
        return Number(about, literal=value)
    return Number(about, decimal(f"'{value:f}'", places), places, value, sure=True)


def of_text(text: Text, sql: Sql) -> Number:
    """The number that the text spells; NULL if it spells none. Raises Misfit."""
    if text.literal is not None:
        return literal(text.literal)
    spelt = text.sql if sql.nulls or text.cell is None else text.cell.sql
    about, exact = sql.number(f"({spelt})"), f"TRY_CAST({spelt} AS DECIMAL({DIGITS}, {PLACES}))"
    same = f"CAST({exact} AS {NUMBERS}) = {about}"
    return Number(f"({about})", f"(CASE WHEN {same} THEN {exact} END)", PLACES, sure=True)


def whole(sql: str) -> Number:
    """An SQL integer as a number."""
    return Number(f"CAST({sql} AS {NUMBERS})", decimal(sql, 0))


def printed(number: Number, sql: Sql) -> str:
    """The shortest text that reads back as the number, without a point for a whole one; empty if it is too
    large."""
    texts = [sql.group(f"CAST({number.about} AS VARCHAR)", DOUBLE, 1)]
    if number.integer is not None:
        texts.insert(0, f"CAST({attempted(number.integer, [number], sql)} AS VARCHAR)")
    if number.exact is not None:
        exact = f"CAST({_attempted(number, sql)} AS VARCHAR)"
        shortest = f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {exact}))"
        texts.insert(0, shortest if number.places else exact)
    return f"COALESCE({', '.join(texts)})"


def compared(sign: str, left: Number, right: Number, sql: Sql) -> str:
    """A predicate: the comparison is true."""
    about = f"{left.about} {sign} {right.about}"
    if left.exact is None or right.exact is None:
        return f"({about})"

    def body(left: Number, right: Number) -> str:
        exact = attempted(f"{left.exact} {sign} {right.exact}", [left, right], sql)
        return f"COALESCE({exact}, {left.about} {sign} {right.about})"

    return once(body, [left, right], sql)


def added(sign: str, left: Number, right: Number) -> Number:
    """The sum or the difference."""
    about = f"({left.about} {sign} {right.about})"
    if left.exact is None or right.exact is None:
        return Number(about)
    places = max(left.places, right.places)
    integer = None
    if left.integer is not None or right.integer is not None:
        integer = _together(sign, left, right)
    exact = f"({decimal(left.exact, places)} {sign} {decimal(right.exact, places)})"
    return Number(about, exact, places, integer=integer)


def multiplied(left: Number, right: Number, sql: Sql) -> Number:
    about = f"({left.about} * {right.about})"
    integer = _together("*", left, right) if left.places + right.places > PLACES else None
    if left.places + right.places > 2 * PLACES:
        left, right = _shortened(left, sql), _shortened(right, sql)
    if left.exact is None or right.exact is None:
        return Number(about)
    exact = f"({left.exact} * {right.exact})"
    return Number(about, exact, left.places + right.places, integer=integer)


def _together(sign: str, left: Number, right: Number) -> str | None:
    """The sum, difference or product of integers; None if one of the numbers is certainly none."""
    first, second = _integer(left), _integer(right)
    return None if first is None or second is None else f"({first} {sign} {second})"


def _integer(number: Number) -> str | None:
    """The number without decimals, NULL if it has some; None if it certainly has."""
    if number.integer is not None or number.exact is None:
        return number.integer
    if number.literal is not None and number.places:
        return None
    return decimal(f"CASE WHEN {number.exact} = TRUNC({number.exact}) THEN {number.exact} END", 0)


def _shortened(number: Number, sql: Sql) -> Number:
    """The number with at most PLACES decimals; not exact if it has more."""
    if number.exact is None or number.places <= PLACES:
        return number
    digits = sql.group(f"CAST({number.exact} AS VARCHAR)", rf"^(-?\d+\.\d{{{PLACES}}})0*$", 1)
    return Number(number.about, f"TRY_CAST({digits} AS DECIMAL({DIGITS}, {PLACES}))", PLACES)


def divided(left: Number, right: Number, sql: Sql) -> Number:
    """The double nearest to the quotient; NULL if the divisor is 0."""
    # Both are scaled to integers, for which a product of twenty decimals leaves no room.
    left, right = _shortened(left, sql), _shortened(right, sql)
    if left.exact is None or right.exact is None:
        return Number(once(_divided_doubles, [left, right], sql))

    def body(left: Number, right: Number) -> str:
        return f"COALESCE({sql.attempt(_divided_integers(left, right))}, {_divided_doubles(left, right)})"

    return Number(once(body, [left, right], sql), parts=(left, right))


def _divided_doubles(left: Number, right: Number) -> str:
    return f"({left.about} / {but(right.about, '0')})"


def _divided_integers(left: Number, right: Number) -> str:
    """Divides integers, 3 / 1 for 0.3 / 0.1: doubles represent them exactly if they are not too large, and
    the remainder of an integer division too."""
    above, below = _integers(left, right)
    small = f"ABS({left.exact}) < {SMALL} AND ABS({right.exact}) < {SMALL}"
    next_to = f"CAST({above} AS {NUMBERS}) / CAST({below} AS {NUMBERS})"
    parts = f"CAST({above} // {below} AS {NUMBERS}) + CAST({above} % {below} AS {NUMBERS}) / {below}"
    return f"CASE WHEN {right.exact} = 0 THEN NULL WHEN {small} THEN {next_to} ELSE {parts} END"


def _integers(left: Number, right: Number) -> tuple[str, str]:
    """Two integers with the same quotient as the numbers, which are exact."""
    times = decimal(str(10 ** max(left.places, right.places)), 0)
    return f"CAST({left.exact} * {times} AS HUGEINT)", f"CAST({right.exact} * {times} AS HUGEINT)"


def modulo(left: Number, right: Number, sql: Sql) -> Number:
    """The remainder, with the sign of the dividend; NULL if the divisor is 0."""
    about = once(lambda left, right: f"({left.about} % {but(right.about, '0')})", [left, right], sql)
    if left.exact is None or right.exact is None:
        return Number(about)
    places = max(left.places, right.places)

    def exact(left: Number, right: Number) -> str:
        return f"({decimal(str(left.exact), places)} % {but(decimal(str(right.exact), places), '0')})"

    return Number(about, once(exact, [left, right], sql), places)


def rounded(number: Number, places: int, sql: Sql) -> Number:
    """Rounds half away from zero, to an exact number; to tens, hundreds, … if `places` is negative."""
    if places < 0:
        return _rounded_tens(number, places, sql)
    if number.exact is not None and places >= number.places:
        return number
    if number.parts:
        return _rounded_quotient(*number.parts, places, sql)

    def exact(number: Number) -> str:
        if number.exact is None:
            return _rounded_double(number, places)
        known = attempted(f"ROUND({number.exact}, {places})", [number], sql)
        return f"COALESCE({known}, {_rounded_double(number, places)})"

    def about(number: Number) -> str:
        # A larger double has no fraction to round, and engines that round it anyway damage it.
        small = f"ABS({number.about}) < {constant(2.0**53 / 10**places)}"
        double = f"CASE WHEN {small} THEN ROUND({number.about}, {places}) ELSE {number.about} END"
        return f"COALESCE(CAST({_rounded_double(number, places)} AS {NUMBERS}), {double})"

    double, rounded = once(about, [number], sql), once(exact, [number], sql)
    return Number(double, rounded, places, integer=number.integer, sure=True)


def _rounded_double(number: Number, places: int) -> str:
    """Rounds a double that has few digits, to an exact number."""
    # A value just below a half in its last digits, such as the double nearest to 1.005, counts as a half.
    near = f"ROUND({number.about} * {constant(1 + 2.0**-51)}, {places})"
    return decimal(f"TRY_CAST({near} AS DECIMAL({DOUBLE_DIGITS - 1}, {places}))", places)


def _rounded_quotient(left: Number, right: Number, places: int, sql: Sql) -> Number:
    """Rounds as on paper: integers tell exactly on which side of a half the quotient is."""

    def exact(left: Number, right: Number) -> str:
        scaled = f"({_divided_doubles(left, right)} * {constant(10.0**places)})"
        above, below = _integers(left, right)
        down = f"CAST(TRUNC(ABS({scaled})) AS HUGEINT)"
        half = f"{2 * 10**places} * ABS({above}) >= (2 * {down} + 1) * ABS({below})"
        units = decimal(f"SIGN({scaled}) * ({down} + CASE WHEN {half} THEN 1 ELSE 0 END)", 0)
        step = f"CAST('{Decimal(1).scaleb(-places):f}' AS DECIMAL({places + 1}, {places}))"
        known = f"CASE WHEN ABS({scaled}) < {UNITS} THEN {units} * {step} END"
        near = _rounded_double(Number(_divided_doubles(left, right)), places)
        return f"COALESCE({attempted(known, [left, right], sql)}, {near})"

    def about(left: Number, right: Number) -> str:
        double = rounded(Number(_divided_doubles(left, right)), places, sql)
        return f"COALESCE(CAST({exact(left, right)} AS {NUMBERS}), {double.about})"

    return Number(once(about, [left, right], sql), once(exact, [left, right], sql), places, sure=True)


def _rounded_tens(number: Number, places: int, sql: Sql) -> Number:
    unit = literal(f"1e{-places}")
    if number.parts:
        dividend, divisor = number.parts
        scaled = divided(dividend, multiplied(divisor, unit, sql), sql)
    else:
        scaled = multiplied(number, literal(f"1e{places}"), sql)
    return multiplied(rounded(scaled, 0, sql), unit, sql)


def mapped(function: str, number: Number, places: int) -> Number:
    """Applies a function that engines have for both kinds of number, with an exact result of that many
    decimals."""
    exact = None if number.exact is None else decimal(f"{function}({number.exact})", places)
    return Number(f"{function}({number.about})", exact, places)


def chosen(conditions: Sequence[str], numbers: Sequence[Number], last: Number) -> Number:
    """The number of the first condition that is true, otherwise the last."""
    every = [*numbers, last]
    places = max(n.places for n in every)
    exact = [decimal("NULL" if n.exact is None else n.exact, places) for n in every]
    return Number(case(conditions, [n.about for n in every]), case(conditions, exact), places)


def extreme(function: str, numbers: Sequence[Number], sql: Sql) -> Number:
    """GREATEST or LEAST of the numbers that are not NULL."""
    about = f"{function}({', '.join(n.about for n in numbers)})"
    if any(n.exact is None for n in numbers):
        return Number(about)
    places = max(n.places for n in numbers)

    def exact(*numbers: Number) -> str:
        # NULL if one of them is not exact, but not if it is NULL itself.
        whole = " AND ".join(f"({n.exact} IS NULL) = ({n.about} IS NULL)" for n in numbers)
        best = f"{function}({', '.join(decimal(str(n.exact), places) for n in numbers)})"
        return f"(CASE WHEN {whole} THEN {best} END)"

    return Number(about, once(exact, numbers, sql), places)


def once(body: Callable[..., str], numbers: Sequence[Number], sql: Sql) -> str:
    """What the body makes of the numbers; each is computed once, however often the body names it."""
    if sum(len(n.about) + len(n.exact or "") for n in numbers) < LONG:
        return body(*numbers)
    values = [value for n in numbers for value in _values(n, sql)]
    return sql.let(values, lambda names: body(*_named(numbers, iter(names))))


def _values(number: Number, sql: Sql) -> list[str]:
    return [number.about, *([_attempted(number, sql)] if number.exact else [])]


def _named(numbers: Sequence[Number], names: Iterator[str]) -> list[Number]:
    return [Number(next(names), next(names) if n.exact else None, n.places, sure=True) for n in numbers]


def _attempted(number: Number, sql: Sql) -> str:
    """The exact number; NULL if its digits do not suffice."""
    return str(number.exact) if number.sure else attempted(str(number.exact), [number], sql)


def attempted(exact: str, numbers: Sequence[Number], sql: Sql) -> str:
    """An exact computation with the numbers; NULL if their digits do not suffice."""
    # In a CASE: an optimiser may move common subexpressions out of the attempt, but not out of a CASE.
    there = " AND ".join(f"{number.about} IS NOT NULL" for number in numbers)
    return sql.attempt(f"CASE WHEN {there} THEN {exact} END")


def case(conditions: Sequence[str], values: Sequence[str]) -> str:
    """A CASE: the value of the first condition that is true; `values` has one more, for all other rows."""
    whens = (f"WHEN {c} THEN {v}" for c, v in zip(conditions, values, strict=False))
    return f"(CASE {' '.join(whens)} ELSE {values[-1]} END)"
