"""Keeps the first rows."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.rows import Take
from csvjobs.pipelines.step import Change, Columns, Example, Learnt, Step


class Limit(Step):
    """Keeps the first rows, in the order of the file or after `sort`, and drops all others."""

    example: ClassVar = Example(
        options={"rows": 2},
        before="place,name\n1,Ada\n2,Alan\n3,Grace\n",
        after="place,name\n1,Ada\n2,Alan\n",
    )
    local: ClassVar = False
    by_order: ClassVar = True

    step: Literal["limit"] = "limit"
    rows: int = Field(ge=0, le=10**15, description="How many rows to keep.")

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        return Change(columns, Take(self.rows))
