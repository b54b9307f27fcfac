"""The jobs that all contenders run: nothing, or 1 KB through DuckDB. Each writes down when it ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

FOLDER = Path(os.environ.get("QUEUE_BENCH", "."))
ENDS, SOURCE = FOLDER / "ends", FOLDER / "1KB.csv"
COPY = f"COPY (SELECT * FROM read_csv('{SOURCE}', all_varchar = true)) TO '{{}}' (FORMAT csv)"

kept: list[duckdb.DuckDBPyConnection] = []


def noop(job_id: str) -> None:
    _end()


def copy_anew(job_id: str) -> None:
    """With a database of its own, as a process must that was forked for one job."""
    with duckdb.connect() as database:
        database.execute(COPY.format(FOLDER / f"{job_id}.csv"))
    _end()


def copy_kept(job_id: str) -> None:
    """With a connection of its own to a database that the process keeps."""
    if not kept:
        kept.append(duckdb.connect())
    with kept[0].cursor() as connection:
        connection.execute(COPY.format(FOLDER / f"{job_id}.csv"))
    _end()


TASKS: dict[str, Callable[[str], None]] = {each.__name__: each for each in (noop, copy_anew, copy_kept)}


def _end() -> None:
    with ENDS.open("a") as ends:
        ends.write(f"{time.time()}\n")
