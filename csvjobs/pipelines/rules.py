"""Rules for cells and rows, as options of a step and as conditions in SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from math import isfinite
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import NUMBER, Sql
from csvjobs.engines.parsing import MAX_TEXT
from csvjobs.pipelines.expressions import ConditionText, condition, names
from csvjobs.pipelines.patterns import Pattern
from csvjobs.pipelines.readings import Reading, iso
from csvjobs.pipelines.rows import ROW, Condition, OnFail
from csvjobs.pipelines.step import Column, Columns, Names, constant, missing, of_table
from csvjobs.pipelines.types import (
    FALSE,
    TRUE,
    DecimalSign,
    Formats,
    GroupSign,
    Type,
    Word,
    check_notation,
    readings,
)

DATES = ("%Y-%m-%d",)
TIMES = tuple(f"%Y-%m-%d{between}%H:%M:%S" for between in "T ")
ZONED = tuple(f"{time}%z" for time in TIMES)
BOUNDS = {"at_least": ">=", "above": ">", "at_most": "<=", "below": "<"}
LOWER, UPPER = ("at_least", "above"), ("at_most", "below")
WRITTEN = {"integer": r"[+-]?\d+", "decimal": NUMBER, "float": NUMBER, "boolean": "true|false"}
"""How a value of each type is written in an option."""

SHOWN = 12
"""The most values of a list that a message shows."""


def _null(given: object) -> object:
    """The word "null" for JSON's own null."""
    return "null" if given is None else given


Fate = Annotated[OnFail, BeforeValidator(_null)]
Constant = Annotated[str, Field(coerce_numbers_to_str=True)]


def _texts(given: Any) -> Any:
    """JSON's own true and false as words."""
    known = {True: "true", False: "false"}
    return (
        [known[one] if isinstance(one, bool) else one for one in given] if isinstance(given, list) else given
    )


Constants = Annotated[list[Constant], BeforeValidator(_texts)]


