"""Encodes a column of categories as one column of 0 and 1 for each category."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.errors import NoColumnsLeft
from csvjobs.pipelines.step import (
    Change,
    Column,
    Columns,
    Example,
    LearningStep,
    Learnt,
    Names,
    Need,
    Unseen,
    unique,
)


class OneHot(LearningStep):
    """Replaces each column with one column for each of its values, named `column_value`, that holds 1 or 0.

    The new columns are in the code point order of the values; a missing cell is 0 in all of them. When fitted
    parameters are applied to another file, so is a value that was not learnt, and a warning counts it. The
    names match scikit-learn's OneHotEncoder.get_feature_names_out.
    """

    example: ClassVar = Example(
        options={"columns": ["city"]},
        before="id,city\n1,Rome\n2,Oslo\n3,\n",
        after="id,city_Oslo,city_Rome\n1,0,1\n2,1,0\n3,0,0\n",
    )

    step: Literal["one_hot"] = "one_hot"
    columns: Names = Field(description="Names of the columns to encode.")
    max_categories: int = Field(
        1000, ge=1, le=10_000, description="More distinct values than this end the job."
    )

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        chosen = set(self.chosen(columns))
        encoded = (self._encode(c, learnt, sql) if c in chosen else [c] for c in columns)
        made = Columns(c for group in encoded for c in group)
        if not made:
            raise NoColumnsLeft("Step one_hot would leave no column: none of them holds a value.")
        return Change(unique(made, self.step))

    def columns_after(self, columns: Columns, sql: Sql) -> None:
        self.chosen(columns)

    def unseen(self, columns: Columns, learnt: Learnt) -> tuple[Unseen, ...]:
        fate = "0 in all columns that are made of it"
        chosen = self.chosen(columns)
        return tuple(Unseen(c, known, fate) for c in chosen for known in self.learnt_of(c.name, learnt))

    def needs_of(self, name: str) -> list[Need]:
        return [Need(name, "values", self.max_categories)]

    def _encode(self, column: Column, learnt: Learnt, sql: Sql) -> list[Column]:
        [values] = self.learnt_of(column.name, learnt)
        return [
            Column(f"{column.name}_{v}", f"CASE WHEN {column.sql} = {sql.text(v)} THEN '1' ELSE '0' END")
            for v in values
        ]
