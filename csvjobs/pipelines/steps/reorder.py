"""Moves columns to the front or to the end."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import Change, Columns, Example, Learnt, Names, Step


class Reorder(Step):
    """Moves the columns of `columns` to the front and those of `last` to the end, each in the order named.

    All other columns stay between them, in their order; none is dropped.
    """

    example: ClassVar = Example(
        options={"columns": ["id"], "last": ["note"]},
        before="note,name,id,city\nx,Ada,1,London\n",
        after="id,name,city,note\n1,Ada,London,x\n",
    )
    local: ClassVar = False

    step: Literal["reorder"] = "reorder"
    columns: Names | None = Field(None, description="Names of the columns to move to the front.")
    last: Names | None = Field(None, description="Names of the columns to move to the end.")

    @model_validator(mode="after")
    def _each_has_one_place(self) -> "Reorder":
        if self.columns is None and self.last is None:
            raise PydanticCustomError("no_name", "Name columns that come first, or last")
        for name in self.last or []:
            if name in (self.columns or []):
                said = "The column {name} cannot come first and last"
                raise PydanticCustomError("two_places", said, {"name": repr(name)})
        return self

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        first = columns.pick(self.columns or [], self.step)
        last = columns.pick(self.last or [], self.step)
        placed = {*first, *last}
        return Change(Columns([*first, *(c for c in columns if c not in placed), *last]))
