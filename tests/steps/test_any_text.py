"""Names, cells and options may be any text; plain Python gives the expected results."""

import csv
import io
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st
from workbench import Bench

TROUBLE = [
    "'", "''", '"', "\\", "\\'", "';", "'; DROP TABLE x; --", "');--", "/*", "--", "%", "_", "{}", "$1", "?",
    ":a", "*", "\n", "\r", "\t", ";", ",", " ", "NULL", "select", "c0", "C0", "s1", "k0", "__row", "__nth",
    "Name", "name", "NaN", "inf", "0x1", "é", "e\u0301", "ß", "ẞ", "😀", "\u202e", "\ufeff", "n" * 300,
]  # fmt: skip
characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.sampled_from(TROUBLE) | st.text(characters, min_size=1, max_size=12)
cells = st.none() | st.just("") | texts
columns = st.lists(cells, min_size=1, max_size=12)
headers = st.lists(texts.filter(str.strip), min_size=2, max_size=6, unique=True)


def shown(cell: str | None) -> str:
    return cell or ""


@given(names=headers)
@example(names=["Name", "name", "NAME"])
def test_any_names_pass_through_every_kind_of_step(bench: Bench, names: list[str]) -> None:
    last = names[-1]
    steps: list[dict[str, Any]] = [
        {"step": "trim", "columns": [last]},
        {"step": "filter", "column": last, "above": 0},
        {"step": "fill_missing", "columns": [names[0]], "with": "mean"},
        {"step": "scale", "columns": [names[1]], "method": "minmax"},
        {"step": "dedupe", "by": names},
        {"step": "rename", "names": dict(zip(names, [*names[1:], names[0]], strict=True))},
        {"step": "select", "columns": names},
    ]
    filled = ["2"] * len(names)
    out = bench.table(steps, names, [filled, [None, *filled[1:]], [*filled[:-1], "0"]])
    # Rows two and one are equal once filled; the names have moved one column on, then back by select.
    assert out.header == names
    assert len(out.rows) == 1
    scaled_is_now_called = names[2 % len(names)]
    assert out.rows[0][names.index(scaled_is_now_called)] == "0.0"


@given(names=headers, text=texts)
def test_expressions_name_any_column_and_hold_any_text(bench: Bench, names: list[str], text: str) -> None:
    first, last = ('"' + name.replace('"', '""') + '"' for name in (names[0], names[-1]))
    literal = "'" + text.replace("'", "''") + "'"
    steps: list[dict[str, Any]] = [
        {"step": "filter", "where": f"{first} + 1 = 3 AND {last} <> {literal} || '!'"},
        {"step": "derive", "values": {names[0]: f"concat({last}, {literal})", "made here": f"{first} * 2"}},
    ]
    out = bench.table(steps, names, [["2"] * len(names), ["3"] * len(names)])
    assert out.header == [*names, "made here"]
    assert out.rows == [["2" + text, *["2"] * (len(names) - 1), "4"]]


@given(names=headers, values=st.lists(texts, min_size=1, max_size=4, unique=True))
def test_one_hot_names_are_the_name_and_the_value(bench: Bench, names: list[str], values: list[str]) -> None:
    rows = [[value, *("1" for _ in names[1:])] for value in values]
    made = [f"{names[0]}_{value}" for value in sorted(values)]
    if set(made) & set(names):
        return
    out = bench.table([{"step": "one_hot", "columns": [names[0]]}], names, rows)
    assert out.header == [*made, *names[1:]]
    assert all(row[: len(made)].count("1") == 1 for row in out.rows)


