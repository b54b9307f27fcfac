"""The base of steps: typed options that, given the columns so far, say what to learn and how to change rows.

To add one: put a file with one class and its example into steps/, and its cases into the tests, and add it to
catalogue.py.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.errors import DuplicateColumn, UnknownColumn
from csvjobs.pipelines.rows import RowChange
from csvjobs.pipelines.types import Type


class Column(NamedTuple):
    """`name` is the user's; `sql` is an expression over the current rows. User text never becomes SQL."""

    name: str
    sql: str


class Columns(tuple[Column, ...]):
    """The table's columns, in order."""

    @property
    def names(self) -> list[str]:
        return [column.name for column in self]

    def pick(self, names: Iterable[str], step: str) -> Columns:
        """The columns with these names, in the order of `names`. Raises UnknownColumn."""
        known = {column.name: column for column in self}
        names = list(names)
        if unknown := [name for name in names if name not in known]:
            raise UnknownColumn.among(unknown, self.names, step)
        return Columns(known[name] for name in names)


def of_relation(names: Iterable[str]) -> Columns:
    """Columns of these names, called c0, c1, … in a relation."""
    return Columns(Column(name, f"c{place}") for place, name in enumerate(names))


def of_table(called: str, names: Iterable[str], sql: Sql, step: str) -> Columns:
    """The columns with these names in another table, over its relation. Raises UnknownColumn."""
    try:
        return of_relation(sql.tables[called].columns).pick(names, f"{step} (table {called!r})")
    except UnknownColumn as error:
        error.table = called
        raise


def _each_once(names: list[str]) -> list[str]:
    if not names:
        raise PydanticCustomError("no_name", "Name at least one column")
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise PydanticCustomError("name_twice", "The column {name} is named twice", {"name": repr(name)})
    return names


Names = Annotated[
    list[str], AfterValidator(_each_once), Field(json_schema_extra={"minItems": 1, "uniqueItems": True})
]

Statistic = Literal[
    "mean",
    "deviation",
    "min",
    "max",
    "reach",
    "quantile",
    "count",
    "size",
    "mode",
    "values",
    "sample",
    "reading",
    "missing",
]


class By(NamedTuple):
    """Groups of rows with equal cells in these columns, at most `most`. A row with a missing cell in one of
    them belongs to no group."""

    columns: tuple[str, ...]
    most: int


Group = tuple[list[str], Any]
"""The cells that identify a group, and its value."""


class Need(NamedTuple):
    """One statistic of one column over all rows; missing cells are ignored.

    mean, deviation (population), min, max, quantile (linear interpolation, numpy's default): floats, of the
    cells that are numbers; count: how many these are; reach: their absolute values, as a list of Span. mode:
    the most frequent text (the first in code point order of equally frequent ones). values: all distinct
    texts in code point order, at most `argument` (TooManyCategories if there are more). sample: the first
    `argument` of them, however many there are. reading: the one Chosen of the readings in `argument`.
    missing: the number of missing cells, or with an `argument` their share of all.
    by: the result is a list of Group, with one value for each; for mean, deviation, quantile, count and mode,
    and for size, the number of cells.
    Missing: an empty cell, one of `missing`, or one of the file's nulls.
    """

    column: str
    statistic: Statistic
    argument: Any = 0.0
    missing: tuple[str, ...] = ("",)
    by: By | None = None


Learnt = dict[Need, Any]


class Check(NamedTuple):
    """A check of the rows before they change: `query` makes a query over their relation that returns a count
    and an example; `said` returns the warning if the count is not 0, or raises DataError."""

    query: Callable[[str], str]
    said: Callable[[int, str | None], str]


Doubt = tuple[str, Callable[[int, str], str]]
"""An expression that is the text of a cell in doubt, otherwise NULL; and a function that makes the warning
from their count and an example."""


@dataclass(frozen=True)
class Change:
    """What a step makes of the rows: new columns, and the change to the rows as a whole.

    doubts: cells to count in the rows before they change, for warnings. types: of the columns whose cells are
    now all of one type, by name.
    """

    columns: Columns
    rows: RowChange | None = None
    warnings: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    types: Mapping[str, Type] = field(default_factory=dict)


Changes = Generator[Change, Columns, None]
"""Several changes, one on top of the other; the generator is sent the columns that resulted from each."""


def columns_of(made: Change | Changes) -> Columns:
    """The resulting columns, determined without rows."""
    if isinstance(made, Change):
        return made.columns
    columns = Columns()
    with suppress(StopIteration):
        columns = next(made).columns
        while True:
            columns = made.send(Columns(Column(c.name, f"s{at}") for at, c in enumerate(columns))).columns
    return columns


class Unseen(NamedTuple):
    """What happens to values not among the `known` ones when fitted parameters are applied: `fate` describes
    it; None means that they end the job."""

    column: Column
    known: Sequence[str]
    fate: str | None = None


class Example(BaseModel):
    """A tiny input and the step's result, with the tables that it looks things up in; printed in the docs and
    run as a test."""

    model_config = ConfigDict(frozen=True)

    options: dict[str, Any]
    tables: dict[str, str] = {}
    before: str
    after: str


