"""Joins columns from another table, by key."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.errors import DuplicateKey, UnknownKey
from csvjobs.pipelines.derive import NewName, beside, there
from csvjobs.pipelines.rows import ROW, Matched, MatchedOnly
from csvjobs.pipelines.step import Change, Check, Column, Columns, Example, Learnt, Step

KEY, VALUE = "__key", "__value"
"""With a number behind them, the columns of the table's rows."""


def _pairs(given: Any) -> Any:
    """Names in a list are called the same on both sides."""
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        return given
    if len(set(given)) < len(given):
        raise PydanticCustomError("name_twice", "A column is named twice")
    return {name: name for name in given}


class Lookup(Step):
    """Joins columns from another table: of each row's key, the cells that stand beside the same key there.

    The table is the output of an earlier job, called by the job's id or by a name that it was given
    (`PUT /tables/{name}?job_id=…`); in `csvjobs run` it can also be the path of a file. Which output a name
    means is settled when a file is sent, and stays with the job.

    Keys are compared as texts, character for character: 07 is not 7, and `trim` beforehand helps where
    blanks differ. A missing cell is no key, here and there. No row is ever multiplied: a key that stands in
    the table more than once ends the job, or its first row counts. Rows without a match are counted in a
    warning, with an example.

    The new columns stand right behind the last of the key's.
    """

    example: ClassVar = Example(
        options={"table": "countries", "on": {"country": "code"}, "columns": {"name": "country name"}},
        tables={"countries": "code,name,capital\nAT,Austria,Vienna\nJP,Japan,Tokyo\n"},
        before="id,country,spend\n1,JP,7\n2,XX,5\n3,AT,1\n",
        after="id,country,country name,spend\n1,JP,Japan,7\n2,XX,,5\n3,AT,Austria,1\n",
    )
    local: ClassVar = False
    by_order: ClassVar = True

    step: Literal["lookup"] = "lookup"
    table: str = Field(min_length=1, description="A job's id, or the name or name@version of a table.")
    on: Annotated[dict[str, str], BeforeValidator(_pairs)] = Field(
        min_length=1,
        description="The key's columns: a list of names, or pairs of the name here and that in the table.",
    )
    columns: Annotated[dict[str, NewName], BeforeValidator(_pairs)] = Field(
        min_length=1,
        description="The columns to bring: a list of names, or pairs of the name in the table and that here.",
    )
    missing: Literal["keep", "drop", "fail"] = Field(
        "keep",
        description="What becomes of a row without a match: keep it with the new cells empty, drop it, or "
        "fail the job.",
    )
    duplicates: Literal["fail", "first"] = Field(
        "fail",
        description="What becomes of a key that stands in the table more than once: fail the job, or take "
        "the first row.",
    )

    @property
    def tables(self) -> tuple[str, ...]:
        return (self.table,)

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        ours, table = columns.pick(self.on, self.step), sql.tables[self.table]
        theirs = Columns(Column(name, f"c{place}") for place, name in enumerate(table.columns))
        called = f"{self.step} (table {self.table!r})"
        keys, values = theirs.pick(self.on.values(), called), theirs.pick(self.columns, called)
        other = self._rows(table.relation, keys, values)
        on = " AND ".join(f"{there(sql, c.sql)} = {KEY}{place}" for place, c in enumerate(ours))
        matched = (MatchedOnly if self.missing == "drop" else Matched)(other, on)
        checks = [Check(lambda relation: _count(matched.without(relation), ours), self._unmatched)]
        if self.duplicates == "fail":
            checks.insert(0, Check(lambda _: _repeated(other, len(keys)), self._refuse_repeated))
        made = [Column(name, f"{VALUE}{place}") for place, name in enumerate(self.columns.values())]
        return Change(beside(columns, ours, made, True, self.step), matched, checks=tuple(checks))

    def _rows(self, relation: str, keys: Columns, values: Columns) -> str:
        """The table's rows that have a key, as the join needs them."""
        listed = [f"{c.sql} AS {KEY}{place}" for place, c in enumerate(keys)]
        listed += [f"{c.sql} AS {VALUE}{place}" for place, c in enumerate(values)]
        there = " AND ".join(f"{c.sql} <> ''" for c in keys)
        source = f"({relation}) WHERE {there}"
        if self.duplicates == "first":
            nth = f"ROW_NUMBER() OVER (PARTITION BY {', '.join(c.sql for c in keys)} ORDER BY {ROW})"
            source = f"(SELECT *, {nth} AS __nth FROM {source}) WHERE __nth = 1"
        return f"SELECT {', '.join(listed)} FROM {source}"

    def _unmatched(self, count: int, example: str | None) -> str:
        """Raises UnknownKey where there must be none."""
        rows = "1 row has" if count == 1 else f"{count} rows have"
        key = f"for example {example[:80]!r}" if example else "because its key is empty"
        said = f"{rows} no match in the table {self.table!r}, {key}"
        if self.missing == "fail":
            hint = "Add what is lacking to the table, or set missing to keep or drop."
            raise UnknownKey(f"{said}.", column=next(iter(self.on)), hint=hint)
        return f"{said}; {'dropped' if self.missing == 'drop' else 'the new cells are empty'}."

    def _refuse_repeated(self, count: int, example: str | None) -> str:
        keys = "1 key appears" if count == 1 else f"{count} keys appear"
        raise DuplicateKey(
            f"{keys} in the table {self.table!r} more than once, for example {str(example)[:80]!r}.",
            column=next(iter(self.on)),
            hint="Leave one row for each key in the table, by dedupe, or set duplicates: first.",
        )


def _count(rows: str, keys: Columns) -> str:
    """How many rows, and the key of one of them."""
    key = f"CONCAT_WS(', ', {', '.join(c.sql for c in keys)})"
    return f"SELECT COUNT(*), MIN(NULLIF({key}, '')) FROM {rows}"


def _repeated(other: str, keys: int) -> str:
    """How many keys stand there several times, and one of these."""
    listed = ", ".join(f"{KEY}{place}" for place in range(keys))
    repeated = f"SELECT {listed} FROM ({other}) GROUP BY {listed} HAVING COUNT(*) > 1"
    return f"SELECT COUNT(*), MIN(CONCAT_WS(', ', {listed})) FROM ({repeated})"
