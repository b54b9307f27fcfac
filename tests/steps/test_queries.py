"""SQL queries: only known syntax is accepted, and results equal those of SQLite."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_expressions import HOSTILE, words
from workbench import Bench

from csvjobs.engines.duckdb import DuckSql
from csvjobs.errors import DuplicateColumn, InvalidPipeline, UnknownColumn
from csvjobs.pipelines.queries import changes, needed, parse
from csvjobs.pipelines.spec import build
from csvjobs.pipelines.step import Column, Columns

REFUSED = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT content FROM read_text('/etc/passwd')",
    "FROM '/etc/passwd'",
    "FROM 'x.parquet'",
    "SELECT file FROM glob('/*')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM main.input",
    "SELECT * FROM other",
    "SELECT * FROM kept",
    "SELECT * FROM generate_series(1, 1000000000000)",
    "SELECT * FROM range(1000000000000)",
    "SELECT * FROM input, input AS other",
    "SELECT * FROM input CROSS JOIN input AS other",
    "SELECT * FROM input JOIN read_csv('/etc/passwd') USING (a)",
    "SELECT * FROM input LEFT JOIN input AS b ON 1 = 1",
    "SELECT * FROM (SELECT * FROM input) AS x(a)",
    "SELECT * FROM (SELECT * FROM other)",
    "SELECT * FROM (SELECT 1 AS a)",
    "SELECT * FROM (SELECT a FROM input UNION SELECT a FROM input)",
    "SELECT x.a FROM (SELECT a FROM input) AS x",
    "SELECT b FROM (SELECT a FROM input)",
    "SELECT * FROM (FROM read_csv('/etc/passwd'))",
    "SELECT (SELECT max(content) FROM read_text('/etc/passwd')) AS a FROM input",
    "SELECT a FROM input WHERE a IN (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT a FROM input WHERE EXISTS (FROM glob('/*'))",
    "WITH x AS (SELECT 1) SELECT * FROM input",
    "WITH x AS (SELECT a FROM input) SELECT a FROM input",
    "WITH x AS (FROM read_csv('/etc/passwd')) SELECT * FROM x",
    "WITH x AS (SELECT a FROM x) SELECT a FROM x",
    "WITH x AS (SELECT a FROM y), y AS (SELECT a FROM input) SELECT a FROM x",
    "WITH x(b) AS (SELECT a FROM input) SELECT b FROM x",
    "WITH x AS (SELECT a FROM input) SELECT b FROM x",
    "WITH x AS (SELECT a FROM input) SELECT a FROM x AS y",
    "WITH x AS (SELECT a FROM input) SELECT a FROM x JOIN input USING (a)",
    "SELECT a FROM (WITH x AS (SELECT a FROM input) SELECT a FROM x) WHERE a IN (SELECT a FROM x)",
    "WITH RECURSIVE x AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM x) SELECT n FROM x",
    "SELECT a FROM input UNION ALL SELECT content FROM read_text('/etc/passwd')",
    "SELECT a FROM input EXCEPT SELECT a FROM input",
    "VALUES (1)",
    "SELECT 1 AS a",
    "COPY input TO '/tmp/x'",
    "COPY (SELECT 1) TO '/tmp/x'",
    "ATTACH '/tmp/x.db' AS x",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "SET memory_limit = '1TB'",
    "RESET memory_limit",
    "CREATE TABLE x AS SELECT 1",
    "DROP TABLE kept",
    "INSERT INTO kept SELECT 1",
    "CALL duckdb_settings()",
    "EXPLAIN SELECT a FROM input",
    "EXPORT DATABASE '/tmp/x'",
    "DESCRIBE input",
    "SUMMARIZE input",
    "SHOW TABLES",
    "SELECT a FROM input; COPY input TO '/tmp/x'",
    "SELECT a FROM input; SELECT a FROM input",
    "SELECT getvariable('inner_key') AS a FROM input",
    "SELECT a FROM input ORDER BY getvariable('inner_key')",
    "SELECT a FROM input LIMIT getvariable('inner_key')",
    "SELECT a FROM input GROUP BY getenv('HOME')",
    "SELECT count(*) AS n FROM input HAVING getenv('HOME') = 'x'",
    "SELECT a FROM input WHERE current_setting('memory_limit') = 'x'",
    "SELECT a FROM input WHERE random() > 0.5",
    "SELECT a FROM input ORDER BY random()",
    "SELECT sum(random()) AS a FROM input",
    "SELECT nextval('passed0') AS a FROM input",
    "SELECT median(a) OVER () AS b FROM input",
    "SELECT a FROM input WHERE row_number() OVER (ORDER BY a) = 1",
    "SELECT sum(a) FILTER (WHERE a > 1) AS b FROM input",
    "SELECT sum(a ORDER BY b) AS b FROM input",
    "SELECT sum(DISTINCT a) AS b FROM input",
    "SELECT sum(a, b) AS c FROM input",
    "SELECT main.sum(a) AS b FROM input",
    "SELECT list(a) AS b FROM input",
    "SELECT string_agg(a, b) AS b FROM input",
    "SELECT string_agg(DISTINCT a, ',') AS b FROM input",
    "SELECT unnest([1, 2]) AS b FROM input",
    "SELECT COLUMNS('.*') FROM input",
    "SELECT * EXCLUDE (a) FROM input",
    "SELECT * REPLACE (getenv('HOME') AS a) FROM input",
    "SELECT input.* FROM input",
    "SELECT input.a FROM input",
    "SELECT a FROM input AS x",
    "SELECT a FROM input AS x(a)",
    "SELECT a FROM input TABLESAMPLE 10%",
    "SELECT a FROM input USING SAMPLE 10",
    "SELECT a FROM input QUALIFY random() > 0.5",
    "SELECT DISTINCT ON (a) a, b FROM input",
    "SELECT a FROM input GROUP BY ALL",
    "SELECT a FROM input GROUP BY CUBE (a, b)",
    "SELECT a FROM input GROUP BY GROUPING SETS ((a), ())",
    "SELECT a FROM input ORDER BY ALL",
    "SELECT a FROM input ORDER BY a NULLS FIRST",
    "SELECT a FROM input ORDER BY 2",
    "SELECT *, 1 AS b FROM input ORDER BY 1",
    "SELECT a FROM input LIMIT 10%",
    "SELECT a FROM input LIMIT 1 OFFSET 1",
    "SELECT a FROM input LIMIT a",
    "SELECT a FROM input LIMIT -1",
    "SELECT a FROM input LIMIT 99999999999999999999",
    "PIVOT input ON a USING sum(b)",
    "SELECT a AS \"\" FROM input",
    "SELECT " + "a, " * 2000 + "a FROM input",
    "SELECT a FROM input WHERE " + "(" * 3900,
    "SELECT a FROM input -- \0",
]  # fmt: skip


def sql(query: str) -> dict[str, Any]:
    return {"step": "sql", "query": query}


@pytest.mark.parametrize("query", REFUSED, ids=lambda text: text[:40])
def test_what_is_no_query_over_the_table_is_refused(query: str) -> None:
    with pytest.raises(InvalidPipeline, match="Not a query in SQL"):
        build({"steps": [sql(query)]})


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("SELECT DISTINCT ON (a) a, b FROM input", "QUALIFY row_number() OVER (PARTITION BY a"),
        ("SELECT a FROM input UNION SELECT b FROM input", "UNION and its like cannot be used here"),
        ("SELECT a FROM input WHERE a >", "syntax error"),
    ],
)
def test_a_query_is_not_told_to_be_an_expression(query: str, hint: str) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        build({"steps": [sql(query)]})
    assert hint in str(caught.value.errors[0])
    for other in ("write the expression alone", "put commas"):
        assert other not in str(caught.value.errors[0])


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:30])
def test_what_is_no_expression_is_refused_in_each_part(text: str) -> None:
    for query in (
        f"SELECT ({text}) AS x FROM input",
        f"SELECT a FROM input WHERE ({text}) = 'x'",
        f"SELECT count(*) AS n FROM input GROUP BY ({text})",
        f"SELECT max({text}) AS n FROM input",
        f"SELECT a FROM input ORDER BY ({text})",
    ):
        with pytest.raises(InvalidPipeline):
            build({"steps": [sql(query)]})


@given(
    items=st.lists(words(), min_size=1, max_size=2).map(", ".join),
    clauses=st.lists(
        st.tuples(st.sampled_from(["WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT"]), words()), max_size=3
    ),
)
def test_any_text_is_a_good_query_or_has_a_clean_fault(
    bench: Bench, items: str, clauses: list[tuple[str, str]]
) -> None:
    query = f"SELECT {items} FROM input {' '.join(f'{word} {text}' for word, text in clauses)}"
    try:
        build({"steps": [sql(query)]})
    except InvalidPipeline:
        return
    # What * stands for is known only with the table: of `*, *` it makes each column twice.
    with suppress(DuplicateColumn):
        if set(needed(parse(query))) <= {"a", "b c"}:
            bench.table([sql(query)], ("a", "b c"), [("1", "x"), (None, "-2.5")])


def test_nothing_of_the_text_is_passed_on() -> None:
    query = """SELECT /* secret */ "x""y" AS "secret", count(*) AS n FROM input -- secret
    WHERE "x""y" <> 'it''s' GROUP BY "secret" HAVING n > 1 ORDER BY "secret", n LIMIT 3"""
    written = []
    made = changes(parse(query), Columns([Column('x"y', "c0")]), DuckSql())
    change = next(made)
    for _ in range(6):
        written += [column.sql for column in change.columns] + [repr(change.rows)]
        change = made.send(change.columns)
    assert "'it''s'" in "".join(written)
    assert "secret" not in "".join(written)
    assert '"x""y"' not in "".join(written)


def test_a_fault_within_says_what_there_is() -> None:
    query = "WITH x AS (SELECT a AS number FROM input) SELECT numbr FROM x"
    with pytest.raises(InvalidPipeline, match="'numbr', which is not there"):
        build({"steps": [sql(query)]})
    with pytest.raises(InvalidPipeline, match=r"the name of one table \(input, x\)"):
        build({"steps": [sql(query.replace("FROM x", "FROM y"))]})
    with pytest.raises(InvalidPipeline, match="by the step lookup"):
        build({"steps": [sql("SELECT a FROM input JOIN rates USING (a)")]})


def test_columns_are_asked_for_through_queries_that_take_all(bench: Bench) -> None:
    within = "WITH x AS (SELECT *, a + 1 AS more FROM input) SELECT * FROM (SELECT b, more FROM x)"
    assert bench.table([sql(within)], ("a", "b"), [("1", "y")]).rows == [["y", "2"]]
    with pytest.raises(UnknownColumn) as raised:
        bench.table([sql(within.replace("b, more", "c, d, more"))], ("a", "b"), [("1", "y")])
    assert "'c', 'd'" in raised.value.message


def test_rows_are_counted_in_every_query_that_is_within(bench: Bench) -> None:
    query = """WITH few AS (SELECT a, b FROM input WHERE b > 0),
    groups AS (SELECT a, sum(b) AS total FROM few GROUP BY a)
    SELECT * FROM groups QUALIFY rank() OVER (ORDER BY total DESC) = 1"""
    rows = [("x", "1"), ("x", "2"), ("y", "1"), ("z", "0"), ("z", "3")]
    out = bench.table([sql(query)], ("a", "b"), rows)
    assert out.rows == [["x", "3"], ["z", "3"]]
    [counts] = out.steps
    assert (counts.read, counts.dropped, counts.merged, counts.out) == (5, 2, 1, 2)


def test_many_queries_may_stand_within_each_other(bench: Bench) -> None:
    tables = [("input", "t0"), *((f"t{n}", f"t{n + 1}") for n in range(4))]
    made = ", ".join(f"{name} AS (SELECT a + 1 AS a FROM {of} WHERE a > 0)" for of, name in tables)
    out = bench.table([sql(f"WITH {made} SELECT a FROM t4")], ("a",), [("1",), ("0",)])
    assert out.rows == [["6"]]


def test_any_name_can_be_asked_for_and_given(bench: Bench) -> None:
    names = ["'; DROP TABLE x; --", '"', "c0", "s1", "__row", "input", "count", "\\", "é\n", "Name", "name"]
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    for one, name in zip(quoted, names, strict=True):
        items = f'{one}, count(*) AS n, max({one}) AS {one[:-1]}2"'
        query = f"SELECT {items} FROM input GROUP BY {one} ORDER BY {one}"
        out = bench.table([sql(query)], names, [["2"] * len(names), ["1"] * len(names)])
        assert out.table == [[name, "n", name + "2"], ["1", "1", "1"], ["2", "1", "2"]]


def test_rows_are_counted_where_they_go(bench: Bench) -> None:
    query = "SELECT a, count(*) AS n FROM input WHERE b > 0 GROUP BY a HAVING n > 1 ORDER BY n LIMIT 1"
    rows = [("x", "1"), ("x", "2"), ("y", "1"), ("z", "0"), ("z", "1"), ("z", "2"), ("z", "3")]
    out = bench.table([sql(query)], ("a", "b"), rows)
    assert out.rows == [["x", "2"]]
    [counts] = out.steps
    # z with 0, then y for having, and z for limit; six rows were merged into three.
    assert (counts.read, counts.dropped, counts.merged, counts.out) == (7, 3, 3, 1)


def test_steps_may_stand_before_and_behind(bench: Bench) -> None:
    steps = [
        {"step": "sort", "by": ["b"]},
        sql("SELECT b, a + 1 AS a FROM input WHERE a > 0"),
        {"step": "filter", "column": "a", "below": 4},
        sql("SELECT a, count(*) AS n FROM input GROUP BY a"),
        {"step": "limit", "rows": 2},
    ]
    rows = [("1", "z"), ("2", "x"), ("0", "v"), ("2", "y"), ("3", "w")]
    assert bench.table(steps[:2], ("a", "b"), rows).rows == [["w", "4"], ["x", "3"], ["y", "3"], ["z", "2"]]
    out = bench.table(steps, ("a", "b"), rows)
    # Groups stand as the first of each does in the file.
    assert out.rows == [["2", "1"], ["3", "2"]]


def test_rows_of_groups_are_none_of_the_file() -> None:
    validate = {"step": "validate", "rules": [{"column": "a", "required": True}]}
    build({"steps": [sql("SELECT DISTINCT a FROM input ORDER BY a LIMIT 3"), validate]})
    with pytest.raises(InvalidPipeline, match="cannot reject rows after sql"):
        build({"steps": [sql("SELECT a FROM input GROUP BY a"), validate]})


NUMBERS = ["a", "b", "a + b", "a * b - 3", "abs(a)", "coalesce(b, 7)", "CASE WHEN a > 0 THEN b ELSE 1 END"]
TEXTS = ["c", "upper(c)", "c || 'x'", "coalesce(c, 'none')"]
CONDITIONS = [
    "a > 0",
    "b IS NULL",
    "c = 'x' OR a <= 1",
    "a BETWEEN -1 AND 2",
    "NOT (c IN ('x', 'y'))",
    "1 = 1",
]
AGGREGATES = ["count(*)", "count({})", "count(DISTINCT {})", "sum({})", "avg({})", "min({})", "max({})"]
HAVING = ["count(*) > 1", "sum(a) > 0", "max(b) IS NOT NULL", "1 = 1"]

values = st.none() | st.integers(-3, 3)
tables = st.lists(st.tuples(values, values, st.sampled_from([None, "x", "y", "Y"])), max_size=8)
expressions = st.sampled_from([*NUMBERS, *TEXTS])
aggregates = st.builds(
    lambda form, inner: form.format(inner), st.sampled_from(AGGREGATES), st.sampled_from(NUMBERS)
)


@st.composite
def queries(draw: st.DrawFn) -> str:
    """All rows of the result are in order, but for those that are equal in all they show."""
    plain = draw(st.lists(expressions, min_size=1, max_size=3))
    made = draw(st.lists(aggregates, min_size=1, max_size=3)) if draw(st.booleans()) else []
    items = ", ".join(f"{text} AS r{place}" for place, text in enumerate([*plain, *made]))
    groups = f"GROUP BY {', '.join(plain)} HAVING {draw(st.sampled_from(HAVING))}" if made else ""
    order = draw(st.permutations([f"r{place}" for place in range(len(plain) + len(made))]))
    keys = ", ".join(f"{name} {draw(st.sampled_from(['ASC', 'DESC']))} NULLS LAST" for name in order)
    limit = draw(st.sampled_from(["", "LIMIT 3"]))
    distinct = draw(st.sampled_from(["", "DISTINCT "]))
    where = draw(st.sampled_from(CONDITIONS))
    table = draw(st.sampled_from(WITHIN))
    return f"SELECT {distinct}{items} FROM {table} WHERE {where} {groups} ORDER BY {keys} {limit}"


WITHIN = [
    "input",
    "(SELECT * FROM input WHERE a < 3) AS few",
    "(SELECT b AS a, a AS b, c FROM input ORDER BY c DESC) AS turned",
    "(SELECT a, sum(b) AS b, c FROM (SELECT * FROM input) AS x GROUP BY a, c HAVING max(a + b) > 0) AS made",
]


@given(rows=tables, query=queries())
def test_results_are_those_of_sqlite(
    bench: Bench, rows: list[tuple[int | None, int | None, str | None]], query: str
) -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE input (a INTEGER, b INTEGER, c TEXT)")
        database.executemany("INSERT INTO input VALUES (?, ?, ?)", rows)
        expected = database.execute(query).fetchall()
    cells = [[None if cell is None else str(cell) for cell in row] for row in rows]
    found = bench.table([sql(query)], ("a", "b", "c"), cells).rows
    assert [[shown(cell) for cell in row] for row in found] == [[shown(v) for v in row] for row in expected]


def shown(value: str | float | None) -> str | float:
    try:
        return float(value or 0) if value != "" and value is not None else ""
    except ValueError:
        return str(value)
