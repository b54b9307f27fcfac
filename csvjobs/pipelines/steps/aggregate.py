"""Makes one row of all rows that belong together."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.pipelines.aggregates import NUMERIC, Function, aggregated, needs
from csvjobs.pipelines.derive import there
from csvjobs.pipelines.rows import Merge
from csvjobs.pipelines.step import (
    Change,
    Column,
    Columns,
    Example,
    Learnt,
    Names,
    Need,
    Step,
    unique,
)


class Value(BaseModel):
    """One column of the result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    function: Function
    column: str | None = None

    @model_validator(mode="after")
    def _of_a_column(self) -> "Value":
        if (self.column is None) != (self.function == "count"):
            said = "Write count, or {function: column} with one of filled, distinct, sum, mean, min, max"
            raise PydanticCustomError("no_value", said)
        return self

    def sql(self, columns: Columns, learnt: Learnt, sql: Sql, step: str) -> str:
        cell = columns.pick([self.column], step)[0] if self.column else None
        return aggregated(self.function, cell, learnt, sql)


def _parsed(given: Any) -> Any:
    if given == "count":
        return {"function": "count"}
    if isinstance(given, dict) and len(given) == 1:
        [(function, column)] = given.items()
        return {"function": function, "column": column}
    return given


class Aggregate(Step):
    """Makes one row of all rows whose cells in `by` are equal, with what `values` say of them.

    `count`: how many rows. `{filled: column}`: how many cells of the column are not missing;
    `{distinct: column}`: how many different ones. `{sum: column}`, `mean`, `min` and `max` are of
    numbers: missing cells are left out, any other cell that is no number ends the job. They are exact
    where no number has more than ten decimals, 0.1 + 0.2 = 0.3, else as exact as doubles are; of no
    number at all, the cell is empty.

    The rows come in the order in which the first of each group stands in the file; put `sort` behind
    for another one. Missing cells in `by` are one group, whose cell is empty.
    """

    example: ClassVar = Example(
        options={"by": ["city"], "values": {"orders": "count", "total": {"sum": "price"}}},
        before="city,price\nLondon,9.90\nBath,4\nLondon,0.20\nBath,\n",
        after="city,orders,total\nLondon,2,10.1\nBath,2,4\n",
    )
    local: ClassVar = False
    by_order: ClassVar = True
    makes_rows: ClassVar = True
    strict_numbers: ClassVar = True
    always_learns: ClassVar = True

    step: Literal["aggregate"] = "aggregate"
    by: Names | None = Field(
        None, description="Names of the columns to group by; all rows are one group when left out."
    )
    values: dict[str, Annotated[Value, BeforeValidator(_parsed)]] = Field(
        min_length=1, description="The columns of the result behind those of `by`: a name, and what it holds."
    )

    def needs(self, columns: Columns) -> tuple[Need, ...]:
        numeric = [v.column for v in self.values.values() if v.column and v.function in NUMERIC]
        columns.pick(numeric, self.step)
        return tuple(need for column in dict.fromkeys(numeric) for need in needs(column))

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        groups = [Column(c.name, there(sql, c.sql)) for c in columns.pick(self.by or [], self.step)]
        made = [Column(name, v.sql(columns, learnt, sql, self.step)) for name, v in self.values.items()]
        return Change(unique(Columns([*groups, *made]), self.step), Merge(tuple(c.sql for c in groups)))

    def columns_after(self, columns: Columns, sql: Sql) -> Columns:
        return self.change(columns, dict.fromkeys(self.needs(columns), 0.0), sql).columns
