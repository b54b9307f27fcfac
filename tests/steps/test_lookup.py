"""Rows joined by key, compared with a Python dictionary."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench import Bench, Cell

keys = st.sampled_from(["", "a", "A", "a ", "07", "7", "é", "e\u0301", "'", '"', "NA"]) | st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=3
)
tables = st.lists(st.tuples(keys, keys, keys), max_size=12)


def as_text(rows: list[tuple[str, str, str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("k", "l", "v"), *rows])
    return out.getvalue()


@pytest.mark.parametrize("missing", ["keep", "drop"])
@pytest.mark.parametrize("on", [["k"], ["l", "k"]])
@given(table=tables, rows=st.lists(st.tuples(keys, keys), max_size=12), nulls=st.sampled_from([[], ["NA"]]))
def test_each_row_has_the_first_of_its_key_and_stays_one(
    bench: Bench,
    on: list[str],
    missing: str,
    table: list[tuple[str, str, str]],
    rows: list[tuple[str, str]],
    nulls: list[str],
) -> None:
    places = [{"k": 0, "l": 1}[name] for name in on]
    known: dict[tuple[str, ...], str] = {}
    for row in table:
        known.setdefault(tuple(row[place] for place in places), row[2])
    step: dict[str, Any] = {"step": "lookup", "table": "t", "on": on, "columns": ["v"], "missing": missing}
    cells: list[list[Cell]] = [[str(n), *row] for n, row in enumerate(rows)]
    out = bench.table(
        [{**step, "duplicates": "first"}], ("n", "k", "l"), cells, nulls, tables={"t": as_text(table)}
    )
    expected, lacking = [], 0
    for n, row in enumerate(rows):
        key = tuple(row[place] for place in places)
        there = key in known and all(part and part not in nulls for part in key)
        lacking += not there
        if there or missing == "keep":
            expected.append([str(n), *row, known[key] if there else ""])
    behind = out.header.index("v")
    assert [[*row[:behind], *row[behind + 1 :], row[behind]] for row in out.rows] == expected
    assert [int(warning.split()[0]) for warning in out.warnings] == [lacking] * (lacking > 0)
