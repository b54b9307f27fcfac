"""Replaces a text, the matches of a pattern, or whole cells."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.pipelines.patterns import Pattern
from csvjobs.pipelines.step import Change, Column, Columns, ColumnStep, Example, Learnt

Cell = Annotated[str, Field(min_length=1)]


class Replace(ColumnStep):
    r"""Replaces a text wherever it occurs in a cell, the matches of a pattern, or whole cells by a mapping.

    `text` is matched literally and case-sensitively, and its `with` is inserted literally. `pattern` is a
    regular expression in RE2 syntax; in its `with`, `\1` to `\9`, not `$1`, stand for what its groups
    capture, `\0` for the whole match and `\\` for a backslash. Both replace all occurrences from left to
    right, and inserted text is not searched again. With `whole: true` they replace only cells that equal the
    text, or that the pattern matches completely. `mapping: {DE: Germany, FR: France}` replaces each cell that
    equals one of its keys, case-sensitively; other cells stay as they are.

    An empty cell, quoted (`""`) or not, stays as it is: use `fill_missing` for those. A text of the read
    option `nulls` is replaced like any other. A cell of which nothing is left becomes the empty string.
    """

    example: ClassVar = Example(
        options={"columns": ["date"], "pattern": r"(\d+)\.(\d+)\.(\d{4})", "with": r"\3-\2-\1"},
        before="id,date\n1,24.12.2025\n2,\n3,2025-12-24\n",
        after="id,date\n1,2025-12-24\n2,\n3,2025-12-24\n",
    )

    step: Literal["replace"] = "replace"
    text: str | None = Field(None, min_length=1, description="The text to replace.")
    pattern: Pattern | None = Field(None, description="The regular expression whose matches are replaced.")
    mapping: dict[Cell, str] | None = Field(
        None, min_length=1, description="Whole cells and their replacements, which may be empty."
    )
    with_: str | None = Field(
        None, alias="with", description="The replacement for `text` or `pattern`; may be empty."
    )
    whole: bool = Field(False, description="Whether `text` or `pattern` must match the whole cell.")

    @model_validator(mode="after")
    def _one_way(self) -> "Replace":
        if [self.text, self.pattern, self.mapping].count(None) != 2:
            raise PydanticCustomError("one_way", "Give exactly one of text, pattern and mapping")
        if self.mapping is None and self.with_ is None:
            raise PydanticCustomError("no_with", "Give the replacement: with")
        if self.mapping is not None and (self.with_ is not None or self.whole):
            raise PydanticCustomError("unused", "With and whole cannot be used with mapping")
        return self

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        def cell(column: Column) -> str:
            return f"CASE WHEN {column.sql} = '' THEN '' ELSE {self._replaced(column.sql, sql)} END"

        return Change(self.rewrite(columns, cell))

    def _replaced(self, cell: str, sql: Sql) -> str:
        if self.mapping is not None:
            return f"COALESCE({sql.mapped(cell, self.mapping)}, {cell})"
        if self.pattern is not None:
            pattern = rf"\A(?:{self.pattern})\z" if self.whole else self.pattern
            return sql.substitute(cell, pattern, self.with_ or "")
        text, filler = sql.text(self.text or ""), sql.text(self.with_ or "")
        if self.whole:
            return f"CASE {cell} WHEN {text} THEN {filler} ELSE {cell} END"
        return f"REPLACE({cell}, {text}, {filler})"
