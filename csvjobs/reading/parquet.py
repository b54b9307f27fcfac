r"""Reads Parquet through DuckDB: each value becomes the text that represents it exactly.

Whole numbers and decimals keep all digits; a double is the shortest text that reads back the same; dates and
times are ISO 8601 (instants in UTC with a Z); bytes that are not printable ASCII become \xHH; lists and
structures are JSON of such values: numbers, true and false as they are, others as texts. Null is an empty
cell, the empty text a quoted empty one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
from duckdb.sqltypes import DuckDBPyType

from csvjobs.errors import DamagedArchive, EmptyFile, EncryptedArchive
from csvjobs.reading.clean import PLAIN, Cell
from csvjobs.reading.header import Header
from csvjobs.reading.rejects import Failed, Reject, RejectsWriter
from csvjobs.reading.scan import Scan, Tick
from csvjobs.reading.source import Found, Source
from csvjobs.reading.tables import HEAD_ROWS, Head, Table, named_head

MEMORY = "256MB"
BATCH = 100
AT_ONCE = 10_000
SETTINGS: dict[str, Any] = {
    "memory_limit": MEMORY,
    "threads": "1",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
NESTED = ("list", "array", "struct", "map")
# Types whose text is JSON too. A double is not always: JSON has no infinity.
INTEGERS = ("tinyint", "smallint", "integer", "bigint", "hugeint")
BARE = ("boolean", "decimal", *INTEGERS, *(f"u{name}" for name in INTEGERS))
HINT = "Write the file again, or send the table as CSV."


@dataclass
class Parquet(Table):
    """A Parquet table; it is not copied, the engine reads the file itself."""

    def __post_init__(self) -> None:
        self.detected["format"] = Found("parquet")

    def head(self, tick: Tick) -> Head:
        with self._open() as connection:
            return named_head(self._names(connection), self._rows(connection), self.options)

    def source(self, header: Header, target: Path, scan: Scan) -> Source:
        rejected = RejectsWriter(scan.rejected, header.columns)
        with self._open() as connection, rejected as rejects, scan.numbers:
            scan.numbers.add(1, 1)
            query = self._query(connection)
            [(records,)] = connection.execute(f"SELECT COUNT(*) FROM {self._file}").fetchall()
            left = iter(scan.failed)
            while some := list(islice(left, AT_ONCE)):
                self._set_aside(connection, query, some, rejects)
            summary = rejects.summary()
        return Source(self.path, PLAIN, 0, header.columns, records, rejects=summary, query=query)

    def _set_aside(
        self,
        connection: duckdb.DuckDBPyConnection,
        query: str,
        failed: Sequence[Failed],
        rejects: RejectsWriter,
    ) -> None:
        """Rejects rows that failed a check; a row has a number, but no line or byte offset."""
        listed = ", ".join(str(each.row) for each in failed)
        found = connection.execute(f"SELECT * FROM ({query}) WHERE number IN ({listed}) ORDER BY number")
        for each in failed:
            each.check(each.row)
            *cells, _ = found.fetchone() or ()
            said = [cell or "" for cell in cells]
            rejects.add(Reject(each.row, each.row, 0, *each[1:5], said, ""))

    def _rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[list[Cell]]:
        """The first rows."""
        cells = f"SELECT * EXCLUDE (number) FROM ({self._query(connection)})"
        found = connection.execute(f"{cells} LIMIT {HEAD_ROWS + 1}")
        while rows := found.fetchmany(BATCH):
            yield from map(list, rows)

    def _query(self, connection: duckdb.DuckDBPyConnection) -> str:
        kinds = connection.sql(f"SELECT * FROM {self._file}").types
        texts = (f"{_text(f'v{place}', kind)} AS c{place}" for place, kind in enumerate(kinds))
        named = ", ".join(f"v{place}" for place in range(len(kinds)))
        # Not a column of the file, even if one has this name: those are renamed here.
        number = "file_row_number + 1 AS number"
        return f"SELECT {', '.join([*texts, number])} FROM {self._file} AS given({named})"

    def _names(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        """The names as in the file, whose schema lists a tree, parents first: DuckDB renames those that are
        blank or differ by case only."""
        schema = f"SELECT name, COALESCE(num_children, 0) FROM {self._called('parquet_schema')}"
        (_, columns), *fields = connection.execute(schema).fetchall()
        left, names = iter(fields), list[str]()
        for _ in range(columns):
            name, inner = next(left)
            names.append(str(name))
            while inner:
                inner += next(left)[1] - 1
        return names

    @property
    def _file(self) -> str:
        return self._called("read_parquet")

    def _called(self, function: str) -> str:
        """A call of the table function for the file."""
        # Unescaped, [ and the like would be a pattern.
        path = "".join(f"[{sign}]" if sign in "[*?" else sign for sign in str(self.path))
        return f"{function}({_quoted(path)})"

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            with duckdb.connect(config=SETTINGS) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                yield connection
        except duckdb.Error as error:
            said = what_it_says(error)
            if "encrypt" in said.lower():
                raise EncryptedArchive("The Parquet file is encrypted.", hint="Send it plain.") from None
            if "at least one non-root column" in said:
                hint = "Send a file with at least one."
                raise EmptyFile("The Parquet file holds no columns.", hint=hint) from None
            raise DamagedArchive(f"The Parquet file is damaged or cut short: {said}.", hint=HINT) from None


def what_it_says(error: duckdb.Error) -> str:
    """The first line of an error, without its kind and without local paths."""
    first = re.sub(r"^[A-Za-z ]+ Error: ", "", str(error).splitlines()[0]).rstrip(".")
    return re.sub(r"""(\b(Parquet )?file )?(['"])/.*?\3""", "the file", first)


def _text(value: str, kind: DuckDBPyType, depth: int = 0) -> str:
    """An expression: the text of a value of that type, which is in so many lists and maps."""
    if kind.id in NESTED:
        return f"IF({value} IS NULL, NULL, {_nested(value, kind, depth)})"
    called = str(kind)
    if called == "VARCHAR":
        return value
    if called.startswith("TIMESTAMP") and called.endswith("WITH TIME ZONE"):
        return f"REGEXP_REPLACE(REPLACE({_dated(value)}, ' ', 'T'), '[+]00$', 'Z')"
    if called.startswith("TIMESTAMP"):
        return f"REPLACE({_dated(value)}, ' ', 'T')"
    return _dated(value) if called == "DATE" else f"CAST({value} AS VARCHAR)"


def _nested(value: str, kind: DuckDBPyType, depth: int) -> str:
    """An expression: the JSON of a list, a map or a structure."""
    inner: Any = kind.children
    one = f"e{depth}"
    if kind.id == "struct":
        fields = (
            _quoted(json.dumps(name, ensure_ascii=False) + ":")
            + f" || {_json(f'STRUCT_EXTRACT_AT({value}, {place})', each, depth)}"
            for place, (name, each) in enumerate(inner, 1)
        )
        return f"'{{' || ARRAY_TO_STRING([{', '.join(fields)}], ',') || '}}'"
    if kind.id == "map":
        (_, keys), (_, values) = inner
        key = f"CAST(TO_JSON({_text(f'{one}.key', keys, depth + 1)}) AS VARCHAR)"
        entry = f"{key} || ':' || {_json(f'{one}.value', values, depth + 1)}"
        entries = f"LIST_TRANSFORM(MAP_ENTRIES({value}), lambda {one}: {entry})"
        return f"'{{' || ARRAY_TO_STRING({entries}, ',') || '}}'"
    each = f"LIST_TRANSFORM({value}, lambda {one}: {_json(one, inner[0][1], depth + 1)})"
    return f"'[' || ARRAY_TO_STRING({each}, ',') || ']'"


def _json(value: str, kind: DuckDBPyType, depth: int) -> str:
    """An expression: the JSON of a value."""
    text = _text(value, kind, depth)
    quoted = f"CAST(TO_JSON({text}) AS VARCHAR)"
    if kind.id in ("float", "double"):
        text = f"IF(ISFINITE({value}), {text}, {quoted})"
    elif kind.id not in (*NESTED, *BARE) and str(kind) != "JSON":
        text = quoted
    return f"COALESCE({text}, 'null')"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _dated(value: str) -> str:
    """An expression: a date or time whose year is that of ISO 8601, in which 1 BC is 0000 and 2 BC -0001."""
    text = f"CAST({value} AS VARCHAR)"
    year = f"1 - CAST(REGEXP_EXTRACT({text}, '^[0-9]+') AS INT)"
    sign, rest = f"IF({year} < 0, '-', '')", f"REGEXP_REPLACE(REPLACE({text}, ' (BC)', ''), '^[0-9]+', '')"
    return f"IF({text} LIKE '%(BC)%', {sign} || FORMAT('{{:04d}}', ABS({year})) || {rest}, {text})"
