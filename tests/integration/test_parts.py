"""Files that are read in parts: steps that depend on the order of rows."""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
from test_flow import make, read, run
from test_flow import rows as records

from csvjobs.engines.duckdb import DuckEngine
from csvjobs.flow.deliver import REJECTED
from csvjobs.flow.services import Services
from csvjobs.storage.local import LocalStorage

Row = tuple[str, str, str]


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """One database for all jobs, as a child has it, and files that are large enough."""
    monkeypatch.setattr("csvjobs.reading.facts.MARK_EVERY", 1000)
    services = make(tmp_path, LocalStorage(tmp_path / "jobs"))
    idle = list[duckdb.DuckDBPyConnection]()
    return replace(services, engine=partial(DuckEngine, memory=64 * 1024**2, idle=idle))


def rows(seed: int) -> list[Row]:
    draw = random.Random(seed)
    return [
        (str(n), draw.choice("abcdefgh") + str(draw.randrange(400)), str(draw.randrange(10**6)))
        for n in range(5000)
    ]


def made(services: Services, given: list[Row], *steps: dict[str, Any]) -> list[list[str]]:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("n", "key", "value"), *given])
    job = run(services, text.getvalue().encode(), json.dumps({"steps": steps}))
    assert job.error is None
    return list(csv.reader(read(services, job, "output.csv").decode().splitlines()))[1:]


@pytest.mark.parametrize("seed", [1, 2])
def test_order_is_that_of_the_whole_file(services: Services, seed: int) -> None:
    for given in (rows(seed), rows(seed + 2)):
        firsts: dict[str, Row] = {}
        for row in given:
            firsts.setdefault(row[1], row)
        sums = {key: sum(int(value) for _, other, value in given if other == key) for key in firsts}
        by_key = sorted(given, key=lambda row: row[1])
        assert made(services, given, {"step": "dedupe", "by": ["key"]}) == list(map(list, firsts.values()))
        assert made(services, given, {"step": "sort", "by": ["key"]}) == list(map(list, by_key))
        total = {"step": "aggregate", "by": ["key"], "values": {"total": {"sum": "value"}}}
        assert made(services, given, total) == [[key, str(total)] for key, total in sums.items()]
        assert made(services, given, {"step": "limit", "rows": 4000}) == list(map(list, given[:4000]))


def test_a_row_that_breaks_a_rule_is_known_by_its_line(services: Services) -> None:
    given = rows(5)
    given[4321] = ("4321", "a1", "none")
    steps = [{"step": "validate", "rules": [{"column": "value", "type": "integer"}]}]
    text = "n,key,value\n" + "".join(",".join(row) + "\n" for row in given)
    job = run(services, text.encode(), json.dumps({"steps": steps}))
    [reject] = records(read(services, job, REJECTED))
    assert (reject["_line"], reject["_code"], reject["n"]) == ("4323", "wrong-type", "4321")
