"""Rules for cells and columns of any text, compared with plain Python."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_any_text import cells, headers, texts
from workbench import Bench

from csvjobs.errors import WrongColumns

numbers = st.integers(-20, 20).map(str) | st.sampled_from(
    ["1.5", "-0", "+7", "007", "1e1", " 3 ", "x", "1_0"]
)


def holds(bench: Bench, rule: dict[str, Any], column: list[str | None]) -> list[int]:
    """The places of the cells that a rule lets pass."""
    rows = [(str(place), cell) for place, cell in enumerate(column)]
    out = bench.table([{"step": "validate", "rules": [{"column": "x", **rule}]}], ("place", "x"), rows)
    return [int(place) for place, _ in out.rows]


def passing(column: list[str | None], good: Callable[[str], bool]) -> list[int]:
    """Those that Python lets pass: a missing cell breaks no rule."""
    return [place for place, cell in enumerate(column) if not cell or good(cell)]


@given(column=st.lists(cells, min_size=1, max_size=12), data=st.data())
def test_texts(bench: Bench, column: list[str | None], data: st.DataObject) -> None:
    there = [cell for cell in column if cell]
    allowed = data.draw(st.lists(texts | st.sampled_from(there or ["x"]), min_size=1, max_size=4))
    assert holds(bench, {"one_of": allowed}, column) == passing(column, lambda cell: cell in allowed)
    pattern = re.escape(allowed[0]) + ".*"
    matches = re.compile(pattern).fullmatch
    assert holds(bench, {"matches": pattern}, column) == passing(column, lambda cell: bool(matches(cell)))
    least, most = sorted(data.draw(st.tuples(st.integers(0, 4), st.integers(0, 4))))
    lengths = {"min_length": least, "max_length": most}
    assert holds(bench, lengths, column) == passing(column, lambda cell: least <= len(cell) <= most)
    assert holds(bench, {"required": True}, column) == [place for place, cell in enumerate(column) if cell]
    first = [place for place, cell in enumerate(column) if not cell or column.index(cell) == place]
    assert holds(bench, {"unique": True}, column) == first


@given(
    column=st.lists(numbers, min_size=1, max_size=12),
    bounds=st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
)
def test_numbers(bench: Bench, column: list[str | None], bounds: tuple[int, int]) -> None:
    low, high = sorted(bounds)

    def within(cell: str) -> bool:
        return "_" not in cell and cell != "x" and low <= float(cell) < high

    found = holds(bench, {"at_least": low, "below": high}, column) if low < high else []
    assert found == (passing(column, within) if low < high else [])
    # With an exponent, as `cast` takes it.
    whole = re.compile(r"\s*[+-]?\d+(e\d)?\s*", re.ASCII).fullmatch
    assert holds(bench, {"type": "integer"}, column) == passing(column, lambda cell: bool(whole(cell)))


@given(names=headers)
def test_columns_of_any_name(bench: Bench, names: list[str]) -> None:
    rules = [{"column": name, "required": True, "one_of": [name]} for name in names]
    together = {"columns": names, "unique": "together"}
    step = {"step": "validate", "columns": names, "rules": [*rules, together]}
    out = bench.table([step], names, [names, names, [*names[1:], names[0]]])
    assert (out.header, out.rows) == (names, [names])


@pytest.mark.parametrize("match", ["exact", "equal", "subset", "partial"])
def test_a_table_that_lacks_columns_is_told_with_those_that_it_has(bench: Bench, match: str) -> None:
    with pytest.raises(WrongColumns) as caught:
        bench.text([{"step": "validate", "columns": ["signup"], "columns_match": match}], "id,created\n1,2\n")
    assert "It has the columns 'id', 'created'." in (caught.value.hint or "")
