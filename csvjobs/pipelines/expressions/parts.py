"""Converts terms to columns of a table, and those columns back to terms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from csvjobs.engines.base import Sql
from csvjobs.pipelines.expressions.terms import Nothing, Number, Term, Text, attempted
from csvjobs.pipelines.expressions.values import Values
from csvjobs.pipelines.rows import Key
from csvjobs.pipelines.step import Column, Columns


def listed(term: Term) -> list[str]:
    """The expressions that must become columns so that the term can be restored."""
    match term:
        case Nothing():
            return []
        case Number(about, exact, integer=integer):
            return [about, *(part for part in (exact, integer) if part is not None)]
        case _:
            return [term.sql]


def of(term: Term, made: Iterator[str]) -> Term:
    """A term of the same kind with other parts."""
    match term:
        case Nothing():
            return term
        case Number():
            about = next(made)
            exact, integer = (None if part is None else next(made) for part in (term.exact, term.integer))
            return replace(term, about=about, exact=exact, integer=integer, parts=None)
        case Text():
            sql = next(made)
            return Text(sql, cell=term.cell and Column(term.cell.name, sql), sure=term.sure)
        case _:
            return replace(term, sql=next(made))


def each(make: Callable[[str], str], term: Term) -> Term:
    """The term with `make` applied to each part."""
    return of(term, map(make, listed(term)))


def safe(term: Term, sql: Sql) -> Term:
    """The term, ready to become a column: the exact value is NULL if its digits do not suffice."""
    if isinstance(term, Number) and term.exact is not None:
        return replace(term, exact=attempted(term.exact, [term], sql), integer=None)
    return term


def columns(called: str, terms: Iterable[Term]) -> Columns:
    """The parts of the terms, as columns with names that no table has."""
    every = (part for term in terms for part in listed(term))
    return Columns(Column(f"\0{called}{place}", part) for place, part in enumerate(every))


def again(terms: Iterable[Term], made: Iterable[Column]) -> list[Term]:
    """The terms, restored from the columns made from them."""
    sqls = iter([column.sql for column in made])
    return [of(term, sqls) for term in terms]


def keys(term: Term, values: Values, *, descending: bool) -> list[Key]:
    """The sort keys of the term; cells of unknown kind are sorted as numbers first, then as texts."""
    made = listed(safe(term, values.sql))
    if isinstance(term, Text) and not term.sure:
        number = values.number(term)
        made = [*listed(safe(number, values.sql)), f"CASE WHEN {number.about} IS NULL THEN {term.sql} END"]
    return [Key(part, descending) for part in made]
