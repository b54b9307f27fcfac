"""Sorts the rows."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.rows import Key, Order
from csvjobs.pipelines.step import Change, Columns, Example, Learnt, Step, missing, number


class By(BaseModel):
    """One column to sort by."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    column: str
    as_: Literal["text", "number"] = Field("text", alias="as")
    order: Literal["ascending", "descending"] = "ascending"

    def keys(self, cell: str, sql: Sql) -> list[Key]:
        descending, gone = self.order == "descending", missing(sql, cell)
        if self.as_ == "number":
            return [Key(number(sql, cell), descending), Key(f"CASE WHEN {gone} THEN 1 ELSE 0 END")]
        return [Key(f"CASE WHEN NOT {gone} THEN {cell} END", descending)]


def _named(by: Any) -> Any:
    return {"column": by} if isinstance(by, str) else by


class Sort(Step):
    """Sorts the rows by one column, or by several: each further one orders the rows that are equal so far.

    Texts are compared by code point: upper case before lower case, and digits as text, so 10 comes before 9.
    Dates sort correctly as `cast` writes them, 2026-04-03. `as: number` compares numbers (12, -1.5, 3e8), and
    puts cells that are not numbers after them. Missing cells come last, in both orders. Rows that are equal
    in all columns named keep their order.
    """

    example: ClassVar = Example(
        options={"by": ["city", {"column": "age", "as": "number", "order": "descending"}]},
        before="name,city,age\nAda,London,9\nAlan,Bath,41\nGrace,London,10\nNoor,,35\n",
        after="name,city,age\nAlan,Bath,41\nGrace,London,10\nAda,London,9\nNoor,,35\n",
    )
    local: ClassVar = False
    by_order: ClassVar = True

    step: Literal["sort"] = "sort"
    by: list[Annotated[By, BeforeValidator(_named)]] = Field(
        min_length=1,
        description="Names of the columns, most significant first; or for each a mapping of `column`, "
        "`as` (text or number) and `order` (ascending or descending).",
    )

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        cells = columns.pick([by.column for by in self.by], self.step)
        keys = (by.keys(cell.sql, sql) for by, cell in zip(self.by, cells, strict=True))
        return Change(columns, Order(tuple(key for each in keys for key in each)))
