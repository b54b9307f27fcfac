"""Expressions over a row's cells: the user's SQL is parsed to a tree and written anew, never passed on.

Cells are texts, and a missing one is NULL. Arithmetic takes them as numbers, is exact as long as 38 digits
suffice, and gives NULL for a cell that is not a number and for a division by 0.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Annotated, NamedTuple

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.engines.duckdb import DuckSql
from csvjobs.engines.parsing import SELECT, Node, NotParsed, expression, place
from csvjobs.errors import BadPattern, DuplicateColumn, UnknownColumn
from csvjobs.pipelines.expressions.hints import bare_date, of_name, spelt
from csvjobs.pipelines.expressions.terms import Misfit, Number, Term
from csvjobs.pipelines.expressions.values import Loss, Values
from csvjobs.pipelines.expressions.writing import Writer, Wrong
from csvjobs.pipelines.step import Column, Columns, constant

__all__ = [
    "ConditionText",
    "Judgement",
    "Loss",
    "Value",
    "ValueText",
    "check_known",
    "check_names",
    "condition",
    "faults",
    "names",
    "value",
    "valued",
]


class Value(NamedTuple):
    """sql: the value as the text of a cell, NULL for an empty one; empty: a predicate, whether it is. losses:
    rows for which no value can be made; decides: whether one may be made for them all the same."""

    sql: str
    empty: str
    losses: tuple[Loss, ...]
    decides: bool = False


class Judgement(NamedTuple):
    """sql: a predicate, true, false or NULL; losses: rows for which it may be NULL although no cell is
    missing."""

    sql: str
    losses: tuple[Loss, ...]

    @property
    def unread(self) -> str:
        """A predicate: it is NULL because of a cell that could not be read."""
        lost = " OR ".join(f"({loss.predicate})" for loss in self.losses if loss.cell) or "(1 = 0)"
        return f"(({self.sql}) IS NULL AND ({lost}))"


class Written(NamedTuple):
    term: Term
    values: Values


def value(text: str, columns: Columns, sql: Sql, step: str) -> Value:
    """The value, in each row, of an expression that `ValueText` has accepted.

    Raises UnknownColumn; BadPattern if the engine does not accept a regular expression.
    """
    check_names([text], columns, step)
    return valued(*_write(text, _of(columns), sql))


def valued(term: Term, values: Values) -> Value:
    """The value of a term."""
    made = values.text(term).sql
    losses = tuple(values.losses)
    if not isinstance(term, Number):
        return Value(made, f"({made}) IS NULL", losses, values.decides)
    if losses:
        beyond = f"ABS({term.about}) > {constant(sys.float_info.max)}"
        losses = (*losses, Loss("a number becomes too large", beyond, losses[0].text))
    empty = f"(ABS({term.about}) <= {constant(sys.float_info.max)}) IS NOT TRUE"
    return Value(f"NULLIF({made}, '')", empty, losses, values.decides)


def condition(text: str, columns: Columns, sql: Sql, step: str) -> Judgement:
    """The predicate, true, false or NULL, of an expression that `ConditionText` has accepted.

    Raises as `value`.
    """
    check_names([text], columns, step)
    term, values = _write(text, _of(columns), sql)
    return Judgement(values.truth(term).sql, tuple(values.losses))


def names(text: str) -> list[str]:
    """The columns that a valid expression names, each once."""
    found: dict[str, None] = {}

    def note(name: str) -> Column:
        found[name] = None
        return Column(name, "c0")

    _write(text, note, DuckSql())
    return list(found)


def check_names(texts: Iterable[str], columns: Columns, step: str) -> None:
    """Raises UnknownColumn for all names in these expressions that are not columns."""
    check_known((name for text in texts for name in names(text)), columns, step)


def check_known(names: Iterable[str], columns: Columns, step: str) -> None:
    """Raises UnknownColumn for all of these names that are not columns."""
    try:
        columns.pick(dict.fromkeys(names), step)
    except UnknownColumn as error:
        error.hint = f"{error.hint} {of_name(error.names[0])}"
        raise


def _of(columns: Columns) -> Callable[[str], Column]:
    return {column.name: column for column in columns}.__getitem__


@lru_cache(maxsize=1024)
def _tree(text: str) -> Node:
    return expression(text)


def _write(text: str, column: Callable[[str], Column], sql: Sql) -> Written:
    writer = Writer(column, sql)
    return Written(writer.term(_tree(text)), writer.values)


def _check(text: str, *, truth: bool) -> str:
    """Finds all faults except wrong column names, which are known only with the file."""
    with faults("an expression", text, SELECT):
        term, values = _write(text, lambda name: Column(name, "c0"), DuckSql())
        if truth:
            values.truth(term)
    return text


@contextmanager
def faults(kind: str, text: str, before: str = "") -> Iterator[None]:
    """Reports faults in a text of that kind as faults of an option; `before`: the text put in front of it to
    parse."""
    if date := bare_date(text):
        raise _fault(kind, f"write DATE '{date[0]}' for {date[0]}, which is a difference", date.start())
    try:
        yield
    except NotParsed as error:
        hint = spelt(str(error), text, query=not before)
        raise _fault(kind, f"{error}{hint}", error.place) from None
    except Wrong as error:
        raise _fault(kind, str(error), place(error.node, text, before)) from None
    except Misfit as error:
        raise _fault(kind, str(error), 0) from None
    except (BadPattern, DuplicateColumn) as error:
        raise _fault(kind, error.message.rstrip("."), None) from None
    except UnknownColumn as error:
        raise _fault(kind, f"{error.message} {error.hint}".rstrip("."), None) from None


def _fault(kind: str, said: str, place: int | None) -> PydanticCustomError:
    where = "" if place is None else f"at character {place + 1}: "
    return PydanticCustomError("bad_expression", "{said}", {"said": f"Not {kind} in SQL: {where}{said}"})


ValueText = Annotated[str, AfterValidator(partial(_check, truth=False))]
"""An option that is an expression with any kind of value, for `value`."""

ConditionText = Annotated[str, AfterValidator(partial(_check, truth=True))]
"""An option that is a condition on a row, for `condition`."""
