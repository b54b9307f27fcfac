"""Converts letters to upper or lower case."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import Change, Column, Columns, ColumnStep, Example, Learnt, missing


class Case(ColumnStep):
    """Converts the letters of each cell to upper or lower case, in all scripts; a missing cell stays as it
    is.

    Each letter becomes exactly one letter, regardless of its neighbours, so no cell grows: in upper case ß
    becomes ẞ, not SS; in lower case İ becomes i, and Σ becomes σ even at the end of a word. A letter without
    a single counterpart, such as ŉ, stays as it is.
    """

    example: ClassVar = Example(
        options={"columns": ["email"], "to": "lower"},
        before="name,email\nAda,Ada@Example.ORG\nZoë,ZOË@example.org\n",
        after="name,email\nAda,ada@example.org\nZoë,zoë@example.org\n",
    )

    step: Literal["case"] = "case"
    to: Literal["upper", "lower"] = Field(description="The case to convert letters to.")

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        turn = sql.upper if self.to == "upper" else sql.lower

        def cell(column: Column) -> str:
            gone = missing(sql, column.sql)
            return f"CASE WHEN {gone} THEN {column.sql} ELSE {turn(column.sql)} END"

        return Change(self.rewrite(columns, cell))
