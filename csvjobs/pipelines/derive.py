"""Shared by the steps that make new columns from others."""

from collections.abc import Iterable
from functools import partial
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.pipelines.expressions import Judgement, Loss, Value
from csvjobs.pipelines.step import Column, Columns, Doubt, Names, missing, unique


def _usable(name: str) -> str:
    if not name.strip():
        raise PydanticCustomError("empty_name", "A column needs a name: the new one is empty")
    return name


def _all_usable(names: list[str]) -> list[str]:
    return [_usable(name) for name in names]


NewName = Annotated[str, AfterValidator(_usable)]
NewNames = Annotated[Names, AfterValidator(_all_usable)]
KeepSource = Annotated[
    bool, Field(description="Whether the columns that the new ones are made from stay in the table.")
]


def beside(columns: Columns, sources: Columns, made: Iterable[Column], keep: bool, step: str) -> Columns:
    """The columns with `made` right after the last of their sources; without the sources unless `keep`.

    Raises DuplicateColumn.
    """
    place = 1 + max(columns.index(source) for source in sources)
    before, after = (
        [c for c in part if keep or c not in sources] for part in (columns[:place], columns[place:])
    )
    return unique(Columns([*before, *made, *after]), step)


def there(sql: Sql, expression: str) -> str:
    """The cell's text; NULL if it is missing."""
    return f"CASE WHEN NOT {missing(sql, expression)} THEN {expression} END"


def doubts_of(value: Value, of: str, empty: str) -> list[Doubt]:
    """Doubts for rows in which a loss leaves the value empty, or in which it was made although a cell could
    not be read; `of`: the value's name for messages; `empty`: the message for an empty value."""
    made = [
        (f"CASE WHEN {value.empty} AND {loss.predicate} THEN {loss.text} END", empty, loss)
        for loss in value.losses
    ]
    if value.decides:
        said = f"{of} was made as if a cell were missing"
        made += [
            (f"CASE WHEN NOT ({value.empty}) AND {loss.predicate} THEN {loss.text} END", said, loss)
            for loss in value.losses
            if loss.cell
        ]
    return [(text, partial(_lost, said, loss)) for text, said, loss in made]


def undecided(judgement: Judgement) -> list[Doubt]:
    """Doubts for rows that a condition drops because a cell could not be read."""
    lost = (
        (f"CASE WHEN ({judgement.sql}) IS NULL AND {loss.predicate} THEN {loss.text} END", loss)
        for loss in judgement.losses
        if loss.cell
    )
    return [(text, partial(_lost, "The condition is unknown", loss)) for text, loss in lost]


def _lost(said: str, loss: Loss, count: int, example: str) -> str:
    rows = "1 row" if count == 1 else f"{count} rows"
    return f"{said} in {rows} where {loss.reason}, for example {example[:80]!r}."
