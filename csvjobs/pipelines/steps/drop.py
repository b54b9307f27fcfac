"""Leaves out some columns."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.errors import NoColumnsLeft
from csvjobs.pipelines.step import Change, Columns, ColumnStep, Example, Learnt, Names


class Drop(ColumnStep):
    """Leaves out the columns named; all others stay, in their order.

    A name that the file lacks ends the job, and so does a table without columns. `select` says it the
    other way round: which columns stay.
    """

    example: ClassVar = Example(
        options={"columns": ["note"]},
        before="id,name,note\n1,Ada,x\n2,Alan,y\n",
        after="id,name\n1,Ada\n2,Alan\n",
    )
    local: ClassVar = False

    step: Literal["drop"] = "drop"
    columns: Names = Field(description="Names of the columns to leave out.")

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        gone = set(self.chosen(columns))
        left = Columns(c for c in columns if c not in gone)
        if not left:
            raise NoColumnsLeft("Step drop would leave no column.")
        return Change(left)
