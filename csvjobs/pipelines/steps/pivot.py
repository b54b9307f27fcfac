"""Turns a long table into a wide one: one row from several."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.errors import DuplicateKey, NoColumnsLeft
from csvjobs.pipelines.aggregates import (
    NUMERIC,
    SEPARATOR,
    Function,
    aggregated,
    beside,
    cells,
    need,
    sums_fit,
)
from csvjobs.pipelines.derive import there
from csvjobs.pipelines.rows import BY, CELL, NAME, Spread
from csvjobs.pipelines.step import (
    Change,
    Check,
    Column,
    Columns,
    Example,
    Learnt,
    Names,
    Need,
    Step,
    Unseen,
    unique,
)

COUNTS = ("count", "filled", "distinct")


class Pivot(Step):
    """Turns rows with equal cells in `by` into one row, with a column for each text in the column `name` that
    holds the cell of the column `value`. It is the reverse of `unpivot`.

    If several rows belong to one cell, `only` ends the job with an error that names them, and `first` takes
    the first row's. `count` (of rows), `filled`, `distinct`, `sum`, `mean`, `median`, `stddev`, `stddev_pop`,
    `min`, `max` and `join` are the same as in `aggregate`. A cell to which no row belongs is empty, or 0 for
    `count`, `filled` and `distinct`.

    The new columns follow those of `by`, in code point order; when fitted parameters are applied to another
    file, they are the same columns. Columns that are not named here are dropped. Rows come in the order in
    which each group first appears in the file. A row with a missing cell in `name` belongs to no new column:
    a warning counts these rows, and those with a name that was not learnt.
    """

    example: ClassVar = Example(
        options={"by": ["museum"], "name": "year", "value": "visitors"},
        before="museum,year,visitors\nTate,2024,41\nPrado,2024,32\nTate,2025,47\n",
        after="museum,2024,2025\nTate,41,47\nPrado,32,\n",
    )
    local: ClassVar = False
    by_order: ClassVar = True
    strict_numbers: ClassVar = True
    makes_rows: ClassVar = True

    step: Literal["pivot"] = "pivot"
    by: Names | None = Field(
        None,
        description="Names of the columns whose equal cells make one row; by default all but `name` and "
        "`value`.",
    )
    name: str = Field(description="The column whose texts become column names.")
    value: str | None = Field(
        None, description="The column whose cells fill them; not for `function: count`."
    )
    function: Literal["only", "first", Function] = Field(
        "only", description="How to combine the rows that belong to one cell."
    )
    separator: str = Field(SEPARATOR, description="The text between joined cells; for `function: join` only.")
    max_categories: int = Field(
        1000, ge=1, le=10_000, description="More distinct names than this end the job."
    )

    @model_validator(mode="after")
    def _of_a_column(self) -> "Pivot":
        if (self.value is None) != (self.function == "count"):
            said = "Value is the column that the cells come from; only function: count has none"
            raise PydanticCustomError("no_value", said)
        if self.function != "join" and self.separator != SEPARATOR:
            raise PydanticCustomError("no_value", "Separator is for function: join only")
        return self

    def needs(self, columns: Columns) -> tuple[Need, ...]:
        columns.pick([self.name, self.value or self.name], self.step)
        return (self._names, *([need(self.value)] if self.value and self._numeric else []))

    def holds_here(self, need: Need) -> bool:
        return need != self._names

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        name, value = columns.pick([self.name, self.value or self.name], self.step)
        groups, key = self._groups(columns), there(sql, name.sql)
        by = tuple(c.sql for c in groups)
        numbers = cells([value] if self._numeric else [], learnt, sql)
        if self.function == "only" or self.function == "first":
            spread = Spread(by, key, value.sql, self.function)
        else:
            cell = aggregated(self.function, value, numbers, sql, self.separator)
            layers = beside(numbers, [(self.function, value.name)], (*by, key))
            spread = Spread(by, key, cell, "all", beside=layers, stands=self.function == "join")
        made = [Column(c.name, f"{BY}{place}") for place, c in enumerate(groups)]
        made += [Column(text, self._one(text, sql)) for text in learnt[self._names]]
        if not made:
            raise NoColumnsLeft("Step pivot would leave no column: there is no name to make one of.")
        added = numbers if self.function == "sum" else ()
        checks = (*self._checks(groups, key), *sums_fit(added, (*by, key), numbers))
        return Change(unique(Columns(made), self.step), spread, checks=checks)

    def columns_after(self, columns: Columns, sql: Sql) -> None:
        self.needs(columns)
        self._groups(columns)

    def unseen(self, columns: Columns, learnt: Learnt) -> tuple[Unseen, ...]:
        (name,) = columns.pick([self.name], self.step)
        return (Unseen(name, learnt[self._names], "left out, as no column is called so"),)

    @property
    def _numeric(self) -> bool:
        return self.function in NUMERIC

    @property
    def _names(self) -> Need:
        return Need(self.name, "values", self.max_categories)

    def _groups(self, columns: Columns) -> Columns:
        if self.by is not None:
            return columns.pick(self.by, self.step)
        return Columns(c for c in columns if c.name not in (self.name, self.value))

    def _one(self, name: str, sql: Sql) -> str:
        cell = f"MAX(CASE WHEN {NAME} = {sql.text(name)} THEN {CELL} END)"
        return f"COALESCE({cell}, '0')" if self.function in COUNTS else cell

    def _checks(self, groups: Columns, key: str) -> tuple[Check, ...]:
        nameless = Check(
            lambda relation: f"SELECT COUNT(*), NULL FROM ({relation}) WHERE {key} IS NULL", self._nameless
        )
        if self.function != "only":
            return (nameless,)
        alike = ", ".join([*(c.sql for c in groups), key])
        several = f"WHERE {key} IS NOT NULL GROUP BY {alike} HAVING COUNT(*) > 1"

        def repeated(relation: str) -> str:
            cells = f"SELECT CONCAT_WS(', ', {alike}) AS alike FROM ({relation}) {several}"
            return f"SELECT COUNT(*), MIN(alike) FROM ({cells})"

        return Check(repeated, self._refuse_several), nameless

    def _nameless(self, count: int, example: str | None) -> str:
        rows = "1 row has" if count == 1 else f"{count} rows have"
        return f"{rows} no text in column {self.name!r}; their cells are left out."

    def _refuse_several(self, count: int, example: str | None) -> str:
        cells = "1 cell" if count == 1 else f"{count} cells"
        raise DuplicateKey(
            f"Several rows belong to {cells}, for example to that of {str(example)[:80]!r}.",
            column=self.name,
            hint="Add a column that tells the rows apart to by, or set function to combine them.",
        )
