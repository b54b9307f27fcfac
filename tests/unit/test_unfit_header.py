"""Faults of a pipeline that a header alone reveals, without an engine or rows."""

import pytest

from csvjobs.engines.base import SideTable, Sql
from csvjobs.engines.duckdb import DuckSql
from csvjobs.errors import CsvjobsError, DataError, UnfitPipeline, UnknownColumn
from csvjobs.pipelines.header import check
from csvjobs.pipelines.spec import parse
from csvjobs.pipelines.step import Change, Column, Columns, Learnt
from csvjobs.pipelines.steps.trim import Trim

TABLES = {"cities": SideTable(("zip", "city"), "SELECT NULL AS c0, NULL AS c1 WHERE FALSE")}

LEARNING = [
    "{step: scale, columns: [a], method: minmax}",
    "{step: fill_missing, columns: [a], with: mean, by: [b]}",
    "{step: cast, columns: [a], to: date}",
    "{step: bin, columns: [a], count: 3}",
    "{step: clip, columns: [a], quantiles: [0.1, 0.9]}",
    "{step: label, columns: [a]}",
    "{step: frequency, columns: [a]}",
    "{step: target, columns: [a], target: b}",
]


def found(names: str, steps: str) -> list[CsvjobsError]:
    try:
        check(names.split(","), parse(f"steps: {steps}").steps, DuckSql(), TABLES)
    except DataError as error:
        return list(error.errors) or [error]
    return []


def told(names: str, steps: str) -> list[tuple[str | None, str, str | None]]:
    return [(one.pointer, one.code, one.column) for one in found(names, steps)]


def test_faults_of_all_steps_are_found_at_once() -> None:
    steps = """[{step: trim, columns: [nmae]}, {step: rename, names: {agee: years}},
        {step: filter, where: yeras > 3}, {step: sort, by: [years, nmae]},
        {step: drop, columns: [name, years]}, {step: extract, column: years, pattern: x, into: [u]}]"""
    assert told("name,age", steps) == [
        ("/steps/0/columns", "unknown-column", "nmae"),
        ("/steps/1/names", "unknown-column", "agee"),
        ("/steps/2", "unknown-column", "yeras"),
        ("/steps/3/by", "unknown-column", "nmae"),
        ("/steps/5/column", "unknown-column", "years"),
        ("/steps/5", "bad-pattern", None),
    ]
    hints = [one.hint for one in found("name,age", steps)]
    assert hints[:2] == ["Did you mean 'name'?", "Did you mean 'age'?"]
    assert "Did you mean 'years'?" in str(hints[2])


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("{step: mask, columns: [a], method: hash}", "no-mask-key"),
        ("{step: extract, column: a, pattern: '(a)', into: [p, q]}", "bad-pattern"),
        ("{step: lookup, table: cities, on: {a: zip}, columns: {none: n}}", "unknown-column"),
    ],
)
def test_a_fault_of_another_kind_hides_none_behind_it(step: str, code: str) -> None:
    later = "{step: trim, columns: [zz]}, {step: trim, columns: [p]}, {step: trim, columns: [n]}"
    codes = [(one.code, one.column) for one in found("a", f"[{step}, {later}]")]
    assert codes[0][0] == code
    assert ("unknown-column", "zz") in codes
    made = {"bad-pattern": "p", "unknown-column": "n"}.get(code)
    assert ("unknown-column", made) not in codes


def test_faults_in_both_tables_of_a_lookup_are_found() -> None:
    steps = "[{step: lookup, table: cities, on: {qq: zap}, columns: [city]}]"
    assert [one.column for one in found("a", steps)] == ["qq", "zap"]


def test_all_that_the_tables_of_a_step_lack_is_found() -> None:
    lookup = "{step: lookup, table: cities, on: {qq: zap}, columns: [city, twon]}"
    ours, theirs = found("a", f"[{lookup}, {{step: trim, columns: [twon]}}]")
    assert (ours.column, theirs.pointer) == ("qq", "/steps/0/on")
    said = "Step 1 (lookup) (table 'cities') names the columns 'zap', 'twon', which are not there."
    assert theirs.message == said
    both = ("{table: cities, column: zipp}", "{table: cities, column: citty}")
    rules = ", ".join(f"{{column: a, references: {each}}}" for each in both)
    [fault] = found("a", f"[{{step: validate, rules: [{rules}]}}]")
    assert fault.hint == "Did you mean 'zip' for 'zipp', 'city' for 'citty'?"


