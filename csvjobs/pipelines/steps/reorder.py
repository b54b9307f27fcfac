"""Puts some columns first or last."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import Change, Columns, Example, Learnt, Names, Step


class Reorder(Step):
    """Puts the columns of `columns` first and those of `last` last, each in the order named.

    All others stand between them, in the order in which they stood; none is left out.
    """

    example: ClassVar = Example(
        options={"columns": ["id"], "last": ["note"]},
        before="note,name,id,city\nx,Ada,1,London\n",
        after="id,name,city,note\n1,Ada,London,x\n",
    )
    local: ClassVar = False

    step: Literal["reorder"] = "reorder"
    columns: Names | None = Field(None, description="Names of the columns that come first.")
    last: Names | None = Field(None, description="Names of the columns that come last.")

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
