"""Which cells are numbers, and statistics of many numbers: exact and reproducible."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from csvjobs.engines.base import NUMBER
from csvjobs.engines.duckdb import DuckEngine
from csvjobs.pipelines import numbers as module
from csvjobs.pipelines.numbers import Numbers

TEXTS = st.text("+-.0129eE_ dnifxa\t\n,", max_size=8)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> DuckEngine:
    return DuckEngine(tmp_path_factory.mktemp("numbers"), 64 * 1024**2)


def given_as(engine: DuckEngine, values: list[float]) -> Numbers:
    listed = ", ".join(f"('{value!r}')" for value in values)
    return numbers_of(engine, f"SELECT CAST(v AS DOUBLE) AS v FROM (VALUES {listed}) AS given(v)")


def numbers_of(engine: DuckEngine, table: str) -> Numbers:
    return Numbers.of(engine, table, ["v"])["v"]


@settings(max_examples=300)
@given(st.lists(TEXTS, min_size=1, max_size=30))
@example(
    [
        "1e400",
        "1e-400",
        "nan",
        "inf",
        "+-1",
        "1e0005",
        "0x1A",
        "1d",
        "\u0661",
        "9" * 400,
        "1_0",
        "\xa01",
        " 1\t",
    ]
)
def test_the_engine_takes_for_a_number_what_the_grammar_does(engine: DuckEngine, texts: list[str]) -> None:
    listed = ", ".join(f"({engine.sql.text(text)})" for text in texts)
    rows = engine.rows(f"SELECT t, {engine.sql.number('t')} FROM (VALUES {listed}) AS given(t)")
    for text, found in rows:
        value = float(text) if re.fullmatch(NUMBER, text, re.ASCII) else math.nan
        assert found == (value if math.isfinite(value) else None), text


SMALLEST = math.ulp(0.0)

FLOATS = st.one_of(
    st.floats(-1e300, 1e300),
    st.integers(-100, 100).map(float),
    st.decimals(-1000, 1000, places=2).map(float),
)


@settings(max_examples=200)
@given(st.lists(FLOATS, min_size=1, max_size=40), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
@example([1.7413594712356108e16, -7972398113242200.0, -7972398113242201.0], 0.0)
@example([-7972398113020846.0, -7972398113035377.0], 0.0)
@example([5e-324], 0.0)
def test_statistics_are_those_of_exact_arithmetic(engine: DuckEngine, values: list[float], q: float) -> None:
    reach = max(values) - min(values)
    # Nearer to each other than that, numbers lose digits at the end of what a double can hold.
    assume(not 0 < reach < 1e-290)
    numbers = given_as(engine, values)
    exact = sum(map(Fraction, values)) / len(values)
    # A double holds the difference of two numbers to 53 bits.
    assert numbers.mean == pytest.approx(float(exact), rel=2**-52, abs=reach * 2**-53 + SMALLEST)
    squares = sum((Fraction(value) - exact) ** 2 for value in values) / len(values)
    assert numbers.deviation() == pytest.approx(_root(squares), rel=1e-12, abs=reach * 1e-12 + SMALLEST)
    assert numbers.quantile(q) == pytest.approx(
        float(np.quantile(values, q)), rel=1e-12, abs=reach * 1e-12 + SMALLEST
    )


def _root(square: Fraction) -> float:
    return math.isqrt(square.numerator * 4**2200 // square.denominator) / 2**2200 if square else 0.0


@pytest.mark.parametrize("values", [[0.1] * 3, [7.0], [-0.0, 0.0], [1e308, 1e308]])
def test_a_mean_is_never_off_where_it_need_not_be(engine: DuckEngine, values: list[float]) -> None:
    assert given_as(engine, values).mean == sum(map(Fraction, values)) / len(values)


@pytest.fixture(scope="module")
def many(engine: DuckEngine) -> Iterator[str]:
    """A million numbers over many magnitudes, a third of them the same; every other one missing."""
    value = "CASE WHEN i % 3 = 0 THEN 42 ELSE exp((hash(i) % 20000) / 50.0 - 200) * (i % 7 - 3) END"
    with engine.kept(
        f"SELECT CASE WHEN i % 2 = 0 THEN {value} END AS v FROM range(2000000) AS r(i)"
    ) as table:
        yield table


@pytest.mark.parametrize("q", [0.0, 0.001, 0.25, 0.5, 0.7500001, 0.999, 1.0])
def test_quantiles_of_many_are_found_without_sorting_all(engine: DuckEngine, many: str, q: float) -> None:
    numbers = numbers_of(engine, many)
    assert numbers.count > module.FEW
    values = np.array([v for (v,) in engine.rows(f"SELECT v FROM ({many}) WHERE v IS NOT NULL")])
    assert numbers.quantile(q) == pytest.approx(float(np.quantile(values, q)), rel=1e-12)


def test_sums_of_many_are_the_same_at_every_try(engine: DuckEngine, many: str) -> None:
    found = {(n.mean, n.deviation()) for n in (numbers_of(engine, many) for _ in range(5))}
    assert len(found) == 1


def test_cells_that_are_no_numbers_are_counted_and_left_out(engine: DuckEngine) -> None:
    table = "SELECT CAST(v AS DOUBLE) AS v FROM (VALUES ('1'), ('NaN'), (NULL), ('4'), ('NaN')) AS given(v)"
    numbers = numbers_of(engine, table)
    assert (numbers.count, numbers.odd, numbers.low, numbers.high) == (2, 2, 1.0, 4.0)
    assert (numbers.mean, numbers.deviation(), numbers.quantile(0.5)) == (2.5, 1.5, 2.5)
