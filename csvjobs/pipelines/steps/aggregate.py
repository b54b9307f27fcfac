"""Makes one row of all rows that belong together."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.pipelines.aggregates import NUMERIC, Certain, Function, aggregated, exactly, need
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

    def sql(
        self, columns: Columns, certain: Mapping[str, Certain], learnt: Learnt, sql: Sql, step: str
    ) -> str:
        if self.column and self.numeric and self.column in certain:
            return exactly(self.function, certain[self.column].name)
        cell = columns.pick([self.column], step)[0] if self.column else None
        return aggregated(self.function, cell, learnt, sql)


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
        numeric = Columns() if learnt else self._numeric(columns)
        certain = {c.name: Certain(c.sql, place) for place, c in enumerate(numeric)}
        made = [Column(n, v.sql(columns, certain, learnt, sql, self.step)) for n, v in self.values.items()]
        read = {name: each for one in certain.values() for name, each in one.read(sql).items()}
        checked = {name: each for one in certain.values() for name, each in one.checked(sql).items()}
        merged = Merge(tuple(c.sql for c in groups), beside=(read, checked) if certain else ())
        return Change(unique(Columns([*groups, *made]), self.step), merged)

    def columns_after(self, columns: Columns, sql: Sql) -> Columns:
        return self.change(columns, {}, sql).columns

    def _numeric(self, columns: Columns) -> Columns:
        """The columns of numbers, each once. Raises UnknownColumn."""
        return columns.pick(
            dict.fromkeys(v.column for v in self.values.values() if v.column and v.numeric), self.step
        )
