"""Hides the contents of cells."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.pipelines.step import Change, Column, Columns, ColumnStep, Example, Learnt, Names, missing

REDACTED = "***"
VISIBLE = 4


class Mask(ColumnStep):
    """Hides the contents of cells, such as names and card numbers; missing cells stay as they are.

    `redact` replaces each cell with the text of `with`. `keep_last` keeps the last `visible` characters and
    replaces every other one with `*`; a cell of `visible` characters or fewer is hidden completely. `hash`
    replaces each cell with its HMAC-SHA-256 under the key `CSVJOBS_MASK_KEY` of the service: equal cells stay
    equal, so tables can still be joined, and without the key nobody can find the original of, say, a phone
    number by hashing all of them.
    """

    example: ClassVar = Example(
        options={"columns": ["card"], "method": "keep_last"},
        before="name,card\nAda,4111 1111 1111 1111\nAlan,\nGrace,42\n",
        after="name,card\nAda,***************1111\nAlan,\nGrace,**\n",
    )

    step: Literal["mask"] = "mask"
    columns: Names = Field(description="Names of the columns to hide.")
    method: Literal["redact", "keep_last", "hash"] = Field(description="How to hide a cell.")
    with_: str = Field(REDACTED, alias="with", description="The text for `method: redact`.")
    visible: int = Field(VISIBLE, ge=1, le=100, description="How many characters `method: keep_last` keeps.")

    @model_validator(mode="after")
    def _of_its_method(self) -> "Mask":
        if self.method != "redact" and self.with_ != REDACTED:
            raise PydanticCustomError("no_method", "With is for method: redact only")
        if self.method != "keep_last" and self.visible != VISIBLE:
            raise PydanticCustomError("no_method", "Visible is for method: keep_last only")
        return self

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        def cell(column: Column) -> str:
            gone = missing(sql, column.sql)
            return f"CASE WHEN {gone} THEN {column.sql} ELSE {self._hidden(column.sql, sql)} END"

        return Change(self.rewrite(columns, cell))

    def _hidden(self, cell: str, sql: Sql) -> str:
        match self.method:
            case "redact":
                return sql.text(self.with_)
            case "keep_last":
                length, left = f"CHAR_LENGTH({cell})", self.visible
                hidden = f"CASE WHEN {length} > {left} THEN {length} - {left} ELSE {length} END"
                return f"CONCAT(REPEAT('*', {hidden}), SUBSTRING({cell} FROM {hidden} + 1))"
            case "hash":
                return sql.keyed_hash(cell)