class Reference(BaseModel):
    """A column of another table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str = Field(min_length=1)
    column: str


class Rule(BaseModel):
    """What the cells of one column, or of each of several, must be; or, with `where`, what a row must be. A
    missing cell breaks `required` only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str | None = Field(None, description="Name of the column.")
    columns: Names | None = Field(
        None, description="Instead of `column`, names of several that the rule is for."
    )
    required: bool = Field(False, description="Whether no cell may be missing.")
    unique: bool | Literal["together"] = Field(
        False,
        description="Whether no two cells of a column may be equal; with `together`, no two rows in all of "
        "`columns`. The first of them in the file passes. Missing cells are not compared.",
    )
    type: Type | None = Field(
        None,
        description="The type that every cell must be readable as, as in `cast`: `integer`, `decimal`, "
        "`float`, `boolean`, `date` or `datetime`.",
    )
    decimal: DecimalSign = Field(".", description="The decimal separator.")
    group: GroupSign | None = Field(
        None, description="The separator between groups of digits; a space also stands for no-break spaces."
    )
    format: Formats | None = Field(
        None, description="The format of dates or times, or a list of those allowed; ISO 8601 by default."
    )
    true: Word = Field(TRUE, description="Words for true; case is ignored.")
    false: Word = Field(FALSE, description="Words for false; case is ignored.")
    one_of: Constants | None = Field(None, min_length=1, description="The allowed values.")
    matches: Pattern | None = Field(
        None, description="A regular expression (RE2) that the whole cell must match."
    )
    at_least: Constant | None = Field(None, description="The smallest allowed value.")
    above: Constant | None = Field(None, description="Every value must be greater than this.")
    at_most: Constant | None = Field(None, description="The largest allowed value.")
    below: Constant | None = Field(None, description="Every value must be less than this.")
    min_length: int | None = Field(None, ge=0, description="The smallest allowed number of characters.")
    max_length: int | None = Field(None, ge=0, description="The largest allowed number of characters.")
    where: ConditionText | None = Field(
        None,
        description="Instead of columns, an SQL condition over the row's cells, as in `filter`: "
        "`CAST(ends AS DATE) >= CAST(starts AS DATE)`. A row breaks it if it is false, or unknown because a "
        "cell is not a number or a date; not if it is unknown because a cell is missing. It has up to "
        f"{MAX_TEXT} characters.",
    )
    references: Reference | None = Field(
        None,
        description="A column of another table that must contain the cell, as the same text: "
        "`{table: countries, column: code}`. The table is named as in `lookup`.",
    )
    missing: list[str] = Field([], description="Texts that count as missing here, besides the empty cell.")
    on_fail: Fate | None = Field(
        None,
        json_schema_extra={"default": None},
        description="What happens to a row that breaks it: `reject`, `null`, `keep` or `fail`; that of the "
        "step by default.",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Rule:
        if [self.column, self.columns, self.where].count(None) != 2:
            raise PydanticCustomError("no_column", "A rule has one of column, columns and where")
        if self.where is not None:
            self._check_where()
            return self
        if self.unique == "together" and len(self.names) < 2:
            raise PydanticCustomError("alone", "unique: together is for two columns or more")
        if not self._checks():
            said = "Give at least one of required, unique, type, one_of, matches, {more}"
            more = ", ".join([*BOUNDS, "min_length", "max_length", "references"])
            raise PydanticCustomError("no_check", said, {"more": more})
        if self.min_length is not None and self.max_length is not None and self.min_length > self.max_length:
            raise PydanticCustomError("bad_lengths", "min_length is larger than max_length")
        check_notation(self, self, "type", self.type)
        self._check_bounds()
        for text in self.one_of or []:
            self._written("one_of", text)
        return self

    @property
    def names(self) -> list[str]:
        """The columns that the rule checks."""
        if self.where is not None:
            return names(self.where)
        return self.columns or [self.column or ""]

    def conditions(self, columns: Columns, default: OnFail, sql: Sql, step: str) -> Iterator[Condition]:
        """The conditions that rows of these columns must meet. Raises UnknownColumn, BadPattern."""
        if self.where is not None:
            judged = condition(self.where, columns, sql, step)
            broken = f"(NOT ({judged.sql}) OR {judged.unread})"
            message = f"The row does not meet the condition: {self.where}."
            concerned = columns.pick(self.names, step)
            yield _condition("condition-false", concerned, broken, message, self.on_fail or default)
            return
        picked = columns.pick(self.names, step)
        for column in picked:
            cell = _Cell(self, column, sql)
            for code, broken, message in cell.conditions(step):
                yield _condition(code, [column], broken, message, self.on_fail or default)
        if self.unique == "together":
            cells = [_Cell(self, column, sql) for column in picked]
            message = f"The same values of {', '.join(self.names)} already appear in an earlier row."
            yield _condition("not-unique", picked, _repeated(cells), message, self.on_fail or default)

    @property
    def ranged(self) -> dict[str, str]:
        """The given bounds, by name."""
        return {name: bound for name in BOUNDS if (bound := getattr(self, name)) is not None}

    @property
    def reads_as(self) -> Type | None:
        """The type of the values; bounds without a type are numbers."""
        return self.type or ("float" if self.ranged else None)

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The ways in which a cell may be written."""
        if self.reads_as is None:
            return ()
        times = TIMES if self.ranged else (*TIMES, *ZONED)
        return readings(self.reads_as, self, DATES if self.reads_as == "date" else times)

    def _checks(self) -> bool:
        given = self.required or self.unique or self.type or self.ranged or self.one_of or self.references
        lengths = self.min_length is not None or self.max_length is not None
        return bool(given) or self.matches is not None or lengths

    def _check_where(self) -> None:
        fields = type(self).model_fields
        given = {name for name, field in fields.items() if getattr(self, name) != field.default}
        if more := given - {"where", "on_fail"}:
            said = "where must be alone in its rule, without {more}"
            raise PydanticCustomError("not_alone", said, {"more": ", ".join(sorted(more))})
        if not self.names:
            raise PydanticCustomError("no_column", "where names no column")

    def _check_bounds(self) -> None:
        if self.ranged and self.reads_as == "boolean":
            raise PydanticCustomError("no_order", "There is no range of type: boolean")
        if self.ranged and any(strptime.endswith("%z") for strptime in self.format or []):
            raise PydanticCustomError("zones", "There is no range of times with a zone (%z)")
        for pair in (LOWER, UPPER):
            if len(self.ranged.keys() & set(pair)) > 1:
                said = "Give either {one} or {other}"
                raise PydanticCustomError("two_bounds", said, dict(zip(("one", "other"), pair, strict=True)))
        values: dict[str, Any] = {name: self._written(name, bound) for name, bound in self.ranged.items()}
        if self.reads_as == "integer":
            values = {name: int(found) for name, found in values.items()}
        low, high = ([found for name, found in values.items() if name in pair] for pair in (LOWER, UPPER))
        if low and high and low > high:
            raise PydanticCustomError("bad_bounds", "The lower bound is above the upper one")

    def _written(self, option: str, text: str) -> str | float:
        """The value of an option: a number, or the text that an equal cell is read as. Raises
        PydanticCustomError."""
        try:
            return value(self.reads_as, text)
        except ValueError:
            time = "2026-04-03T10:30:00, without a zone and with up to six decimals"
            plain = {"date": "2026-04-03", "datetime": time, "boolean": "true or false"}
            wanted = plain.get(self.reads_as or "", "12.5" if self.reads_as != "integer" else "12")
            said = "{option} {found} is not a plain {type}, such as {wanted}"
            called = "number" if self.type is None else self.type
            found = {"option": option, "found": repr(text), "type": called, "wanted": wanted}
            raise PydanticCustomError("bad_value", said, found) from None


def value(to: Type | None, text: str) -> str | float:
    """The value of a plainly written text: a number, or the form in which all equal values are read.

    Raises ValueError.
    """
    if to in WRITTEN and not re.fullmatch(WRITTEN[to], text, re.ASCII):
        raise ValueError(text)
    match to:
        case "integer":
            return str(int(text))
        case "decimal" | "float":
            if not isfinite(number := float(text)):
                raise ValueError(text)
            return number
        case "date":
            return date.fromisoformat(text).isoformat()
        case "datetime":
            return _moment(text)
        case _:
            return text


def _moment(text: str) -> str:
    """The time as `iso` writes it. Raises ValueError if it has a zone or more digits than a time can hold."""
    moment = datetime.fromisoformat(text)
    # Python cuts off further digits without notice.
    if moment.tzinfo or re.search(r"[.,]\d{7}", text):
        raise ValueError(text)
    return iso(moment)


class _Cell(NamedTuple):
    """A cell of a column under a rule, in SQL."""

    rule: Rule
    column: Column
    sql: Sql

    @property
    def there(self) -> str:
        return f"NOT {missing(self.sql, self.column.sql, ('', *self.rule.missing))}"

    @property
    def text(self) -> str:
        """The cell as read; NULL if it does not fit the type."""
        read = [reading.read(self.column.sql, self.sql) for reading in self.rule.readings]
        return f"COALESCE({', '.join([*read, 'NULL'])})" if read else self.column.sql

    @property
    def fits(self) -> str:
        """A predicate: the cell can be read as the type."""
        fits = (
            f"COALESCE({reading.fits(self.column.sql, self.sql)}, FALSE)" for reading in self.rule.readings
        )
        return f"({' OR '.join(fits)})"

    @property
    def number(self) -> str:
        """The cell as a double; NULL if it is not a number."""
        plain = self.rule.decimal == "." and not self.rule.group
        return self.sql.number(self.column.sql if plain else self.text)

    @property
    def value(self) -> str:
        """The cell as read, with equal results for equal values; NULL if it does not fit the type."""
        if self.rule.reads_as in ("decimal", "float"):
            return f"CASE WHEN {self.fits} THEN {self.number} END"
        return self.text

    def conditions(self, step: str) -> Iterator[tuple[str, str, str]]:
        """The code, predicate and message of each condition on one column. Raises UnknownColumn."""
        yield from self._alone()
        if self.rule.references:
            there, (table, column) = self.there, (self.rule.references.table, self.rule.references.column)
            message = f"The cell is not in the column {column!r} of the table {table!r}."
            yield "not-in-table", f"{there} AND {self.column.sql} NOT IN ({self._referenced(step)})", message
        if self.rule.unique is True:
            yield "not-unique", _repeated([self]), "The value already appears in an earlier row."

    def _referenced(self, step: str) -> str:
        """Selects the texts in the column of the other table."""
        assert self.rule.references is not None  # noqa: S101 (the caller looked)
        called = self.rule.references.table
        [column] = of_table(called, [self.rule.references.column], self.sql, step)
        return f"SELECT {column.sql} FROM ({self.sql.tables[called].relation}) WHERE {column.sql} <> ''"

    def _alone(self) -> Iterator[tuple[str, str, str]]:
        """The code, predicate and message of each condition that needs no other row."""
        rule, there = self.rule, self.there
        if rule.required:
            yield "required", f"NOT ({there})", "A required cell is missing."
        if rule.reads_as:
            yield "wrong-type", f"{there} AND NOT {self.fits}", f"The cell is not {_called(rule)}."
        if rule.one_of:
            listed = ", ".join(rule.one_of[:SHOWN]) + (", …" if len(rule.one_of) > SHOWN else "")
            yield "not-in-enum", f"{there} AND NOT {self._among()}", f"The cell is not one of: {listed}."
        if rule.matches is not None:
            fits = self.sql.matches(self.column.sql, rule.matches)
            yield "no-match", f"{there} AND NOT {fits}", f"The cell does not match {rule.matches}"
        if rule.ranged:
            yield "out-of-range", f"{there} AND NOT ({self._within()})", f"The value is not {_range(rule)}."
        if rule.min_length is not None or rule.max_length is not None:
            low, high = rule.min_length or 0, rule.max_length
            length = f"LENGTH({self.column.sql})"
            fits = f"{length} >= {low}" + (f" AND {length} <= {high}" if high is not None else "")
            yield "wrong-length", f"{there} AND NOT ({fits})", f"The cell does not have {_lengths(rule)}."

    def _among(self) -> str:
        listed = (self._constant(text) for text in self.rule.one_of or [])
        return f"{self.value} IN ({', '.join(listed)})"

    def _within(self) -> str:
        as_number = self.rule.reads_as in ("integer", "decimal", "float")
        compared = self.number if as_number else self.text
        return " AND ".join(
            f"{compared} {BOUNDS[name]} {constant(float(bound)) if as_number else self._constant(bound)}"
            for name, bound in self.rule.ranged.items()
        )

    def _constant(self, text: str) -> str:
        meant = value(self.rule.reads_as, text)
        return constant(meant) if isinstance(meant, float) else self.sql.text(meant)


def _repeated(cells: Sequence[_Cell]) -> str:
    """A predicate: an earlier row of the file has the same values."""
    compared = " AND ".join(part for cell in cells for part in (cell.there, f"{cell.value} IS NOT NULL"))
    among = ", ".join(cell.value for cell in cells)
    return f"{compared} AND ROW_NUMBER() OVER (PARTITION BY {among} ORDER BY {ROW}) > 1"


def _condition(code: str, cells: Sequence[Column], broken: str, message: str, on_fail: OnFail) -> Condition:
    found = ", ', ', ".join(f"COALESCE({cell.sql}, '')" for cell in cells)
    return Condition(
        code=code,
        column=", ".join(cell.name for cell in cells),
        message=message,
        broken=broken,
        found=f"CONCAT({found})",
        cells=tuple(cell.sql for cell in cells),
        on_fail=on_fail,
        among=code in ("not-unique", "not-in-table"),
    )


def _called(rule: Rule) -> str:
    formats = rule.format or []
    if len(formats) > 1:
        return f"a {rule.reads_as} of any of the formats {', '.join(formats)}"
    if rule.reads_as in ("date", "datetime") and not formats:
        example = "2026-04-03" if rule.reads_as == "date" else "2026-04-03T10:30:00"
        return f"a {rule.reads_as} such as {example}"
    return rule.readings[0].called


def _range(rule: Rule) -> str:
    return " and ".join(f"{name.replace('_', ' ')} {bound}" for name, bound in rule.ranged.items())


def _lengths(rule: Rule) -> str:
    low, high = rule.min_length, rule.max_length
    if low is not None and high is not None:
        return f"{low} characters" if low == high else f"{low} to {high} characters"
    return f"{low} characters or more" if low is not None else f"{high} characters or fewer"
