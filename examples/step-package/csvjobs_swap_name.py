"""A step for csvjobs in a package of its own."""

from typing import ClassVar, Literal

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import Change, Columns, ColumnStep, Example, Learnt

LAST_FIRST = r"\A\s*([^,]+?)\s*,\s*([^,]+?)\s*\z"


class SwapName(ColumnStep):
    """Writes names with the first name in front: Lovelace, Ada becomes Ada Lovelace.

    A cell without a comma, or with several, stays as it is.
    """

    example: ClassVar = Example(
        options={"columns": ["name"]},
        before='id,name\n1,"Lovelace, Ada"\n2,Plato\n',
        after="id,name\n1,Ada Lovelace\n2,Plato\n",
    )

    step: Literal["swap_name"] = "swap_name"

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        return Change(self.rewrite(columns, lambda c: sql.substitute(c.sql, LAST_FIRST, r"\2 \1")))