def test_several_faults_are_one_error_and_one_is_itself() -> None:
    with pytest.raises(UnknownColumn):
        check(["a"], parse("steps: [{step: trim, columns: [b]}]").steps, DuckSql(), {})
    two = parse("steps: [{step: trim, columns: [b]}, {step: drop, columns: [c]}]")
    with pytest.raises(UnfitPipeline) as caught:
        check(["a"], two.steps, DuckSql(), {})
    assert [each.column for each in caught.value.errors] == ["b", "c"]


def test_columns_that_steps_lack_in_several_options_are_one_fault() -> None:
    [fault] = found("a,b", "[{step: reorder, columns: [aa], last: [bb, aa2]}]")
    assert fault.message == "Step 1 (reorder) names the columns 'aa', 'bb', 'aa2', which are not there."
    assert fault.pointer == "/steps/0/columns"


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ("rename, names: {a: b}", ("/names", "duplicate-column", "b")),
        ("split, column: a, by: '-', into: [b, c]", ("/into", "duplicate-column", "b")),
        ("drop, columns: [a, b]", ("", "no-columns-left", None)),
        ("validate, columns: [a, x]", ("/columns", "wrong-columns", "x")),
        ("lookup, table: cities, on: {a: zap}, columns: [city]", ("/on", "unknown-column", "zap")),
        ("lookup, table: cities, on: {a: zip}, columns: [town]", ("/columns", "unknown-column", "town")),
        ("lookup, table: cities, on: {x: zip}, columns: [city]", ("/on", "unknown-column", "x")),
        ("mask, columns: [a], method: hash", ("", "no-mask-key", None)),
    ],
)
def test_all_that_a_step_is_bound_to_end_in_is_found(step: str, fault: tuple[str, str, str | None]) -> None:
    option, code, column = fault
    assert told("a,b", f"[{{step: {step}}}]") == [(f"/steps/0{option}", code, column)]


@pytest.mark.parametrize("step", LEARNING)
def test_behind_a_step_that_learns_and_makes_no_columns_all_is_known(step: str) -> None:
    assert told("a,b", f"[{step}, {{step: drop, columns: [a, c]}}]") == [
        ("/steps/1/columns", "unknown-column", "c")
    ]
    assert [code for _, code, _ in told("x,y", f"[{step}]")] == ["unknown-column"]


def test_the_columns_of_an_aggregate_are_known() -> None:
    steps = "[{step: aggregate, by: [a], values: {n: count, sum: {sum: b}}}, {step: sort, by: [b, sum]}]"
    assert told("a,b", steps) == [("/steps/1/by", "unknown-column", "b")]


@pytest.mark.parametrize(
    "step",
    [
        "{step: one_hot, columns: [a]}",
        "{step: pivot, by: [b], name: a, value: c}",
        "{step: drop_missing, drop: columns, columns: [a]}",
    ],
)
def test_behind_a_step_whose_columns_the_rows_tell_no_column_is_refused(step: str) -> None:
    behind = """{step: trim, columns: [a_x]}, {step: select, columns: [b, a_x]}, {step: drop, columns: [b]},
        {step: rename, names: {a_x: c}}, {step: validate, columns: [c], columns_match: exact},
        {step: split, column: c, by: '-', into: [b, a]}, {step: drop, columns: [a, b, c]}"""
    assert told("a,b,c", f"[{step}, {behind}]") == []
    beside = "{step: lookup, table: cities, on: {a_x: zip}, columns: [town]}"
    assert told("a,b,c", f"[{step}, {beside}]") == [("/steps/1/columns", "unknown-column", "town")]
    assert [code for _, code, _ in told("b,c", f"[{step}]")] == ["unknown-column"]


@pytest.mark.parametrize(
    "steps",
    [
        "[{step: select, columns: [nmae, age]}, {step: trim, columns: [name]}]",
        "[{step: rename, names: {nmae: full}}, {step: trim, columns: [full]}]",
        "[{step: rename, names: {nmae: name}}, {step: trim, columns: [name]}]",
        "[{step: join, columns: [nmae, age], into: name, keep: false, with: x}]",
        "[{step: drop, columns: [nmae, name]}, {step: drop, columns: [age]}]",
    ],
)
def test_what_only_follows_from_a_fault_is_none(steps: str) -> None:
    assert told("name,age", steps)[1:] == []
    assert told("name,age", steps)[0][2] == "nmae"


def test_what_steps_write_is_not_put_into_each_other() -> None:
    """A step may write a cell several times: at the second step squared, that would soon fill all memory."""
    given: list[int] = []

    class Twice(Trim):
        def change(self, columns: Columns, learnt: Learnt, sql: Sql) -> Change:
            given.append(max(len(column.sql) for column in columns))
            return Change(Columns(Column(column.name, f"{column.sql} || {column.sql}") for column in columns))

    check(["a", "b"], [Twice(columns=("a",))] * 8, DuckSql(), {})
    assert given == [len("c0")] * 8
