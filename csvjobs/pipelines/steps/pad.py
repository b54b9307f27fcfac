"""Brings cells to one width."""

from typing import ClassVar, Literal

from pydantic import Field

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import Change, Column, Columns, ColumnStep, Example, Learnt, Names, missing


class Pad(ColumnStep):
    """Fills each cell with one character, on its left or right, up to the width given.

    A cell that is as wide or wider stays as it is: nothing is cut off. A missing cell stays missing. The
    width is counted in characters (code points); a sign or a blank counts like any other.
    """

    example: ClassVar = Example(
        options={"columns": ["zip"], "width": 5, "with": "0"},
        before="city,zip\nDresden,1067\nKöln,50667\nOslo,\n",
        after="city,zip\nDresden,01067\nKöln,50667\nOslo,\n",
    )

    step: Literal["pad"] = "pad"
    columns: Names = Field(description="Names of the columns to fill up.")
    width: int = Field(ge=1, le=1000, description="How many characters a cell has at least.")
    with_: str = Field(alias="with", min_length=1, max_length=1, description="The character to fill with.")
    side: Literal["left", "right"] = Field("left", description="Where the character is put.")

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        pad = "LPAD" if self.side == "left" else "RPAD"

        def cell(column: Column) -> str:
            # Both functions cut what is too wide.
            done = f"{missing(sql, column.sql)} OR CHAR_LENGTH({column.sql}) >= {self.width}"
            filled = f"{pad}({column.sql}, {self.width}, {sql.text(self.with_)})"
            return f"CASE WHEN {done} THEN {column.sql} ELSE {filled} END"

        return Change(self.rewrite(columns, cell))
