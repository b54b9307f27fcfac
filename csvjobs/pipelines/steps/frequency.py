"""Encodes a column of categories as how often each occurs."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import (
    By,
    Change,
    Column,
    Columns,
    Example,
    LearningStep,
    Learnt,
    Names,
    Need,
    Unseen,
    missing,
    of_groups,
)

FATES = {"zero": "0, as it never occurred", "empty": "left empty", "error": None}


class Frequency(LearningStep):
    """Replaces each value of a column with its frequency in the column: a share of all cells that are not
    missing, between 0 and 1, or a count.

    A missing cell stays as it is. When fitted parameters are applied to another file, the frequencies are
    those of the file that they were learnt from; a value that did not occur there becomes 0, or what
    `unknown` says, and a warning counts it. The results match pandas' value_counts.
    """

    example: ClassVar = Example(
        options={"columns": ["city"]},
        before="id,city\n1,Rome\n2,Oslo\n3,\n4,Rome\n5,Bath\n",
        after="id,city\n1,0.5\n2,0.25\n3,\n4,0.5\n5,0.25\n",
    )

    step: Literal["frequency"] = "frequency"
    columns: Names = Field(description="Names of the columns to encode.")
    as_: Literal["share", "count"] = Field("share", alias="as", description="How to write a frequency.")
    unknown: Literal["zero", "empty", "error"] = Field(
        "zero",
        description="When applied to another file, what happens to a value that was not learnt: 0, an empty "
        "cell, or end the job.",
    )
    max_categories: int = Field(
        1000, ge=1, le=10_000, description="More distinct values than this end the job."
    )

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        other = {"zero": sql.text(self._text(0, 1)), "empty": "NULL", "error": "NULL"}[self.unknown]

        def cell(column: Column) -> str:
            [sizes] = self.learnt_of(column.name, learnt)
            total = sum(size for _, size in sizes)
            groups = [(key, self._text(size, total)) for key, size in sizes]
            encoded = f"COALESCE({of_groups(sql, Columns([column]), groups)}, {other})"
            return f"CASE WHEN {missing(sql, column.sql)} THEN {column.sql} ELSE {encoded} END"

        return Change(self.rewrite(columns, cell))

    def unseen(self, columns: Columns, learnt: Learnt) -> tuple[Unseen, ...]:
        known = {c: groups for c in self.chosen(columns) for groups in self.learnt_of(c.name, learnt)}
        fate = FATES[self.unknown]
        return tuple(Unseen(c, [text for (text,), _ in groups], fate) for c, groups in known.items())

    def needs_of(self, name: str) -> list[Need]:
        return [Need(name, "size", by=By((name,), self.max_categories))]

    def _text(self, size: float, total: float) -> str:
        return str(int(size)) if self.as_ == "count" else repr(size / total)
