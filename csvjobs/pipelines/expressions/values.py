"""Converts values from one kind to another, and compares them. What cannot be converted in a row is a
loss."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from csvjobs.engines.base import DIRECTIVES, Sql
from csvjobs.pipelines.expressions.hints import SECONDS
from csvjobs.pipelines.expressions.terms import (
    NUMBERS,
    Date,
    Misfit,
    Nothing,
    Number,
    Term,
    Text,
    Time,
    Truth,
    but,
    case,
    chosen,
    compared,
    divided,
    literal,
    modulo,
    of_text,
    printed,
)
from csvjobs.pipelines.readings import ZONE

DAY = rf"{DIRECTIVES['%Y']}-\d\d-\d\d"
CLOCK = r"[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?"
ISO_DAY = rf"^\s*({DAY})(?:{CLOCK}{ZONE}?)?\s*$"
ISO_TIME = rf"^\s*({DAY}(?:{CLOCK})?){ZONE}?\s*$"
"""Days and times as `cast` writes them; the group is the part before the offset."""

FIRST, LAST = "0001-01-01", "9999-12-31"
MOST_DAYS = 3_660_000
"""More than there are between these."""

ORDERS = ("<", "<=", ">", ">=")
CALLED = {
    Text: "a text",
    Number: "a number",
    Date: "a date",
    Time: "a time",
    Truth: "a condition",
    Nothing: "NULL",
}

APART = {
    Date: "; CAST(paid AS DATE) - CAST(sent AS DATE) is the number of days between two",
    Time: f"; {SECONDS}",
}
"""What a date or a time in the place of a number is probably meant for."""


class Loss(NamedTuple):
    """Rows for which no value can be made: those where `predicate` is true, because of `reason`; `text` is an
    expression for the text at fault. cell: it is a cell that could not be read, and counts as missing if a
    value is made all the same."""

    reason: str
    predicate: str
    text: str
    cell: bool = False


@dataclass
class Values:
    """Converts the values of one expression. losses: what may be lost in it so far; decides: whether it may
    have a value all the same."""

    sql: Sql
    losses: list[Loss] = field(default_factory=list)
    decides: bool = False

    def text(self, term: Term) -> Text:
        """The value as text."""
        match term:
            case Text():
                return term
            case Number():
                return Text(printed(term, self.sql))
            case Date(sql):
                # Dates after year 9999 and before year 1 cannot be written in this form.
                found = self.sql.group(f"CAST({sql} AS VARCHAR)", r"^(\d{4}-\d\d-\d\d)$", 1)
                return Text(but(found, "''"))
            case Time(sql):
                written = self.sql.group(f"CAST({sql} AS VARCHAR)", rf"^({DAY} \d.*)$", 1)
                return Text(but(f"REPLACE({written}, ' ', 'T')", "''"))
            case Truth(sql):
                return Text(f"CAST({sql} AS VARCHAR)")
            case Nothing():
                return Text("CAST(NULL AS VARCHAR)")

    def number(self, term: Term) -> Number:
        """The number that a text spells; NULL if it spells none. Raises Misfit."""
        match term:
            case Number():
                return term
            case Text():
                made = of_text(term, self.sql)
                if term.literal is None:
                    self._lose("not a number", term, made.about)
                return made
            case Nothing():
                return Number(f"CAST(NULL AS {NUMBERS})")
            case _:
                raise Misfit(f"expected a number, found {CALLED[type(term)]}{APART.get(type(term), '')}")

    def date(self, term: Term) -> Date:
        """The date of a time, or of a text that spells a date (2026-04-03) or begins with one and spells a
        time; NULL if it spells neither. Raises Misfit."""
        match term:
            case Date():
                return term
            case Time(sql):
                return Date(f"CAST({sql} AS DATE)")
            case Text():
                made = Date(f"TRY_CAST({self.sql.group(f'({term.sql})', ISO_DAY, 1)} AS DATE)")
                if term.literal is None:
                    self._lose("not a date like 2026-04-03", term, made.sql)
                elif not re.fullmatch(r"\d{4}-\d\d-\d\d", term.literal):
                    raise Misfit(f"{term.literal[:40]!r} is not a date like 2026-04-03")
                return made
            case Nothing():
                return Date("CAST(NULL AS DATE)")
            case _:
                raise Misfit(f"expected a date, found {CALLED[type(term)]}")

    def time(self, term: Term) -> Time:
        """The time that a text spells as 2026-04-03T10:30:00, or the beginning of a date; NULL if it spells
        neither. An offset is ignored. Raises Misfit."""
        match term:
            case Time():
                return term
            case Date(sql):
                return Time(f"CAST({sql} AS TIMESTAMP)")
            case Text():
                made = Time(f"TRY_CAST({self.sql.group(f'({term.sql})', ISO_TIME, 1)} AS TIMESTAMP)")
                if term.literal is None:
                    self._lose("not a time like 2026-04-03T10:30:00", term, made.sql)
                elif not re.match(ISO_TIME, term.literal, re.ASCII):
                    raise Misfit(f"{term.literal[:40]!r} is not a time like 2026-04-03T10:30:00")
                return made
            case Nothing():
                return Time("CAST(NULL AS TIMESTAMP)")
            case _:
                raise Misfit(f"expected a time, found {CALLED[type(term)]}")

    def truth(self, term: Term) -> Truth:
        """The condition. Raises Misfit for anything else."""
        match term:
            case Truth():
                return term
            case Nothing():
                return Truth("CAST(NULL AS BOOLEAN)")
            case _:
                raise Misfit(f"expected a condition, found {CALLED[type(term)]}; compare it: status = 'open'")

    def whole(self, term: Term) -> str:
        """The number as an integer, truncated. Raises Misfit."""
        made = self.number(term)
        return f"TRY_CAST(TRUNC({made.about}) AS INTEGER)"

    def shifted(self, sign: str, date: Date, days: Term) -> Date:
        """The date so many days later or earlier; NULL if the days are not whole, or outside years 1 to 9999.

        Raises Misfit.
        """
        number = self.number(days)
        if number.literal is not None and number.literal % 1:
            raise Misfit(f"a date moves by whole days, not by {number.literal}; see round, floor and ceil")
        whole = f"{number.about} = TRUNC({number.about})"
        near = f"{whole} AND ABS({number.about}) < {MOST_DAYS}"
        moved = f"({date.sql} {sign} CASE WHEN {near} THEN CAST({number.about} AS INTEGER) END)"
        made = (
            f"(CASE WHEN {moved} BETWEEN CAST('{FIRST}' AS DATE) AND CAST('{LAST}' AS DATE) THEN {moved} END)"
        )
        if number.literal is None:
            text = f"CAST({number.about} AS VARCHAR)"
            self.losses.append(Loss("a number of days is not whole", f"NOT ({whole})", text))
        beyond = f"{date.sql} IS NOT NULL AND {whole} AND {made} IS NULL"
        said = "a date would be outside the years 1 to 9999"
        self.losses.append(Loss(said, beyond, f"CAST({date.sql} AS VARCHAR)"))
        return Date(made)

    def written(self, term: Term) -> str:
        """A text literal in the expression. Raises Misfit."""
        if not isinstance(term, Text) or term.literal is None:
            raise Misfit("write a text in single quotes here, not a column")
        return term.literal

    def compared(self, sign: str, left: Term, right: Term) -> Truth:
        """A predicate: the comparison is true; of numbers or dates if either side is one, otherwise of texts.

        Raises Misfit.
        """
        kinds = {type(left), type(right)}
        if Nothing in kinds:
            raise Misfit("nothing is equal to NULL; write IS NULL")
        if Number in kinds:
            return Truth(compared(sign, self.number(left), self.number(right), self.sql))
        if Time in kinds:
            return Truth(f"({self.time(left).sql} {sign} {self.time(right).sql})")
        if Date in kinds:
            return Truth(f"({self.date(left).sql} {sign} {self.date(right).sql})")
        if Truth in kinds:
            return Truth(f"({self.truth(left).sql} {sign} {self.truth(right).sql})")
        return Truth(f"({self._texts(sign, left, right)})")

    def divided(self, left: Term, right: Term, *, remainder: bool = False) -> Number:
        """The quotient, or the remainder. Raises Misfit."""
        dividend, divisor = self.number(left), self.number(right)
        self.losses.append(Loss("a divisor is 0", f"({divisor.about}) = 0", "'0'"))
        return (modulo if remainder else divided)(dividend, divisor, self.sql)

    def same(self, left: Term, right: Term) -> Truth:
        """Like compared, but two NULLs are the same, and nothing else is the same as NULL."""
        null = f"({self.text(left).sql}) IS NULL", f"({self.text(right).sql}) IS NULL"
        if Nothing in (type(left), type(right)):
            return Truth(f"({null[0]} AND {null[1]})")
        equal = self.compared("=", left, right).sql
        return Truth(f"(CASE WHEN {null[0]} OR {null[1]} THEN {null[0]} AND {null[1]} ELSE {equal} END)")

    def chosen(self, conditions: Sequence[str], branches: Sequence[Term], last: Term) -> Term:
        """The value of the first condition that is true, otherwise the last; of the kind that all share,
        otherwise a text."""
        self.decides = True
        every = [*branches, last]
        kinds = {type(term) for term in every if not isinstance(term, Nothing)}
        kind = kinds.pop() if len(kinds) == 1 else Text
        if kind is Number:
            *numbers, otherwise = map(self.number, every)
            return chosen(conditions, numbers, otherwise)
        if kind is Date:
            return Date(case(conditions, [self.date(each).sql for each in every]))
        if kind is Time:
            return Time(case(conditions, [self.time(each).sql for each in every]))
        if kind is Truth:
            return Truth(case(conditions, [self.truth(each).sql for each in every]))
        sure = any(term.sure for term in every if isinstance(term, Text))
        return Text(case(conditions, [self.text(each).sql for each in every]), sure=sure)

    def _texts(self, sign: str, left: Term, right: Term) -> str:
        texts = [term for term in (left, right) if isinstance(term, Text)]
        if any(text.literal == "" for text in texts):
            raise Misfit("an empty cell is NULL; write IS NULL or IS NOT NULL")
        if sign in ORDERS:
            if not any(text.sure for text in texts):
                kinds = ("DECIMAL", "DATE", "VARCHAR")
                ways = ", ".join(f"CAST(… AS {kind})" for kind in kinds)
                raise Misfit(f"cells could be compared as numbers, dates or texts; say which with {ways}")
            if any(text.literal is not None and _spells_number(text.literal) for text in texts):
                raise Misfit("texts would be compared, letter by letter; write the number without quotes")
        first, second = texts
        return f"{first.sql} {sign} {second.sql}"

    def _lose(self, kind: str, text: Text, made: str) -> None:
        found = f"column {text.cell.name!r}" if text.cell else "a text in it"
        loss = Loss(
            f"{found} is {kind}", f"({made}) IS NULL AND ({text.sql}) IS NOT NULL", text.sql, cell=True
        )
        if loss not in self.losses:
            self.losses.append(loss)


def _spells_number(text: str) -> bool:
    try:
        literal(text)
    except Misfit:
        return False
    return True
