"""Leaves out rows in which cells are missing."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.rows import Keep
from csvjobs.pipelines.step import Change, Columns, ColumnStep, Example, Learnt, missing


class DropMissing(ColumnStep):
    """Leaves out each row in which any cell of the columns is missing, or all of them are.

    A cell is missing when it is empty, quoted (`""`) or not, or one of the texts of `missing` or of
    the read option `nulls`. A blank is no empty cell: put `trim` before this step where files have such
    cells.
    """

    example: ClassVar = Example(
        options={"columns": ["email"], "missing": ["n/a"]},
        before="id,email\n1,ada@example.org\n2,\n3,n/a\n",
        after="id,email\n1,ada@example.org\n",
    )
    local: ClassVar = False

    step: Literal["drop_missing"] = "drop_missing"
    how: Literal["any", "all"] = Field(
        "any", description="Whether any missing cell is enough, or all must be."
    )
    missing: list[str] = Field([], description="Texts that count as missing here, beside the empty cell.")

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        texts = ("", *self.missing)
        gone = (missing(sql, c.sql, texts) for c in self.chosen(columns))
        either = " OR " if self.how == "any" else " AND "
        return Change(columns, Keep(f"NOT ({either.join(gone)})"))
