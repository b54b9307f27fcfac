"""Encodes a column of categories as codes."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import Change, Column, Columns, Example, LearningStep, Learnt, Names, Need, Unseen


class Label(LearningStep):
    """Replaces each value of a column with its position, 0, 1, …, among the column's values in code point
    order.

    A missing cell stays as it is. When fitted parameters are applied to another file, a value that was not
    learnt ends the job; with `unknown: empty` it becomes an empty cell, and a warning counts it. The codes
    match scikit-learn's LabelEncoder and OrdinalEncoder. If the values have an order of their own (small,
    medium, large), use `ordinal`.
    """

    example: ClassVar = Example(
        options={"columns": ["city"]},
        before="id,city\n1,Rome\n2,Oslo\n3,\n4,Rome\n",
        after="id,city\n1,1\n2,0\n3,\n4,1\n",
    )

    step: Literal["label"] = "label"
    columns: Names = Field(description="Names of the columns to encode.")
    max_categories: int = Field(
        1000, ge=1, le=10_000, description="More distinct values than this end the job."
    )

    unknown: Literal["error", "empty"] = Field(
        "error",
        description="When applied to another file, what happens to a value that was not learnt: end the "
        "job, or an empty cell.",
    )

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        def cell(column: Column) -> str:
            [values] = self.learnt_of(column.name, learnt)
            codes = (f"WHEN {sql.text(value)} THEN '{code}'" for code, value in enumerate(values))
            gone = (f"WHEN {text} THEN {text}" for text in map(sql.text, ("", *sql.nulls)))
            return f"CASE {column.sql} {' '.join((*codes, *gone))} END"

        return Change(self.rewrite(columns, cell))

    def unseen(self, columns: Columns, learnt: Learnt) -> tuple[Unseen, ...]:
        fate = "left empty" if self.unknown == "empty" else None
        chosen = self.chosen(columns)
        return tuple(Unseen(c, known, fate) for c in chosen for known in self.learnt_of(c.name, learnt))

    def needs_of(self, name: str) -> list[Need]:
        return [Need(name, "values", self.max_categories)]
