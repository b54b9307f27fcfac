"""Expressions: any text gives a valid tree or a clear fault, and arithmetic equals Python's Decimal."""

from __future__ import annotations

import math
import re
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from workbench import Bench

from csvjobs.engines.duckdb import DuckSql
from csvjobs.errors import BadPattern, UnknownColumn
from csvjobs.pipelines.expressions import ConditionText, ValueText, names, value
from csvjobs.pipelines.expressions.functions import FUNCTIONS
from csvjobs.pipelines.step import Column, Columns

VALUE: TypeAdapter[str] = TypeAdapter(ValueText)
CONDITION: TypeAdapter[str] = TypeAdapter(ConditionText)

HOSTILE = [
    "getvariable('inner_key')",
    "getenv('HOME')",
    "current_setting('memory_limit')",
    "(SELECT content FROM read_text('/etc/passwd'))",
    "(SELECT * FROM duckdb_settings())",
    "EXISTS (FROM glob('/*'))",
    "a IN (FROM read_csv('/etc/passwd'))",
    "a FROM read_csv('/etc/passwd')",
    "a; COPY (SELECT 1) TO '/tmp/x'",
    "a; SET memory_limit = '1TB'",
    "a) FROM duckdb_settings() --",
    "a /* ' */ FROM t --",
    "a UNION SELECT 1",
    "a ORDER BY random()",
    "random()",
    "now()",
    "uuid()",
    "repeat('x', 1000000000)",
    "range(1000000000000)",
    "generate_series(1, 1000000000000)",
    "list_transform([1], x -> x)",
    "[a]",
    "{'a': a}",
    "a[1]",
    "*",
    "COLUMNS('.*')",
    "$1",
    "?",
    "sum(a) OVER (GROUPS 1 PRECEDING)",
    "main.upper(a)",
    "upper(x := a)",
    "upper(DISTINCT a)",
    "count(*) FILTER (WHERE a = 'x')",
    "a COLLATE nocase",
    "a::JSON",
    "CAST(a AS DECIMAL(10, 2))",
    "format('{}', a)",
    "printf('%999999999d', 1)",
    "parse_path(a)",
    "pg_typeof(a)",
    "error('x')",
    "sql_auto_complete(a)",
    "txid_current()",
    "nextval('x')",
    "lpad(a, 2000000000, 'x')",
    "a LIKE b",
    "regexp_matches(a, b)",
    "DEFAULT",
    "INTERVAL 1 DAY",
    "(" * 2000,
    "NOT " * 900 + "a = 'x'",
    "[" * 4000,
    "a" * 5000,
    "'" * 3999,
    "\ud800",
    "a\0b",
]


def words() -> st.SearchStrategy[str]:
    sql = """SELECT FROM input a "b c" 'x' 1 0.5 ( ) , + - * / % || = <> < >= AND OR NOT IS NULL IN
        BETWEEN LIKE CASE WHEN THEN ELSE END CAST AS DECIMAL DATE VARCHAR :: coalesce nullif ; -- /* */ ' " $$
        read_csv COPY TO WHERE LIMIT"""
    return st.lists(st.sampled_from([*sql.split(), *FUNCTIONS]), max_size=14).map(" ".join)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:30])
def test_what_is_no_expression_over_the_row_is_refused(text: str) -> None:
    for kind in (VALUE, CONDITION):
        with pytest.raises(ValidationError, match=r"Not an expression in SQL|valid string"):
            kind.validate_python(text)


@given(text=words() | st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_is_a_good_expression_or_has_a_clean_fault(bench: Bench, text: str) -> None:
    try:
        VALUE.validate_python(text)
    except ValidationError:
        return
    if set(names(text)) <= {"a", "b c"}:
        bench.table([{"step": "derive", "values": {"r": text}}], ("a", "b c"), [("1", "x"), (None, "-2.5")])


def test_a_window_is_of_other_rows_too_and_refused() -> None:
    with pytest.raises(ValidationError, match="window function 'sum' cannot be used here"):
        VALUE.validate_python("a / sum(a) OVER ()")


def test_only_names_and_what_is_known_here_is_written(bench: Bench) -> None:
    text = """CASE WHEN a > 1 /* secret */ THEN 'it''s' ELSE "x""y" || 'z' END -- secret"""
    made = value(text, Columns([Column("a", "c0"), Column('x"y', "c1")]), DuckSql(), "derive").sql
    assert "secret" not in made
    assert '"' not in made


def test_the_columns_that_an_expression_names() -> None:
    assert names('a + "b c" * a || upper(C)') == ["a", "b c", "C"]


def test_an_expression_that_would_be_written_out_too_often_is_refused() -> None:
    with pytest.raises(ValidationError, match="too involved"):
        VALUE.validate_python("length(" * 15 + "a" + " + 1)" * 15)


def test_a_pattern_that_only_the_engine_refuses_is_a_fault_as_well() -> None:
    for call in ("regexp_matches", "regexp_extract"):
        with pytest.raises(ValidationError, match=r"'x\{1001\}' is not a regular expression"):
            VALUE.validate_python(f"{call}(a, 'x{{1001}}')")
    with pytest.raises((ValidationError, BadPattern)):
        VALUE.validate_python("regexp_extract(a, '(x)', 2)")


def test_an_unknown_name_is_told_with_the_nearest_and_how_texts_are_written(bench: Bench) -> None:
    with pytest.raises(UnknownColumn) as caught:
        bench.text([{"step": "derive", "values": {"r": 'city = "London"'}}], "city\nx\n")
    assert caught.value.column == "London"
    assert "Write a text in single quotes." in (caught.value.hint or "")


pieces = st.text("ab.é😀", max_size=6)


def _part(text: str, number: int) -> str:
    parts = text.split(".")
    return parts[number - (number > 0)] if -len(parts) <= number <= len(parts) else ""


@pytest.mark.parametrize("written", [True, False])
@given(text=pieces.filter(bool), n=st.integers(-7, 7))
def test_places_in_a_text_are_those_of_postgres(bench: Bench, text: str, n: int, *, written: bool) -> None:
    """A number in the expression, or one of the row's."""
    number = str(n) if written else "n"
    expected = {f"left(t, {number})": text[:n] if n else "", f"right(t, {number})": text[-n:] if n else ""}
    if n or not written:
        expected[f"split_part(t, '.', {number})"] = _part(text, n) if n else ""
    if n >= 0 or not written:
        start = max(n - 1, 0)
        expected[f"substring(t, {number})"] = text[start:] if n >= 0 else ""
        expected[f"substring(t, {number}, 2)"] = text[start : n + 1] if n >= 0 else ""
    step = {"step": "derive", "values": {each: each for each in expected}}
    [row] = bench.table([step], ("t", "n"), [(text, str(n))]).rows
    assert dict(zip(expected, row[2:], strict=True)) == expected


moments = st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1))