@given(names=headers, key=texts, value=texts)
def test_a_lookup_finds_any_text_under_any_name(bench: Bench, names: list[str], key: str, value: str) -> None:
    first, last, made = names[0], names[-1], "".join(names)
    step = {"step": "lookup", "table": "t", "on": {first: last}, "columns": {first: made}}
    others = ["x"] * (len(names) - 2)
    table = io.StringIO(newline="")
    csv.writer(table, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(
        [names, [value, *others, key], ["other", *others, f"{key}!"]]
    )
    rows = [[key, *others, "1"], [f"{key}?", *others, "2"]]
    out = bench.table([step], names, rows, tables={"t": table.getvalue()})
    assert out.header == [first, made, *names[1:]]
    assert out.rows == [[key, value, *others, "1"], [f"{key}?", "", *others, "2"]]


@given(names=headers, cells=st.dictionaries(texts, texts, min_size=1, max_size=4))
def test_a_pivot_makes_columns_of_any_text(bench: Bench, names: list[str], cells: dict[str, str]) -> None:
    name, value, *by = names
    assume(not set(by) & set(cells))
    rows = [[text, cell, *by] for text, cell in cells.items()]
    out = bench.table([{"step": "pivot", "name": name, "value": value}], names, rows)
    assert out.header == [*by, *sorted(cells)]
    assert out.rows == [[*by, *(cells[text] for text in sorted(cells))]]


@given(names=headers.filter(lambda names: len(names) > 2), group=texts, text=texts)
def test_groups_are_of_any_text_under_any_name(bench: Bench, names: list[str], group: str, text: str) -> None:
    first, number, filled, *others = names
    rules = [{"column": number, "type": "integer"}, {"columns": [first, filled], "one_of": [group, text]}]
    steps: list[dict[str, Any]] = [
        {"step": "validate", "columns": names, "columns_match": "exact", "rules": rules, "on_fail": "fail"},
        {"step": "fill_missing", "columns": [filled], "with": "mode", "by": [first]},
        {"step": "drop_missing", "drop": "columns"},
        {"step": "target", "columns": [first], "target": number, "smooth": 0},
        {"step": "frequency", "columns": [filled], "as": "count"},
    ]
    out = bench.table(steps, names, [[group, "1", text, *others], [group, "3", None, *others]])
    assert out.header == names
    assert out.rows == [["2.0", "1", "2", *others], ["2.0", "3", "2", *others]]


@given(column=columns, values=st.lists(texts, min_size=1, max_size=5))
def test_validate_by_list(bench: Bench, column: list[str | None], values: list[str]) -> None:
    step = {"step": "validate", "rules": [{"column": "x", "one_of": values}], "on_fail": "null"}
    assert bench.column(step, column) == [[c if c in values else ""] for c in column]


@given(column=columns, nulls=st.lists(texts, max_size=3))
def test_any_text_may_mean_missing(bench: Bench, column: list[str | None], nulls: list[str]) -> None:
    rows = [(str(place), cell) for place, cell in enumerate(column)]
    dropped = bench.table([{"step": "drop_missing", "columns": ["x"]}], ("place", "x"), rows, nulls)
    kept = [[place, cell] for place, cell in rows if cell and cell not in nulls]
    assert dropped.rows == kept
    untouched = bench.table([{"step": "trim", "columns": ["place"]}], ("place", "x"), rows, nulls)
    assert untouched.rows == [[place, shown(cell)] for place, cell in rows]


@given(column=columns, data=st.data())
def test_filter_by_text(bench: Bench, column: list[str | None], data: st.DataObject) -> None:
    value = data.draw(texts | st.sampled_from([cell for cell in column if cell] or ["x"]))
    there = [shown(cell) for cell in column]
    for comparison, kept in {
        "equals": [c for c in there if c == value],
        "not_equals": [c for c in there if c != value],
        "contains": [c for c in there if value in c],
    }.items():
        assert bench.column({"step": "filter", "column": "x", comparison: value}, column) == [
            [c] for c in kept
        ]


@given(column=columns, values=st.lists(texts | st.just(""), min_size=1, max_size=5))
def test_filter_by_list(bench: Bench, column: list[str | None], values: list[str]) -> None:
    among = bench.column({"step": "filter", "column": "x", "one_of": values}, column)
    others = bench.column({"step": "filter", "column": "x", "none_of": values}, column)
    assert among == [[shown(c)] for c in column if shown(c) in values]
    assert others == [[shown(c)] for c in column if shown(c) not in values]


@given(column=columns, value=texts | st.just(""), missing=st.lists(texts, max_size=3))
def test_fill_and_drop(bench: Bench, column: list[str | None], value: str, missing: list[str]) -> None:
    fill = {"step": "fill_missing", "columns": ["x"], "with": "constant", "value": value, "missing": missing}
    gone = {None, "", *missing}
    assert bench.column(fill, column) == [[value if c in gone else c] for c in column]
    drop = {"step": "drop_missing", "columns": ["x"], "missing": missing}
    assert bench.column(drop, column) == [[c] for c in column if c not in gone]


@given(column=st.lists(cells, min_size=1, max_size=20))
def test_dedupe_keeps_the_first_of_each(bench: Bench, column: list[str | None]) -> None:
    assert bench.column({"step": "dedupe", "by": ["x"]}, column) == [
        [shown(c)] for c in dict.fromkeys(column)
    ]


@given(column=columns)
def test_label_counts_the_sorted_values(bench: Bench, column: list[str | None]) -> None:
    codes = {value: str(code) for code, value in enumerate(sorted({c for c in column if c}))}
    assert bench.column({"step": "label", "columns": ["x"]}, column) == [
        [codes.get(shown(c), "")] for c in column
    ]


@given(column=columns)
def test_trim_removes_blanks_at_the_ends(bench: Bench, column: list[str | None]) -> None:
    blanks = " \t\n\r\v\f\u00a0\u2007\u202f\u3000\ufeff"
    assert bench.column({"step": "trim"}, column) == [[shown(c).strip(blanks)] for c in column]
