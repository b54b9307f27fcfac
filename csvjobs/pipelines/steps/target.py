"""Encodes a column of categories as the mean of another column for each category."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql, balanced
from csvjobs.errors import UnknownCategory
from csvjobs.pipelines.step import (
    By,
    Change,
    Check,
    Column,
    Columns,
    ColumnStep,
    Example,
    Group,
    Learnt,
    Names,
    Need,
    Statistic,
    missing,
    of_groups,
)


class Target(ColumnStep):
    """Replaces each value of a column with the mean of the column `target` over the rows with this value,
    shrunk towards the mean over all rows, the more so the fewer rows there are.

    For a value with n rows whose mean is m, and the mean M over all rows, the result is (n·m + k·M) / (n +
    k). `smooth` is k; with `auto`, k is s² / V, the variance of the value's rows divided by that of all rows
    (both population variances). The results match scikit-learn's TargetEncoder with target_type continuous
    after fit and transform. The cross-fitting of its fit_transform is not done: the result for a rare value
    gives away something about the targets of its own rows, so evaluate a model on rows that were not learnt
    from.

    The target must hold numbers (0 and 1 for yes and no); rows in which it is missing are not learnt from,
    and any other cell that is not a number ends the job. A missing cell stays as it is. A value of which
    nothing was learnt becomes the mean over all rows, or what `unknown` says, and a warning counts these.
    When fitted parameters are applied to another file, the target column may be missing.
    """

    example: ClassVar = Example(
        options={"columns": ["city"], "target": "price", "smooth": 1},
        before="city,price\nRome,8\nOslo,2\nRome,5\n,1\n",
        after="city,price\n5.666666666666667,8\n3.0,2\n5.666666666666667,5\n,1\n",
    )
    strict_numbers: ClassVar = True

    step: Literal["target"] = "target"
    columns: Names = Field(description="Names of the columns to encode.")
    target: str = Field(description="The column of numbers to take the means of; it stays as it is.")
    smooth: Literal["auto"] | Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        "auto",
        description="How strongly means are shrunk towards the mean over all rows: k above, or `auto`.",
    )
    unknown: Literal["mean", "empty", "error"] = Field(
        "mean",
        description="What happens to a value of which nothing was learnt: the mean over all rows, an empty "
        "cell, or end the job.",
    )
    max_categories: int = Field(
        1000, ge=1, le=10_000, description="More distinct values than this end the job."
    )

    @model_validator(mode="after")
    def _not_of_itself(self) -> "Target":
        if self.target in self.columns:
            said = "The target {name} cannot be encoded by itself"
            raise PydanticCustomError("own_target", said, {"name": repr(self.target)})
        return self

    def reads(self, columns: Columns) -> Columns:
        return Columns([*self.chosen(columns), *columns.pick([self.target], self.step)])

    def columns_after(self, columns: Columns, sql: Sql) -> Columns | None:
        # When fitted parameters are applied, the target column may be missing.
        self.chosen(columns)
        return columns

    def needs(self, columns: Columns) -> tuple[Need, ...]:
        spread: tuple[Statistic, ...] = ("deviation",) if self.smooth == "auto" else ()
        by_column = [self._by(c.name) for c in self.chosen(columns)]
        return (
            *(self._need(statistic) for statistic in ("mean", *spread)),
            *(self._need(statistic, by) for by in by_column for statistic in ("mean", "count", *spread)),
        )

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        chosen, mean = self.chosen(columns), learnt[self._need("mean")]
        known = {c: of_groups(sql, Columns([c]), self._groups(c.name, learnt)) for c in chosen}
        other = sql.text(repr(mean)) if self.unknown == "mean" else "NULL"

        def cell(column: Column) -> str:
            encoded = f"COALESCE({known[column]}, {other})"
            return f"CASE WHEN {missing(sql, column.sql)} THEN {column.sql} ELSE {encoded} END"

        def ask(relation: str) -> str:
            strange = [
                f"CASE WHEN NOT {missing(sql, c.sql)} AND {known[c]} IS NULL THEN {c.sql} END" for c in chosen
            ]
            count = balanced([f"COUNT({each})" for each in strange], "+")
            example = ", ".join(f"MIN({each})" for each in strange)
            return f"SELECT {count}, COALESCE({example}, NULL) FROM ({relation})"

        return Change(self.rewrite(columns, cell), checks=(Check(ask, self._strangers),))

    def _strangers(self, count: int, example: str | None) -> str:
        """The warning for values of which nothing was learnt. Raises UnknownCategory with `unknown:
        error`."""
        cells = "1 cell holds" if count == 1 else f"{count} cells hold"
        names = ", ".join(self.columns)
        said = f"{cells} a value in {names} of which nothing was learnt, for example {str(example)[:80]!r}"
        if self.unknown == "error":
            hint = "Leave such rows out beforehand, or set unknown to mean or empty."
            raise UnknownCategory(f"{said}.", column=self.columns[0], hint=hint)
        return f"{said}; {'replaced by the mean over all rows' if self.unknown == 'mean' else 'left empty'}."

    def _need(self, statistic: Statistic, by: By | None = None) -> Need:
        return Need(self.target, statistic, by=by)

    def _by(self, name: str) -> By:
        return By((name,), self.max_categories)

    def _groups(self, name: str, learnt: Learnt) -> list[Group]:
        by, overall = self._by(name), learnt[self._need("mean")]
        means, sizes = learnt[self._need("mean", by)], learnt[self._need("count", by)]
        pulls = self._pulls(by, learnt, len(means))
        return [
            (key, repr((size * mean + pull * overall) / (size + pull)))
            for (key, mean), (_, size), pull in zip(means, sizes, pulls, strict=True)
        ]

    def _pulls(self, by: By, learnt: Learnt, groups: int) -> list[float]:
        """The k of each value (see the class)."""
        if self.smooth != "auto":
            return [self.smooth] * groups
        variance = learnt[self._need("deviation")] ** 2
        return [own**2 / variance if variance else 0.0 for _, own in learnt[self._need("deviation", by)]]
