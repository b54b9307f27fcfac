"""Encodes a column of categories as codes, in a given order."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.errors import UnknownCategory
from csvjobs.pipelines.step import Change, Column, Columns, Example, Learnt, Need, Step, Unseen

EXAMPLES = 3


def _one_place_each(order: dict[str, list[str]]) -> dict[str, list[str]]:
    if not order:
        raise PydanticCustomError("no_name", "Name at least one column and its values in order")
    for name, values in order.items():
        if not values or "" in values or len(set(values)) < len(values):
            said = "The values of column {name} must be at least one, not empty, and unique"
            raise PydanticCustomError("bad_order", said, {"name": repr(name)})
    return order


class Ordinal(Step):
    """Replaces each value of a column with its position, 0, 1, …, in the order given for the column.

    A missing cell stays as it is. A value that is not in the order ends the job, or becomes an empty cell
    with `unknown: empty`. The codes match scikit-learn's OrdinalEncoder with these categories.
    """

    example: ClassVar = Example(
        options={"order": {"size": ["small", "medium", "large"]}},
        before="id,size\n1,large\n2,small\n3,\n4,medium\n",
        after="id,size\n1,2\n2,0\n3,\n4,1\n",
    )

    step: Literal["ordinal"] = "ordinal"
    order: Annotated[dict[str, list[str]], AfterValidator(_one_place_each)] = Field(
        description="For each column to encode, its values in order.", json_schema_extra={"minProperties": 1}
    )
    unknown: Literal["error", "empty"] = Field(
        "error",
        description="What happens to a value that is not in the order: end the job, or an empty cell.",
    )

    def chosen(self, columns: Columns) -> Columns:
        return columns.pick(self.order, self.step)

    def needs(self, columns: Columns) -> tuple[Need, ...]:
        if self.unknown == "empty":
            return ()
        return tuple(self._unknown(c.name) for c in self.chosen(columns))

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        def cell(column: Column) -> str:
            values = self.order[column.name]
            codes = (f"WHEN {sql.text(value)} THEN '{code}'" for code, value in enumerate(values))
            gone = (f"WHEN {text} THEN {text}" for text in map(sql.text, ("", *sql.nulls)))
            return f"CASE {column.sql} {' '.join((*codes, *gone))} END"

        for need in learnt:
            _refuse(need.column, learnt[need])
        return Change(self.rewrite(columns, cell))

    def unseen(self, columns: Columns, learnt: Learnt) -> tuple[Unseen, ...]:
        fate = "left empty" if self.unknown == "empty" else None
        return tuple(Unseen(c, self.order[c.name], fate) for c in self.chosen(columns))

    def _unknown(self, name: str) -> Need:
        """Needs the column's values that are not in its order."""
        return Need(name, "sample", EXAMPLES, ("", *self.order[name]))


def _refuse(name: str, unknown: list[str]) -> None:
    if unknown:
        found = ", ".join(repr(value[:80]) for value in unknown)
        hint = "Add the values to the order, or set unknown: empty."
        raise UnknownCategory(
            f"Column {name!r} holds values that are not in its order: {found}.", column=name, hint=hint
        )
