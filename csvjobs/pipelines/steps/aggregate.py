"""Groups rows, and makes one row of each group."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.pipelines.aggregates import (
    NUMERIC,
    SEPARATOR,
    Cells,
    Function,
    aggregated,
    beside,
    cells,
    need,
    sums_fit,
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
    separator: str = Field(SEPARATOR, description="The text between the cells; for join only.")

    @model_validator(mode="after")
    def _of_a_column(self) -> "Value":
        if (self.column is None) != (self.function == "count"):
            raise PydanticCustomError("no_value", HOW)
        if self.function != "join" and self.separator != SEPARATOR:
            raise PydanticCustomError("no_value", "Separator is for join only")
        return self

    @property
    def numeric(self) -> bool:
        return self.function in NUMERIC

    def sql(self, columns: Columns, numbers: Mapping[str, Cells], sql: Sql, step: str) -> str:
        cell = columns.pick([self.column], step)[0] if self.column else None
        return aggregated(self.function, cell, numbers, sql, self.separator)


def _parsed(given: Any) -> Any:
    if given == "count":
        return {"function": "count"}
    if isinstance(given, dict) and len(given.keys() - {"separator"}) == 1 and "function" not in given:
        [(function, column)] = ((key, value) for key, value in given.items() if key != "separator")
        separator = {"separator": given["separator"]} if "separator" in given else {}
        return {"function": function, "column": column, **separator}
    if given in OF_A_COLUMN:
        raise PydanticCustomError("no_value", "Name a column: {how}", {"how": f"{{{given}: column}}"})
    if not isinstance(given, (dict, Value)):
        raise PydanticCustomError("no_value", HOW)
    return given


class Aggregate(Step):
    """Groups rows with equal cells in `by` into one row each, with aggregates of each group as columns.

    `count` is the number of rows, `{filled: column}` the number of cells that are not missing and
    `{distinct: column}` the number of different ones. `{sum: column}`, `mean`, `median`, `stddev`,
    `stddev_pop`, `min` and `max` take numbers: missing cells are left out, and any other cell that is not a
    number ends the job. Without any number, the result is empty; a sum too large for a double ends the job.
    The step `sql` has the first and last date of a group: `max(CAST(sent AS DATE))`.

    Sums are exact, 0.1 + 0.2 = 0.3, if no number of the group has more than 28 digits before the decimal
    point and ten after it; `min`, `max` and `median` if the result has no more (27 digits for a median
    halfway between two numbers). Otherwise they are as precise as a double (15 digits), however different the
    numbers are in size. Means and standard deviations are always doubles. No result depends on the order in
    which numbers are added.

    `median` of an even count is halfway between the two numbers in the middle. `stddev` is the sample
    standard deviation (ddof=1), as in pandas and SQL, and empty for a single number; `stddev_pop` is that of
    the population (ddof=0), as in numpy and the step `scale`. These three sort the rows, on disk if there are
    many.

    `{join: column}` joins the texts of the column in the order of the rows, with `, ` or another `separator`
    between them: `{join: tag, separator: ";"}`. Missing cells are left out. All joined texts must fit in
    memory; otherwise the job ends with `memory-limit`.

    Groups come in the order of their first rows in the file; add `sort` for another order. Rows with a
    missing cell in `by` form a group, whose cell is empty.
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
        None, description="Names of the columns to group by; by default all rows are one group."
    )
    values: dict[str, Annotated[Value, BeforeValidator(_parsed)]] = Field(
        min_length=1, description="The columns after those of `by`: the name of each, and its aggregate."
    )

    def needs(self, columns: Columns) -> tuple[Need, ...]:
        return tuple(need(column.name) for column in self._numeric(columns))

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        """If nothing was learnt, the query raises Unsure for cells that are not exact as decimals."""
        groups = [Column(c.name, there(sql, c.sql)) for c in columns.pick(self.by or [], self.step)]
        by, numbers = tuple(c.sql for c in groups), cells(self._numeric(columns), learnt, sql)
        made = [Column(n, v.sql(columns, numbers, sql, self.step)) for n, v in self.values.items()]
        added = dict.fromkeys(v.column for v in self.values.values() if v.column and v.function == "sum")
        wanted = [(value.function, value.column) for value in self.values.values()]
        joined = any(function == "join" for function, _ in wanted)
        merged = Merge(by, beside=beside(numbers, wanted, by), stands=joined)
        return Change(
            unique(Columns([*groups, *made]), self.step), merged, checks=sums_fit(added, by, numbers)
        )

    def columns_after(self, columns: Columns, sql: Sql) -> Columns:
        return self.change(columns, {}, sql).columns

    def _numeric(self, columns: Columns) -> Columns:
        """The numeric columns, each once. Raises UnknownColumn."""
        return columns.pick(
            dict.fromkeys(v.column for v in self.values.values() if v.column and v.numeric), self.step
        )
