"""Expressions: any text gives a valid tree or a clear fault, and arithmetic equals Python's Decimal."""

from __future__ import annotations

import math
import re
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
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


MISTAKES = {
    "a = 'x' && b = 'y'": "write AND for &&",
    "(a = 'x') && (b = 'y')": "write AND",
    "a = 'x' || b = 'y'": "write OR for ||",
    "a === 'x'": "operator === here; write =",
    "a !== 'x'": "write <>",
    "!(a = 'x')": "write NOT",
    "a =< 5": "write <=",
    "a => 5": "write >=",
    "a =~ 'x'": "regexp_matches(text, pattern)",
    "a REGEXP 'x'": "regexp_matches(text, pattern)",
    "a = NULL": "write IS NULL",
    "a IS NOT None": "IS NOT NULL",
    "is_null(a)": "price IS NULL",
    "isnull(a, 0) = 1": "price IS NULL",
    "nvl(a, 0) = 1": "coalesce(a, b)",
    "a IN ['x', 'y']": "write a list in round brackets",
    'a LIKE "x%"': "a text in single quotes here, not a column",
    "a.contains('x')": "the function comes first",
    "a[0] = 'x'": "substring(text, start, n)",
    "a > 1,000": "1000.5",
    "a > 2026-01-01": "at character 5: write DATE '2026-01-01' for 2026-01-01",
    "unit price > 3": "goes in double quotes",
    "order > 3": "goes in double quotes",
    "WHERE a > 3": "write the expression alone",
    "SELECT a > 3": "write the expression alone",
    "sum(a) > 3": "use the step aggregate or sql",
    "row_number() OVER () = 1": "use the step aggregate or sql",
    "max(a, b) > 3": "write greatest(a, b)",
    "min(a, b) > 3": "write least(a, b)",
    "CAST(a AS DATE) > now()": "expressions have no clock",
    "to_date(a) > DATE '2026-01-01'": "CAST(sent AS DATE)",
    "CAST(a AS DATE) + INTERVAL 1 DAY > b": "add a number of days",
    "dateadd('day', 1, a) > b": "add a number of days",
    "strftime(a, '%Y') = '2026'": "year(sent)",
    "CAST(a AS INT) > 3": "CAST(price AS DECIMAL)",
    "int(a) > 3": "CAST(price AS DECIMAL)",
    "CAST(a AS DECIMAL(10, 2)) > 3": "write DECIMAL or VARCHAR alone",
    "a > 3 ? 'x' : 'y'": "if(condition, a, b)",
    "if a > 3 then 1 else 2 end": "if(condition, a, b)",
    "iif(a > 3, 1, 2) = 1": "if(condition, a, b)",
    "CASE WHEN a > 3 THEN 1 ELSE 2": "END is missing",
    "if(a > 3; 1; 2) = 1": "put commas between arguments",
    "round(a, 2 > 3": "a bracket is not closed",
    "round(a) > 3)": "a closing bracket too many",
    "str(a) = 'x'": "CAST(price AS VARCHAR)",
    "lpad(a, 5, '0') = '00001'": "the step pad",
    "random() < 0.1": "the step sample",
    "a // 2 = 1": "floor(a / b)",
}


@pytest.mark.parametrize(("text", "hint"), MISTAKES.items(), ids=list(MISTAKES))
def test_what_other_languages_write_is_told_as_it_is_written_here(text: str, hint: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(hint)):
        CONDITION.validate_python(text)


def test_what_is_in_quotes_is_no_mistake() -> None:
    for text in (r"""a = '2026-01-01 && ? ('""", '"2026-01-01" > 3', "`2026-01-01` > 3 -- 2026-01-01 ("):
        CONDITION.validate_python(text)


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


def test_a_computation_may_round_several_times() -> None:
    VALUE.validate_python("round(round(round(a / b, 2) / 7, 2) * 1.19, 2)")


def test_an_expression_that_would_be_written_out_too_often_is_refused() -> None:
    with pytest.raises(ValidationError, match="too complex"):
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


