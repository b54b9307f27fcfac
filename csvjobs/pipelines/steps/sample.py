"""Keeps a random sample of the rows, the same at every run."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.pipelines.rows import ROW, Keep, Take
from csvjobs.pipelines.step import Change, Columns, Example, Learnt, Step

DIGITS = 13


class Sample(Step):
    """Keeps a random sample of the rows and drops all others; the rows that stay keep their order.

    Every row has the same chance, whatever it holds. The same file and `seed` give the same rows again;
    another seed gives others. `rows` draws exactly that many (all of them if there are fewer); `fraction`
    decides for each row on its own, so the sample is only about that fraction of the rows.

    With `rest: true` the other rows stay: the same file, `seed` and size without it and with it divide the
    rows in two, such as those to train a model on and those to test it with.
    """

    example: ClassVar = Example(
        options={"rows": 2, "seed": 3},
        before="id\n1\n2\n3\n4\n5\n",
        after="id\n4\n5\n",
    )
    local: ClassVar = False
    by_order: ClassVar = True

    step: Literal["sample"] = "sample"
    rows: int | None = Field(None, ge=1, le=10**15, description="How many rows to draw; this or `fraction`.")
    fraction: float | None = Field(
        None, gt=0, lt=1, description="The fraction of the rows to draw, such as 0.1."
    )
    seed: int = Field(0, ge=0, le=2**31, description="The random seed: another number draws other rows.")
    rest: bool = Field(False, description="Whether to drop the rows drawn, and keep all others.")

    @model_validator(mode="after")
    def _one_of_both(self) -> "Sample":
        if (self.rows is None) == (self.fraction is None):
            raise PydanticCustomError("rows_or_fraction", "Give either rows or fraction")
        return self

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        # A hash of the row's place in the file: engines' random numbers differ from run to run.
        drawn = f"SUBSTR(MD5(CONCAT('{self.seed}:', CAST({ROW} AS VARCHAR))), 1, {DIGITS})"
        if self.rows is not None:
            return Change(columns, Take(self.rows, by=drawn, rest=self.rest))
        bound = format(int((self.fraction or 0) * 16**DIGITS), f"0{DIGITS}x")
        return Change(columns, Keep(f"{drawn} {'>=' if self.rest else '<'} '{bound}'"))
