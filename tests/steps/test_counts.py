"""What the report says about each step, compared with the rows that come out of it."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workbench import Bench, Output

from csvjobs.jobs.job import ColumnNames

COLUMNS = ("id", "a", "b")
STEPS: list[dict[str, Any]] = [
    {"step": "trim"},
    {"step": "case", "columns": ["a"], "to": "upper"},
    {"step": "replace", "columns": ["b"], "text": "x", "with": "yy"},
    {"step": "fill_missing", "columns": ["a"], "with": "constant", "value": "Z"},
    {"step": "fill_missing", "columns": ["b"], "with": "mode"},
    {"step": "fill_missing", "columns": ["b"], "with": "forward"},
    {"step": "filter", "column": "a", "not_equals": "y"},
    {"step": "drop_missing", "columns": ["b"]},
    {"step": "dedupe", "by": ["a"]},
    {"step": "dedupe", "by": ["a", "b"], "keep": "last"},
    {"step": "limit", "rows": 4},
    {"step": "sort", "by": [{"column": "b"}]},
    {"step": "reorder", "columns": ["b"]},
    {
        "step": "sql",
        "query": "SELECT id, a, first_value(b) OVER (PARTITION BY a ORDER BY b DESC) AS b FROM input",
    },
    {
        "step": "sql",
        "query": "SELECT b, lag(a, 1, 'x') OVER (ORDER BY b) AS a, id FROM input WHERE a IS NOT NULL",
    },
]
CELLS = st.sampled_from([None, "x", " x", "X", "xx ", "y"])


@given(
    cells=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8),
    steps=st.lists(st.sampled_from(STEPS), max_size=5),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_step_counts_what_the_rows_show(
    bench: Bench, cells: list[tuple[str | None, str | None]], steps: list[dict[str, Any]]
) -> None:
    # A column has a commonest value.
    rows = [("0", "x", "x"), *((str(place), *both) for place, both in enumerate(cells, 1))]
    outs = [
        bench.table([{"step": "trim", "columns": ["id"]}, *steps[:n]], COLUMNS, rows)
        for n in range(len(steps) + 1)
    ]
    for place, (before, after) in enumerate(pairwise(outs), 1):
        counts = outs[-1].steps[place]
        assert (counts.read, counts.out) == (len(before.rows), len(after.rows))
        assert counts.dropped == len(before.rows) - len(after.rows)
        assert counts.changed == len(_changed(before, after))


@given(
    cells=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8),
    steps=st.lists(st.sampled_from(STEPS), max_size=5),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_change_that_is_listed_is_one_that_the_rows_show(
    bench: Bench, cells: list[tuple[str | None, str | None]], steps: list[dict[str, Any]]
) -> None:
    rows = [("0", "x", "x"), *((str(place), *both) for place, both in enumerate(cells, 1))]
    outs = [bench.table(steps[:n], COLUMNS, rows) for n in range(len(steps) + 1)]
    expected = sorted(
        (int(row) + 1, place, f"{step['step']} (step {place + 1})", *cell)
        for place, (step, both) in enumerate(zip(steps, pairwise(outs), strict=True))
        for row, *cell in _changed(*both)
    )
    out = bench.table(steps, COLUMNS, rows, listed=True)
    told = [(row, label, name, old or "", new or "") for row, label, name, old, new in out.changes]
    assert out.text == outs[-1].text
    assert sorted(told) == sorted((row, *rest) for row, _, *rest in expected)
    assert [each[:2] for each in told] == [(row, label) for row, _, label, *_ in expected]


def _changed(before: Output, after: Output) -> list[tuple[str, str, str, str]]:
    """Each cell that differs: the row's id, the column, what stood there and what does now."""
    then, now = _by_id(before), _by_id(after)
    return [
        (key, name, then[key][name], now[key][name])
        for key in then.keys() & now.keys()
        for name in COLUMNS
        if then[key][name] != now[key][name]
    ]


def _by_id(out: Output) -> dict[str, dict[str, str]]:
    rows = (dict(zip(out.header, row, strict=True)) for row in out.rows)
    return {row["id"]: row for row in rows}


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"step": "cast", "columns": ["x"], "to": "integer", "invalid": "keep"}, 2),
        ({"step": "fill_missing", "columns": ["x"], "with": "mean"}, 2),
        ({"step": "trim", "columns": ["x"]}, None),
    ],
)
def test_cells_that_cannot_be_read_are_counted(
    bench: Bench, step: dict[str, Any], expected: int | None
) -> None:
    out = bench.table([step], ("x",), [("1",), ("two",), (None,), ("3 pieces",)])
    assert out.steps[0].unparsed == expected


def test_cells_that_cannot_be_read_are_counted_where_learnt_values_are_applied(bench: Bench) -> None:
    step = {"step": "fill_missing", "columns": ["x"], "with": "mean"}
    out = bench.applied([step], (("x",), [("1",)]), ("x",), [("2",), ("two",), (None,)])
    assert (out.steps[0].unparsed, out.steps[0].changed) == (1, 1)


def test_rows_that_come_or_are_merged_are_counted(bench: Bench) -> None:
    steps: list[dict[str, Any]] = [
        {"step": "unpivot", "columns": ["a", "b"]},
        {"step": "aggregate", "by": ["name"], "values": {"n": "count"}},
    ]
    spread, merged = bench.table(steps, COLUMNS, [("1", "x", "y"), ("2", "z", None)]).steps
    assert (spread.read, spread.added, spread.out, spread.changed) == (2, 2, 4, None)
    assert (merged.read, merged.merged, merged.out, merged.changed) == (4, 2, 2, None)


def test_columns_that_a_step_makes_and_removes_are_named(bench: Bench) -> None:
    steps: list[dict[str, Any]] = [
        {"step": "one_hot", "columns": ["b"]},
        {"step": "rename", "names": {"name": "n" * 300}},
        {"step": "trim"},
    ]
    rows = [("1", str(place), f"b{place}") for place in range(25)]
    one_hot, rename, trim = bench.table(steps, ("name", "a", "b"), rows).steps
    assert one_hot.new_columns
    assert (one_hot.new_columns.count, len(one_hot.new_columns.first)) == (25, 20)
    assert one_hot.new_columns.first[0] == "b_b0"
    assert one_hot.lost_columns == ColumnNames(count=1, first=["b"])
    assert rename.new_columns == ColumnNames(count=1, first=["n" * 200 + "…"])
    assert rename.lost_columns == ColumnNames(count=1, first=["name"])
    assert (trim.new_columns, trim.lost_columns) == (None, None)
