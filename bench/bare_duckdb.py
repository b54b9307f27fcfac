"""The bare engine: the two passes that the service makes, by hand.

`python bench/bare_duckdb.py INPUT OUTPUT MEMORY [SIZES]`; prints the seconds between connecting and closing
as JSON. SIZES: options of read_csv for its buffers, if not DuckDB's own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

NAMES = ("id", "first_name", "last_name", "city", "age", "salary", "balance", "joined", "remark")

# All text and nothing guessed, as the service reads: types belong to a step, not to the file.
READ = """
read_csv('{source}', auto_detect = false, header = false, skip = 1, delim = ',', quote = '"', escape = '"',
    new_line = '\\n', comment = '', columns = {{{columns}}}, strict_mode = true, allow_quoted_nulls = false,
    {sizes} compression = 'none')
"""


def fill(source: Path, target: Path, memory: str, sizes: str = "") -> dict[str, float]:
    """Fills `salary` with its mean and `balance` with its median; seconds of both passes."""
    seconds: dict[str, float] = {}
    with timed(seconds, "total"), duckdb.connect() as connection:
        for setting in (f"memory_limit = '{memory}'", f"threads = {os.cpu_count()}"):
            connection.execute(f"SET {setting}")
        connection.execute(f"SET temp_directory = '{target}.spill'")
        columns = ", ".join(f"'{name}': 'VARCHAR'" for name in NAMES)
        read = READ.format(source=source, columns=columns, sizes=sizes)
        with timed(seconds, "fit"):
            learn = "SELECT avg(TRY_CAST(salary AS DOUBLE)), median(TRY_CAST(balance AS DOUBLE))"
            [(mean, median)] = connection.execute(f"{learn} FROM {read}").fetchall()
        with timed(seconds, "transform"):
            filled = f"COALESCE(salary, '{mean!r}') AS salary, COALESCE(balance, '{median!r}') AS balance"
            query = f"SELECT * REPLACE ({filled}) FROM {read}"
            connection.execute(f"COPY ({query}) TO '{target}' (FORMAT csv, HEADER true)")
    return seconds


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Notes how long the block took."""
    began = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - began


if __name__ == "__main__":
    print(json.dumps(fill(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])))
