"""Keeps some columns, in the order given."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import Change, Columns, ColumnStep, Example, Learnt, Names


class Select(ColumnStep):
    """Keeps the named columns, in the order in which they are named, and drops all others."""

    example: ClassVar = Example(
        options={"columns": ["name", "id"]},
        before="id,name,note\n1,Ada,x\n2,Alan,y\n",
        after="name,id\nAda,1\nAlan,2\n",
    )
    local: ClassVar = False

    step: Literal["select"] = "select"
    columns: Names = Field(description="Names of the columns to keep, in their new order.")

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        return Change(self.chosen(columns))
