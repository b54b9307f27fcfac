"""Pads cells to a minimum width."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import Change, Column, Columns, ColumnStep, Example, Learnt, Names, missing


class Pad(ColumnStep):
    """Pads each cell with one character, on the left or the right, to the given width.

    A cell that is already as wide or wider stays as it is: nothing is cut off. A missing cell stays missing.
    The width is counted in characters (code points), including signs and spaces.
    """

    example: ClassVar = Example(
        options={"columns": ["zip"], "width": 5, "with": "0"},
        before="city,zip\nDresden,1067\nKöln,50667\nOslo,\n",
        after="city,zip\nDresden,01067\nKöln,50667\nOslo,\n",
    )

    step: Literal["pad"] = "pad"
    columns: Names = Field(description="Names of the columns to pad.")
    width: int = Field(ge=1, le=1000, description="The least number of characters in a cell.")
    with_: str = Field(alias="with", min_length=1, max_length=1, description="The character to pad with.")
    side: Literal["left", "right"] = Field("left", description="The side to pad.")

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        pad = "LPAD" if self.side == "left" else "RPAD"

        def cell(column: Column) -> str:
            # Both functions cut cells that are wider.
            done = f"{missing(sql, column.sql)} OR CHAR_LENGTH({column.sql}) >= {self.width}"
            filled = f"{pad}({column.sql}, {self.width}, {sql.text(self.with_)})"
            return f"CASE WHEN {done} THEN {column.sql} ELSE {filled} END"

        return Change(self.rewrite(columns, cell))
