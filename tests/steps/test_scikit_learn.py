"""What steps learn and write agrees with scikit-learn on random columns.

Numbers are integers up to a million in size times a power of ten: columns may be huge or tiny, but never so
flat for their height that a double cannot distinguish their cells.
"""

from bisect import bisect_right
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from workbench import Bench

SCALERS = {
    "standard": StandardScaler,
    "minmax": MinMaxScaler,
    "maxabs": MaxAbsScaler,
    "robust": RobustScaler,
}


@st.composite
def numbers(draw: st.DrawFn) -> list[float | None]:
    """A column with at least one number; None where a cell is missing. Few different numbers at times."""
    unit = 10.0 ** draw(st.integers(-12, 12))
    height = draw(st.sampled_from([1, 3, 1000, 1_000_000]))
    cell = st.none() | st.integers(-height, height).map(lambda n: n * unit)
    column = draw(st.lists(cell, min_size=1, max_size=40).filter(any_there))
    return draw(st.permutations(column))


def any_there(column: list[Any]) -> bool:
    return any(cell is not None for cell in column)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=5)
categories = st.lists(st.sampled_from("abcXYZéß😀09") | texts, min_size=1, max_size=30)


def written(column: list[float | None]) -> list[str | None]:
    return [None if cell is None else repr(cell) for cell in column]


def as_array(column: list[float | None]) -> Any:
    return np.array([[np.nan if cell is None else cell] for cell in column])


def as_text(column: list[str | None]) -> Any:
    return np.array([[np.nan if cell is None else cell] for cell in column], dtype=object)


def read_back(rows: list[list[str]]) -> Any:
    return np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])


@pytest.mark.parametrize("method", SCALERS)
@given(column=numbers())
def test_scalers(bench: Bench, method: str, column: list[float | None]) -> None:
    ours = read_back(bench.column({"step": "scale", "columns": ["x"], "method": method}, written(column)))
    theirs = SCALERS[method]().fit_transform(as_array(column))
    spread_is_zero = len({cell for cell in column if cell is not None}) == 1
    if spread_is_zero and method != "maxabs":
        theirs = theirs - np.nanmean(theirs)  # theirs keeps the rounding error of the mean; ours is 0
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9, equal_nan=True)


def there(column: list[float | None]) -> list[float]:
    return [cell for cell in column if cell is not None]


@given(column=numbers(), count=st.integers(2, 6))
def test_bins_of_equal_width(bench: Bench, column: list[float | None], count: int) -> None:
    assume(len(set(there(column))) > 1)  # theirs makes one bin of a constant column
    labels = [str(place) for place in range(count)]
    step = {"step": "bin", "columns": ["x"], "count": count, "labels": labels}
    theirs = KBinsDiscretizer(count, encode="ordinal", strategy="uniform")
    known = theirs.fit_transform([[cell] for cell in there(column)]).astype(int).astype(str)
    assert [row for row in bench.column(step, written(column)) if row != [""]] == known.tolist()


@given(column=numbers(), count=st.integers(2, 6))
def test_bins_of_equal_size_are_between_the_quantiles_of_numpy(
    bench: Bench, column: list[float | None], count: int
) -> None:
    labels = [str(place) for place in range(count)]
    step = {"step": "bin", "columns": ["x"], "quantiles": count, "labels": labels}
    edges = [float(np.quantile(there(column), part / count)) for part in range(1, count)]
    cells, reach = there(column), max(map(abs, there(column)))
    ours = [int(label) for [label] in bench.column(step, written(column)) if label]
    for cell, place in zip(cells, ours, strict=True):
        # An edge between two numbers may differ in its last digit.
        assert place in {bisect_right(edges, cell + off) for off in (-1e-12 * reach, 0, 1e-12 * reach)}


@given(column=numbers(), edges=st.lists(st.integers(-1000, 1000), min_size=1, max_size=5, unique=True))
def test_bins_between_edges_are_those_of_pandas(
    bench: Bench, column: list[float | None], edges: list[int]
) -> None:
    edges.sort()
    labels = [str(place) for place in range(len(edges) + 1)]
    step = {"step": "bin", "columns": ["x"], "edges": edges, "labels": labels}
    theirs = pd.cut(there(column), [-np.inf, *edges, np.inf], right=False, labels=labels)
    assert [cell for [cell] in bench.column(step, written(column)) if cell] == list(theirs)


@given(column=numbers(), parts=st.sampled_from([(0.01, 0.99), (0.0, 0.5), (0.25, 0.75)]))
def test_clipped_between_the_quantiles_of_numpy(
    bench: Bench, column: list[float | None], parts: tuple[float, float]
) -> None:
    ours = read_back(bench.column({"step": "clip", "columns": ["x"], "quantiles": parts}, written(column)))
    low, high = np.quantile(there(column), parts)
    theirs = np.clip(as_array(column), low, high)
    largest = max(map(abs, there(column)))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12 * largest, equal_nan=True)


@pytest.mark.parametrize("strategy", ["mean", "median"])
@given(column=numbers())
def test_imputers_of_numbers(bench: Bench, strategy: str, column: list[float | None]) -> None:
    step = {"step": "fill_missing", "columns": ["x"], "with": strategy}
    ours = read_back(bench.column(step, written(column)))
    theirs = SimpleImputer(strategy=strategy).fit_transform(as_array(column))
    largest = max(abs(cell) for cell in column if cell is not None)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12 * largest)


@given(column=st.lists(st.none() | st.sampled_from("abcé"), min_size=1, max_size=30).filter(any_there))
def test_imputer_of_texts(bench: Bench, column: list[str | None]) -> None:
    ours = bench.column({"step": "fill_missing", "columns": ["x"], "with": "mode"}, column)
    theirs = SimpleImputer(strategy="most_frequent").fit_transform(as_text(column))
    assert ours == theirs.tolist()


