"""Computes columns from the other cells of the row."""

from itertools import chain
from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.derive import NewName, doubts_of
from csvjobs.pipelines.expressions import ValueText, check_names, value
from csvjobs.pipelines.step import Change, Column, Columns, Example, Learnt, Step


class Derive(Step):
    """Computes new columns, or the cells of columns that are there, from the other cells of the row.

    `values` says how, in expressions as SQL has them: `price * quantity`, `first || ' ' || last`,
    `CASE WHEN age < 18 THEN 'child' ELSE 'adult' END`, `CAST(paid AS DATE) - CAST(sent AS DATE)`,
    `"unit price" / 100`. A name that is no single word stands in double quotes, a text in single ones. All
    operators and functions, and how numbers are reckoned: [expressions.md](expressions.md).

    A missing cell is NULL, and what is reckoned with it comes out empty. So does what is reckoned with a cell
    that is no number, or divided by 0; such rows are counted in a warning, and so are those in which a
    condition or `coalesce` takes such a cell for a missing one. Decimals are exact, 0.1 + 0.2 is
    0.3.

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
        min_length=1, max_length=100, description="The name of each column, and the expression for its cells."
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
