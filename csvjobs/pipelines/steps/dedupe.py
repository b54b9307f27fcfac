"""Keeps the first of rows that are equal."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import Change, Columns, Example, Learnt, Names, Step


class Dedupe(Step):
    """Keeps the first row, in file order, of all rows whose cells in `by` are equal.

    Cells are equal when they are the same text, character for character: put `trim` before this step
    where blanks differ. Even an empty cell and a quoted empty one (`""`) are different here; two empty
    cells are equal.
    """

    example: ClassVar = Example(
        options={"by": ["email"]},
        before="name,email\nAda,ada@example.org\nAlan,alan@example.org\nA. Lovelace,ada@example.org\n",
        after="name,email\nAda,ada@example.org\nAlan,alan@example.org\n",
    )
    local: ClassVar = False
    by_order: ClassVar = True

    step: Literal["dedupe"] = "dedupe"
    by: Names | None = Field(None, description="Names of the columns to compare; all when left out.")

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        compared = columns if self.by is None else columns.pick(self.by, self.step)
        return Change(columns, first_of=tuple(c.sql for c in compared))
