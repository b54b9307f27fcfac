"""One column of categories into one column of codes."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import Change, Column, Columns, ColumnStep, Example, Learnt, Names, Need


class Label(ColumnStep):
    """Replaces each value of a column by its place, 0, 1, …, among the column's values in code point order.

    A missing cell stays as it is. The codes are those of scikit-learn's LabelEncoder and OrdinalEncoder.
    Where the values have an order of their own (small, medium, large), use `ordinal`.
    """

    example: ClassVar = Example(
        options={"columns": ["city"]},
        before="id,city\n1,Rome\n2,Oslo\n3,\n4,Rome\n",
        after="id,city\n1,1\n2,0\n3,\n4,1\n",
    )

    step: Literal["label"] = "label"
    columns: Names = Field(description="Names of the columns to encode.")
    max_categories: int = Field(
        1000, ge=1, le=10_000, description="More different values than this end the job."
    )

    def needs(self, columns: Columns) -> tuple[Need, ...]:
        return tuple(self._need(c.name) for c in self.chosen(columns))

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        def cell(column: Column) -> str:
            values = learnt[self._need(column.name)]
            codes = (f"WHEN {sql.text(value)} THEN '{code}'" for code, value in enumerate(values))
            return f"CASE {column.sql} {' '.join(codes)} ELSE {column.sql} END" if values else column.sql

        return Change(self.rewrite(columns, cell))

    def _need(self, name: str) -> Need:
        return Need(name, "values", self.max_categories)
