"""Steps that merge or make rows, compared with plain Python."""

from __future__ import annotations

import math
from collections import defaultdict
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from workbench import Bench

from csvjobs.engines.duckdb import DuckEngine
from csvjobs.errors import NotANumber
from csvjobs.pipelines import grouped

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


long = st.one_of(
    st.integers(1 - 10**28, 10**28 - 1).map(Decimal),
    st.decimals(-(10**22), 10**22, places=6, allow_nan=False, allow_infinity=False),
)


@given(rows=st.lists(st.tuples(keys, long), min_size=1, max_size=12))
def test_long_integers_and_decimals_are_added_to_the_last_digit_in_sql(
    bench: Bench, rows: list[tuple[str, Decimal]]
) -> None:
    step = {"step": "sql", "query": "SELECT key, sum(x) AS s, max(x) AS m FROM input GROUP BY key"}
    out = bench.table([step], ("key", "x"), [(key, format(x, "f")) for key, x in rows]).rows
    expected: dict[str, list[Decimal]] = {}
    for key, x in rows:
        expected.setdefault(key, []).append(x)
    with localcontext() as context:
        context.prec = 60
        for key, total, most in out:
            exact = sum(expected[key])
            assert Decimal(most) == max(expected[key])
            # Beyond 28 digits before the point there is no room for decimals.
            assert (exact % 1 and abs(exact) > 10**27) or Decimal(total) == exact


numbers = st.one_of(
    doubles,
    st.tuples(st.floats(-10, 10), st.integers(-30, 18)).map(lambda parts: repr(parts[0] * 10.0 ** parts[1])),
    st.sampled_from(["0", "0.5", "1e-25", "1e20", "-1e20", "1099511627776.5", "-1099511627776.25", "5e-324"]),
)


@pytest.mark.parametrize("name", ["aggregate", "pivot"])
@given(rows=st.lists(st.tuples(keys, numbers), min_size=1, max_size=30))
def test_doubles_are_added_as_exactly_as_each_group_alone_would_be(
    bench: Bench, name: str, rows: list[tuple[str, str]]
) -> None:
    def column(function: str) -> list[float]:
        if name == "aggregate":
            steps = [{"step": "aggregate", "by": ["key"], "values": {function: {function: "x"}}}]
            return [float(cell) for _, cell in bench.table(steps, ("key", "x"), rows).rows]
        steps = [{"step": "pivot", "by": ["key"], "name": "n", "value": "x", "function": function}]
        long = [(key, "n", cell) for key, cell in rows]
        return [float(cell) for _, cell in bench.table(steps, ("key", "n", "x"), long).rows]

    of_groups = [[float(cell) for cell in cells] for cells in groups(rows).values()]
    assert column("min") == list(map(min, of_groups))
    for total, mean, cells in zip(column("sum"), column("mean"), of_groups, strict=True):
        assert math.isclose(total, math.fsum(cells), rel_tol=1e-15, abs_tol=1e-322)
        assert math.isclose(mean, math.fsum(cells) / len(cells), rel_tol=1e-15, abs_tol=1e-322)


