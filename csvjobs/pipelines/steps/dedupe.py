"""Keeps one of several equal rows, or none."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.rows import Alike
from csvjobs.pipelines.step import Change, Columns, Example, Learnt, Names, Step


class Dedupe(Step):
    """Keeps the first of the rows whose cells in `by` are equal, or the last, or none of them.

    First and last refer to the order of the rows in the file, or after `sort`; the rows that stay keep their
    order.

    Cells are equal if they are the same text, character for character: put `trim` before this step where
    spaces differ. Two empty cells are equal, but an empty cell and a quoted empty one (`""`) are different
    here. So one row without an address stays of many; to keep them all, use the step `sql` instead:
    `SELECT * FROM input QUALIFY email IS NULL OR row_number() OVER (PARTITION BY email) = 1`.
    """

    example: ClassVar = Example(
        options={"by": ["email"]},
        before="name,email\nAda,ada@example.org\nAlan,alan@example.org\nA. Lovelace,ada@example.org\n",
        after="name,email\nAda,ada@example.org\nAlan,alan@example.org\n",
    )
    local: ClassVar = False
    by_order: ClassVar = True

    step: Literal["dedupe"] = "dedupe"
    by: Names | None = Field(None, description="Names of the columns to compare; all by default.")

    keep: Literal["first", "last", "none"] = Field(
        "first",
        description="Which of several equal rows stays; with `none`, only rows without an equal stay.",
    )

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        compared = columns if self.by is None else columns.pick(self.by, self.step)
        return Change(columns, Alike(tuple(c.sql for c in compared), self.keep))