@given(a=moments, b=moments)
def test_parts_between_times_are_those_of_duckdb(bench: Bench, a: datetime, b: datetime) -> None:
    parts = ("year", "quarter", "month", "day", "hour", "minute", "second")
    step = {"step": "derive", "values": {part: f"date_diff('{part}', a, b)" for part in parts}}
    [row] = bench.table([step], ("a", "b"), [(a.isoformat(), b.isoformat())]).rows
    asked = ", ".join(f"date_diff('{part}', $1, $2)" for part in parts)
    with duckdb.connect() as database:
        [theirs] = database.execute(f"SELECT {asked}", [a, b]).fetchall()
    assert row[2:] == [str(number) for number in theirs]


def test_all_unknown_names_of_a_step_are_told_at_once(bench: Bench) -> None:
    values = {"r": "pric * 2", "s": "upper(nme) || price", "t": "nothing"}
    with pytest.raises(UnknownColumn) as caught:
        bench.text([{"step": "derive", "values": values}], "name,price\nx,1\n")
    assert "the columns 'pric', 'nme', 'nothing', which are not there" in caught.value.message
    assert "Did you mean 'price' for 'pric', 'name' for 'nme'?" in (caught.value.hint or "")


numbers = st.decimals(min_value=-9999, max_value=9999, places=2, allow_nan=False)
literals = st.integers(0, 999).map(str) | numbers.map(abs).map(str)
sums = st.recursive(
    st.sampled_from(["a", "b"]) | literals,
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda part: f"({' '.join(part)})"),
    max_leaves=4,
).filter(lambda expression: expression not in "ab")


@given(expression=sums, a=numbers, b=numbers)
def test_arithmetic_is_exact_while_the_digits_suffice(
    bench: Bench, expression: str, a: Decimal, b: Decimal
) -> None:
    step = {"step": "derive", "values": {"r": expression}}
    [[_, _, found]] = bench.table([step], ("a", "b"), [(str(a), str(b))]).rows
    as_python = re.sub(r"\d[\d.]*", lambda number: f"Decimal('{number[0]}')", expression)
    expected = eval(as_python, {"Decimal": Decimal, "a": a, "b": b})
    assert found == (f"{expected:f}".rstrip("0").rstrip(".") if expected % 1 else str(int(expected)))


@given(a=numbers, b=st.integers(1, 400), places=st.integers(0, 4))
def test_quotients_are_rounded_as_on_paper(bench: Bench, a: Decimal, b: int, places: int) -> None:
    step = {"step": "derive", "values": {"r": f"round(a / b, {places})"}}
    [[_, _, found]] = bench.table([step], ("a", "b"), [(str(a), str(b))]).rows
    half_up = (a / b).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    assert Decimal(found) == half_up


@given(a=st.floats(-1e150, 1e150), b=st.floats(-1e150, 1e150))
@example(a=3.651007964017794e16, b=-3.2510079640177944e16)
def test_other_numbers_are_reckoned_as_doubles(bench: Bench, a: float, b: float) -> None:
    """Or as what is written, where that has few digits: the first example has whole numbers."""
    values = {"sum": "a + b", "product": "a * b", "quotient": "a / b", "more": "a - b > 0"}
    out = bench.table([{"step": "derive", "values": values}], ("a", "b"), [(repr(a), repr(b))])
    [[_, _, total, product, quotient, more]] = out.rows
    as_written = float(Decimal(repr(a)) + Decimal(repr(b)))
    assert float(total) == as_written or math.isclose(float(total), a + b, rel_tol=1e-15, abs_tol=1e-9)
    assert math.isclose(float(product), a * b, rel_tol=1e-15, abs_tol=1e-300)
    if b and math.isfinite(a / b):
        assert math.isclose(float(quotient), a / b, rel_tol=1e-15, abs_tol=1e-300)
    else:
        assert quotient == ""
    assert more == str(a - b > 0).lower()