def middle(cells: list[str]) -> float:
    """The median: of decimals exact, as steps.md says, otherwise that of doubles."""
    ordered = sorted(map(Fraction, cells))
    two = ordered[(len(cells) - 1) // 2], ordered[len(cells) // 2]
    exact = all(abs(number) < 10**27 and not number % Fraction(1, 10**10) for number in two)
    return float(sum(two) / 2) if exact else float(np.median([*map(float, two)]))


@pytest.mark.parametrize("name", ["aggregate", "pivot", "sql"])
@given(rows=st.lists(st.tuples(keys, numbers), min_size=1, max_size=30))
@example(rows=[("a", "3.278236550572091e+16"), ("a", "-3.0782365505720916e+16")])
def test_medians_and_deviations_are_those_of_numpy(
    bench: Bench, name: str, rows: list[tuple[str, str]]
) -> None:
    def column(function: str) -> list[str]:
        steps: dict[str, dict[str, object]] = {
            "aggregate": {"by": ["key"], "values": {"made": {function: "x"}}},
            "pivot": {"by": ["key"], "name": "n", "value": "x", "function": function},
            "sql": {"query": f"SELECT key, {function}(x) AS made FROM input GROUP BY key"},
        }
        long = [(key, "n", cell) for key, cell in rows]
        out = bench.table([{"step": name, **steps[name]}], ("key", "n", "x"), long).rows
        return [cell for _, cell in out]

    medians = [middle(cells) for cells in groups(rows).values()]
    assert list(map(float, column("median"))) == [pytest.approx(number, rel=1e-15) for number in medians]
    of_groups = [np.array(cells, dtype=float) for cells in groups(rows).values()]
    for cell, few in zip(column("stddev_pop"), of_groups, strict=True):
        assert float(cell) == pytest.approx(scaled_deviation(few, 0), rel=1e-12)
    for cell, few in zip(column("stddev"), of_groups, strict=True):
        assert (
            cell == "" if len(few) == 1 else float(cell) == pytest.approx(scaled_deviation(few, 1), rel=1e-12)
        )


def scaled_deviation(numbers: np.ndarray, ddof: int) -> float:
    """Of numbers whose squares may be too large or too small for numpy."""
    scale = np.abs(numbers).max() or 1.0
    return float(np.std(numbers / scale, ddof=ddof) * scale)


def test_sums_of_doubles_are_the_same_in_any_order(bench: Bench) -> None:
    cells = [repr((-1.1) ** place * 10.0 ** (place % 37 - 18)) for place in range(300)]
    step = {"step": "aggregate", "values": {name: {name: "x"} for name in ("sum", "mean")}}
    tries = (cells, cells[::-1], sorted(cells))
    assert len({bench.table([step], ("x",), [(cell,) for cell in some]).text for some in tries}) == 1


@pytest.mark.parametrize("value", ["1e308", "-1e308"])
@pytest.mark.parametrize(
    "step",
    [
        {"step": "aggregate", "values": {"total": {"sum": "x"}}},
        {"step": "pivot", "by": ["key"], "name": "n", "value": "x", "function": "sum"},
    ],
)
def test_a_sum_that_is_too_large_ends_the_job(bench: Bench, step: dict[str, object], value: str) -> None:
    rows = [("a", "p", value), ("a", "p", value), ("b", "p", "1")]
    with pytest.raises(NotANumber, match="'x'"):
        bench.table([step], ("key", "n", "x"), rows)


@pytest.mark.parametrize(
    ("cell", "hint"), [("-", "the read option nulls"), ("2026-04-03", "max(CAST(sent AS DATE))")]
)
def test_what_to_do_about_a_cell_that_is_no_number_is_told(bench: Bench, cell: str, hint: str) -> None:
    with pytest.raises(NotANumber) as caught:
        bench.table([{"step": "aggregate", "values": {"last": {"max": "x"}}}], ("x",), [(cell,)])
    assert hint in (caught.value.hint or "")


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


@pytest.mark.parametrize("how", ["mean", "median", "mode"])
def test_columns_filled_by_group_share_queries(
    bench: Bench, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One query for each column would take a minute for a thousand of them."""
    names = ["key", *(f"x{place}" for place in range(24))]
    rows = [("ab "[n % 3].strip(), *(_cell(n, place) for place in range(24))) for n in range(30)]
    steps = [{"step": "fill_missing", "columns": names[1:], "with": how, "by": ["key"]}]
    queries: list[str] = []
    monkeypatch.setattr(DuckEngine, "rows", _counting(DuckEngine.rows, queries))
    monkeypatch.setattr(grouped, "MOST_COLUMNS", 8)
    together, few = bench.table(steps, names, rows), len(queries)
    monkeypatch.setattr(grouped, "MOST_COLUMNS", 1)
    alone, many = bench.table(steps, names, rows), len(queries) - few
    assert (together.text, together.warnings) == (alone.text, alone.warnings)
    assert many - few == 24 - 3


def _cell(row: int, place: int) -> str | None:
    """A number, text or gap that differs by row and column."""
    return [None, "" if place else "n/a", *map(str, range(8))][(row * row + place) % 10]


def _counting(rows: Any, queries: list[str]) -> Any:
    def counted(engine: DuckEngine, query: str) -> Any:
        queries.append(query)
        return rows(engine, query)

    return counted
