"""New columns from what a pattern finds in a cell."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.derive import KeepSource, NewNames, beside, there
from csvjobs.pipelines.patterns import Pattern
from csvjobs.pipelines.step import Change, Column, Columns, Example, Learnt, Step


class Extract(Step):
    """Takes what the groups of a regular expression hold into new columns, right behind the column.

    The pattern, in RE2 syntax, is looked for anywhere in the cell, and its first match counts; `^` and `$`
    tie it to the ends. The first pair of parentheses fills the first name of `into`, and so on; `(?:…)`
    puts parts together without being counted. A cell in which the pattern does not match gives empty
    cells, as does a group that holds nothing, and a missing cell.
    """

    example: ClassVar = Example(
        options={"column": "size", "pattern": r"([\d.]+) ?([a-z]+)", "into": ["amount", "unit"]},
        before="id,size\n1,2.5 kg\n2,about 300g\n3,large\n",
        after="id,size,amount,unit\n1,2.5 kg,2.5,kg\n2,about 300g,300,g\n3,large,,\n",
    )
    local: ClassVar = False

    step: Literal["extract"] = "extract"
    column: str = Field(description="Name of the column to look into.")
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
