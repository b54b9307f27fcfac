"""Extracts the matches of a regular expression into new columns."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.derive import KeepSource, NewNames, beside, there
from csvjobs.pipelines.patterns import Pattern
from csvjobs.pipelines.step import Change, Column, Columns, Example, Learnt, Step


class Extract(Step):
    """Extracts what the groups of a regular expression match into new columns, right after the column.

    The pattern, in RE2 syntax, can match anywhere in the cell, and only its first match counts; `^` and `$`
    anchor it to the ends. The first pair of parentheses fills the first name of `into`, and so on; `(?:…)`
    groups without filling a column. A cell without a match gives empty cells, as do a group that matches
    nothing and a missing cell.
    """

    example: ClassVar = Example(
        options={"column": "size", "pattern": r"([\d.]+) ?([a-z]+)", "into": ["amount", "unit"]},
        before="id,size\n1,2.5 kg\n2,about 300g\n3,large\n",
        after="id,size,amount,unit\n1,2.5 kg,2.5,kg\n2,about 300g,300,g\n3,large,,\n",
    )
    local: ClassVar = False

    step: Literal["extract"] = "extract"
    column: str = Field(description="Name of the column to search.")
    pattern: Pattern = Field(description="The regular expression, with a group for each new column.")
    into: Annotated[NewNames, Field(max_length=9)] = Field(description="Names of the new columns, at most 9.")
    keep: KeepSource = True

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        source = columns.pick([self.column], self.step)
        cell = there(sql, source[0].sql)
        made = [
            Column(name, f"NULLIF({sql.group(cell, self.pattern, number)}, '')")
            for number, name in enumerate(self.into, 1)
        ]
        return Change(beside(columns, source, made, self.keep, self.step))
