"""Drops some columns."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.errors import NoColumnsLeft
from csvjobs.pipelines.step import Change, Columns, ColumnStep, Example, Learnt, Names


class Drop(ColumnStep):
    """Drops the named columns; all others stay, in their order.

    A name that the table lacks ends the job, and so does dropping every column. `select` does the opposite:
    it names the columns to keep.
    """

    example: ClassVar = Example(
        options={"columns": ["note"]},
        before="id,name,note\n1,Ada,x\n2,Alan,y\n",
        after="id,name\n1,Ada\n2,Alan\n",
    )
    local: ClassVar = False

    step: Literal["drop"] = "drop"
    columns: Names = Field(description="Names of the columns to drop.")

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        gone = set(self.chosen(columns))
        left = Columns(c for c in columns if c not in gone)
        if not left:
            raise NoColumnsLeft("Step drop would leave no column.")
        return Change(left)
