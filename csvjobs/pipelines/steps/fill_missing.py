"""Fills missing cells with a statistic of the column, a constant, or a cell from a row nearby."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql, balanced
from csvjobs.errors import UnknownCategory
from csvjobs.pipelines.rows import NEAR, Nearest
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

    `mean` and `median` (of an even count, the mean of the two middle numbers) are computed from the cells
    that are numbers; other cells stay as they are, and a warning counts them. `mode` is the most frequent
    text, and of several equally frequent ones the first in code point order. Numbers are written in the
    shortest form that reads back the same: 41000, 0.1. The results match scikit-learn's SimpleImputer.

    With `by`, the mean, median or mode is that of the rows with the same texts in these columns; the results
    match pandas' groupby and transform. If a cell in `by` is missing, or its group had nothing to learn from,
    `unknown` says what happens, and a warning counts these cells.

    `forward` uses the last cell above that is not missing, `backward` the first one below, in the order of
    the file or after `sort`; if there is none, the cell stays as it is. With `by`, it uses only rows with the
    same texts in these columns; a row with a missing cell in `by` stays as it is, and a warning counts these
    cells.

    A cell is missing when it is empty, quoted (`""`) or not, or one of the texts of `missing` or of the read
    option `nulls`.
    """

    example: ClassVar = Example(
        options={"columns": ["salary"], "with": "mean", "missing": ["n/a"]},
        before="name,salary\nAda,52000\nAlan,\nGrace,30000\nEdsger,n/a\n",
        after="name,salary\nAda,52000\nAlan,41000\nGrace,30000\nEdsger,41000\n",
    )

    step: Literal["fill_missing"] = "fill_missing"
    columns: Names = Field(description="Names of the columns to fill.")
    with_: Literal["mean", "median", "mode", "constant", "forward", "backward"] = Field(
        alias="with", description="What to fill with; `constant` is the text of `value`."
    )
    value: str | None = Field(None, description="The text to fill with; for `with: constant` only.")
    by: Names | None = Field(None, description="Columns that define the group to fill from.")
    unknown: Literal["keep", "overall", "error"] = Field(
        "keep",
        description="With `by`, what happens to a missing cell whose group has no known value: keep it "
        "missing, fill it from all rows, or fail the job.",
    )
    max_categories: int = Field(
        1000, ge=1, le=10_000, description="With `by`, more distinct groups than this end the job."
    )
    missing: list[str] = Field([], description="Texts that count as missing here, besides the empty cell.")

    @model_validator(mode="after")
    def _value_for_constant_only(self) -> "FillMissing":
        if self.with_ == "constant" and self.value is None:
            raise PydanticCustomError("value_missing", "With: constant needs a value")
        if self.with_ != "constant" and self.value is not None:
            said = "A value is for with: constant only, not for with: {with}"
            raise PydanticCustomError("value_unused", said, {"with": self.with_})
        if self.by is not None and self.with_ == "constant":
            raise PydanticCustomError("by_unused", "By is not for with: constant, which has one value")
        if self.unknown != "keep" and (self.by is None or self.by_order):
            said = "Unknown is for groups: it needs by, and with: mean, median or mode"
            raise PydanticCustomError("unknown_unused", said)
        return self

    @property
    def by_order(self) -> bool:
        return self.with_ in ("forward", "backward")

    def reads(self, columns: Columns) -> Columns:
        return Columns([*self.chosen(columns), *self._groups(columns)])

    def needs(self, columns: Columns) -> tuple[Need, ...]:
        if self.with_ not in STATISTICS:
            return ()
        self._groups(columns)
        names = self.chosen(columns).names
        needs = [self._need(name) for name in names]
        if self.by and self.unknown == "overall":
            needs += [need._replace(by=None) for need in needs]
        return tuple(needs)

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        if self.by_order:
            return self._from_around(columns, sql)
        if self.by:
            return self._from_groups(columns, learnt, sql)

        def cell(column: Column) -> str:
            filler = sql.text(self._filler(column.name, learnt))
            gone = missing(sql, column.sql, self._missing)
            return f"CASE WHEN {gone} THEN {filler} ELSE {column.sql} END"

        return Change(self.rewrite(columns, cell))

    def _from_groups(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        by = self._groups(columns)
        known = {c: self._texts(learnt[self._need(c.name)]) for c in self.chosen(columns)}
        fillers = {c: of_groups(sql, by, groups) for c, groups in known.items()}
        gone = {c: missing(sql, c.sql, self._missing) for c in fillers}

        def cell(column: Column) -> str:
            other = column.sql
            if self.unknown == "overall":
                other = sql.text(_text(learnt[self._need(column.name)._replace(by=None)]))
            filled = f"COALESCE({fillers[column]}, {other})"
            return f"CASE WHEN {gone[column]} THEN {filled} ELSE {column.sql} END"

        strange = {c: f"{gone[c]} AND {filler} IS NULL" for c, filler in fillers.items()}
        return Change(self.rewrite(columns, cell), checks=(self._ask(strange, by),))

    def _ask(self, strange: Mapping[Column, str], by: Columns) -> Check:
        """Counts the cells to be filled whose group has no known value, given as predicates in `strange`."""
        key = f"CONCAT_WS(', ', {', '.join(c.sql for c in by)})"

        def ask(relation: str) -> str:
            cells = balanced([f"COUNT(CASE WHEN {each} THEN 1 END)" for each in strange.values()], "+")
            any_of = " OR ".join(f"({each})" for each in strange.values())
            return f"SELECT {cells}, MIN(CASE WHEN {any_of} THEN NULLIF({key}, '') END) FROM ({relation})"

        return Check(ask, self._unknown_group)

    def _unknown_group(self, count: int, example: str | None) -> str:
        """The warning for cells whose group has no known value. Raises UnknownCategory if `unknown` is
        `error`."""
        by = ", ".join(self.by or ())
        cells = "1 missing cell is" if count == 1 else f"{count} missing cells are"
        group = f"for example that of {example[:80]!r}" if example else f"as {by} is missing too"
        said = f"{cells} in a group by {by} without a known value, {group}"
        if self.unknown == "error":
            hint = "Set unknown to keep or overall."
            raise UnknownCategory(f"{said}.", column=(self.by or [""])[0], hint=hint)
        return f"{said}; {'left missing' if self.unknown == 'keep' else 'filled from all rows'}."

    def _groups(self, columns: Columns) -> Columns:
        return columns.pick(self.by or (), self.step)

    def _texts(self, groups: Sequence[Group]) -> list[Group]:
        return [(keys, _text(value)) for keys, value in groups]

    def _from_around(self, columns: Columns, sql: Sql) -> Change:
        chosen, by = self.chosen(columns), self._groups(columns)
        gone = {column: missing(sql, column.sql, self._missing) for column in chosen}
        there = tuple(f"CASE WHEN NOT {gone[column]} THEN {column.sql} END" for column in chosen)
        near = {column: f"{NEAR}{place}" for place, column in enumerate(chosen)}
        keyless = " OR ".join(missing(sql, c.sql) for c in by)
        known = f" AND NOT ({keyless})" if by else ""
        filled = self.rewrite(
            columns,
            lambda c: f"CASE WHEN {gone[c]}{known} THEN COALESCE({near[c]}, {c.sql}) ELSE {c.sql} END",
        )
        rows = Nearest(there, tuple(c.sql for c in by), self.with_ == "forward")
        return Change(
            filled,
            rows,
            checks=(self._ask({c: f"{each} AND ({keyless})" for c, each in gone.items()}, by),) if by else (),
        )

    @property
    def _missing(self) -> tuple[str, ...]:
        return ("", *self.missing)

    def _need(self, name: str) -> Need:
        by = By(tuple(self.by), self.max_categories) if self.by else None
        return Need(name, *STATISTICS[self.with_], self._missing, by)

    def _filler(self, name: str, learnt: Learnt) -> str:
        return self.value if self.value is not None else _text(learnt[self._need(name)])


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else shortest(value)
