"""Joins several columns into one."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.derive import KeepSource, NewName, beside, there
from csvjobs.pipelines.step import Change, Column, Columns, Example, Learnt, Names, Step


class Join(Step):
    """Joins the cells of several columns, in the order named, into one new column, with a text between them.

    Missing cells are skipped, along with the text between; if all are missing, the new cell is empty. The new
    column comes right after the last of the joined columns.
    """

    example: ClassVar = Example(
        options={"columns": ["first", "middle", "last"], "with": " ", "into": "name"},
        before="first,middle,last\nAda,,Lovelace\nEdsger,W.,Dijkstra\n",
        after="first,middle,last,name\nAda,,Lovelace,Ada Lovelace\nEdsger,W.,Dijkstra,Edsger W. Dijkstra\n",
    )
    local: ClassVar = False

    step: Literal["join"] = "join"
    columns: Names = Field(description="Names of the columns to join, in order.")
    with_: str = Field(alias="with", description="The text between cells; may be empty.")
    into: NewName = Field(description="Name of the new column.")
    keep: KeepSource = True

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        sources = columns.pick(self.columns, self.step)
        cells = ", ".join(there(sql, c.sql) for c in sources)
        joined = f"NULLIF(CONCAT_WS({sql.text(self.with_)}, {cells}), '')"
        return Change(beside(columns, sources, [Column(self.into, joined)], self.keep, self.step))
