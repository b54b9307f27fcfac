"""Applying fitted parameters to another table, compared with scikit-learn's fit and transform. Values that
were not learnt are counted, and handled as the step says."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
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
)
from workbench import Bench, Cell, Output

from csvjobs.errors import (
    AmbiguousFormat,
    DuplicateColumn,
    InvalidCell,
    NotANumber,
    NotLearnt,
    UnknownCategory,
    UnknownColumn,
)
from csvjobs.pipelines.catalogue import BY_NAME

SCALERS = {
    "standard": StandardScaler,
    "minmax": MinMaxScaler,
    "maxabs": MaxAbsScaler,
    "robust": RobustScaler,
}

numbers = st.integers(-1000, 1000).map(lambda n: n / 8)
gaps = st.lists(st.none() | numbers, min_size=1, max_size=20)
some = gaps.filter(lambda column: any(cell is not None for cell in column))
letters = st.sampled_from("abcXé😀") | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=4
)
texts = st.lists(letters, min_size=1, max_size=20)


def applied(bench: Bench, step: dict[str, Any], fit: list[Cell], column: list[Cell]) -> Output:
    """The step on one column `x` beside a row number, learnt from another."""
    return bench.applied([step], (("place", "x"), numbered(fit)), ("place", "x"), numbered(column))


def numbered(column: list[Cell]) -> list[tuple[str, Cell]]:
    return [(str(place), cell) for place, cell in enumerate(column)]


def written(column: list[float | None]) -> list[Cell]:
    return [None if cell is None else repr(cell) for cell in column]


def as_array(column: list[float | None]) -> Any:
    return np.array([[np.nan if cell is None else cell] for cell in column])


def values(out: Output) -> Any:
    return np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in out.rows])


@pytest.mark.parametrize("method", SCALERS)
@given(fit=some, column=gaps)
def test_scalers(bench: Bench, method: str, fit: list[float | None], column: list[float | None]) -> None:
    step = {"step": "scale", "columns": ["x"], "method": method}
    out = applied(bench, step, written(fit), written(column))
    theirs = SCALERS[method]().fit(as_array(fit)).transform(as_array(column))
    np.testing.assert_allclose(values(out), theirs, rtol=1e-9, atol=1e-9, equal_nan=True)
    assert out.warnings == []


def test_the_columns_that_were_left_out_are_left_out_again(bench: Bench) -> None:
    step = {"step": "drop_missing", "drop": "columns", "at_least": "50%"}
    fit = (("id", "x", "y"), [("1", None, "a"), ("2", "b", None), ("3", None, "c")])
    out = bench.applied([step], fit, ("y", "id", "x"), [(None, "4", "d"), (None, "5", "e")])
    assert out.table == [["y", "id"], ["", "4"], ["", "5"]]


@pytest.mark.parametrize("strategy", ["mean", "median"])
@given(fit=some, column=gaps)
def test_imputers(bench: Bench, strategy: str, fit: list[float | None], column: list[float | None]) -> None:
    step = {"step": "fill_missing", "columns": ["x"], "with": strategy}
    out = applied(bench, step, written(fit), written(column))
    theirs = SimpleImputer(strategy=strategy).fit(as_array(fit)).transform(as_array(column))
    np.testing.assert_allclose(values(out), theirs, rtol=1e-9, atol=1e-9)


spread = st.lists(numbers, min_size=2, max_size=20).filter(lambda column: len(set(column)) > 1)


@given(fit=spread, column=st.lists(numbers, min_size=1, max_size=20), count=st.integers(2, 6))
def test_bins_of_equal_width(bench: Bench, fit: list[float], column: list[float], count: int) -> None:
    labels = [str(place) for place in range(count)]
    step = {"step": "bin", "columns": ["x"], "count": count, "labels": labels}
    out = applied(bench, step, written(list(fit)), written(list(column)))
    theirs = KBinsDiscretizer(count, encode="ordinal", strategy="uniform").fit(as_array(list(fit)))
    edges, reach = theirs.bin_edges_[0][1:-1], max(map(abs, fit))
    for cell, [_, label] in zip(column, out.rows, strict=True):
        # An edge between two numbers may differ in its last digit.
        offs = (-1e-12 * reach, 0, 1e-12 * reach)
        assert int(label) in {int(np.searchsorted(edges, cell + off, "right")) for off in offs}


@pytest.mark.parametrize("ranges", ["count", "quantiles"])
def test_a_range_holds_every_number_that_is_put_into_it(bench: Bench, ranges: str) -> None:
    step = {"step": "bin", "columns": ["x"], ranges: 3}
    out = applied(bench, step, ["10", "20", "30", "40"], ["-5", "10", "20", "40", "1000"])
    assert [row[1] for row in out.rows] == ["(-inf, 20)"] * 2 + ["[20, 30)"] + ["[30, inf)"] * 2


@given(fit=spread, column=gaps)
def test_clips_at_the_quantiles_of_the_first_table(
    bench: Bench, fit: list[float], column: list[float | None]
) -> None:
    step = {"step": "clip", "columns": ["x"], "quantiles": [0.1, 0.8]}
    out = applied(bench, step, written(list(fit)), written(column))
    theirs = np.clip(as_array(column), *np.quantile(fit, [0.1, 0.8]))
    np.testing.assert_allclose(values(out), theirs, rtol=1e-9, atol=1e-9, equal_nan=True)


@pytest.mark.parametrize("unknown", ["keep", "overall"])
def test_a_group_that_was_not_there_to_learn(bench: Bench, unknown: str) -> None:
    step = {"step": "fill_missing", "columns": ["x"], "with": "mean", "by": ["g"], "unknown": unknown}
    names = ("g", "x")
    fit = (names, [("a", "1"), ("a", "2"), ("b", "6"), ("c", None)])
    out = bench.applied([step], fit, names, [("a", None), ("a", "100"), ("d", None), ("c", None), ("d", "5")])
    filled = "" if unknown == "keep" else "3"
    assert [row[1] for row in out.rows] == ["1.5", "100", filled, filled, "5"]
    [warning] = out.warnings
    assert warning.startswith("2 missing cells are in a group by g without a known value, for example that")


def test_a_step_waits_for_one_that_changes_what_it_groups_by(bench: Bench) -> None:
    steps = [
        {"step": "fill_missing", "columns": ["g"], "with": "mode"},
        {"step": "fill_missing", "columns": ["x"], "with": "forward", "by": ["g"]},
        {"step": "fill_missing", "columns": ["y"], "with": "mean", "by": ["g"]},
    ]
    rows = [("a", "1", "2"), ("b", "3", "4"), (None, None, None), ("a", None, None)]
    assert bench.table(steps, ("g", "x", "y"), rows).rows[2:] == [["a", "1", "2"], ["a", "1", "2"]]


@given(fit=texts, column=texts)
def test_one_hot_ignores_unknown_values(bench: Bench, fit: list[Cell], column: list[Cell]) -> None:
    out = applied(bench, {"step": "one_hot", "columns": ["x"]}, fit, column)
    encoder = OneHotEncoder(sparse_output=False, dtype=int, handle_unknown="ignore")
    theirs = encoder.fit([[cell] for cell in fit]).transform([[cell] for cell in column])
    assert out.header[1:] == encoder.get_feature_names_out(["x"]).tolist()
    assert [row[1:] for row in out.rows] == theirs.astype(str).tolist()
    assert_counted(out, [cell for cell in column if cell not in fit])


@given(fit=texts, column=texts)
def test_label_leaves_unknown_values_empty(bench: Bench, fit: list[Cell], column: list[Cell]) -> None:
    out = applied(bench, {"step": "label", "columns": ["x"], "unknown": "empty"}, fit, column)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    theirs = encoder.fit([[cell] for cell in fit]).transform([[cell] for cell in column])
    np.testing.assert_array_equal(values(out), theirs)
    assert_counted(out, [cell for cell in column if cell not in fit])


def assert_counted(out: Output, strangers: list[Cell]) -> None:
    if not strangers:
        assert out.warnings == []
        return
    [warning] = out.warnings
    assert warning.startswith(f"{len(strangers)} cell")
    assert any(repr(cell) in warning for cell in strangers)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ({"step": "label", "columns": ["x"]}, UnknownCategory),
        ({"step": "ordinal", "order": {"x": ["1", "2"]}}, UnknownCategory),
        ({"step": "scale", "columns": ["x"], "method": "minmax"}, NotANumber),
    ],
)
def test_what_a_step_does_not_take_ends_the_job(bench: Bench, step: dict[str, Any], error: type) -> None:
    with pytest.raises(error) as caught:
        applied(bench, step, ["1", "2"], ["1", "n/a", "n/a", None, ""])
    assert caught.value.column == "x"
    assert caught.value.message.startswith(f"Step 1 ({step['step']}): 2 cells of column 'x'")
    assert "'n/a'" in caught.value.message


@pytest.mark.parametrize(
    ("step", "cells", "warning"),
    [
        ({"step": "ordinal", "order": {"x": ["1", "2"]}, "unknown": "empty"}, ["0", "", "", ""],
         "2 cells of column 'x' hold an unknown value, for example 'a'; left empty."),
        ({"step": "fill_missing", "columns": ["x"], "with": "mean"}, ["1", "a", "b", "1.5"],
         "2 cells of column 'x' are not a number, for example 'a'; left as found."),
    ],
)  # fmt: skip
def test_what_a_step_does_take_is_counted(
    bench: Bench, step: dict[str, Any], cells: list[str], warning: str
) -> None:
    out = applied(bench, step, ["1", "2"], ["1", "a", "b", None])
    assert [row[1] for row in out.rows] == cells
    assert out.warnings == [warning]


@pytest.mark.parametrize(
    "encode", [{"step": "one_hot", "columns": ["x"]}, {"step": "label", "columns": ["x"]}]
)
def test_what_means_missing_is_no_unknown_value(bench: Bench, encode: dict[str, Any]) -> None:
    table = (("place", "x"), numbered(["a", "NA"]))
    out = bench.applied([encode], table, ("place", "x"), numbered([None, "", "NA", "a"]), nulls=["NA"])
    assert out.warnings == []


def test_a_mode_is_that_of_the_first_table(bench: Bench) -> None:
    out = applied(bench, {"step": "fill_missing", "columns": ["x"], "with": "mode"}, ["a", "a"], ["b", None])
    assert [row[1] for row in out.rows] == ["b", "a"]


def test_what_holds_for_the_rows_at_hand_only_is_learnt_from_them(bench: Bench) -> None:
    total = {"step": "aggregate", "values": {"total": {"sum": "x"}}}
    out = bench.applied([total], (("x", "y"), [("1", "a"), ("2", "b")]), ("x", "y"), [("1e300", "a")] * 2)
    assert float(out.rows[0][0]) == 2e300
    assert bench.fitted == []


DATES: dict[str, Any] = {"step": "cast", "columns": ["x"], "to": "date"}
ISO = ["2026-03-04"]


@pytest.mark.parametrize(
    ("fit", "cells", "made"),
    [
        (["03/04/2026", "28/04/2026"], ["04/03/2026"], ISO),
        (["04/03/2026", "04/28/2026"], ["03/04/2026"], ISO),
        # What has settled nothing leaves it to the rows at hand.
        ([None, ""], ["04/03/2026", "25/03/2026"], [*ISO, "2026-03-25"]),
        ([None, ""], ["2026-03-04"], ISO),
        (["1 Mar 2026"], ["4 March 2026"], InvalidCell),
        (["05/05/2026"], ["04/03/2026"], AmbiguousFormat),
        (["05/05/2026"], ["2026-03-04"], InvalidCell),
        (["03/04/2026", "28/04/2026"], ["04/03/2026", "12/25/2026"], InvalidCell),
    ],
)
def test_dates_are_read_in_the_format_that_the_first_table_settled(
    bench: Bench, fit: list[Cell], cells: list[Cell], made: Any
) -> None:
    if isinstance(made, list):
        assert [row[1] for row in applied(bench, DATES, fit, cells).rows] == made
        return
    with pytest.raises(made):
        applied(bench, DATES, fit, cells)


def test_a_cell_of_another_format_than_the_settled_one_is_counted(bench: Bench) -> None:
    out = applied(bench, {**DATES, "invalid": "empty"}, ["28/04/2026"], ["04/03/2026", "12/25/2026"])
    assert [row[1] for row in out.rows] == [*ISO, ""]
    assert out.steps[0].unparsed == 1
    [warning] = out.warnings
    assert "a date of the format %d/%m/%Y, for example '12/25/2026'; left empty" in warning


def test_dates_are_settled_anew_where_nothing_of_them_was_kept(bench: Bench) -> None:
    """Format 2 of the document has no entries of casts."""
    steps = [DATES, {"step": "one_hot", "columns": ["y"]}, {**DATES, "columns": ["z"]}]
    names, row = ("x", "y", "z"), ("28/04/2026", "a", "28.04.2026")
    bench.table(steps, names, [row])
    old = [entry for entry in bench.fitted if entry.step != "cast"]
    out = bench.table(steps, names, [("04/28/2026", "b", "2026-04-28")], known=old)
    assert out.rows == [["2026-04-28", "0", "2026-04-28"]]
    with pytest.raises(InvalidCell):
        bench.table(steps, names, [("28/04/2026", "b", "2026-04-28")], known=bench.fitted)


@pytest.mark.parametrize("name", BY_NAME)
def test_what_a_step_has_learnt_makes_the_same_of_the_same_rows(bench: Bench, name: str) -> None:
    example = BY_NAME[name].example
    header, *rows = csv.reader(io.StringIO(example.before))
    given = [[cell or None for cell in row] for row in rows]
    step = {"step": name, **example.options}
    out = bench.applied([step], (header, given), header, given, tables=example.tables)
    assert out.text == example.after


FILL = {"step": "fill_missing", "columns": ["b"], "with": "mean"}
SCALE = {"step": "scale", "columns": ["b", "a"], "method": "minmax"}
FIT = (("a", "b"), [("0", "1"), ("10", "3")])


def test_columns_are_taken_by_name_and_others_pass_through(bench: Bench) -> None:
    out = bench.applied([FILL, SCALE], FIT, ("b", " new ", "a"), [(None, " x ", "5"), ("3", "", "20")])
    assert out.text == 'b, new ,a\n0.5, x ,0.5\n1.0,"",2.0\n'


def test_a_column_that_a_step_needs_must_be_there(bench: Bench) -> None:
    with pytest.raises(UnknownColumn) as caught:
        bench.applied([FILL, SCALE], FIT, ("b", "c"), [("1", "2")])
    assert caught.value.column == "a"


def test_a_new_column_must_not_be_called_like_one_that_is_made(bench: Bench) -> None:
    with pytest.raises(DuplicateColumn):
        bench.applied([{"step": "one_hot", "columns": ["a"]}], FIT, ("a", "a_10"), [("0", "x")])


def test_steps_of_one_kind_each_have_their_own(bench: Bench) -> None:
    twice = [SCALE, {"step": "trim"}, {**SCALE, "method": "standard"}]
    once = bench.applied([SCALE], FIT, FIT[0], [("10", "2")]).rows
    mean, deviation = 0.5, 0.5
    scaled = [[str((float(cell) - mean) / deviation) for cell in row] for row in once]
    assert bench.applied(twice, FIT, FIT[0], [("10", "2")]).rows == scaled


def test_what_was_learnt_by_other_steps_is_of_no_use(bench: Bench) -> None:
    bench.table([FILL], *FIT)
    with pytest.raises(NotLearnt):
        bench.table([SCALE], *FIT, known=bench.fitted)
    with pytest.raises(NotLearnt) as caught:
        bench.table([{**FILL, "columns": ["a"]}], *FIT, known=bench.fitted)
    assert caught.value.column == "a"
    with pytest.raises(NotLearnt):
        bench.table([FILL, {"step": "trim"}, FILL], *FIT, known=bench.fitted[:1])


@pytest.mark.parametrize(
    ("names", "rows"), [(("c",), [("b",), ("a",)]), (("c", "y"), [("b", "unknown"), ("a", None)])]
)
def test_what_a_target_has_taught_needs_no_target(
    bench: Bench, names: tuple[str, ...], rows: list[tuple[Cell, ...]]
) -> None:
    step = {"step": "target", "columns": ["c"], "target": "y", "smooth": 0}
    learnt_from = ("c", "y"), [("a", "1"), ("a", "3"), ("b", "5")]
    out = bench.applied([step], learnt_from, names, rows)
    assert [float(row[0]) for row in out.rows] == [5, 2]
    assert [row[1:] for row in out.rows] == [[cell or "" for cell in row[1:]] for row in rows]
    assert out.warnings == []