@pytest.mark.parametrize(
    ("name", "hint"), [("None", "For a missing cell write"), ("current_date", "Expressions have no clock")]
)
def test_a_name_that_other_languages_have_is_told_as_it_is_written_here(
    bench: Bench, name: str, hint: str
) -> None:
    with pytest.raises(UnknownColumn) as caught:
        bench.text([{"step": "filter", "where": f"city = {name}"}], "city\nx\n")
    assert hint in (caught.value.hint or "")


tables = settings(max_examples=3)


def many(*cells: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Many at once: to plan an expression takes longer than to compute it."""
    return st.lists(st.tuples(*cells), min_size=20, max_size=40)


def _texts(rows: list[Any]) -> list[tuple[str, ...]]:
    return [tuple(map(str, row)) for row in rows]


pieces = st.text("ab.é😀", max_size=6)


def _part(text: str, number: int) -> str:
    parts = text.split(".")
    return parts[number - (number > 0)] if -len(parts) <= number <= len(parts) else ""


def _places(text: str, n: int, *, written: bool) -> dict[str, str]:
    """What is to be found there; by a number in the expression, or by one of the row's."""
    number = str(n) if written else "n"
    expected = {f"left(t, {number})": text[:n] if n else "", f"right(t, {number})": text[-n:] if n else ""}
    if n or not written:
        expected[f"split_part(t, '.', {number})"] = _part(text, n) if n else ""
    if n >= 0 or not written:
        start = max(n - 1, 0)
        expected[f"substring(t, {number})"] = text[start:] if n >= 0 else ""
        expected[f"substring(t, {number}, 2)"] = text[start : n + 1] if n >= 0 else ""
    return expected


@pytest.mark.parametrize("written", [True, False])
@tables
@given(rows=many(pieces.filter(bool), st.integers(-7, 7)), data=st.data())
def test_places_in_a_text_are_those_of_postgres(
    bench: Bench, rows: list[tuple[str, int]], data: st.DataObject, *, written: bool
) -> None:
    same = data.draw(st.integers(-7, 7)) if written else None
    expected = [_places(text, n if same is None else same, written=written) for text, n in rows]
    step = {"step": "derive", "values": {each: each for each in expected[0]}}
    found = bench.table([step], ("t", "n"), _texts(rows)).rows
    assert [dict(zip(expected[0], row[2:], strict=True)) for row in found] == expected


moments = st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1))


@tables
@given(rows=many(moments, moments))
def test_parts_between_times_are_those_of_duckdb(bench: Bench, rows: list[tuple[datetime, datetime]]) -> None:
    parts = ("year", "quarter", "month", "day", "hour", "minute", "second")
    step = {"step": "derive", "values": {part: f"date_diff('{part}', a, b)" for part in parts}}
    cells = [(a.isoformat(), b.isoformat()) for a, b in rows]
    asked = ", ".join(f"date_diff('{part}', $1, $2)" for part in parts)
    with duckdb.connect() as database:
        theirs = [database.execute(f"SELECT {asked}", row).fetchone() for row in rows]
    found = [row[2:] for row in bench.table([step], ("a", "b"), cells).rows]
    assert found == [list(map(str, numbers)) for numbers in theirs]


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


@settings(max_examples=10)
@given(expression=sums, rows=many(numbers, numbers))
def test_arithmetic_is_exact_while_the_digits_suffice(
    bench: Bench, expression: str, rows: list[tuple[Decimal, Decimal]]
) -> None:
    step = {"step": "derive", "values": {"r": expression}}
    as_python = re.sub(r"\d[\d.]*", lambda number: f"Decimal('{number[0]}')", expression)
    expected = [eval(as_python, {"Decimal": Decimal, "a": a, "b": b}) for a, b in rows]
    written = [f"{n:f}".rstrip("0").rstrip(".") if n % 1 else str(int(n)) for n in expected]
    assert [found for _, _, found in bench.table([step], ("a", "b"), _texts(rows)).rows] == written


