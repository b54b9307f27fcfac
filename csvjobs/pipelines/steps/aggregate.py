"""Makes one row of all rows that belong together."""

from math import frexp, ldexp
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
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
    constant,
    missing,
    number,
    unique,
)

NUMERIC = ("sum", "mean", "min", "max")

DECIMALS = 10
EXACT_BELOW = 1e18
"""Of 38 digits that leaves room for the sum of 10^10 numbers."""

BITS = 62
"""Of the integers that other numbers are added as, so that no order of adding makes a difference."""


class Value(BaseModel):
    """One column of the result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    function: Literal["count", "filled", "distinct", "sum", "mean", "min", "max"]
    column: str | None = None

    @model_validator(mode="after")
    def _of_a_column(self) -> "Value":
        if (self.column is None) != (self.function == "count"):
            said = "Write count, or {function: column} with one of filled, distinct, sum, mean, min, max"
            raise PydanticCustomError("no_value", said)
        return self

    def sql(self, columns: Columns, learnt: Learnt, sql: Sql, step: str) -> str:
        if self.column is None:
            return "CAST(COUNT(*) AS VARCHAR)"
        (cell,) = columns.pick([self.column], step)
        if self.function in NUMERIC:
            bound = max(abs(learnt[need]) for need in needs(self.column))
            return _numeric(self.function, number(sql, cell.sql), cell.sql, bound)
        among = "DISTINCT " if self.function == "distinct" else ""
        return f"CAST(COUNT({among}{_there(sql, cell)}) AS VARCHAR)"


def needs(column: str) -> tuple[Need, Need]:
    """How large the numbers of a column are."""
    return Need(column, "min"), Need(column, "max")


def _there(sql: Sql, cell: Column) -> str:
    return f"CASE WHEN NOT {missing(sql, cell.sql)} THEN {cell.sql} END"


def _numeric(function: str, number: str, text: str, bound: float) -> str:
    """Exact where all numbers of the group have few enough digits, else as doubles are."""
    exact = f"TRY_CAST({text} AS DECIMAL(38, {DECIMALS}))"
    fits = f"ABS({number}) < {constant(EXACT_BELOW)} AND CAST({exact} AS DOUBLE) = {number}"
    exact = f"CASE WHEN {fits} THEN {exact} END"
    made = {
        "sum": (_shortest(f"SUM({exact})"), f"CAST({_sum(number, bound)} AS VARCHAR)"),
        "mean": (
            f"CAST({_quotient(_shortest(f'SUM({exact})'), f'COUNT({number})')} AS VARCHAR)",
            f"CAST({_sum(number, bound)} / COUNT({number}) AS VARCHAR)",
        ),
        "min": (_shortest(f"MIN({exact})"), f"CAST(MIN({number}) AS VARCHAR)"),
        "max": (_shortest(f"MAX({exact})"), f"CAST(MAX({number}) AS VARCHAR)"),
    }
    exactly, about = made[function]
    return f"CASE WHEN COUNT({exact}) = COUNT({number}) THEN {exactly} ELSE {about} END"


def _shortest(decimal: str) -> str:
    return f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM CAST({decimal} AS VARCHAR)))"


def _quotient(decimal: str, count: str) -> str:
    """Of two whole numbers, 2776 / (50 * 10) for 277.6 / 50: a double holds these as they are."""
    digits, places = f"REPLACE({decimal}, '.', '')", f"LENGTH(SPLIT_PART({decimal}, '.', 2))"
    return f"CAST({digits} AS DOUBLE) / ({count} * POWER(10, {places}))"


def _sum(number: str, bound: float) -> str:
    _, exponent = frexp(bound)
    scale = ldexp(1.0, BITS - max(exponent, BITS - 1000))
    return f"SUM(CAST(ROUND({number} * {constant(scale)}) AS BIGINT)) / {constant(scale)}"


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
        groups = [Column(c.name, _there(sql, c)) for c in columns.pick(self.by or [], self.step)]
        made = [Column(name, v.sql(columns, learnt, sql, self.step)) for name, v in self.values.items()]
        return Change(unique(Columns([*groups, *made]), self.step), Merge(tuple(c.sql for c in groups)))
