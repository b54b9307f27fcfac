"""A pipeline followed over a header alone: what it asks of columns that are not there is found in all steps,
before one is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from csvjobs.engines.base import SideTable, Sql
from csvjobs.errors import (
    DataError,
    DuplicateColumn,
    NoColumnsLeft,
    UnfitPipeline,
    UnknownColumn,
    WrongColumns,
)
from csvjobs.pipelines.step import Column, Columns, Step

Doubted = tuple[type[DataError], ...]
"""Faults that may be none."""

BEHIND_A_FAULT: Doubted = (DuplicateColumn, NoColumnsLeft, WrongColumns)
"""With that one mended, the columns may be others."""

UNTOLD: Doubted = (UnknownColumn, *BEHIND_A_FAULT)
"""Behind a step whose columns only the rows tell."""


def check(names: Sequence[str], steps: Sequence[Step], sql: Sql, tables: Mapping[str, SideTable]) -> None:
    """Follows the steps over columns of these names, as far as they tell what columns there are; `tables` are
    those that the steps name.

    Raises the DataError that a step is bound to end in, or UnfitPipeline with those of several steps; each
    has the JSON pointer to what is at fault.
    """
    faults = list(_faults(names, steps, replace(sql, tables=tables)))
    if len(faults) > 1:
        raise UnfitPipeline(faults)
    for fault in faults:
        raise fault


def _faults(names: Sequence[str], steps: Sequence[Step], sql: Sql) -> Iterator[DataError]:
    columns = _columns(names)
    doubted: Doubted = ()
    for place, step in enumerate(steps):
        after, faults = _through(step, columns, sql, doubted)
        for fault in faults:
            yield fault.at(_pointer(place, step, fault.column), step.step)
        if after is None:
            doubted = UNTOLD
        elif faults:
            # What it was to leave out may be there again.
            after = Columns({column.name: column for column in (*columns, *after)}.values())
            doubted = doubted or BEHIND_A_FAULT
        # By new names: with what each step writes put into the next, the text would double at every one.
        columns = _columns((after or columns).names)


def _columns(names: Iterable[str]) -> Columns:
    return Columns(Column(name, f"c{place}") for place, name in enumerate(names))


def _through(
    step: Step, columns: Columns, sql: Sql, doubted: Doubted
) -> tuple[Columns | None, list[DataError]]:
    """The columns behind a step, None where they cannot be told, and its faults. It is followed as if the
    columns that it names were there."""
    lacking: dict[str, None] = {}
    found: list[DataError] = []
    after: Columns | None = None
    while True:
        supposed = Columns([*columns, *(Column(name, "NULL") for name in lacking)])
        try:
            after = step.columns_after(supposed, sql)
        except UnknownColumn as error:
            if lacking.keys() >= set(error.names):
                # It is a table beside the file that lacks them.
                return None, [error]
            lacking |= dict.fromkeys(error.names)
            found.append(error)
            continue
        except DataError as error:
            found = found or [error]
        break
    if len(found) > 1:
        found = [UnknownColumn.among(list(lacking), columns.names, step.step)]
    left = after and Columns(column for column in after if column.name not in lacking)
    return left, [fault for fault in found if not isinstance(fault, doubted)]


def _pointer(place: int, step: Step, column: str | None) -> str:
    """To the first option that names the column, or to the step where none does by itself."""
    options = step.model_dump(mode="json", by_alias=True, exclude={"step"})
    named = (name for name, value in options.items() if column is not None and _names(value, column))
    return "/".join([f"/steps/{place}", *islice(named, 1)])


def _names(value: Any, column: str) -> bool:
    match value:
        case dict():
            return any(_names(part, column) for part in (*value, *value.values()))
        case list():
            return any(_names(part, column) for part in value)
        case _:
            return bool(value == column)