@given(column=categories)
def test_one_hot_encoder(bench: Bench, column: list[str]) -> None:
    rows = [(str(place), cell) for place, cell in enumerate(column)]
    ours = bench.table([{"step": "one_hot", "columns": ["x"]}], ("place", "x"), rows)
    encoder = OneHotEncoder(sparse_output=False, dtype=int)
    theirs = encoder.fit_transform(as_text(column)).astype(str).tolist()
    assert [row[1:] for row in ours.rows] == theirs
    assert ours.header[1:] == encoder.get_feature_names_out(["x"]).tolist()


@given(column=categories)
def test_label_is_the_ordinal_encoder(bench: Bench, column: list[str]) -> None:
    ours = bench.column({"step": "label", "columns": ["x"]}, column)
    theirs = OrdinalEncoder(dtype=int).fit_transform(as_text(column))
    assert ours == theirs.astype(str).tolist()


@given(order=st.lists(texts, min_size=1, max_size=8, unique=True), data=st.data())
def test_ordinal_encoder_with_unknown_values(bench: Bench, order: list[str], data: st.DataObject) -> None:
    column = data.draw(st.lists(st.sampled_from(order) | texts, min_size=1, max_size=20))
    ours = bench.column({"step": "ordinal", "order": {"x": order}, "unknown": "empty"}, column)
    encoder = OrdinalEncoder(
        categories=[order], dtype=float, handle_unknown="use_encoded_value", unknown_value=np.nan
    )
    theirs = encoder.fit(as_text(order)).transform(as_text(column))
    np.testing.assert_array_equal(read_back(ours), theirs)


@st.composite
def grouped_numbers(draw: st.DrawFn) -> list[tuple[str, float | None]]:
    """Groups of very different size in one column."""
    units = {group: 10.0 ** draw(st.integers(-12, 12)) for group in "abc"}
    cells = st.tuples(st.sampled_from("abc"), st.none() | st.integers(-1000, 1000))
    rows = draw(st.lists(cells, min_size=1, max_size=30))
    return [(group, None if number is None else number * units[group]) for group, number in rows]


@pytest.mark.parametrize("statistic", ["mean", "median"])
@given(rows=grouped_numbers())
def test_fills_by_group_are_those_of_pandas(
    bench: Bench, statistic: str, rows: list[tuple[str, float | None]]
) -> None:
    step = {"step": "fill_missing", "columns": ["x"], "with": statistic, "by": ["g"]}
    cells = [(group, None if number is None else repr(number)) for group, number in rows]
    ours = [float(cell) if cell else np.nan for _, cell in bench.table([step], ("g", "x"), cells).rows]
    frame = pd.DataFrame(rows, columns=["g", "x"]).astype({"x": float})
    theirs = frame["x"].fillna(frame.groupby("g")["x"].transform(statistic))
    reach = frame["x"].abs().groupby(frame["g"]).transform("max").fillna(0)
    for our, their, largest in zip(ours, theirs, reach, strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-9, atol=1e-12 * largest, equal_nan=True)


@st.composite
def with_target(draw: st.DrawFn) -> tuple[list[str], list[float]]:
    """Categories, and a number for each of their rows."""
    unit = 10.0 ** draw(st.integers(-12, 12))
    rows = st.tuples(st.sampled_from("abcXéß"), st.integers(-1000, 1000))
    column, numbers = zip(*draw(st.lists(rows, min_size=2, max_size=40)), strict=True)
    return list(column), [number * unit for number in numbers]


@pytest.mark.parametrize("smooth", ["auto", 0.0, 2.5])
@given(fit=with_target(), new=st.lists(st.sampled_from("abcXéß?"), min_size=1, max_size=10))
def test_target_encoder(
    bench: Bench, smooth: str | float, fit: tuple[list[str], list[float]], new: list[str]
) -> None:
    column, target = fit
    rows = list(zip(column, map(repr, target), strict=True))
    step = {"step": "target", "columns": ["x"], "target": "y", "smooth": smooth}
    encoder = TargetEncoder(target_type="continuous", smooth=smooth).fit(as_text(column), target)
    close = {"rtol": 1e-9, "atol": 1e-9 * max(map(abs, target))}
    ours = bench.table([step], ("x", "y"), rows).rows
    np.testing.assert_allclose([[float(row[0])] for row in ours], encoder.transform(as_text(column)), **close)
    later = bench.applied([step], (("x", "y"), rows), ("x", "n"), [(cell, "1") for cell in new]).rows
    np.testing.assert_allclose([[float(row[0])] for row in later], encoder.transform(as_text(new)), **close)


@given(column=categories, new=st.lists(st.sampled_from("abcXYZ?"), min_size=1, max_size=10))
def test_frequencies_are_the_value_counts_of_pandas(bench: Bench, column: list[str], new: list[str]) -> None:
    counts = pd.Series(column, dtype=object).value_counts(normalize=True)
    step = {"step": "frequency", "columns": ["x"]}
    names, rows = ("n", "x"), [("1", cell) for cell in column]
    ours = [float(cell) for _, cell in bench.table([step], names, rows).rows]
    np.testing.assert_allclose(ours, [counts[cell] for cell in column], rtol=1e-9)
    later = bench.applied([step], (names, rows), names, [("1", cell) for cell in new]).rows
    np.testing.assert_allclose(
        [float(cell) for _, cell in later], [counts.get(cell, 0.0) for cell in new], rtol=1e-9
    )
