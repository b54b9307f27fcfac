"""Sequences of steps that keep or move rows, compared with plain Python."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from workbench import Bench

Rows = list[tuple[str, str, str]]

cells = st.sampled_from(["", "a", "b", "B", "10", "9", "-1.5", "é"])
tables = st.lists(st.tuples(cells, cells), max_size=30)


def number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def by_text(rows: Rows, place: int, *, descending: bool) -> Rows:
    values = sorted({row[place] for row in rows if row[place]}, reverse=descending)
    return [row for value in [*values, ""] for row in rows if row[place] == value]


def by_number(rows: Rows, place: int) -> Rows:
    numbers = sorted(
        (row for row in rows if number(row[place]) is not None), key=lambda row: float(row[place])
    )
    texts = [row for row in rows if row[place] and number(row[place]) is None]
    return numbers + texts + [row for row in rows if not row[place]]


def alone(rows: Rows) -> Rows:
    times = Counter(row[1] for row in rows)
    return [row for row in rows if times[row[1]] == 1]


def first(rows: Rows) -> Rows:
    kept: dict[str, tuple[str, str, str]] = {}
    for row in rows:
        kept.setdefault(row[1], row)
    return list(kept.values())


def last(rows: Rows) -> Rows:
    kept = {row[1]: row for row in rows}.values()
    return [row for row in rows if row in kept]


def drawn(row: tuple[str, str, str], seed: int) -> str:
    return hashlib.md5(f"{seed}:{int(row[0]) + 1}".encode()).hexdigest()[:13]


def three(rows: Rows) -> Rows:
    chosen = sorted(rows, key=lambda row: drawn(row, 7))[:3]
    return [row for row in rows if row in chosen]


def filled(rows: Rows) -> Rows:
    """Forward in x."""
    last, made = "", []
    for place, x, y in rows:
        last = x or last
        made.append((place, last, y))
    return made


def filled_backward_by_y(rows: Rows) -> Rows:
    nearest: dict[str, str] = {}
    made = []
    for place, x, y in reversed(rows):
        nearest[y] = x or nearest.get(y, "")
        made.append((place, nearest[y], y))
    return made[::-1]


STEPS: list[tuple[dict[str, Any], Callable[[Rows], Rows]]] = [
    ({"step": "sort", "by": ["x"]}, lambda rows: by_text(rows, 1, descending=False)),
    (
        {"step": "sort", "by": [{"column": "y", "order": "descending"}]},
        lambda rows: by_text(rows, 2, descending=True),
    ),
    ({"step": "sort", "by": [{"column": "x", "as": "number"}]}, lambda rows: by_number(rows, 1)),
    (
        {"step": "sort", "by": ["y", {"column": "x", "as": "number"}]},
        lambda rows: by_text(by_number(rows, 1), 2, descending=False),
    ),
    ({"step": "dedupe", "by": ["x"]}, first),
    ({"step": "dedupe", "by": ["x"], "keep": "last"}, last),
    ({"step": "dedupe", "by": ["x"], "keep": "none"}, alone),
    ({"step": "limit", "rows": 4}, lambda rows: rows[:4]),
    ({"step": "sample", "rows": 3, "seed": 7}, three),
    (
        {"step": "sample", "fraction": 0.5, "seed": 7},
        lambda rows: [row for row in rows if drawn(row, 7) < "8" + "0" * 12],
    ),
    ({"step": "fill_missing", "columns": ["x"], "with": "forward"}, filled),
    ({"step": "fill_missing", "columns": ["x"], "with": "backward", "by": ["y"]}, filled_backward_by_y),
    ({"step": "filter", "column": "x", "not_equals": "a"}, lambda rows: [r for r in rows if r[1] != "a"]),
]


FEW = [("a", "b"), ("a", "b"), ("b", "b"), ("", "a"), ("b", "a"), ("", "a")]


@given(table=tables, chosen=st.lists(st.sampled_from(STEPS), max_size=4))
@example(table=FEW, chosen=[step for step in STEPS if step[0]["step"] == "dedupe"] * 2)
def test_rows_stand_and_stay_as_python_says(
    bench: Bench, table: list[tuple[str, str]], chosen: list[tuple[dict[str, Any], Callable[[Rows], Rows]]]
) -> None:
    rows = [(str(place), x, y) for place, (x, y) in enumerate(table)]
    given_cells = [(place, x or None, y or None) for place, x, y in rows]
    out = bench.table([step for step, _ in chosen], ("place", "x", "y"), given_cells).rows
    for _, model in chosen:
        rows = model(rows)
    assert [tuple(row) for row in out] == rows


def test_a_sorted_column_may_be_left_out_and_changed_afterwards(bench: Bench) -> None:
    steps = [
        {"step": "sort", "by": ["x"]},
        {"step": "fill_missing", "columns": ["x"], "with": "constant", "value": "0"},
        {"step": "select", "columns": ["y"]},
        {"step": "limit", "rows": 2},
    ]
    assert bench.text(steps, "x,y\nb,1\n,2\na,3\n").text == "y\n3\n1\n"


@pytest.mark.parametrize("seed", [0, 1])
def test_about_the_fraction_asked_for_is_drawn(bench: Bench, seed: int) -> None:
    rows = [(str(place),) for place in range(10_000)]
    kept = bench.table([{"step": "sample", "fraction": 0.2, "seed": seed}], ("x",), rows).rows
    # Six standard deviations of a binomial distribution: 40.
    assert abs(len(kept) - 2000) < 240


@pytest.mark.parametrize("size", [{"rows": 3}, {"rows": 10}, {"rows": 99}, {"fraction": 0.4}])
@pytest.mark.parametrize("before", [[], [{"step": "sort", "by": [{"column": "x", "order": "descending"}]}]])
def test_a_sample_and_its_rest_are_all_rows_each_once_and_in_order(
    bench: Bench, size: dict[str, Any], before: list[dict[str, Any]]
) -> None:
    rows, sample = [(str(place),) for place in range(10)], {"step": "sample", "seed": 1, **size}
    drawn = bench.table([*before, sample], ("x",), rows)
    rest = bench.table([*before, {**sample, "rest": True}], ("x",), rows)
    assert len(drawn.rows) == min(size.get("rows", len(drawn.rows)), 10)
    assert sorted(drawn.rows + rest.rows) == [list(row) for row in rows]
    for part in (drawn, rest):
        assert part.rows == sorted(part.rows, reverse=bool(before))
        assert part.steps[-1].dropped == 10 - len(part.rows)