long, longer = (st.decimals(least, 10**8, places=6) for least in (-(10**8), 1))


@tables
@given(rows=many(numbers | long, st.integers(1, 400).map(Decimal) | longer))
@example(rows=[(Decimal("499999999.9999999999"), Decimal(10**9)), (Decimal("-0.15"), Decimal("0.3"))])
def test_quotients_are_rounded_as_on_paper(bench: Bench, rows: list[tuple[Decimal, Decimal]]) -> None:
    step = {"step": "derive", "values": {f"r{places}": f"round(a / b, {places})" for places in (0, 2, 4)}}
    found = [list(map(Decimal, row[2:])) for row in bench.table([step], ("a", "b"), _texts(rows)).rows]
    each = [Decimal(1).scaleb(-places) for places in (0, 2, 4)]
    with localcontext(prec=60):
        assert found == [[(a / b).quantize(place, ROUND_HALF_UP) for place in each] for a, b in rows]


prices = st.decimals("0.01", 10_000, places=2)


@tables
@given(
    rows=many(prices, prices), expression=st.sampled_from(["a * b / 100", "a / (a * b)", "(a * b) / (b * 7)"])
)
@example(rows=[(Decimal("1.1"), Decimal(3)), (Decimal("15.38"), Decimal(16))], expression="a * b / 100")
def test_a_quotient_of_products_is_the_nearest_double(
    bench: Bench, rows: list[tuple[Decimal, Decimal]], expression: str
) -> None:
    step = {"step": "derive", "values": {"r": expression, "whole": "floor(a * b / (a * b))"}}
    found = bench.table([step], ("a", "b"), _texts(rows)).rows
    as_python = eval("lambda a, b: " + expression.replace("100", "Fraction(100)"), {"Fraction": Fraction})
    wanted = [float(as_python(Fraction(a), Fraction(b))) for a, b in rows]
    assert [(float(r), whole) for _, _, r, whole in found] == [(quotient, "1") for quotient in wanted]


@tables
@given(rows=many(numbers, st.integers(1, 400)))
def test_a_long_computation_is_rounded_step_by_step(bench: Bench, rows: list[tuple[Decimal, int]]) -> None:
    step = {"step": "derive", "values": {"r": "round(round(a / b, 2) / 7, 2)"}}

    def cents(number: Decimal) -> Decimal:
        return number.quantize(Decimal("0.01"), ROUND_HALF_UP)

    found = [Decimal(row[2]) for row in bench.table([step], ("a", "b"), _texts(rows)).rows]
    assert found == [cents(cents(a / b) / 7) for a, b in rows]


@tables
@given(rows=many(st.floats(-1e150, 1e150), st.floats(-1e150, 1e150)))
@example(rows=[(3.651007964017794e16, -3.2510079640177944e16)])
def test_other_numbers_are_reckoned_as_doubles(bench: Bench, rows: list[tuple[float, float]]) -> None:
    """Or as what is written, where that has few digits: the first example has whole numbers."""
    values = {"sum": "a + b", "product": "a * b", "quotient": "a / b", "more": "a - b > 0"}
    cells = [(repr(a), repr(b)) for a, b in rows]
    out = bench.table([{"step": "derive", "values": values}], ("a", "b"), cells)
    for (a, b), (_, _, *found) in zip(rows, out.rows, strict=True):
        _check_doubles(a, b, *found)


def _check_doubles(a: float, b: float, total: str, product: str, quotient: str, more: str) -> None:
    as_written = float(Decimal(repr(a)) + Decimal(repr(b)))
    assert float(total) == as_written or math.isclose(float(total), a + b, rel_tol=1e-15, abs_tol=1e-9)
    assert math.isclose(float(product), a * b, rel_tol=1e-15, abs_tol=1e-300)
    if b and math.isfinite(a / b):
        assert math.isclose(float(quotient), a / b, rel_tol=1e-15, abs_tol=1e-300)
    else:
        assert quotient == ""
    assert more == str(a - b > 0).lower()
