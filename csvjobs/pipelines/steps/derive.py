"""Computes columns from the other cells of the row."""

from itertools import chain
from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.engines.parsing import MAX_TEXT
from csvjobs.pipelines.derive import NewName, doubts_of
from csvjobs.pipelines.expressions import ValueText, check_names, value
from csvjobs.pipelines.step import Change, Column, Columns, Example, Learnt, Step


class Derive(Step):
    """Computes new columns, or the cells of existing columns, from the cells of the same row.

    `values` maps column names to SQL expressions: `price * quantity`, `first || ' ' || last`, `CASE WHEN age
    < 18 THEN 'child' ELSE 'adult' END`, `CAST(paid AS DATE) - CAST(sent AS DATE)`, `"unit price" / 100`. A
    column name that is not a single word goes in double quotes, a text in single quotes.
    [expressions.md](expressions.md) lists all operators and functions, and explains how numbers are computed.

    A missing cell is NULL, and a result computed from NULL is empty. So is a result computed from a cell that
    is not a number, or by dividing by 0; a warning counts these rows, and also those in which a condition or
    `coalesce` treats such a cell as missing. Decimals are exact: 0.1 + 0.2 is 0.3.

    All expressions see the row as it was before the step. New columns come last, in the order of `values`.
    """

    example: ClassVar = Example(
        options={"values": {"total": "price * quantity", "item": "upper(item)"}},
        before="item,price,quantity\npen,1.10,3\ncap,19.99,\n",
        after="item,price,quantity,total\nPEN,1.10,3,3.3\nCAP,19.99,,\n",
    )
    local: ClassVar = False

    step: Literal["derive"] = "derive"
    values: dict[NewName, ValueText] = Field(
        min_length=1,
        max_length=100,
        description="The name of each column, and the expression for its cells, of up to "
        f"{MAX_TEXT} characters.",
    )

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        check_names(self.values.values(), columns, self.step)
        made = {name: value(text, columns, sql, self.step) for name, text in self.values.items()}
        kept = [Column(c.name, made[c.name].sql) if c.name in made else c for c in columns]
        new = [Column(name, v.sql) for name, v in made.items() if name not in columns.names]
        doubts = (
            doubts_of(v, f"Column {name!r}", f"Column {name!r} came out empty") for name, v in made.items()
        )
        return Change(Columns([*kept, *new]), doubts=tuple(chain.from_iterable(doubts)))
