"""Makes one row of all rows that belong together."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.pipelines.aggregates import (
    NUMERIC,
    Cells,
    Function,
    aggregated,
    cells,
    need,
    sums_fit,
    together,
)
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

OF_A_COLUMN = [function for function in get_args(Function) if function != "count"]
HOW = f"Write count, or {{function: column}} with one of {', '.join(OF_A_COLUMN)}"


class Value(BaseModel):
    """One column of the result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    function: Function
    column: str | None = None

    @model_validator(mode="after")
    def _of_a_column(self) -> "Value":
        if (self.column is None) != (self.function == "count"):
            raise PydanticCustomError("no_value", HOW)
        return self

    @property
    def numeric(self) -> bool:
        return self.function in NUMERIC

    def sql(self, columns: Columns, numbers: Mapping[str, Cells], sql: Sql, step: str) -> str:
        cell = columns.pick([self.column], step)[0] if self.column else None
        return aggregated(self.function, cell, numbers, sql)


def _parsed(given: Any) -> Any:
    if given == "count":
        return {"function": "count"}
    if isinstance(given, dict) and len(given) == 1 and "function" not in given:
        [(function, column)] = given.items()
        return {"function": function, "column": column}
    if given in OF_A_COLUMN:
        raise PydanticCustomError("no_value", "Name a column: {how}", {"how": f"{{{given}: column}}"})
    if not isinstance(given, (dict, Value)):
        raise PydanticCustomError("no_value", HOW)
    return given


class Aggregate(Step):
    """Makes one row of all rows whose cells in `by` are equal, with what `values` say of them.

    `count`: how many rows. `{filled: column}`: how many cells of the column are not missing;
    `{distinct: column}`: how many different ones. `{sum: column}`, `mean`, `min` and `max` are of
    numbers: missing cells are left out, any other cell that is no number ends the job. They are exact
    where no number of the group has more than 28 digits before the point and ten behind it, 0.1 + 0.2 = 0.3;
    `min` and `max` where theirs has no more. Else they are as exact as doubles are (15 digits), be the
    numbers of very different sizes, and the same in whatever order they are added. A mean is always a double.
    Of no number at all, the cell is empty; a sum that is too large for a double ends the job.

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
    learns_late: ClassVar = True

    step: Literal["aggregate"] = "aggregate"
    by: Names | None = Field(
        None, description="Names of the columns to group by; all rows are one group when left out."
    )
    values: dict[str, Annotated[Value, BeforeValidator(_parsed)]] = Field(
        min_length=1, description="The columns of the result behind those of `by`: a name, and what it holds."
    )

    def needs(self, columns: Columns) -> tuple[Need, ...]:
        return tuple(need(column.name) for column in self._numeric(columns))

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        """With nothing learnt, cells that are not exact as decimals are refused."""
        groups = [Column(c.name, there(sql, c.sql)) for c in columns.pick(self.by or [], self.step)]
        by, numbers = tuple(c.sql for c in groups), cells(self._numeric(columns), learnt, sql)
        made = [Column(n, v.sql(columns, numbers, sql, self.step)) for n, v in self.values.items()]
        added = dict.fromkeys(v.column for v in self.values.values() if v.column and v.function == "sum")
        merged = Merge(by, beside=together(numbers.values()))
        return Change(
            unique(Columns([*groups, *made]), self.step), merged, checks=sums_fit(added, by, numbers)
        )

    def columns_after(self, columns: Columns, sql: Sql) -> Columns:
        return self.change(columns, {}, sql).columns

    def _numeric(self, columns: Columns) -> Columns:
        """The columns of numbers, each once. Raises UnknownColumn."""
        return columns.pick(
            dict.fromkeys(v.column for v in self.values.values() if v.column and v.numeric), self.step
        )
