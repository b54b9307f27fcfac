"""The functions of expressions, with the same meaning on every engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from csvjobs.pipelines.expressions.terms import (
    Date,
    Misfit,
    Number,
    Term,
    Text,
    Time,
    Truth,
    but,
    defined,
    extreme,
    mapped,
    rounded,
    whole,
)
from csvjobs.pipelines.expressions.values import Loss, Values
from csvjobs.pipelines.patterns import Pattern
from csvjobs.pipelines.readings import BLANKS

CLOCK = ("hour", "minute", "second")
PARTS = ("year", "quarter", "month", "day", "isodow", "week", "isoyear")
PATTERN: TypeAdapter[str] = TypeAdapter(Pattern)

Taken = Callable[[Values, Term], Any]


class Function(NamedTuple):
    """usage and meaning: for people. takes: how to convert each argument, the last as often as it occurs if
    it `repeats`; makes: the value."""

    usage: str
    meaning: str
    takes: tuple[Taken, ...]
    makes: Callable[..., Term]
    optional: int = 0
    repeats: bool = False

    def call(self, values: Values, terms: list[Term]) -> Term:
        """The value for these arguments. Raises Misfit."""
        most = len(terms) if self.repeats else len(self.takes)
        if not len(self.takes) - self.optional <= len(terms) <= most:
            raise Misfit(f"it is written {self.usage}")
        takes = [*self.takes, *self.takes[-1:] * len(terms)]
        return self.makes(values, *(take(values, term) for take, term in zip(takes, terms, strict=False)))


def _any(values: Values, term: Term) -> Term:
    return term


class Whole(NamedTuple):
    """A whole number, and its value if the user wrote it."""

    sql: str
    known: int | None = None

    def by_sign(self, above: str, below: str) -> str:
        """`above` if it is 0 or more, `below` if it is less; NULL if it is NULL."""
        if self.known is not None:
            return above if self.known >= 0 else below
        return f"(CASE WHEN {self.sql} >= 0 THEN {above} WHEN {self.sql} < 0 THEN {below} END)"


def _whole(values: Values, term: Term) -> Whole:
    number = values.number(term)
    return Whole(values.whole(number), None if number.literal is None else int(number.literal))


def _not_negative(called: str, hint: str) -> Taken:
    """Takes a whole number that must not be negative: databases differ in what that would mean."""

    def taken(values: Values, term: Term) -> str:
        number = _whole(values, term)
        if number.known is None:
            lost = Loss(f"{called} is negative", f"{number.sql} < 0", f"CAST({number.sql} AS VARCHAR)")
            values.losses.append(lost)
        elif number.known < 0:
            raise Misfit(f"{called} cannot be negative: {number.known}{hint}")
        return number.by_sign(number.sql, "NULL")

    return taken


def _digit(least: int) -> Callable[[Values, Term], int]:
    """Takes a whole number up to 9 written in the expression itself."""

    def taken(values: Values, term: Term) -> int:
        number = term.literal if isinstance(term, Number) else None
        if number is None:
            raise Misfit(f"write a whole number from {least} to 9 here; it cannot be computed")
        if number not in range(least, 10):
            raise Misfit(f"write a whole number from {least} to 9 here, not {number}")
        return int(number)

    return taken


def _pattern(values: Values, term: Term) -> str:
    try:
        return PATTERN.validate_python(values.written(term))
    except ValidationError as error:
        raise Misfit(error.errors()[0]["msg"]) from None


def _one_of(*known: str) -> Taken:
    def taken(values: Values, term: Term) -> str:
        part = values.written(term).lower()
        if part not in known:
            raise Misfit(f"{part[:40]!r} is not one of {', '.join(known)}")
        return part

    return taken


def _from(values: Values, text: Text, start: str, length: str | None = None) -> Text:
    # Position 0, before the first character, counts as one of the n.
    first = f"CASE WHEN {start} = 0 THEN 1 ELSE {start} END"
    if length is None:
        return Text(f"SUBSTRING({text.sql} FROM {first})")
    count = f"CASE WHEN {start} = 0 AND {length} > 0 THEN {length} - 1 ELSE {length} END"
    return Text(f"SUBSTRING({text.sql} FROM {first} FOR {count})")


def _left(values: Values, text: Text, count: Whole) -> Text:
    but_last = f"GREATEST(CHAR_LENGTH({text.sql}) + {count.sql}, 0)"
    return Text(f"SUBSTRING({text.sql} FROM 1 FOR {count.by_sign(count.sql, but_last)})")


def _right(values: Values, text: Text, count: Whole) -> Text:
    return Text(f"SUBSTRING({text.sql} FROM {count.by_sign(_last(text, count.sql), f'1 - {count.sql}')})")


def _last(text: Text, count: str) -> str:
    """The position at which the last `count` characters begin."""
    return f"GREATEST(CHAR_LENGTH({text.sql}) - {count}, 0) + 1"


def _trim(side: str) -> Callable[..., Text]:
    def made(values: Values, text: Text, signs: str = BLANKS) -> Text:
        return Text(f"TRIM({side} {values.sql.text(signs)} FROM {text.sql})")

    return made


def _concat(values: Values, *texts: Text) -> Text:
    there = (f"COALESCE({text.sql}, '')" for text in texts)
    return Text(f"({' || '.join(there)})")


def _split_part(values: Values, text: Text, by: str, number: Whole) -> Text:
    if not by:
        raise Misfit("the text to split at is empty")
    if number.known == 0:
        raise Misfit("there is no part 0: parts are counted from 1, and from -1 at the end")
    if number.known is None:
        values.losses.append(Loss("the number of a part is 0", f"{number.sql} = 0", "'0'"))
    return Text(f"SPLIT_PART({text.sql}, {values.sql.text(by)}, {but(number.sql, '0')})")


def _position(values: Values, text: Text, part: Text) -> Number:
    return whole(f"POSITION({part.sql} IN {text.sql})")


def _contains(values: Values, text: Text, part: Text) -> Truth:
    return Truth(f"(POSITION({part.sql} IN {text.sql}) > 0)")


def _starts(values: Values, text: Text, part: Text) -> Truth:
    return Truth(f"(SUBSTRING({text.sql} FROM 1 FOR CHAR_LENGTH({part.sql})) = {part.sql})")


def _ends(values: Values, text: Text, part: Text) -> Truth:
    start = _last(text, f"CHAR_LENGTH({part.sql})")
    return Truth(f"(SUBSTRING({text.sql} FROM {start}) = {part.sql})")


def _check(values: Values, pattern: str) -> None:
    """Raises BadPattern for the pattern as the user wrote it, not as it is passed to the engine."""
    values.sql.matches("''", pattern)


def _matches(values: Values, text: Text, pattern: str) -> Truth:
    _check(values, pattern)
    return Truth(values.sql.matches(text.sql, f"(?s:.*)(?:{pattern})(?s:.*)"))


def _extract(values: Values, text: Text, pattern: str, group: int = 0) -> Text:
    _check(values, pattern)
    asked = pattern if group else f"({pattern})"
    return Text(but(values.sql.group(text.sql, asked, group or 1), "''"))


def _round(values: Values, number: Number, places: int = 0) -> Number:
    return rounded(number, places, values.sql)


def _double(function: str) -> Callable[..., Number]:
    def made(values: Values, *numbers: Number) -> Number:
        about = defined(f"{function}({', '.join(n.about for n in numbers)})")
        given = " AND ".join(f"({n.about}) IS NOT NULL" for n in numbers)
        text = f"CAST({numbers[0].about} AS VARCHAR)"
        reason = f"{function.lower()} is not defined or too large"
        values.losses.append(Loss(reason, f"{given} AND ({about}) IS NULL", text))
        return Number(about)

    return made


def _extreme(function: str) -> Callable[..., Term]:
    def made(values: Values, *terms: Term) -> Term:
        values.decides = True
        if any(isinstance(term, Time) for term in terms):
            return Time(f"{function}({', '.join(values.time(term).sql for term in terms)})")
        if any(isinstance(term, Date) for term in terms):
            return Date(f"{function}({', '.join(values.date(term).sql for term in terms)})")
        return extreme(function, [values.number(term) for term in terms], values.sql)

    return made


def _date_part(values: Values, part: str, term: Term) -> Number:
    return whole(_part(values, part, term))


def _part(values: Values, part: str, term: Term) -> str:
    moment = values.time(term) if part in CLOCK else values.date(term)
    return f"EXTRACT({part} FROM {moment.sql})"


def _part_of(part: str) -> Callable[[Values, Term], Number]:
    return lambda values, term: _date_part(values, part, term)


def _date_diff(values: Values, part: str, since: Term, until: Term) -> Number:
    """The difference in parts, each date or time taken at the beginning of its part."""
    if part in CLOCK:
        since, until = values.time(since), values.time(until)
    later, earlier = (_since(values, part, term) for term in (until, since))
    if part in ("day", *CLOCK):
        days = f"({values.date(until).sql} - {values.date(since).sql})"
        return whole(f"({days} * {PER_DAY[part]} + {later} - {earlier})")
    return whole(f"({later} - {earlier})")


PER_DAY = {"day": 1, "hour": 24, "minute": 24 * 60, "second": 24 * 60 * 60}
PER_YEAR = {"year": 1, "quarter": 4, "month": 12}


def _since(values: Values, part: str, term: Term) -> str:
    """The number of parts since the year 0, or since the beginning of the day."""
    if part in PER_YEAR:
        within = "" if part == "year" else f" + {_part(values, part, term)}"
        return f"({_part(values, 'year', term)} * {PER_YEAR[part]}{within})"
    units = CLOCK[: CLOCK.index(part) + 1] if part in CLOCK else ()
    parts = (f"{_part(values, unit, term)} * {PER_DAY[part] // PER_DAY[unit]}" for unit in units)
    return f"({' + '.join(parts) or '0'})"


def _date_trunc(values: Values, part: str, term: Term) -> Date | Time:
    if part in CLOCK:
        return Time(f"DATE_TRUNC('{part}', {values.time(term).sql})")
    return Date(f"CAST(DATE_TRUNC('{part}', {values.date(term).sql}) AS DATE)")


TEXT, NUMBER, DATE, WRITTEN = Values.text, Values.number, Values.date, Values.written

FUNCTIONS: dict[str, Function] = {
    "upper": Function(
        "upper(text)",
        "the text in upper case, as by the step `case`",
        (TEXT,),
        lambda v, text: Text(v.sql.upper(text.sql)),
    ),
    "lower": Function(
        "lower(text)",
        "the text in lower case, as by the step `case`",
        (TEXT,),
        lambda v, text: Text(v.sql.lower(text.sql)),
    ),
    "trim": Function(
        "trim(text)",
        "the text without white space at both ends, as by the step `trim`; or without other characters: "
        "`trim(both '*' from text)`",
        (TEXT, WRITTEN),
        _trim("BOTH"),
        1,
    ),
    "ltrim": Function("ltrim(text)", "the same, at the beginning only", (TEXT, WRITTEN), _trim("LEADING"), 1),
    "rtrim": Function("rtrim(text)", "the same, at the end only", (TEXT, WRITTEN), _trim("TRAILING"), 1),
    "length": Function(
        "length(text)", "the number of characters", (TEXT,), lambda v, text: whole(f"CHAR_LENGTH({text.sql})")
    ),
    "left": Function(
        "left(text, n)",
        "the first n characters; if n is negative, all but the last -n",
        (TEXT, _whole),
        _left,
    ),
    "right": Function(
        "right(text, n)",
        "the last n characters; if n is negative, all but the first -n",
        (TEXT, _whole),
        _right,
    ),
    "substring": Function(
        "substring(text, start, n)",
        "n characters from position `start`, counted from 1; without n, all to the end; neither may be "
        "negative",
        (
            TEXT,
            _not_negative("the start of a part", "; right counts from the end"),
            _not_negative("a length", ""),
        ),
        _from,
        1,
    ),
    "replace": Function(
        "replace(text, from, to)",
        "the text with each `from` replaced by `to`",
        (TEXT, TEXT, TEXT),
        lambda v, text, old, new: Text(f"REPLACE({text.sql}, {old.sql}, {new.sql})"),
    ),
    "split_part": Function(
        "split_part(text, at, n)",
        "the n-th part of the text split at `at`, counted from 1, or from the end if n is negative: -1 is "
        "the last",
        (TEXT, WRITTEN, _whole),
        _split_part,
    ),
    "concat": Function(
        "concat(a, b, …)",
        "all texts joined; NULL is skipped",
        (TEXT,),
        _concat,
        repeats=True,
    ),
    "position": Function(
        "position(part in text)",
        "the position where the part begins, counted from 1; 0 if it does not occur",
        (TEXT, TEXT),
        _position,
    ),
    "contains": Function(
        "contains(text, part)", "whether the text contains the part", (TEXT, TEXT), _contains
    ),
    "starts_with": Function(
        "starts_with(text, part)", "whether the text begins with the part", (TEXT, TEXT), _starts
    ),
    "ends_with": Function(
        "ends_with(text, part)", "whether the text ends with the part", (TEXT, TEXT), _ends
    ),
    "regexp_matches": Function(
        "regexp_matches(text, pattern)",
        "whether the pattern (RE2) matches anywhere in the text",
        (TEXT, _pattern),
        _matches,
    ),
    "regexp_full_match": Function(
        "regexp_full_match(text, pattern)",
        "whether the pattern matches the whole text",
        (TEXT, _pattern),
        lambda v, text, pattern: Truth(v.sql.matches(text.sql, pattern)),
    ),
    "regexp_replace": Function(
        "regexp_replace(text, pattern, to)",
        r"the text with every match replaced by `to`; in it, `\1` is the first group",
        (TEXT, _pattern, WRITTEN),
        lambda v, text, pattern, new: Text(v.sql.substitute(text.sql, pattern, new)),
    ),
    "regexp_extract": Function(
        "regexp_extract(text, pattern, group)",
        "the first match, or that group of it",
        (TEXT, _pattern, _digit(0)),
        _extract,
        1,
    ),
    "abs": Function("abs(number)", "the absolute value", (NUMBER,), lambda v, n: mapped("ABS", n, n.places)),
    "round": Function(
        "round(number, decimals)",
        "rounded half away from zero, a double by its first 15 digits; without decimals, to a whole number; "
        "to tens with -1, to thousands with -3",
        (NUMBER, _digit(-9)),
        _round,
        1,
    ),
    "floor": Function(
        "floor(number)",
        "the number rounded down to a whole number",
        (NUMBER,),
        lambda v, n: mapped("FLOOR", n, 0),
    ),
    "ceil": Function(
        "ceil(number)",
        "the number rounded up to a whole number",
        (NUMBER,),
        lambda v, n: mapped("CEIL", n, 0),
    ),
    "greatest": Function(
        "greatest(a, b, …)",
        "the largest number, or the latest date if one is a date; NULL is ignored",
        (_any,),
        _extreme("GREATEST"),
        repeats=True,
    ),
    "least": Function(
        "least(a, b, …)",
        "the smallest number, or the earliest date if one is a date; NULL is ignored",
        (_any,),
        _extreme("LEAST"),
        repeats=True,
    ),
    "sqrt": Function("sqrt(number)", "the square root", (NUMBER,), _double("SQRT")),
    "power": Function(
        "power(number, exponent)", "the number raised to the exponent", (NUMBER, NUMBER), _double("POWER")
    ),
    "exp": Function("exp(number)", "e raised to the number", (NUMBER,), _double("EXP")),
    "ln": Function("ln(number)", "the natural logarithm", (NUMBER,), _double("LN")),
    "log10": Function("log10(number)", "the decimal logarithm", (NUMBER,), _double("LOG10")),
    **{
        part: Function(f"{part}(date)", f"the {part} of a date, as a number", (_any,), _part_of(part))
        for part in ("year", "quarter", "month", "day")
    },
    **{
        part: Function(f"{part}(time)", f"the {part} of a time, as a number", (_any,), _part_of(part))
        for part in CLOCK
    },
    "date_part": Function(
        "extract(part from time)",
        f"one of {', '.join(PARTS)}, {', '.join(CLOCK)}; isodow is 1 on Monday and 7 on Sunday; week is "
        "the one of ISO 8601, and isoyear its year",
        (_one_of(*PARTS, *CLOCK), _any),
        _date_part,
    ),
    "date_diff": Function(
        "date_diff(part, a, b)",
        "how many times a new year, quarter, month, day, hour, minute or second begins after a and up to b; "
        "negative if b is before a",
        (_one_of(*PER_YEAR, *PER_DAY), _any, _any),
        _date_diff,
    ),
    "date_trunc": Function(
        "date_trunc(part, time)",
        "the first day of the year, quarter, month or week (a Monday), the day itself, or the beginning of "
        "the hour, minute or second",
        (_one_of("year", "quarter", "month", "week", "day", *CLOCK), _any),
        _date_trunc,
    ),
}

ALIASES = {
    "substr": "substring", "ceiling": "ceil", "pow": "power", "strpos": "position", "instr": "position",
    "prefix": "starts_with", "^@": "starts_with", "suffix": "ends_with", "char_length": "length",
    "datediff": "date_diff", "**": "power", "^": "power", "len": "length",
}  # fmt: skip
"""Other SQL names of the same functions."""
