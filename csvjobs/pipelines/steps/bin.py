"""Groups numbers into ranges."""

from collections.abc import Sequence
from itertools import pairwise
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

MOST = 1000


def _rising(edges: list[float]) -> list[float]:
    if any(one >= other for one, other in pairwise(edges)):
        raise PydanticCustomError("bad_edges", "Each edge must be above the one before")
    return edges


Edges = Annotated[
    list[Annotated[float, Field(allow_inf_nan=False)]],
    Field(min_length=1, max_length=MOST),
    AfterValidator(_rising),
]


class Bin(LearningStep):
    """Replaces each number with the range that contains it; a range includes its lower edge and excludes its
    upper edge.

    `edges: [18, 65]` makes three ranges: below 18, from 18 to below 65, and from 65. `count: 4` divides the
    span from the smallest number to the largest into four ranges of equal width; `quantiles: 4` makes four
    ranges with about the same number of rows (linear interpolation; if many numbers are equal, a range can
    stay empty). The first range has no lower end and the last no upper end, so when learnt ranges are applied
    to another file, smaller and larger numbers fall into these. A range is written as `[18, 65)`, which
    excludes 65, or as its label in `labels`.

    The ranges of `count` match scikit-learn's KBinsDiscretizer and numpy's histogram, those of `edges` match
    pandas' cut with `right=False`.

    A missing cell stays as it is; any other cell that is not a number ends the job.
    """

    example: ClassVar = Example(
        options={"columns": ["age"], "edges": [18, 65]},
        before="name,age\nAda,36\nMax,9\nGrace,65\nNoor,\n",
        after='name,age\nAda,"[18, 65)"\nMax,"(-inf, 18)"\nGrace,"[65, inf)"\nNoor,\n',
    )
    strict_numbers: ClassVar = True

    step: Literal["bin"] = "bin"
    columns: Names = Field(description="Names of the columns to bin.")
    edges: Edges | None = Field(None, description="Where one range ends and the next begins, ascending.")
    count: int | None = Field(None, ge=2, le=MOST, description="The number of ranges of equal width.")
    quantiles: int | None = Field(
        None, ge=2, le=MOST, description="The number of ranges with about as many rows each."
    )
    labels: list[str] | None = Field(None, description="A label for each range, lowest first.")

    @model_validator(mode="after")
    def _one_way(self) -> "Bin":
        if [self.edges, self.count, self.quantiles].count(None) != 2:
            raise PydanticCustomError("bins", "Give one of edges, count and quantiles")
        ranges = len(self.edges) + 1 if self.edges else self.count or self.quantiles
        if self.labels is not None and len(self.labels) != ranges:
            said = "There are {ranges} ranges, but {labels} labels"
            raise PydanticCustomError("labels", said, {"ranges": ranges, "labels": len(self.labels)})
        return self

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        def cell(column: Column) -> str:
            value, edges = number(sql, column.sql), self._edges(column.name, learnt)
            *lower, last = (sql.text(label) for label in self.labels or self._named(edges))
            ranges = (
                f"WHEN {value} < {constant(edge)} THEN {label}"
                for edge, label in zip(edges, lower, strict=True)
            )
            return f"CASE {' '.join(ranges)} WHEN {value} IS NOT NULL THEN {last} ELSE {column.sql} END"

        return Change(self.rewrite(columns, cell))

    def needs_of(self, name: str) -> list[Need]:
        if self.edges:
            # Nothing to learn; this only makes sure that all cells are numbers.
            return [Need(name, "count")]
        if self.count:
            return [Need(name, "min"), Need(name, "max")]
        parts = self.quantiles or MOST
        return [Need(name, "quantile", part / parts) for part in range(parts + 1)]

    def _edges(self, name: str, learnt: Learnt) -> Sequence[float]:
        """The edges between ranges, given or learnt. Raises NotANumber."""
        if self.edges:
            return self.edges
        found = self.learnt_of(name, learnt)
        if not isfinite(found[-1] - found[0]):
            raise NotANumber(f"The numbers of column {name!r} are too far apart to bin.", column=name)
        return _equal(found[0], found[-1], self.count) if self.count else found[1:-1]

    def _named(self, edges: Sequence[float]) -> list[str]:
        shown = [shortest(edge) for edge in edges]
        inner = (f"[{a}, {b})" for a, b in pairwise(shown))
        return [f"(-inf, {shown[0]})", *inner, f"[{shown[-1]}, inf)"]


def _equal(low: float, high: float, count: int) -> list[float]:
    """The inner edges of equal ranges, with the same rounding as numpy's linspace."""
    width = (high - low) / count
    return [low + place * width for place in range(1, count)]
