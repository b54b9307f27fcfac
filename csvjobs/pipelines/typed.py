"""Writes columns that a step converted to a type as values of that type, if the output format has one.

The type must hold each cell exactly. If none does, the column stays text and a warning says so. Missing cells
become null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from csvjobs.engines.options import WriteOptions
from csvjobs.engines.sheet import MOST_CHARACTERS, MOST_COLUMNS, MOST_DIGITS, MOST_ROWS
from csvjobs.errors import FieldTooLong, TooManyColumns, TooManyRows
from csvjobs.pipelines.plan import Plan
from csvjobs.pipelines.step import Column, Columns, missing

PLAIN_MOMENT = r"[^T]*T[0-9:.]*"
ZONED_MOMENT = r"[^T]*T[0-9:.]*(Z|[+-].*)"
SHEET_DAY = r"(190[1-9]|19[1-9]\d|[2-9]\d\d\d)-.*"
"""Earlier dates have a different calendar in spreadsheets."""

SHEET_MOMENT = rf"{SHEET_DAY}T[0-9:]*(\.\d{{1,3}})?"
"""A sheet's time is a fraction of a day, and exact to the millisecond only."""


class Candidate(NamedTuple):
    """An SQL type, and the pattern that cells must match to be held by it."""

    kind: str
    pattern: str = ""


MOST = {"parquet": 38, "xlsx": MOST_DIGITS}
"""The most digits of an exact number."""

CANDIDATES: dict[str, dict[str, tuple[Candidate, ...]]] = {
    "parquet": {
        "integer": (Candidate("BIGINT"), Candidate("DECIMAL(38, 0)")),
        "float": (Candidate("DOUBLE"),),
        "boolean": (Candidate("BOOLEAN"),),
        "date": (Candidate("DATE"),),
        "datetime": (
            Candidate("TIMESTAMP", PLAIN_MOMENT),
            Candidate("TIMESTAMP WITH TIME ZONE", ZONED_MOMENT),
        ),
    },
    "xlsx": {
        "integer": (Candidate(f"DECIMAL({MOST_DIGITS}, 0)"),),
        "float": (Candidate("DOUBLE"),),
        "boolean": (Candidate("BOOLEAN"),),
        "date": (Candidate("DATE", SHEET_DAY),),
        "datetime": (Candidate("TIMESTAMP", SHEET_MOMENT),),
    },
}


def typed(planned: Plan, write: WriteOptions) -> None:
    """Casts the columns that have a type, for formats with types; for XLSX it also checks that the table fits
    into a sheet. Raises TooManyRows, TooManyColumns, FieldTooLong."""
    if write.format == "xlsx":
        _check_sheet(planned, write)
    if write.format not in CANDIDATES or not planned.types:
        return
    columns = [column for column in planned.columns if column.sql in planned.types]
    chosen = _chosen(planned, columns, write.format)
    planned.columns = Columns(_cast(planned, column, chosen.get(column)) for column in planned.columns)
    for column in [column for column in columns if column not in chosen]:
        kind = planned.types[column.sql]
        said = f"Column {column.name!r} stays text: no type of {write.format} holds each of its cells exactly"
        planned.warnings.append(f"{said} ({kind}).")


def _cast(planned: Plan, column: Column, kind: str | None) -> Column:
    return column._replace(sql=f"TRY_CAST({_value(planned, column)} AS {kind})") if kind else column


def _value(planned: Plan, column: Column) -> str:
    return f"CASE WHEN NOT {missing(planned.sql, column.sql)} THEN {column.sql} END"


def _chosen(planned: Plan, columns: Sequence[Column], form: str) -> dict[Column, str]:
    """The first type for each column that holds all its cells; columns without one are left out."""
    listed = [_candidates(planned, column, form) for column in columns]
    counts = [
        f"COUNT({_value(planned, column)}), {', '.join(_held(planned, column, each) for each in candidates)}"
        for column, candidates in zip(columns, listed, strict=True)
    ]
    [found] = planned.engine.rows(f"SELECT {', '.join(counts)} FROM ({planned.relation})")
    left = iter(found)
    chosen: dict[Column, str] = {}
    for column, candidates in zip(columns, listed, strict=True):
        cells, held = next(left), [next(left) for _ in candidates]
        fit = [each.kind for each, count in zip(candidates, held, strict=True) if count == cells]
        chosen |= {column: fit[0]} if fit else {}
    return chosen


def _held(planned: Plan, column: Column, candidate: Candidate) -> str:
    """Counts the cells that the type holds."""
    value = _value(planned, column)
    cast = f"TRY_CAST({value} AS {candidate.kind})"
    fits = f"CASE WHEN {planned.sql.matches(value, candidate.pattern)} THEN {cast} END"
    return f"COUNT({fits if candidate.pattern else cast})"


def _candidates(planned: Plan, column: Column, form: str) -> tuple[Candidate, ...]:
    kind = planned.types[column.sql]
    return _decimal(planned, column, form) if kind == "decimal" else CANDIDATES[form][kind]


def _decimal(planned: Plan, column: Column, form: str) -> tuple[Candidate, ...]:
    """A decimal type with as many digits before and after the point as the longest cells have."""
    value = _value(planned, column)
    number = f"CASE WHEN {planned.sql.matches(value, r'-?[0-9]+([.][0-9]+)?')} THEN {value} END"
    whole = planned.sql.group(number, r"^-?([0-9]+)", 1)
    places = planned.sql.group(number, r"[.]([0-9]+)$", 1)
    lengths = f"MAX(LENGTH({whole})), MAX(LENGTH({places}))"
    [(digits, scale)] = planned.engine.rows(f"SELECT {lengths} FROM ({planned.relation})")
    precision, scale = (digits or 1) + (scale or 0), scale or 0
    return (Candidate(f"DECIMAL({precision}, {scale})"),) if precision <= MOST[form] else (NONE,)


NONE = Candidate("VARCHAR", "(?:a^)")
"""Holds no cell."""


def _check_sheet(planned: Plan, write: WriteOptions) -> None:
    columns = planned.columns
    if len(columns) > MOST_COLUMNS:
        raise TooManyColumns(
            f"An XLSX sheet has at most {MOST_COLUMNS} columns; the table has {len(columns)}."
        )
    lengths = ", ".join(f"MAX(LENGTH({column.sql}))" for column in columns)
    [(rows, *longest)] = planned.engine.rows(f"SELECT COUNT(*), {lengths} FROM ({planned.relation})")
    most = MOST_ROWS - write.header
    if rows > most:
        hint = "Write csv, jsonl or parquet, or fewer rows, for example with the step filter or limit."
        raise TooManyRows(f"An XLSX sheet has room for {most} rows; the table has {rows}.", hint=hint)
    for column, length in zip(columns, longest, strict=True):
        if (length or 0) > MOST_CHARACTERS:
            found = f"An XLSX cell holds at most {MOST_CHARACTERS} characters; one has {length}."
            raise FieldTooLong(found, column=column.name, hint="Write csv, jsonl or parquet.")
