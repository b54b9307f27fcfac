r"""Reads Parquet through DuckDB: each value becomes the text that represents it exactly.

Whole numbers and decimals keep all digits; a double is the shortest text that reads back the same; dates and
times are ISO 8601 (instants in UTC with a Z); bytes that are not printable ASCII become \xHH; lists and
structures are JSON. Null is an empty cell, the empty text a quoted empty one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from csvjobs.errors import DamagedArchive, EncryptedArchive
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
NESTED = ("STRUCT", "MAP", "UNION")
HINT = "Write the file again, or send the table as CSV."


@dataclass
class Parquet(Table):
    """A Parquet table; it is not copied, the engine reads the file itself."""

    def __post_init__(self) -> None:
        self.detected["format"] = Found("parquet")

    def head(self, tick: Tick) -> Head:
        with self._open() as connection:
            names = [name for name, _ in self._columns(connection)]
            return named_head(names, self._rows(connection), self.options)

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
        columns = self._columns(connection)
        texts = (f"{_text(f'v{place}', kind)} AS c{place}" for place, (_, kind) in enumerate(columns))
        named = ", ".join(f"v{place}" for place in range(len(columns)))
        # Not a column of the file, even if one has this name: those are renamed here.
        number = "file_row_number + 1 AS number"
        return f"SELECT {', '.join([*texts, number])} FROM {self._file} AS given({named})"

    def _columns(self, connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
        """The names and types of the columns."""
        found = connection.execute(f"DESCRIBE SELECT * FROM {self._file}").fetchall()
        # DuckDB renames those that are blank or differ by case only.
        names = self._names(connection)
        return [(name, str(kind)) for name, (_, kind, *_) in zip(names, found, strict=True)]

    def _names(self, connection: duckdb.DuckDBPyConnection) -> list[str]:
        """The names as in the file, whose schema lists a tree, parents first."""
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
        return f"{function}('" + path.replace("'", "''") + "')"

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
            raise DamagedArchive(f"The Parquet file is damaged or cut short: {said}.", hint=HINT) from None


def what_it_says(error: duckdb.Error) -> str:
    """The first line of an error, without its kind and without local paths."""
    first = re.sub(r"^[A-Za-z ]+ Error: ", "", str(error).splitlines()[0]).rstrip(".")
    return re.sub(r"""(\bfile )?(['"])/.*?\2""", "the file", first)


def _text(value: str, kind: str) -> str:
    """An expression: the text of a value of that DuckDB type."""
    if kind == "VARCHAR":
        return value
    if kind.endswith("]") or kind.startswith(NESTED):
        return f"CAST(to_json({value}) AS VARCHAR)"
    if kind.startswith("TIMESTAMP") and kind.endswith("WITH TIME ZONE"):
        return f"REGEXP_REPLACE(REPLACE({_dated(value)}, ' ', 'T'), '[+]00$', 'Z')"
    if kind.startswith("TIMESTAMP"):
        return f"REPLACE({_dated(value)}, ' ', 'T')"
    return _dated(value) if kind == "DATE" else f"CAST({value} AS VARCHAR)"


def _dated(value: str) -> str:
    """An expression: a date or time whose year is that of ISO 8601, in which 1 BC is 0000 and 2 BC -0001."""
    text = f"CAST({value} AS VARCHAR)"
    year = f"1 - CAST(REGEXP_EXTRACT({text}, '^[0-9]+') AS INT)"
    sign, rest = f"IF({year} < 0, '-', '')", f"REGEXP_REPLACE(REPLACE({text}, ' (BC)', ''), '^[0-9]+', '')"
    return f"IF({text} LIKE '%(BC)%', {sign} || FORMAT('{{:04d}}', ABS({year})) || {rest}, {text})"
