"""Upper or lower case."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import Change, Column, Columns, ColumnStep, Example, Learnt, missing


class Case(ColumnStep):
    """Turns the letters of each cell into upper or lower case, in all scripts; a missing cell stays as it is.

    Each letter becomes one letter, whatever stands beside it, so that no cell grows: in upper case ß is
    ẞ and not SS; in lower case İ is i, and Σ is σ at the end of a word too. A letter that has no single
    counterpart stays, as ŉ does.
    """

    example: ClassVar = Example(
        options={"columns": ["email"], "to": "lower"},
        before="name,email\nAda,Ada@Example.ORG\nZoë,ZOË@example.org\n",
        after="name,email\nAda,ada@example.org\nZoë,zoë@example.org\n",
    )

    step: Literal["case"] = "case"
    to: Literal["upper", "lower"] = Field(description="The case to turn letters into.")

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        turn = sql.upper if self.to == "upper" else sql.lower

        def cell(column: Column) -> str:
            gone = missing(sql, column.sql)
            return f"CASE WHEN {gone} THEN {column.sql} ELSE {turn(column.sql)} END"

        return Change(self.rewrite(columns, cell))
