"""Limits numbers to a lower and an upper bound."""

from math import isfinite
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.errors import NotANumber
from csvjobs.pipelines.step import (
    Change,
    Column,
    Columns,
    Example,
    LearningStep,
    Learnt,
    Names,
    Need,
    constant,
    number,
    shortest,
)

Bound = Annotated[float, Field(allow_inf_nan=False)]
Part = Annotated[float, Field(ge=0, le=1)]


def _rising(parts: tuple[float, float]) -> tuple[float, float]:
    if parts[0] >= parts[1]:
        raise PydanticCustomError("bad_bounds", "The first quantile must be below the second")
    return parts


class Clip(LearningStep):
    """Replaces each number below the lower bound with that bound, and each above the upper bound with that
    one.

    The bounds are given (`lower`, `upper`), or learnt for each column: `quantiles: [0.01, 0.99]` (linear
    interpolation, as in numpy), or `iqr: 1.5`, so many interquartile ranges below the first quartile and
    above the third. Numbers within the bounds, or equal to one, stay as they are written.

    A missing cell stays as it is; any other cell that is not a number ends the job.
    """

    example: ClassVar = Example(
        options={"columns": ["age"], "lower": 0, "upper": 120},
        before="name,age\nAda,36\nAlan,-1\nGrace,850\nNoor,\n",
        after="name,age\nAda,36\nAlan,0\nGrace,120\nNoor,\n",
    )
    strict_numbers: ClassVar = True

    step: Literal["clip"] = "clip"
    columns: Names = Field(description="Names of the columns to clip.")
    lower: Bound | None = Field(None, description="The lower bound.")
    upper: Bound | None = Field(None, description="The upper bound.")
    quantiles: Annotated[tuple[Part, Part], AfterValidator(_rising)] | None = Field(
        None, description="The bounds as two quantiles, from 0 to 1."
    )
    iqr: float | None = Field(
        None, gt=0, le=1e6, description="How many interquartile ranges to allow beyond the quartiles."
    )

    @model_validator(mode="after")
    def _one_way(self) -> "Clip":
        given = self.lower is not None or self.upper is not None
        if given + (self.quantiles is not None) + (self.iqr is not None) != 1:
            raise PydanticCustomError(
                "bounds", "Give either lower and upper, or one of them, quantiles or iqr"
            )
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise PydanticCustomError("bad_bounds", "The lower bound is above the upper")
        return self

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        def cell(column: Column) -> str:
            value, (lower, upper) = number(sql, column.sql), self._bounds(column.name, learnt)
            low, high = _beyond(value, "<", lower, sql), _beyond(value, ">", upper, sql)
            return f"CASE {low} {high} ELSE {column.sql} END"

        return Change(self.rewrite(columns, cell))

    def needs_of(self, name: str) -> list[Need]:
        if self.quantiles is None and self.iqr is None:
            # Nothing to learn; this only makes sure that all cells are numbers.
            return [Need(name, "count")]
        return [Need(name, "quantile", part) for part in self.quantiles or (0.25, 0.75)]

    def _bounds(self, name: str, learnt: Learnt) -> tuple[float | None, float | None]:
        """The lower and the upper bound, given or learnt. Raises NotANumber."""
        if self.quantiles is None and self.iqr is None:
            return self.lower, self.upper
        first, third = self.learnt_of(name, learnt)
        if self.iqr is None:
            return first, third
        if not isfinite(third - first):
            raise NotANumber(f"The numbers of column {name!r} are too far apart to clip.", column=name)
        beyond = self.iqr * (third - first)
        return first - beyond, third + beyond


def _beyond(value: str, sign: str, bound: float | None, sql: Sql) -> str:
    return "" if bound is None else f"WHEN {value} {sign} {constant(bound)} THEN {sql.text(shortest(bound))}"
