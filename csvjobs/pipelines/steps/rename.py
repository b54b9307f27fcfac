"""Renames columns."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import Change, Column, Columns, Example, Learnt, Step, unique


def _usable(names: dict[str, str]) -> dict[str, str]:
    if not names:
        raise PydanticCustomError("no_name", "Name at least one column and its new name")
    if not all(new.strip() for new in names.values()):
        raise PydanticCustomError("empty_name", "A column needs a name: the new one is empty")
    return names


class Rename(Step):
    """Renames columns; their cells and order stay as they are.

    All names change at once, so two columns can swap names. Names are case-sensitive.
    """

    example: ClassVar = Example(
        options={"names": {"Kunde": "customer", "Ort": "city"}},
        before="Kunde,Ort,note\nAda,London,x\n",
        after="customer,city,note\nAda,London,x\n",
    )
    local: ClassVar = False

    step: Literal["rename"] = "rename"
    names: Annotated[dict[str, str], AfterValidator(_usable)] = Field(
        description="The old name of each column to rename, and its new name.",
        json_schema_extra={"minProperties": 1},
    )

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        columns.pick(self.names, self.step)
        renamed = Columns(Column(self.names.get(c.name, c.name), c.sql) for c in columns)
        return Change(unique(renamed, self.step))
