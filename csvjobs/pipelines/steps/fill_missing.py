"""Fills missing cells with the column's mean, median or mode, with a constant, or from the rows around."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.pipelines.rows import NEAR, Nearest
from csvjobs.pipelines.step import (
    Change,
    Column,
    Columns,
    ColumnStep,
    Example,
    Learnt,
    Names,
    Need,
    Statistic,
    missing,
    shortest,
)

STATISTICS: dict[str, tuple[Statistic, float]] = {
    "mean": ("mean", 0),
    "median": ("quantile", 0.5),
    "mode": ("mode", 0),
}


class FillMissing(ColumnStep):
    """Fills missing cells: with one value for each column, learnt from its other cells or given, or with the
    nearest cell above or below.

    `mean` and `median` (of an even count, the middle between the two in the middle) are of the cells
    that are numbers; other cells are left as they are, and a warning counts them. `mode` is the
    commonest text, the first in code point order among equally common ones. Numbers are written as short
    as they can be read back: 41000, 0.1. The results are those of scikit-learn's SimpleImputer.

    `forward` is the last cell of the column before that is not missing, `backward` the first behind, as the
    rows stand in the file or after `sort`; where there is none the cell stays as it is. With `by` it is taken
    only from rows whose cells in these columns are the same texts.

    A cell is missing when it is empty, quoted (`""`) or not, or one of the texts of `missing` or of
    the read option `nulls`.
    """

    example: ClassVar = Example(
        options={"columns": ["salary"], "with": "mean", "missing": ["n/a"]},
        before="name,salary\nAda,52000\nAlan,\nGrace,30000\nEdsger,n/a\n",
        after="name,salary\nAda,52000\nAlan,41000\nGrace,30000\nEdsger,41000\n",
    )

    step: Literal["fill_missing"] = "fill_missing"
    columns: Names = Field(description="Names of the columns to fill.")
    with_: Literal["mean", "median", "mode", "constant", "forward", "backward"] = Field(
        alias="with", description="What to fill with; constant is the text of `value`."
    )
    value: str | None = Field(None, description="The text to fill with; for `with: constant` only.")
    by: Names | None = Field(
        None, description="Columns of the group to fill from; for `with: forward` and `backward` only."
    )
    missing: list[str] = Field([], description="Texts that count as missing here, beside the empty cell.")

    @model_validator(mode="after")
    def _value_for_constant_only(self) -> "FillMissing":
        if self.with_ == "constant" and self.value is None:
            raise PydanticCustomError("value_missing", "With: constant needs a value")
        if self.with_ != "constant" and self.value is not None:
            said = "A value is for with: constant only, not for with: {with}"
            raise PydanticCustomError("value_unused", said, {"with": self.with_})
        if self.by is not None and not self.by_order:
            said = "By is for with: forward and with: backward, not for with: {with}"
            raise PydanticCustomError("by_unused", said, {"with": self.with_})
        return self

    @property
    def by_order(self) -> bool:
        return self.with_ in ("forward", "backward")

    def needs(self, columns: Columns) -> tuple[Need, ...]:
        if self.with_ not in STATISTICS:
            return ()
        return tuple(self._need(c.name) for c in self.chosen(columns))

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        if self.by_order:
            return self._from_around(columns, sql)

        def cell(column: Column) -> str:
            filler = sql.text(self._filler(column.name, learnt))
            gone = missing(sql, column.sql, self._missing)
            return f"CASE WHEN {gone} THEN {filler} ELSE {column.sql} END"

        return Change(self.rewrite(columns, cell))

    def _from_around(self, columns: Columns, sql: Sql) -> Change:
        chosen, by = self.chosen(columns), columns.pick(self.by or (), self.step)
        gone = {column: missing(sql, column.sql, self._missing) for column in chosen}
        there = tuple(f"CASE WHEN NOT {gone[column]} THEN {column.sql} END" for column in chosen)
        near = {column: f"{NEAR}{place}" for place, column in enumerate(chosen)}
        filled = self.rewrite(
            columns,
            lambda c: f"CASE WHEN {gone[c]} THEN COALESCE({near[c]}, {c.sql}) ELSE {c.sql} END",
        )
        return Change(filled, Nearest(there, tuple(c.sql for c in by), self.with_ == "forward"))

    @property
    def _missing(self) -> tuple[str, ...]:
        return ("", *self.missing)

    def _need(self, name: str) -> Need:
        return Need(name, *STATISTICS[self.with_], self._missing)

    def _filler(self, name: str, learnt: Learnt) -> str:
        if self.value is not None:
            return self.value
        value = learnt[self._need(name)]
        return value if isinstance(value, str) else shortest(value)
