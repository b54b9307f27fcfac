"""Rows merged and made, against plain Python."""

from __future__ import annotations

import math
from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbench import Bench

keys = st.sampled_from(["a", "b", "ä", ""])
decimals = st.decimals(
    min_value=-(10**15), max_value=10**15, places=4, allow_nan=False, allow_infinity=False
).map(lambda number: format(number, "f"))
doubles = st.floats(min_value=-1e300, max_value=1e300, allow_subnormal=False).map(repr)
VALUES = {name: {name: "x"} for name in ("sum", "min", "max", "mean", "filled", "distinct")}


def groups(rows: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for key, cell in rows:
        found[key].append(cell)
    return found


@given(rows=st.lists(st.tuples(keys, decimals), min_size=1, max_size=30))
def test_decimals_are_added_digit_for_digit(bench: Bench, rows: list[tuple[str, str]]) -> None:
    step = {"step": "aggregate", "by": ["key"], "values": {"n": "count", **VALUES}}
    out = bench.table([step], ("key", "x"), rows).rows
    assert not bench.unsure
    assert [row[0] for row in out] == list(groups(rows))
    for (_, count, total, least, most, mean, filled, different), cells in zip(
        out, groups(rows).values(), strict=True
    ):
        numbers = [Decimal(cell) for cell in cells]
        assert (Decimal(total), Decimal(least), Decimal(most)) == (sum(numbers), min(numbers), max(numbers))
        assert math.isclose(float(mean), sum(numbers) / len(numbers), rel_tol=1e-15)
        assert (int(count), int(filled), int(different)) == (len(cells), len(cells), len(set(cells)))


@given(cells=st.lists(doubles, min_size=1, max_size=30))
def test_doubles_are_added_as_exactly_as_the_largest_of_them_is(bench: Bench, cells: list[str]) -> None:
    numbers = [float(cell) for cell in cells]
    bound = max(map(abs, numbers))
    out = bench.table([{"step": "aggregate", "values": VALUES}], ("x",), [(cell,) for cell in cells]).rows[0]
    assert math.isclose(float(out[0]), math.fsum(numbers), rel_tol=1e-15, abs_tol=max(bound * 1e-15, 1e-280))
    assert (float(out[1]), float(out[2])) == (min(numbers), max(numbers))


@given(
    table=st.lists(
        st.tuples(*[st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"))] * 3),
        max_size=9,
    )
)
def test_every_cell_of_the_columns_named_has_a_row_of_its_own(
    bench: Bench, table: list[tuple[str | None, str | None, str | None]]
) -> None:
    rows = [(str(place), *cells) for place, cells in enumerate(table)]
    out = bench.table([{"step": "unpivot", "columns": ["b", "a"]}], ("place", "a", "b", "c"), rows).rows
    assert [tuple(row) for row in out] == [
        (place, c or "", name, cell or "") for place, a, b, c in rows for name, cell in (("b", b), ("a", a))
    ]


@pytest.mark.parametrize(
    "last", [{"step": "limit", "rows": 3}, {"step": "dedupe", "by": ["name"], "keep": "none"}]
)
def test_rows_that_were_made_are_rows_like_all_others(bench: Bench, last: dict[str, object]) -> None:
    steps = [
        {"step": "sort", "by": [{"column": "id", "order": "descending"}]},
        {"step": "unpivot", "columns": ["a", "b"]},
        last,
    ]
    out = bench.text(steps, "id,a,b\n1,p,q\n2,r,s\n").rows
    all_rows = [["2", "a", "r"], ["2", "b", "s"], ["1", "a", "p"], ["1", "b", "q"]]
    assert out == (all_rows[:3] if last["step"] == "limit" else [])


def test_groups_are_sorted_and_filtered_like_other_rows(bench: Bench) -> None:
    steps = [
        {"step": "aggregate", "by": ["city"], "values": {"n": "count"}},
        {"step": "filter", "column": "n", "at_least": 2},
        {"step": "sort", "by": [{"column": "n", "as": "number", "order": "descending"}]},
    ]
    before = "city\nBath\nRome\nBath\nOslo\nRome\nRome\n"
    assert bench.text(steps, before).text == "city,n\nRome,3\nBath,2\n"


anything = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)


@given(table=st.lists(st.tuples(anything, anything), min_size=1, max_size=9))
def test_a_wide_table_made_long_is_made_wide_again(
    bench: Bench, table: list[tuple[str | None, str | None]]
) -> None:
    rows = [(str(place), *cells) for place, cells in enumerate(table)]
    long = {"step": "unpivot", "columns": ["a", "b"]}
    wide = {"step": "pivot", "name": "name", "value": "value"}
    names = ("place", "a", "b")
    assert bench.table([long, wide], names, rows).text == bench.table([], names, rows).text


def test_columns_that_were_learnt_stay_the_same_ones(bench: Bench) -> None:
    step = {"step": "pivot", "by": ["id"], "name": "n", "value": "v", "function": "sum"}
    names = ("id", "n", "v")
    out = bench.applied(
        [step], (names, [("1", "x", "1"), ("1", "y", "2")]), names, [("1", "y", "1e300"), ("2", "z", "3")]
    )
    assert out.text == "id,x,y\n1,,1e+300\n2,,\n"
    assert out.warnings == [
        "1 cell of column 'n' holds an unknown value, for example 'z'; left out, as no column is called so."
    ]
