"""What a step is: typed options that, given the columns so far, say what to learn and how to change rows.

To add one: a file here in steps/ with one class, its example and its cases, and its name in catalogue.py.
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


class Column(NamedTuple):
    """`name` is the user's; `sql` is an expression over the rows so far. User text never becomes SQL."""

    name: str
    sql: str


class Columns(tuple[Column, ...]):
    """The table's columns, in order."""

    @property
    def names(self) -> list[str]:
        return [column.name for column in self]

    def pick(self, names: Iterable[str], step: str) -> Columns:
        """The columns of those names, in the order of `names`. Raises UnknownColumn."""
        known = {column.name: column for column in self}
        names = list(names)
        if unknown := [name for name in names if name not in known]:
            raise UnknownColumn.among(unknown, self.names, step)
        return Columns(known[name] for name in names)


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
    """Groups of rows with equal cells in these columns, at most so many. A row that lacks one is in none."""

    columns: tuple[str, ...]
    most: int


Group = tuple[list[str], Any]
"""The cells of a group's columns, and the value for it."""

Type = Literal["integer", "decimal", "float", "boolean", "date", "datetime"]
"""What all cells of a column can be read as, in the one written form that it has."""


class Need(NamedTuple):
    """One statistic of one column over all rows, missing cells left out.

    mean, deviation (population), min, max, quantile (linear interpolation, as numpy's default): floats
    of the cells that are numbers; count: how many these are; reach: how far from 0 they are, as a
    list of Span. mode: the commonest text (the smallest of equals). values: all different texts in
    code point order, at most `argument` of them (TooManyCategories beyond). sample: the first `argument` of
    them, however many there are. reading: the one Chosen of the readings in `argument`.
    missing: the number of missing cells, or with an `argument` their part of all.
    by: a list of Group, a value for each, in place of one value; for mean, deviation, quantile, count and
    mode, and for size, the number of cells.
    Missing: an empty cell, one of `missing`, or one of the file's nulls.
    """

    column: str
    statistic: Statistic
    argument: Any = 0.0
    missing: tuple[str, ...] = ("",)
    by: By | None = None


Learnt = dict[Need, Any]


class Check(NamedTuple):
    """What has to be known of the rows before they change: `query` asks of their relation for a count and an
    example; `said` is what to warn of where the count is not 0, or raises DataError."""

    query: Callable[[str], str]
    said: Callable[[int, str | None], str]


Doubt = tuple[str, Callable[[int, str], str]]
"""An expression that is the text of a cell in doubt, else NULL; and what to say of so many, with an
example."""


@dataclass(frozen=True)
class Change:
    """What a step makes of the rows: new columns, and what becomes of the rows as a whole.

    doubts: what is counted in the rows before they change, to be warned of. types: of the
    columns whose cells are all of one now, by name.
    """

    columns: Columns
    rows: RowChange | None = None
    warnings: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    types: Mapping[str, Type] = field(default_factory=dict)


Changes = Generator[Change, Columns, None]
"""Several changes, one on top of the other; it is sent the columns that came of each."""


def columns_of(made: Change | Changes) -> Columns:
    """The columns that come of it in the end, told without a row."""
    if isinstance(made, Change):
        return made.columns
    columns = Columns()
    with suppress(StopIteration):
        columns = next(made).columns
        while True:
            columns = made.send(Columns(Column(c.name, f"s{at}") for at, c in enumerate(columns))).columns
    return columns


class Unseen(NamedTuple):
    """What becomes of values that are not among the `known` ones, where learnt values are applied: `fate`
    says it; without one they end the job."""

    column: Column
    known: Sequence[str]
    fate: str | None = None


class Example(BaseModel):
    """A tiny input and what the step makes of it, with the tables that it looks things up in: printed in the
    docs and run as a test."""

    model_config = ConfigDict(frozen=True)

    options: dict[str, Any]
    tables: dict[str, str] = {}
    before: str
    after: str


