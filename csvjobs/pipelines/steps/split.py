"""Splits one column into several at a separator."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.derive import KeepSource, NewNames, beside, there
from csvjobs.pipelines.step import Change, Column, Columns, Example, Learnt, Step


class Split(Step):
    """Splits the cells of one column at a text, into new columns right after it.

    If a cell has more parts than there are names, the last column gets the whole rest, unsplit, so nothing is
    lost; if it has fewer, the remaining columns are empty. A missing cell gives only empty cells, and an
    empty part an empty cell. Spaces around parts stay: put `trim` after this step.
    """

    example: ClassVar = Example(
        options={"column": "name", "by": " ", "into": ["first", "last"]},
        before="id,name\n1,Ada Lovelace\n2,Edsger W. Dijkstra\n3,Plato\n",
        after=(
            "id,name,first,last\n1,Ada Lovelace,Ada,Lovelace\n"
            "2,Edsger W. Dijkstra,Edsger,W. Dijkstra\n3,Plato,Plato,\n"
        ),
    )
    local: ClassVar = False

    step: Literal["split"] = "split"
    column: str = Field(description="Name of the column to split.")
    by: str = Field(min_length=1, description="The text at which to split.")
    into: Annotated[NewNames, Field(max_length=100)] = Field(
        description="Names of the new columns, at most 100."
    )
    keep: KeepSource = True

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        source = columns.pick([self.column], self.step)
        cells = self._parts(there(sql, source[0].sql), sql)
        # An empty part is an empty cell, as it is between two delimiters in a file.
        made = [Column(name, f"NULLIF({cell}, '')") for name, cell in zip(self.into, cells, strict=True)]
        return Change(beside(columns, source, made, self.keep, self.step))

    def _parts(self, cell: str, sql: Sql) -> list[str]:
        parts = [f"SPLIT_PART({cell}, {sql.text(self.by)}, {n})" for n in range(1, len(self.into))]
        before = [f"CHAR_LENGTH({part}) + {len(self.by)}" for part in parts]
        return [*parts, f"SUBSTRING({cell} FROM {' + '.join(['1', *before])})"]
