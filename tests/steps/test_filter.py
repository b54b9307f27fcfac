"""Which rows pass the bounds of filter, for any numbers."""

from __future__ import annotations

import operator
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st
from workbench import Bench

COMPARE = {"above": operator.gt, "at_least": operator.ge, "below": operator.lt, "at_most": operator.le}
NEAR = st.sampled_from(
    [0.0, -0.0, 5e-324, -5e-324, 0.1, 0.3, 1e16, 1.7976931348623157e308, -1.7976931348623157e308]
)
LONG = st.one_of(st.integers(-(2**53) - 3, -(2**53) + 3), st.integers(2**53 - 3, 2**53 + 3), st.integers())
NUMBERS = st.one_of(NEAR, st.integers(-3, 3).map(float), st.floats(allow_nan=False, allow_infinity=False))


@given(st.lists(NUMBERS, min_size=1), st.dictionaries(st.sampled_from(sorted(COMPARE)), NUMBERS, min_size=1))
@example([0.0, 5e-324, -5e-324, -0.0], {"above": 0.0})
@example([0.0, 5e-324, -5e-324, -0.0], {"below": 0.0})
@example([1.0, 2.0, 3.0], {"above": 1.0, "at_least": 1.0, "below": 3.0, "at_most": 3.0})
def test_bounds_hold_to_the_last_digit(bench: Bench, numbers: list[float], bounds: dict[str, Any]) -> None:
    rows = [("x", repr(number)) for number in numbers]
    step = {"step": "filter", "column": "number", **bounds}
    kept = [x for x in numbers if all(COMPARE[name](x, bound) for name, bound in bounds.items())]
    assert bench.table([step], ("text", "number"), rows).rows == [["x", repr(x)] for x in kept]


@given(st.lists(LONG, min_size=1), st.dictionaries(st.sampled_from(sorted(COMPARE)), LONG, min_size=1))
@example([2**53, 2**53 + 1, 2**53 + 2], {"above": 2**53 + 1})
@example([2**53, 2**53 + 1], {"at_most": 2**53})
@example([10**27, 10**27 + 1], {"below": 10**27 + 1})
def test_long_integers_are_compared_to_the_last_digit(
    bench: Bench, numbers: list[int], bounds: dict[str, int]
) -> None:
    assume(all(abs(number) < 10**28 for number in (*numbers, *bounds.values())))
    step = {"step": "filter", "column": "number", **bounds}
    kept = [x for x in numbers if all(COMPARE[name](x, bound) for name, bound in bounds.items())]
    out = bench.table([step], ("text", "number"), [("x", str(number)) for number in numbers])
    assert out.rows == [["x", str(x)] for x in kept]
