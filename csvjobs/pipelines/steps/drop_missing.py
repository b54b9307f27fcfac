"""Drops rows or columns with missing cells."""

from collections.abc import Iterable
from decimal import Decimal
from math import ceil
from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.errors import NoColumnsLeft
from csvjobs.pipelines.rows import Keep
from csvjobs.pipelines.step import Change, Columns, ColumnStep, Example, Learnt, Need, missing

SHARE = 1.0
"""The argument of a Need for the share of missing cells instead of their number."""


class DropMissing(ColumnStep):
    """Drops rows, or columns, in which cells are missing.

    A row is dropped if any cell of the columns is missing, or all are (`how: all`), or as many as `at_least`
    says. `drop: columns` applies the same test to the cells of each column.

    A cell is missing when it is empty, quoted (`""`) or not, or one of the texts of `missing` or of the read
    option `nulls`. A cell of spaces is not empty: put `trim` before this step where files have such cells.

    Which columns to drop is learnt from all rows, so that applying it to another file drops the same ones; in
    a table without rows all columns stay.
    """

    example: ClassVar = Example(
        options={"columns": ["email"], "missing": ["n/a"]},
        before="id,email\n1,ada@example.org\n2,\n3,n/a\n",
        after="id,email\n1,ada@example.org\n",
    )
    local: ClassVar = False

    step: Literal["drop_missing"] = "drop_missing"
    drop: Literal["rows", "columns"] = Field("rows", description="What to drop.")
    how: Literal["any", "all"] | None = Field(
        None, description="Whether `any` missing cell is enough (the default), or `all` must be missing."
    )
    at_least: str | None = Field(
        None,
        pattern=r"^([1-9]\d{0,14}|\d{1,3}(\.\d{1,6})?%)$",
        coerce_numbers_to_str=True,
        description="Instead of `how`, how many missing cells are enough: a number, or a share such as 50%.",
    )
    missing: list[str] = Field([], description="Texts that count as missing here, besides the empty cell.")

    @model_validator(mode="after")
    def _one_measure(self) -> "DropMissing":
        if self.how and self.at_least:
            raise PydanticCustomError("two_measures", "Give either how or at_least")
        if self._of_all and self.at_least and not self._part:
            raise PydanticCustomError("no_measure", "At_least must be more than 0%")
        return self

    def needs(self, columns: Columns) -> tuple[Need, ...]:
        if self.drop == "rows":
            return ()
        return tuple(self._need(column.name) for column in self.chosen(columns))

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        if self.drop == "columns":
            return self._without(columns, {n.column for n in self.needs(columns) if self._goes(learnt[n])})
        gone = [missing(sql, c.sql, self._texts) for c in self.chosen(columns)]
        return Change(columns, Keep(f"NOT ({self._enough(gone)})"))

    def _enough(self, gone: Iterable[str]) -> str:
        """A predicate: enough of these predicates hold for a row."""
        if self.at_least is None:
            return (" AND " if self.how == "all" else " OR ").join(gone)
        counted = [f"CASE WHEN {each} THEN 1 ELSE 0 END" for each in gone]
        most = ceil(self._part * len(counted)) if self._of_all else int(self.at_least)
        return f"{' + '.join(counted)} >= {most}"

    def _without(self, columns: Columns, gone: set[str]) -> Change:
        left = Columns(c for c in columns if c.name not in gone)
        if not left:
            raise NoColumnsLeft("Step drop_missing would leave no column.")
        names = ", ".join(repr(c.name) for c in columns if c.name in gone)
        return Change(
            left, warnings=(f"Columns left out as their cells are missing: {names}.",) if gone else ()
        )

    def _need(self, name: str) -> Need:
        return Need(name, "missing", SHARE if self._of_all else 0.0, self._texts)

    def _goes(self, cells: float) -> bool:
        if self.at_least is None:
            return cells >= 1
        return cells >= (float(self._part) if self._of_all else int(self.at_least))

    @property
    def _of_all(self) -> bool:
        """Whether the threshold is a share of all cells, not a number."""
        return self.at_least.endswith("%") if self.at_least else self.how == "all"

    @property
    def _part(self) -> Decimal:
        return Decimal((self.at_least or "").removesuffix("%")) / 100

    @property
    def _texts(self) -> tuple[str, ...]:
        return ("", *self.missing)
