"""Follows a pipeline over the header alone, so that steps that name columns that do not exist are found
before any step runs."""

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
from csvjobs.pipelines.step import Column, Columns, Step, of_relation

Doubted = tuple[type[DataError], ...]
"""Faults that may turn out not to be any."""

BEHIND_A_FAULT: Doubted = (DuplicateColumn, NoColumnsLeft, WrongColumns)
"""After a fault: once it is corrected, the columns may be different."""

UNTOLD: Doubted = (UnknownColumn, *BEHIND_A_FAULT)
"""After a step whose resulting columns depend on the rows."""


DECLARED = "The file was read with {}, as declared, not as detected: if that is wrong, set it to detect."


def check(
    names: Sequence[str],
    steps: Sequence[Step],
    sql: Sql,
    tables: Mapping[str, SideTable],
    declared: str = "",
) -> None:
    """Follows the steps over columns of these names, as far as the columns can be known without rows.
    tables: those that the steps name; declared: how the file was read, so far as that was declared.

    Raises the DataError that a step is bound to end in, or UnfitPipeline with those of several steps; each
    has the JSON pointer of what is at fault.
    """
    faults = list(_faults(names, steps, replace(sql, tables=tables)))
    unknown = next((fault for fault in faults if isinstance(fault, UnknownColumn)), None)
    if unknown and declared:
        # Read wrongly, the file has other columns than the pipeline was made for.
        unknown.hint = f"{unknown.hint} {DECLARED.format(declared)}"
    if len(faults) > 1:
        raise UnfitPipeline(faults)
    for fault in faults:
        raise fault


def _faults(names: Sequence[str], steps: Sequence[Step], sql: Sql) -> Iterator[DataError]:
    columns = of_relation(names)
    doubted: Doubted = ()
    for place, step in enumerate(steps):
        after, faults = _through(step, columns, sql, doubted)
        for fault in faults:
            yield fault.at(_pointer(place, step, fault.column), step.step)
        if after is None:
            doubted = UNTOLD
        elif faults:
            # The faulty step may have been meant to drop columns: keep those before it, too.
            after = Columns({column.name: column for column in (*columns, *after)}.values())
            doubted = doubted or BEHIND_A_FAULT
        # New names: substituting each step's expressions into the next could double the text at every step.
        columns = of_relation((after or columns).names)


def _through(
    step: Step, columns: Columns, sql: Sql, doubted: Doubted
) -> tuple[Columns | None, list[DataError]]:
    """The columns after a step, None if they cannot be known, and the step's faults. Columns that it names
    but that do not exist, in the file or in another table, are assumed to exist."""
    unknown: list[UnknownColumn] = []
    others: list[DataError] = []
    after: Columns | None = None
    while True:
        lacking = _lacking(unknown, None)
        supposed = Columns([*columns, *(Column(name, "NULL") for name in lacking)])
        try:
            after = step.columns_after(supposed, _supposed(sql, unknown))
        except UnknownColumn as error:
            if not set(_lacking(unknown, error.table)) >= set(error.names):
                unknown.append(error)
                continue
            # They are missing in a table that the error does not name.
            unknown = [fault for fault in unknown if set(fault.names) != set(error.names)]
            others, after = [error], _meant(step)
        except BEHIND_A_FAULT as error:
            others = [] if lacking else [error]
        except DataError as error:
            others, after = [error], _meant(step)
        break
    left = after and Columns(column for column in after if column.name not in lacking)
    # What another table lacks is in no doubt.
    sure = [fault for fault in others if isinstance(fault, UnknownColumn) or not isinstance(fault, doubted)]
    merged = _merged(unknown, columns, sql, step)
    return left, [*(fault for fault in merged if fault.table or not isinstance(fault, doubted)), *sure]


def _lacking(unknown: Iterable[UnknownColumn], table: str | None) -> list[str]:
    """The columns that do not exist in the file, or in another table, each once."""
    return list(dict.fromkeys(name for fault in unknown if fault.table == table for name in fault.names))


def _supposed(sql: Sql, unknown: Sequence[UnknownColumn]) -> Sql:
    tables = {
        called: table._replace(columns=(*table.columns, *_lacking(unknown, called)))
        for called, table in sql.tables.items()
    }
    return replace(sql, tables=tables)


def _merged(
    unknown: Sequence[UnknownColumn], columns: Columns, sql: Sql, step: Step
) -> Iterator[UnknownColumn]:
    """The faults, those in the same table as one."""
    for table in dict.fromkeys(fault.table for fault in unknown):
        same = [fault for fault in unknown if fault.table == table]
        if not same[1:]:
            yield from same
            continue
        names = columns.names if table is None else sql.tables[table].columns
        called = step.step if table is None else f"{step.step} (table {table!r})"
        merged = UnknownColumn.among(_lacking(unknown, table), names, called)
        merged.table = table
        yield merged


def _meant(step: Step) -> Columns:
    """The columns that a faulty step may have been meant to make: their names are among its options."""
    options = step.model_dump(mode="json", exclude={"step"})
    return Columns(Column(name, "NULL") for name in dict.fromkeys(_texts(options)))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for part in (*value, *value.values()):
                yield from _texts(part)
        case list():
            for part in value:
                yield from _texts(part)


def _pointer(place: int, step: Step, column: str | None) -> str:
    """The JSON pointer of the first option that names the column, or of the step if none does."""
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
