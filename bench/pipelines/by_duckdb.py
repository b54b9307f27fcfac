"""The ten pipelines by hand in DuckDB, as well as it can do them: all text, nothing guessed, two passes where
something is learnt, within the memory that a job has where that is enough."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb

NAMES = ("id", "first_name", "last_name", "city", "age", "salary", "balance", "joined", "remark")
READ = """read_csv('{source}', auto_detect = false, header = false, skip = 1, delim = ',', quote = '"',
    escape = '"', new_line = '\\n', comment = '', columns = {{{columns}}}, strict_mode = true,
    allow_quoted_nulls = false, buffer_size = 8388608, compression = 'none')"""

Make = Callable[[duckdb.DuckDBPyConnection, str], str]
"""The query of the output over a relation, from which it may learn before."""


def _tidy(_: duckdb.DuckDBPyConnection, table: str) -> str:
    return f"SELECT * FROM {table}"


def _clean(_: duckdb.DuckDBPyConnection, table: str) -> str:
    trimmed = ", ".join(f"trim({name}) AS {name}" for name in NAMES)
    query = f"SELECT {trimmed} FROM {table}"
    return f"SELECT * REPLACE (upper(city) AS city) FROM ({query}) WHERE salary <> ''"


def _fill(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    learn = "SELECT avg(TRY_CAST(salary AS DOUBLE)), median(TRY_CAST(balance AS DOUBLE))"
    [(mean, median)] = connection.execute(f"{learn} FROM {table}").fetchall()
    filled = f"COALESCE(salary, '{mean!r}') AS salary, COALESCE(balance, '{median!r}') AS balance"
    return f"SELECT * REPLACE ({filled}) FROM {table}"


def _mode(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    [(mode,)] = connection.execute(f"SELECT mode(remark) FROM {table}").fetchall()
    return f"SELECT * REPLACE (COALESCE(remark, '{mode}') AS remark) FROM {table}"


def _scale(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    numbers = [f"TRY_CAST({name} AS DOUBLE)" for name in ("salary", "age")]
    learn = ", ".join(f"avg({number}), stddev_pop({number})" for number in numbers)
    [(salary, one, age, other)] = connection.execute(f"SELECT {learn} FROM {table}").fetchall()
    scaled = f"({numbers[0]} - {salary}) / {one} AS salary, ({numbers[1]} - {age}) / {other} AS age"
    return f"SELECT * REPLACE ({scaled}) FROM {table}"


def _encode(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    cities, names = (_values(connection, table, column) for column in ("city", "last_name"))
    hot = ", ".join(f"CAST(city IS NOT DISTINCT FROM '{v}' AS INTEGER) AS \"city_{v}\"" for v in cities)
    codes = " ".join(f"WHEN '{value}' THEN {code}" for code, value in enumerate(names))
    label = f"CASE last_name {codes} END AS last_name"
    return f"SELECT id, first_name, {label}, {hot}, age, salary, balance, joined, remark FROM {table}"


def _values(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> list[str]:
    found = connection.execute(f"SELECT DISTINCT {column} FROM {table} WHERE {column} <> '' ORDER BY 1")
    return [value.replace("'", "''") for (value,) in found.fetchall()]


def _filter(_: duckdb.DuckDBPyConnection, table: str) -> str:
    age = "TRY_CAST(age AS DOUBLE)"
    where = f"{age} >= 30 AND {age} < 60 AND city IN ('Lagos', 'Berlin', 'Osaka')"
    return f"SELECT id, last_name, city, salary FROM {table} WHERE {where}"


def _dedupe(_: duckdb.DuckDBPyConnection, table: str) -> str:
    numbered = f"SELECT *, row_number() OVER () AS place FROM {table}"
    first = "row_number() OVER (PARTITION BY last_name, city, joined ORDER BY place) = 1"
    return f"SELECT * EXCLUDE (place) FROM ({numbered}) QUALIFY {first} ORDER BY place"


def _sort(_: duckdb.DuckDBPyConnection, table: str) -> str:
    numbered = f"SELECT *, row_number() OVER () AS place FROM {table}"
    order = "TRY_CAST(balance AS DOUBLE) DESC NULLS LAST, place"
    return f"SELECT * EXCLUDE (place) FROM ({numbered}) ORDER BY {order}"


def _aggregate(_: duckdb.DuckDBPyConnection, table: str) -> str:
    numbered = f"SELECT *, row_number() OVER () AS place FROM {table}"
    total = "sum(TRY_CAST(salary AS DECIMAL(18, 2))) AS total"
    values = f"count(*) AS people, {total}, avg(TRY_CAST(balance AS DOUBLE)) AS mean"
    return f"SELECT city, age, {values} FROM ({numbered}) GROUP BY city, age ORDER BY min(place)"


MAKES: dict[str, Make] = {
    "tidy": _tidy,
    "clean": _clean,
    "fill": _fill,
    "mode": _mode,
    "scale": _scale,
    "encode": _encode,
    "filter": _filter,
    "dedupe": _dedupe,
    "sort": _sort,
    "aggregate": _aggregate,
}


def _run(make: Make, source: Path, target: Path) -> None:
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in NAMES)
    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{os.environ.get('BENCH_MEMORY', '512MB')}'")
        connection.execute(f"SET threads = {os.cpu_count()}")
        connection.execute(f"SET temp_directory = '{target}.spill'")
        query = make(connection, READ.format(source=source, columns=columns))
        connection.execute(f"COPY ({query}) TO '{target}' (FORMAT csv, HEADER true)")


RUNS: dict[str, Callable[[Path, Path], float | None]] = {
    name: partial(_run, make) for name, make in MAKES.items()
}
