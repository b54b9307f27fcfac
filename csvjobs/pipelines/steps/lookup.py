"""Adds columns from another table, by key."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from csvjobs.engines.base import Sql
from csvjobs.errors import DuplicateKey, UnknownKey
from csvjobs.pipelines.derive import NewName, beside, there
from csvjobs.pipelines.rows import ROW, Matched, MatchedOnly
from csvjobs.pipelines.step import Change, Check, Column, Columns, Example, Learnt, Step, of_table

KEY, VALUE = "__key", "__value"
"""With a number appended, the names of the other table's key and value columns."""


def _pairs(given: Any) -> Any:
    """A list of names as a mapping: each column is called the same in both tables."""
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        return given
    if len(set(given)) < len(given):
        raise PydanticCustomError("name_twice", "A column is named twice")
    return {name: name for name in given}


class Lookup(Step):
    """Adds columns from another table: each row gets the cells of the table's row with the same key.

    The table is the output of an earlier job, named by the job's id or by a name that it was given (`PUT
    /tables/{name}?job_id=…`); in `csvjobs run` it can also be the path of a file. A name is resolved to an
    output when a file is sent, and the job keeps that output.

    Keys are compared as texts, character for character: 07 is not 7; where spaces differ, put `trim` before
    this step. A missing cell is no key, in either table. Rows are never multiplied: a key that occurs more
    than once in the table ends the job, or its first row is used. A warning counts the rows without a match
    and gives an example.

    The new columns come right after the last key column.
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
    table: str = Field(min_length=1, description="A job's id, or a table's name or name@version.")
    on: Annotated[dict[str, str], BeforeValidator(_pairs)] = Field(
        min_length=1,
        description="The key columns: a list of names, or pairs of a name here and the name in the table.",
    )
    columns: Annotated[dict[str, NewName], BeforeValidator(_pairs)] = Field(
        min_length=1,
        description="The columns to add: a list of names, or pairs of a name in the table and the name here.",
    )
    missing: Literal["keep", "drop", "fail"] = Field(
        "keep",
        description="What happens to a row without a match: keep it with empty new cells, drop it, or fail "
        "the job.",
    )
    duplicates: Literal["fail", "first"] = Field(
        "fail",
        description="What happens if a key occurs more than once in the table: fail the job, or use the "
        "first row.",
    )

    @property
    def tables(self) -> tuple[str, ...]:
        return (self.table,)

    def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
        ours = columns.pick(self.on, self.step)
        keys = of_table(self.table, self.on.values(), sql, self.step)
        values = of_table(self.table, self.columns, sql, self.step)
        other = self._rows(sql.tables[self.table].relation, keys, values)
        on = " AND ".join(f"{there(sql, c.sql)} = {KEY}{place}" for place, c in enumerate(ours))
        matched = MatchedOnly(other, on, f"{KEY}0") if self.missing == "drop" else Matched(other, on)
        checks = [Check(lambda relation: _count(matched.without(relation), ours), self._unmatched)]
        if self.duplicates == "fail":
            checks.insert(0, Check(lambda _: _repeated(other, len(keys)), self._refuse_repeated))
        made = [Column(name, f"{VALUE}{place}") for place, name in enumerate(self.columns.values())]
        return Change(beside(columns, ours, made, True, self.step), matched, checks=tuple(checks))

    def _rows(self, relation: str, keys: Columns, values: Columns) -> str:
        """Selects the table's rows that have a key, with its columns named for the join."""
        listed = [f"{c.sql} AS {KEY}{place}" for place, c in enumerate(keys)]
        listed += [f"{c.sql} AS {VALUE}{place}" for place, c in enumerate(values)]
        there = " AND ".join(f"{c.sql} <> ''" for c in keys)
        source = f"({relation}) WHERE {there}"
        if self.duplicates == "first":
            nth = f"ROW_NUMBER() OVER (PARTITION BY {', '.join(c.sql for c in keys)} ORDER BY {ROW})"
            source = f"(SELECT *, {nth} AS __nth FROM {source}) WHERE __nth = 1"
        return f"SELECT {', '.join(listed)} FROM {source}"

    def _unmatched(self, count: int, example: str | None) -> str:
        """The warning for rows without a match. Raises UnknownKey if `missing` is `fail`."""
        rows = "1 row has" if count == 1 else f"{count} rows have"
        key = f"for example {example[:80]!r}" if example else "because its key is empty"
        said = f"{rows} no match in the table {self.table!r}, {key}"
        if self.missing == "fail":
            hint = "Add the keys to the table, or set missing to keep or drop."
            raise UnknownKey(f"{said}.", column=next(iter(self.on)), hint=hint)
        return f"{said}; {'dropped' if self.missing == 'drop' else 'the new cells are empty'}."

    def _refuse_repeated(self, count: int, example: str | None) -> str:
        keys = "1 key appears" if count == 1 else f"{count} keys appear"
        raise DuplicateKey(
            f"{keys} in the table {self.table!r} more than once, for example {str(example)[:80]!r}.",
            column=next(iter(self.on)),
            hint="Keep one row for each key in the table, for example with dedupe, or set duplicates: first.",
        )


def _count(rows: str, keys: Columns) -> str:
    """Selects the number of rows, and the key of one of them."""
    key = f"CONCAT_WS(', ', {', '.join(c.sql for c in keys)})"
    return f"SELECT COUNT(*), MIN(NULLIF({key}, '')) FROM {rows}"


def _repeated(other: str, keys: int) -> str:
    """Selects how many keys occur more than once, and one of them."""
    listed = ", ".join(f"{KEY}{place}" for place in range(keys))
    repeated = f"SELECT {listed} FROM ({other}) GROUP BY {listed} HAVING COUNT(*) > 1"
    return f"SELECT COUNT(*), MIN(CONCAT_WS(', ', {listed})) FROM ({repeated})"
