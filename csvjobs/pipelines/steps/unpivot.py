"""Turns a wide table into a long one: several rows from each row."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.rows import COPY, Copies
from csvjobs.pipelines.step import Change, Column, Columns, Example, Learnt, Names, Step, unique


class Unpivot(Step):
    """Turns each row into one row for each of the named columns, with the column's name and its cell.

    All other columns are repeated. Cells are copied as they are, including empty ones: put `drop_missing`
    after this step to drop those rows. Spreadsheets and pandas call this melt.
    """

    example: ClassVar = Example(
        options={"columns": ["2024", "2025"], "name": "year", "value": "visitors"},
        before="museum,2024,2025\nTate,41,47\nPrado,32,\n",
        after="museum,year,visitors\nTate,2024,41\nTate,2025,47\nPrado,2024,32\nPrado,2025,\n",
    )
    local: ClassVar = False
    by_order: ClassVar = True
    makes_rows: ClassVar = True

    step: Literal["unpivot"] = "unpivot"
    columns: Names = Field(description="Names of the columns to turn into rows.")
    name: str = Field("name", description="Name of the new column for their names.")
    value: str = Field("value", description="Name of the new column for their cells.")

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        spread = columns.pick(self.columns, self.step)
        names = (f"WHEN {place} THEN {sql.text(c.name)}" for place, c in enumerate(spread))
        cells = (f"WHEN {place} THEN {c.sql}" for place, c in enumerate(spread))
        made = (
            Column(self.name, f"CASE {COPY} {' '.join(names)} END"),
            Column(self.value, f"CASE {COPY} {' '.join(cells)} END"),
        )
        others = (column for column in columns if column not in spread)
        return Change(unique(Columns([*others, *made]), self.step), Copies(len(spread)))
