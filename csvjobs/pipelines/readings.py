"""Ways to read a cell as a value of a type, and the choice of the one that fits a whole column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from itertools import combinations
from typing import Literal, NamedTuple, Protocol, TypedDict

from csvjobs.engines.base import Engine, Sql, shape
from csvjobs.errors import AmbiguousFormat

BLANKS = " \t\n\r\v\f\u00a0\u2007\u202f\u3000\ufeff"
"""White space around a text, which is not part of it."""
SPACES = " \u00a0\u202f"
"""The characters that a space between groups of digits stands for."""

EXPONENT = r"[eE]\+?(-?0*\d{1,3})"
"""Limited to three digits: more would make numbers of over a thousand digits."""

WHOLE = r"^\s*[+-]?0*([1-9]\d*)"
DATES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%b %d, %Y", "%B %d, %Y",
)  # fmt: skip
TIMES = (
    *(f"%Y-%m-%d{between}%H:%M{rest}" for between in "T " for rest in (":%S", ":%S%z", "", "%z")),
    *(f"{date} %H:%M{rest}" for date in ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y") for rest in (":%S", "")),
    *(f"{date} %I:%M{rest} %p" for date in ("%d/%m/%Y", "%m/%d/%Y") for rest in (":%S", "")),
)
"""Formats of dates, and of times, that are tried if none is given."""

HOUR, MINUTE = r"[+-](?:[01]\d|2[0-3])", r"[0-5]\d"
ZONE = rf"(?:Z|{HOUR}:{MINUTE})"
"""An offset as it is written: +02:00."""
OFFSET = rf"(?:Z|{HOUR}(?::?{MINUTE})?)"
"""An offset as it may be found: +0200 or +02 as well."""


class Reading(Protocol):
    """One way to read a cell."""

    @property
    def called(self) -> str:
        """What the cell should be, for messages."""

    def read(self, cell: str, sql: Sql) -> str:
        """The value as text, in one form for all equal values; NULL if the cell does not fit."""

    def fits(self, cell: str, sql: Sql) -> str:
        """A predicate: the cell can be read; true, otherwise false or NULL. Cheaper than `read`."""

    def meant(self, text: str) -> str | None:
        """The value of a text, written plainly: 12.5, true, 2026-04-03; None if it cannot be read."""


class Digits(NamedTuple):
    """A number in decimal notation; integers and decimals keep all digits."""

    to: Literal["integer", "decimal", "float"]
    decimal: str = "."
    group: str = ""

    @property
    def called(self) -> str:
        return "an integer" if self.to == "integer" else "a number"

    def read(self, cell: str, sql: Sql) -> str:
        plain = cell
        for sign in self._groups:
            plain = f"REPLACE({plain}, {sql.text(sign)}, '')"
        if self.decimal != ".":
            plain = f"REPLACE({plain}, {sql.text(self.decimal)}, '.')"
        value = f"CAST({sql.number(plain)} AS VARCHAR)" if self.to == "float" else self._exact(plain, sql)
        others = self._shifted(cell, plain, sql)
        return f"CASE WHEN {sql.matches(cell, self._pattern())} THEN {value} {others}END"

    def fits(self, cell: str, sql: Sql) -> str:
        if self.to != "float":
            return f"({sql.matches(cell, self._pattern())} OR {self.read(cell, sql)} IS NOT NULL)"
        value = sql.number(cell) if self.plain else self.read(cell, sql)
        return f"({value} IS NOT NULL)"

    def meant(self, text: str) -> str | None:
        if not re.fullmatch(self._pattern(), text, re.ASCII):
            return None
        for sign in self._groups:
            text = text.replace(sign, "")
        return text.strip().replace(self.decimal, ".")

    @property
    def plain(self) -> bool:
        """Whether a number is written as `Sql.number` reads it."""
        return self.decimal == "." and not self.group

    def _exact(self, plain: str, sql: Sql) -> str:
        """The number without leading zeros, a trailing point, a plus, or a minus before zero."""
        minus = sql.group(plain, r"^\s*(-)[0.]*[1-9]", 1)
        whole = f"COALESCE(NULLIF({sql.group(plain, WHOLE, 1)}, ''), '0')"
        fraction = "''" if self.to == "integer" else sql.group(plain, r"(\.\d+)", 1)
        return f"{minus} || {whole} || {fraction}"

    def _shifted(self, cell: str, plain: str, sql: Sql) -> str:
        """The case of a number with an exponent: moves the decimal point."""
        if self.to == "float":
            return ""
        parts = (r"^\s*(-)", r"^\s*[+-]?(\d*)", r"\.(\d*)", EXPONENT)
        moved = sql.let([sql.group(plain, part, 1) for part in parts], _moved)
        exact = sql.let([moved], lambda values: self._whole_or_any(values[0], sql))
        return f"WHEN {sql.matches(cell, self._pattern(EXPONENT))} THEN {exact} "

    def _whole_or_any(self, number: str, sql: Sql) -> str:
        """The number; NULL if it should be an integer and is none."""
        exact = self._exact(number, sql)
        if self.to != "integer":
            return exact
        return f"CASE WHEN {sql.matches(number, r'-?[0-9]*[.]0*')} THEN {exact} END"

    def _pattern(self, exponent: str = "") -> str:
        sign = re.escape(self.decimal)
        whole = rf"(?:\d{{1,3}}(?:[{re.escape(self._groups)}]\d{{3}})+|\d+)" if self.group else r"\d+"
        if self.to == "integer" and not exponent:
            return rf"\s*[+-]?{whole}(?:{sign}0*)?\s*"
        exponent = exponent or (r"(?:[eE][+-]?\d+)?" if self.to == "float" else "")
        return rf"\s*[+-]?(?:{whole}(?:{sign}\d*)?|{sign}\d+){exponent}\s*"

    @property
    def _groups(self) -> str:
        return SPACES if self.group == " " else self.group


def _moved(parts: Sequence[str]) -> str:
    """The number with its point moved; of a minus, the digits before and behind the point, and an
    exponent."""
    minus, before, behind, exponent = parts
    digits, place = f"({before} || {behind})", f"(CHAR_LENGTH({before}) + CAST({exponent} AS INTEGER))"
    whole = f"RPAD({digits}, CAST(GREATEST({place}, 0) AS INTEGER), '0')"
    noughts = f"REPEAT('0', GREATEST(-{place}, 0))"
    fraction = f"SUBSTRING({digits} FROM CAST(GREATEST({place}, 0) AS INTEGER) + 1)"
    return f"{minus} || {whole} || '.' || {noughts} || {fraction}"


class Words(NamedTuple):
    """Words for true and for false, in any case."""

    true: tuple[str, ...]
    false: tuple[str, ...]

    @property
    def called(self) -> str:
        return "a word for true or false"

    def read(self, cell: str, sql: Sql) -> str:
        return sql.mapped(sql.lower(f"TRIM(BOTH {sql.text(BLANKS)} FROM {cell})"), self._meanings)

    def fits(self, cell: str, sql: Sql) -> str:
        return f"({self.read(cell, sql)} IS NOT NULL)"

    def meant(self, text: str) -> str | None:
        return self._meanings.get(_lower(text.strip(BLANKS)))

    @property
    def _meanings(self) -> dict[str, str]:
        return {_lower(word): value for value, words in self._asdict().items() for word in words}


def _lower(word: str) -> str:
    """The word in lower case as `Sql.lower` has it, one letter for each."""
    return "".join(letter.lower()[0] for letter in word)


class Moment(NamedTuple):
    """A date, or a date with a time, in a strptime format; read as ISO 8601."""

    to: Literal["date", "datetime"]
    format: str

    @property
    def called(self) -> str:
        return f"a {self.to} of the format {self.format}"

    def fits(self, cell: str, sql: Sql) -> str:
        return f"({self._moment(cell, sql)} IS NOT NULL)"

    def meant(self, text: str) -> str | None:
        """The same for a time without a zone."""
        if not (found := moment(text, self.format)):
            return None
        return found.date().isoformat() if self.to == "date" else iso(found)

    def read(self, cell: str, sql: Sql) -> str:
        moment = self._moment(cell, sql)
        zone = _zone(cell, sql) if self.format.endswith("%z") else "''"
        if self.to == "date":
            return f"CAST(CAST({moment} AS DATE) AS VARCHAR)"
        return f"REPLACE(CAST({moment} AS VARCHAR), ' ', 'T') || {zone}"

    def _moment(self, cell: str, sql: Sql) -> str:
        time = sql.group(cell, rf"^(.*){OFFSET}\s*$", 1) if self.format.endswith("%z") else cell
        return sql.moment(time, self.format.removesuffix("%z"))


def _zone(cell: str, sql: Sql) -> str:
    """The offset at the end of a cell."""
    hour = sql.group(cell, rf"({HOUR})(?::?{MINUTE})?\s*$", 1)
    minute = sql.group(cell, rf"{HOUR}:?({MINUTE})\s*$", 1)
    whole = sql.group(cell, rf"({ZONE})\s*$", 1)
    return f"COALESCE(NULLIF({whole}, ''), {hour} || ':' || COALESCE(NULLIF({minute}, ''), '00'))"


def moment(text: str, strptime: str) -> datetime | None:
    """The time in a format made of DIRECTIVES; None if the text has another one or is no calendar date."""
    if re.fullmatch(rf"\s*{shape(strptime)}\s*", text, re.ASCII):
        for one in (strptime, strptime.replace("%S", "%S.%f")):
            with suppress(ValueError):
                return datetime.strptime(text.strip(), one)
    return None


def iso(moment: datetime) -> str:
    """The time in the form in which cells are read."""
    return moment.isoformat().rstrip("0") if moment.microsecond else moment.isoformat()


class Chosen(TypedDict):
    """The reading of a column, None if no cell fits any; all readings that fit and give the same values; the
    number of cells that do not fit, and one of them."""

    reading: Reading | None
    settled: tuple[Reading, ...]
    odd: int
    example: str | None


def choose(
    engine: Engine, sql: Sql, table: str, column: str, ref: str, readings: Sequence[Reading]
) -> Chosen:
    """The first reading that fits every cell that any of them fits; `table` has the cells in the column
    `ref`.

    Raises AmbiguousFormat if there is none, or if another one fits them all and gives other values.
    """
    values = [f"r{place}" for place in range(len(readings))]
    read = (f"{reading.read(ref, sql)} AS {name}" for reading, name in zip(readings, values, strict=True))
    relation = f"SELECT {ref} AS cell, {', '.join(read)} FROM ({table}) WHERE {ref} IS NOT NULL"
    some = f"COALESCE({', '.join([*values, 'NULL'])})"
    odd = f"CASE WHEN {some} IS NULL THEN cell END"
    counts = ", ".join(f"COUNT({name})" for name in values)
    [(odds, example, most, *fits)] = engine.rows(
        f"SELECT COUNT({odd}), MIN({odd}), COUNT({some}), {counts} FROM ({relation})"
    )
    whole = [place for place, fit in enumerate(fits) if fit == most > 0]
    if most and not whole:
        _ask_of_many(engine, relation, column, readings, fits)
    for one, other in combinations(whole, 2):
        _ask_which(engine, relation, column, readings, one, other)
    settled = tuple(readings[place] for place in whole)
    first = next(iter(settled), readings[0] if len(readings) == 1 else None)
    return {"reading": first, "settled": settled, "odd": odds, "example": example}


def _ask_of_many(
    engine: Engine, relation: str, column: str, readings: Sequence[Reading], fits: Sequence[int]
) -> None:
    best = max(range(len(fits)), key=fits.__getitem__)
    others = ", ".join(f"r{place}" for place in range(len(fits)))
    query = f"SELECT MIN(cell) FROM ({relation}) WHERE r{best} IS NULL AND COALESCE({others}) IS NOT NULL"
    [(example,)] = engine.rows(query)
    raise AmbiguousFormat(
        f"Column {column!r} mixes formats: some cells are {readings[best].called}, "
        f"but {example[:80]!r} has another one.",
        column=column,
        cell=example,
        hint="Set format to the one that is meant. To read several, cast once for each, with invalid: keep.",
    )


def _ask_which(
    engine: Engine, relation: str, column: str, readings: Sequence[Reading], one: int, other: int
) -> None:
    differ = f"SELECT cell, r{one}, r{other} FROM ({relation}) WHERE r{one} <> r{other} ORDER BY cell LIMIT 1"
    for cell, first, second in engine.rows(differ):
        raise AmbiguousFormat(
            f"Column {column!r} can be read in more than one way: {cell!r} is {first}, "
            f"{readings[one].called}, or {second}, {readings[other].called}.",
            column=column,
            cell=cell,
            hint="Set format to the one that is meant.",
        )