class Step(BaseModel):
    """The base of all steps. The wire name is the file's name and the field `step`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    example: ClassVar[Example]
    local: ClassVar[bool] = True
    """It reads and replaces only its own columns, row by row: others may be learnt in the same pass."""

    strict_numbers: ClassVar[bool] = False
    """A cell that is no number ends the job when the step learns from numbers; else it is left out."""

    always_learns: ClassVar[bool] = False
    """What it learns holds for the rows at hand only, so that nothing learnt elsewhere can be applied."""

    learns_late: ClassVar[bool] = False
    """It can do without what it learns until a row shows that it cannot, by `Sql.refused`."""

    step: str

    def holds_here(self, need: Need) -> bool:
        """Whether it is learnt of the rows at hand even where what was learnt elsewhere is applied."""
        return self.always_learns

    @property
    def rejects(self) -> bool:
        """It sets rows of the file aside."""
        return False

    @property
    def makes_rows(self) -> bool:
        """Its rows are none of the file: several are merged into one, or made of one."""
        return False

    @property
    def by_order(self) -> bool:
        """It needs the rows' order in the file."""
        return False

    @property
    def tables(self) -> tuple[str, ...]:
        """What it looks things up in, each by the id of a job or a name: `sql.tables` then has them when the
        step makes its change."""
        return ()

    def chosen(self, columns: Columns) -> Columns:
        """The columns that the step works on. Raises UnknownColumn."""
        return columns

    def reads(self, columns: Columns) -> Columns:
        """The columns that make a difference to what it does. Raises UnknownColumn."""
        return self.chosen(columns)

    def needs(self, columns: Columns) -> tuple[Need, ...]:
        """What the step has to learn from all rows before it can change one."""
        return ()

    def unseen(self, columns: Columns, learnt: Learnt) -> tuple[Unseen, ...]:
        """The categories that it knows, for a step that encodes them."""
        return ()

    @abstractmethod
    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change | Changes:
        """How the step changes the rows. Raises DataError where it cannot."""

    def columns_after(self, columns: Columns, sql: Sql) -> Columns | None:
        """The columns that it makes of these, as far as that can be told without a row; None where only the
        rows tell. Raises DataError."""
        if not self.needs(columns):
            return columns_of(self.change(columns, {}, sql))
        self.reads(columns)
        return columns if self.local else None

    def rewrite(self, columns: Columns, cell: Callable[[Column], str]) -> Columns:
        """The columns with each chosen one's expression replaced by `cell(column)`."""
        chosen = set(self.chosen(columns))
        return Columns(Column(c.name, cell(c)) if c in chosen else c for c in columns)


class ColumnStep(Step):
    """The base of steps that work on some columns, whichever the user names."""

    columns: Names | None = Field(None, description="Names of the columns; all by default.")

    def chosen(self, columns: Columns) -> Columns:
        return columns if self.columns is None else columns.pick(self.columns, self.step)


def of_groups(sql: Sql, by: Columns, groups: Sequence[Group]) -> str:
    """The text of each group's value where the cells in `by` are its own, else NULL."""
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
    """The columns, if no two have the same name. Raises DuplicateColumn."""
    seen: set[str] = set()
    for name in columns.names:
        if name in seen:
            raise DuplicateColumn(f"Step {step} would make a second column {name!r}.", column=name)
        seen.add(name)
    return columns


def missing(sql: Sql, expression: str, texts: Sequence[str] = ("",)) -> str:
    """A predicate: the cell is empty, one of `texts`, or one of the file's nulls; never NULL."""
    texts = (*texts, *sql.nulls)
    listed = ", ".join(sql.text(text) for text in texts)
    return f"({expression} IS NULL OR {expression} IN ({listed}))" if texts else f"({expression} IS NULL)"


def number(sql: Sql, expression: str) -> str:
    """The cell as a double, NULL where it is missing or no number: one of the file's nulls may look like
    one."""
    return sql.number(_there(sql, expression))


def sure_number(sql: Sql, expression: str) -> str:
    """The same of a cell that is a number or missing, as `strict_numbers` has seen to: that engines' casts
    take more for numbers does not matter, and to look for it costs as much as the cast."""
    return f"TRY_CAST({_there(sql, expression)} AS DOUBLE)"


def _there(sql: Sql, expression: str) -> str:
    if not sql.nulls:
        return expression
    return f"(CASE WHEN NOT {missing(sql, expression)} THEN {expression} END)"


def shortest(number: float) -> str:
    """The shortest text that reads back as the number; whole ones as integers up to 1e16, as repr does."""
    return repr(number).removesuffix(".0")


def constant(number: float) -> str:
    """A number as a double: bare literals are decimals on some engines."""
    return f"CAST('{number!r}' AS DOUBLE)"
