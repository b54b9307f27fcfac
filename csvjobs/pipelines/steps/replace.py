"""Puts another text in the place of a text, a pattern or a whole cell."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.pipelines.patterns import Pattern
from csvjobs.pipelines.step import Change, Column, Columns, ColumnStep, Example, Learnt

Cell = Annotated[str, Field(min_length=1)]


class Replace(ColumnStep):
    r"""Replaces a text wherever it occurs in a cell, the matches of a pattern, or whole cells by a mapping.

    `text` is taken as it stands, upper and lower case apart; so is what stands in `with`. `pattern` is a
    regular expression in RE2 syntax, and in its `with` `\1` to `\9` stand for what its groups hold, `\0`
    for the whole match and `\\` for a backslash. In both ways all places are replaced, from the left, and
    what was put in is not looked at again. With `whole: true` only cells are replaced that are the text, or
    match the pattern, from end to end.

    An empty cell, quoted (`""`) or not, stays as it is: that is for `fill_missing`. A cell of which nothing
    is left becomes the empty string.
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
        None, min_length=1, description="Whole cells with their replacements, which may be empty."
    )
    with_: str | None = Field(
        None, alias="with", description="What comes in place of `text` or `pattern`; may be empty."
    )
    whole: bool = Field(False, description="Whether only whole cells are replaced by `with`.")

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