class Step(BaseModel):
    """The base class of all steps. A step's name in pipelines is its file's name and the default of the field
    `step`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    example: ClassVar[Example]
    local: ClassVar[bool] = True
    """It reads and changes only its own columns, row by row: other steps may learn in the same pass."""

    strict_numbers: ClassVar[bool] = False
    """When the step learns from numbers, a cell that is not one ends the job; otherwise it is ignored."""

    always_learns: ClassVar[bool] = False
    """What it learns is valid for the rows at hand only: nothing learnt elsewhere can be applied."""

    learns_late: ClassVar[bool] = False
    """It needs what it learns only for some rows, and ends the query with `Sql.refused` when it meets one."""

    step: str

    def holds_here(self, need: Need) -> bool:
        """Whether the need is learnt from the rows at hand even when fitted parameters are applied."""
        return self.always_learns

    @property
    def rejects(self) -> bool:
        """It rejects rows of the file."""
        return False

    @property
    def makes_rows(self) -> bool:
        """Its rows are not rows of the file: several are merged into one, or made from one."""
        return False

    @property
    def by_order(self) -> bool:
        """It needs the rows' order in the file."""
        return False

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that it looks things up in, each a job id or a name; when the step makes its change,
        `sql.tables` has them."""
        return ()

    def chosen(self, columns: Columns) -> Columns:
        """The columns that the step works on. Raises UnknownColumn."""
        return columns

    def reads(self, columns: Columns) -> Columns:
        """The columns that affect what it does. Raises UnknownColumn."""
        return self.chosen(columns)

    def needs(self, columns: Columns) -> tuple[Need, ...]:
        """What the step must learn from all rows before it can change one."""
        return ()

    def unseen(self, columns: Columns, learnt: Learnt) -> tuple[Unseen, ...]:
        """The categories that an encoding step knows."""
        return ()

    @abstractmethod
    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change | Changes:
        """How the step changes the rows. Raises DataError if it cannot."""

    def columns_after(self, columns: Columns, sql: Sql) -> Columns | None:
        """The resulting columns, as far as they can be known without rows; None if they depend on the rows.
        Raises DataError."""
        if not self.needs(columns):
            return columns_of(self.change(columns, {}, sql))
        self.reads(columns)
        return columns if self.local else None

    def rewrite(self, columns: Columns, cell: Callable[[Column], str]) -> Columns:
        """The columns with each chosen one's expression replaced by `cell(column)`."""
        chosen = set(self.chosen(columns))
        return Columns(Column(c.name, cell(c)) if c in chosen else c for c in columns)


class ColumnStep(Step):
    """The base class of steps that work on the columns that the user names."""

    columns: Names | None = Field(None, description="Names of the columns; all by default.")

    def chosen(self, columns: Columns) -> Columns:
        return columns if self.columns is None else columns.pick(self.columns, self.step)


class LearningStep(ColumnStep):
    """The base class of those that learn the same of each of these columns."""

    @abstractmethod
    def needs_of(self, name: str) -> Sequence[Need]:
        """What the step must learn of a column."""

    def needs(self, columns: Columns) -> tuple[Need, ...]:
        return tuple(need for column in self.chosen(columns) for need in self.needs_of(column.name))

    def learnt_of(self, name: str, learnt: Learnt) -> list[Any]:
        """What was learnt of a column, in the order of `needs_of`."""
        return [learnt[need] for need in self.needs_of(name)]


def of_groups(sql: Sql, by: Columns, groups: Sequence[Group]) -> str:
    """An expression: the text of the group's value if the cells in `by` are those of a group, otherwise
    NULL."""
    if not groups:
        return "CAST(NULL AS VARCHAR)"
    if len(by) == 1:
        cases = (f"WHEN {sql.text(key)} THEN {sql.text(value)}" for (key,), value in groups)
        return f"CASE {by[0].sql} {' '.join(cases)} END"
    cases = (
        f"WHEN {' AND '.join(f'{c.sql} = {sql.text(key)}' for c, key in zip(by, keys, strict=True))} "
        f"THEN {sql.text(value)}"
        for keys, value in groups
    )
    return f"CASE {' '.join(cases)} END"


def unique(columns: Columns, step: str) -> Columns:
    """The columns, unchanged. Raises DuplicateColumn if two have the same name."""
    seen: set[str] = set()
    for name in columns.names:
        if name in seen:
            hint = "Rename or drop the other one first, or give the new one another name."
            raise DuplicateColumn(f"Step {step} would make a second column {name!r}.", column=name, hint=hint)
        seen.add(name)
    return columns


def missing(sql: Sql, expression: str, texts: Sequence[str] = ("",)) -> str:
    """A predicate, never NULL: the cell is empty, one of `texts`, or one of the file's nulls."""
    texts = (*texts, *sql.nulls)
    listed = ", ".join(sql.text(text) for text in texts)
    return f"({expression} IS NULL OR {expression} IN ({listed}))" if texts else f"({expression} IS NULL)"


def number(sql: Sql, expression: str) -> str:
    """The cell as a double; NULL if it is missing or not a number. A text among the file's nulls may look
    like a number."""
    return sql.number(_there(sql, expression))


def sure_number(sql: Sql, expression: str) -> str:
    """The same for a cell known to be a number or missing, as `strict_numbers` ensures. Engines' casts accept
    more than numbers, which does not matter here, and a check would cost as much as the cast."""
    return f"TRY_CAST({_there(sql, expression)} AS DOUBLE)"


def _there(sql: Sql, expression: str) -> str:
    if not sql.nulls:
        return expression
    return f"(CASE WHEN NOT {missing(sql, expression)} THEN {expression} END)"


def shortest(number: float) -> str:
    """The shortest text that reads back as the same number; whole numbers as integers up to 1e16, as in
    repr."""
    return repr(number).removesuffix(".0")


def constant(number: float) -> str:
    """A double literal: bare literals are decimals on some engines."""
    return f"CAST('{number!r}' AS DOUBLE)"
