"""Window functions in queries: results equal those of SQLite, and unknown syntax is refused."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from test_queries import shown, sql
from workbench import Bench

from csvjobs.errors import InvalidPipeline
from csvjobs.pipelines.spec import build

REFUSED = {
    "sum(a) FILTER (WHERE a > 1) OVER ()": "window function 'sum' cannot be written this way (filter expr)",
    "sum(DISTINCT a) OVER ()": "window function 'sum' cannot be written this way (distinct)",
    "first_value(a ORDER BY b) OVER ()": "'first_value' cannot be written this way (arg orders)",
    "first_value(a IGNORE NULLS) OVER ()": "'first_value' cannot be written this way (ignore nulls)",
    "sum(a) OVER (ROWS 1 PRECEDING EXCLUDE TIES)": "cannot be written this way (exclude clause)",
    "main.sum(a) OVER ()": "window function 'sum' cannot be written this way (with a point)",
    "sum(x := a) OVER ()": "arguments have no names here",
    "sum(a) OVER (ORDER BY b RANGE 1 PRECEDING)": "RANGE and GROUPS cannot be used here",
    "sum(a) OVER (ORDER BY b RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)": "a frame is ROWS BETWEEN",
    "sum(a) OVER (GROUPS 1 PRECEDING)": "RANGE and GROUPS cannot be used here",
    "sum(a) OVER (ROWS a PRECEDING)": "a whole number from 0 to",
    "sum(a) OVER (ROWS -1 PRECEDING)": "a whole number from 0 to",
    "sum(a) OVER (ROWS 1.5 PRECEDING)": "a whole number from 0 to",
    "sum(a) OVER (ROWS 99999999999999999999 PRECEDING)": "a whole number from 0 to",
    "sum(a) OVER (ROWS getvariable('inner_key') PRECEDING)": "a whole number from 0 to",
    "rank() OVER (ROWS 1 PRECEDING)": "a frame makes no difference to rank(); leave it out",
    "lag(a) OVER (ROWS 1 PRECEDING)": "a frame makes no difference to lag(value, n, other); leave it out",
    "lag(a, b) OVER ()": "a whole number from 0 to",
    "lag(a, -1) OVER ()": "a whole number from 0 to",
    "lag(a, 1, b) OVER ()": "write a value here, not a column ('b')",
    "lag(a, 1, getenv('HOME')) OVER ()": "there is no function 'getenv' here",
    "lag(a, 1, 0, 0) OVER ()": "it is written lag(value, n, other) OVER (…)",
    "ntile(0) OVER ()": "a whole number from 1 to",
    "ntile() OVER ()": "it is written ntile(n) OVER (…)",
    "row_number(a) OVER ()": "it is written row_number() OVER (…)",
    "sum(a, b) OVER ()": "it is written sum(value) OVER (…)",
    "sum(CAST(a AS DATE)) OVER ()": "expected a number, found a date",
    "median(a) OVER ()": "there is no window function 'median' here; there are row_number, rank,",
    "getenv('HOME') OVER ()": "there is no window function 'getenv' here",
    "sum(getenv('HOME')) OVER ()": "there is no function 'getenv' here",
    "sum(a) OVER (PARTITION BY getenv('HOME'))": "there is no function 'getenv' here",
    "sum(a) OVER (ORDER BY getenv('HOME'))": "there is no function 'getenv' here",
    "sum(a) OVER (ORDER BY random())": "there is no function 'random' here",
    "sum(a) OVER (ORDER BY b NULLS FIRST)": "NULL always comes last",
    "sum((SELECT max(a) FROM input)) OVER ()": "subquery cannot be used here",
    "sum(lag(a) OVER ()) OVER ()": "lag OVER cannot be used here: windows are allowed in the select list",
}
PLACES = [
    "SELECT a FROM input WHERE row_number() OVER () > 1",
    "SELECT a FROM input GROUP BY a, row_number() OVER ()",
    "SELECT row_number() OVER () AS n, count(*) AS c FROM input GROUP BY n",
    "SELECT count(*) AS n FROM input HAVING row_number() OVER () > 1",
    "SELECT sum(row_number() OVER ()) AS n FROM input",
]


@pytest.mark.parametrize(("window", "said"), REFUSED.items(), ids=lambda text: text[:40])
def test_what_is_not_known_of_windows_is_refused_with_its_place(window: str, said: str) -> None:
    for query in (f"SELECT 1 + {window} AS n FROM input", f"SELECT a FROM input ORDER BY {window}"):
        with pytest.raises(InvalidPipeline, match="Not a query in SQL: at character") as caught:
            build({"steps": [sql(query)]})
        assert said in str(caught.value)


@pytest.mark.parametrize("query", PLACES)
def test_windows_stand_where_rows_and_groups_are_known_only(query: str) -> None:
    with pytest.raises(InvalidPipeline, match=r"row_number OVER cannot be used here: .* QUALIFY keeps rows"):
        build({"steps": [sql(query)]})


def test_having_sees_no_name_of_a_window() -> None:
    query = "SELECT a, rank() OVER (ORDER BY a) AS place FROM input GROUP BY a HAVING place < 3"
    with pytest.raises(InvalidPipeline, match="'place' holds a window, which HAVING does not see"):
        build({"steps": [sql(query)]})


def test_a_window_of_groups_sees_what_groups_have() -> None:
    with pytest.raises(InvalidPipeline, match="column 'b' is neither in GROUP BY nor within"):
        build({"steps": [sql("SELECT a, rank() OVER (ORDER BY b) AS n FROM input GROUP BY a")]})


def test_any_name_can_stand_in_a_window(bench: Bench) -> None:
    names = ['x"y', "'; DROP TABLE x; --", "__window0", "__row", "c0"]
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    window = f"count({quoted[0]}) OVER (w ORDER BY {quoted[3]} DESC)"
    query = f"SELECT {', '.join(quoted)}, {window} AS n "
    query += f"FROM input WINDOW w AS (PARTITION BY {', '.join(quoted[1:3])})"
    out = bench.table([sql(query)], names, [["1", "2", "3", "4", "5"], ["1", "2", "3", "5", "6"]])
    assert out.table == [[*names, "n"], ["1", "2", "3", "4", "5", "2"], ["1", "2", "3", "5", "6", "1"]]


def test_equal_rows_are_told_apart_as_they_stand(bench: Bench) -> None:
    """In the file, unless a step has put them in another order."""
    query = (
        "SELECT id, row_number() OVER () AS a, row_number() OVER (ORDER BY k) AS b, "
        "lag(id) OVER (ORDER BY k) AS c, "
        "last_value(id) OVER (ORDER BY k) AS d, sum(id) OVER (ROWS UNBOUNDED PRECEDING) AS e FROM input"
    )
    rows = [("3", "x"), ("1", "w"), ("2", "x")]
    plain, ordered = (
        bench.table([*before, sql(query)], ("id", "k"), rows).rows
        for before in ([], [{"step": "sort", "by": [{"column": "id", "as": "number"}]}])
    )
    assert plain == [
        ["3", "1", "2", "1", "2", "3"],
        ["1", "2", "1", "", "1", "4"],
        ["2", "3", "3", "3", "2", "6"],
    ]
    assert ordered == [
        ["1", "1", "1", "", "1", "1"],
        ["2", "2", "2", "1", "3", "3"],
        ["3", "3", "3", "2", "3", "6"],
    ]


def test_windows_are_those_of_many_rows_too(bench: Bench) -> None:
    """Of more than the engine takes at once: in each run the same, ties or not."""
    rows = [(str(n), str(n * 7919 % 10), str(n % 3)) for n in range(20_000)]
    query = (
        "SELECT id, row_number() OVER (PARTITION BY g ORDER BY k) AS nth, "
        "lead(id) OVER (ORDER BY k) AS next, "
        "sum(k) OVER (ORDER BY g ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING) AS near FROM input"
    )
    by_k, by_g = sorted(rows, key=lambda row: int(row[1])), sorted(rows, key=lambda row: row[2])
    nth = {row[0]: n for g in "012" for n, row in enumerate((r for r in by_k if r[2] == g), 1)}
    after = {one[0]: other[0] for one, other in pairwise(by_k)}
    near = {row[0]: sum(int(each[1]) for each in by_g[max(0, n - 2) : n + 2]) for n, row in enumerate(by_g)}
    expected = [[key, str(nth[key]), after.get(key, ""), str(near[key])] for key, *_ in rows]
    assert bench.table([sql(query)], ("id", "k", "g"), rows).rows == expected


def test_rows_that_windows_see_are_those_that_are_left(bench: Bench) -> None:
    query = (
        "SELECT DISTINCT g, count(*) OVER () AS n, count(*) OVER (PARTITION BY g) AS same FROM input "
        "WHERE id > 1 ORDER BY row_number() OVER (ORDER BY g DESC), g LIMIT 2"
    )
    out = bench.table([sql(query)], ("id", "g"), [("1", "x"), ("2", "x"), ("3", "y"), ("4", "y"), ("5", "z")])
    assert out.rows == [["z", "4", "1"], ["y", "4", "2"]]
    [counts] = out.steps
    assert (counts.read, counts.dropped, counts.merged, counts.out) == (5, 3, 0, 2)


BEFORE: dict[str, list[dict[str, Any]]] = {
    "file": [],
    "sort": [{"step": "sort", "by": [{"column": "n", "as": "number", "order": "descending"}]}],
    "dedupe": [{"step": "dedupe", "by": ["n"]}],
    "rows of a group": [sql("SELECT n, g, max(h) AS h FROM input GROUP BY n, g")],
    "groups": [sql(f"SELECT *, count(*) OVER (PARTITION BY g) AS b{n} FROM input") for n in range(3)],
    "a window": [sql("SELECT *, row_number() OVER (ORDER BY n) AS r FROM input")],
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("times", [1, 8])
def test_aggregates_of_whole_groups_are_those_of_the_rows_at_hand(
    bench: Bench, before: str, times: int
) -> None:
    """However often the rows are read for them; missing cells are one group, and rows stand as they stood."""
    rows = [
        ("4", "x", "1"),
        ("1", "", "1"),
        ("4", "x", "1"),
        ("2", None, "2"),
        ("3", "x", "2"),
        ("6", "x", ""),
    ]
    here = [
        row for place, row in enumerate(rows) if place != 2 or before not in ("dedupe", "rows of a group")
    ]
    if before == "sort":
        here.sort(key=lambda row: -int(row[0]))
    different = [f"sum(n) OVER (PARTITION BY g, n > {20 + place}) AS t{place}" for place in range(times)]
    query = f"SELECT n, count(h) OVER () AS c, {', '.join(different)} FROM input WHERE n < 6"
    here = [row for row in here if row[0] != "6"]
    missing = str(sum(int(n) for n, g, _ in here if not g))
    found = str(sum(int(n) for n, g, _ in here if g))
    expected = [[n, str(len(here)), *([found if g else missing] * times)] for n, g, _ in here]
    out = bench.table([*BEFORE[before], sql(query)], ("n", "g", "h"), rows)
    assert out.rows == expected
    assert (out.steps[-1].dropped, out.steps[-1].out) == (1, len(here))


@dataclass(frozen=True)
class Both:
    """The same for us and for SQLite, which is told what rows that are equal stand by."""

    ours: str
    theirs: str


NUMBERS = ["a", "b", "a + b", "a * b - 3", "coalesce(b, 7)"]
KEYS = ["a", "b", "abs(a)", "c", "a + b"]
BOUNDS = [
    "UNBOUNDED PRECEDING",
    "2 PRECEDING",
    "1 PRECEDING",
    "CURRENT ROW",
    "1 FOLLOWING",
    "2 FOLLOWING",
    "UNBOUNDED FOLLOWING",
]
ALONE = [
    "row_number()",
    "ntile(3)",
    "lag({})",
    "lead({}, 2)",
    "lag({}, 1, 0)",
    "lead({}, 0)",
    "first_value({})",
]
EQUALS = ["rank()", "dense_rank()"]
AGGREGATES = ["count(*)", "count({})", "sum({})", "avg({})", "min({})", "max({})"]
AROUND = ["{}", "{} + 1", "coalesce({}, 0) * 2", "CASE WHEN {} > 1 THEN 'more' END"]


@st.composite
def windows(draw: st.DrawFn, values: list[str], keys: list[str], stands: str) -> Both:
    by = draw(st.lists(st.sampled_from(keys), max_size=2, unique=True))
    order = draw(st.lists(st.sampled_from(keys), max_size=2, unique=True))
    terms = [f"{key} {draw(st.sampled_from(['ASC', 'DESC']))} NULLS LAST" for key in order]
    among = f"PARTITION BY {', '.join(by)}" if by else ""
    value = draw(st.sampled_from(values))
    kind = draw(st.sampled_from(["alone", "equals", "framed", "last"]))
    ours, theirs = (f"ORDER BY {', '.join(each)}" if each else "" for each in (terms, [*terms, stands]))
    if kind == "last":
        # The last of the rows that are equal to this, of a value that grows as rows stand.
        peers = f"PARTITION BY {', '.join([*by, *order])}" if by or order else ""
        return Both(f"last_value({stands}) OVER ({among} {ours})", f"max({stands}) OVER ({peers})")
    if kind == "framed":
        first, last = sorted(draw(st.tuples(st.integers(0, 5), st.integers(1, 6))))
        frame = f"ROWS BETWEEN {BOUNDS[first]} AND {BOUNDS[last]}"
        name = draw(st.sampled_from([*AGGREGATES, "first_value({})", "last_value({})"]))
        ours, theirs = f"{ours} {frame}", f"{theirs} {frame}"
    else:
        name = draw(st.sampled_from(ALONE if kind == "alone" else [*EQUALS, *AGGREGATES]))
        theirs = theirs if kind == "alone" else ours
    function, around = name.format(value), draw(st.sampled_from(AROUND))
    return Both(*(around.format(f"{function} OVER ({among} {each})") for each in (ours, theirs)))


cells = st.none() | st.just("") | st.integers(-3, 12)
tables = st.lists(st.tuples(cells, cells, st.sampled_from([None, "", "x", "y", "Y"])), max_size=9)


def results(bench: Bench, rows: list[tuple[Any, ...]], query: Both) -> tuple[list[Any], list[Any]]:
    """What we and what SQLite make of the rows, which have a number `id`; an empty cell is NULL there."""
    numbered = [(place, *row) for place, row in enumerate(rows)]
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE input (id INTEGER, a INTEGER, b INTEGER, c TEXT)")
        typed = [[None if cell == "" else cell for cell in row] for row in numbered]
        database.executemany("INSERT INTO input VALUES (?, ?, ?, ?)", typed)
        expected = database.execute(query.theirs).fetchall()
    texts = [[None if cell is None else str(cell) for cell in row] for row in numbered]
    found = bench.table([sql(query.ours)], ("id", "a", "b", "c"), texts).rows
    return [[shown(cell) for cell in row] for row in found], [
        [shown(cell) for cell in row] for row in expected
    ]


@given(rows=tables, made=st.lists(windows(NUMBERS, KEYS, "id"), min_size=1, max_size=3))
def test_windows_over_rows_give_what_sqlite_gives(bench: Bench, rows: Any, made: list[Both]) -> None:
    ours, theirs = (
        ", ".join(f"{text} AS r{place}" for place, text in enumerate(texts))
        for texts in ([each.ours for each in made], [each.theirs for each in made])
    )
    where = "FROM input WHERE id <> 3"
    query = Both(f"SELECT id, {ours} {where}", f"SELECT id, {theirs} {where} ORDER BY id")
    found, expected = results(bench, rows, query)
    assert found == expected


@given(
    rows=tables,
    made=windows(["count(*)", "sum(a)", "max(b) + 1"], ["c", "count(*)", "sum(a)", "min(a)"], "min(id)"),
)
def test_windows_over_groups_give_what_sqlite_gives(bench: Bench, rows: Any, made: Both) -> None:
    groups = "FROM input GROUP BY c HAVING count(*) < 4"
    query = Both(
        f"SELECT c, {made.ours} AS r, count(*) AS n {groups}",
        f"SELECT c, {made.theirs} AS r, count(*) AS n {groups} ORDER BY min(id)",
    )
    found, expected = results(bench, rows, query)
    assert found == expected


@given(
    rows=tables,
    made=windows(["a + b", "coalesce(b, 7)"], KEYS, "id"),
    kept=st.sampled_from(["{} = 1", "{} > 1", "{} IS NULL"]),
    named=st.booleans(),
)
def test_rows_are_kept_by_what_windows_give(
    bench: Bench, rows: Any, made: Both, kept: str, named: bool
) -> None:
    assume("more" not in made.ours)
    condition = kept.format("r" if named else f"({made.ours})")
    query = Both(
        f"SELECT id, {made.ours} AS r FROM input WHERE id <> 3 QUALIFY {condition}",
        f"SELECT * FROM (SELECT id, {made.theirs} AS r FROM input WHERE id <> 3) "
        f"WHERE {kept.format('r')} ORDER BY id",
    )
    found, expected = results(bench, rows, query)
    assert found == expected


@given(rows=tables, made=windows(NUMBERS, KEYS, "id"), down=st.sampled_from(["ASC", "DESC"]))
def test_rows_can_be_put_in_order_by_windows(bench: Bench, rows: Any, made: Both, down: str) -> None:
    query = Both(
        f"SELECT id FROM input ORDER BY {made.ours} {down}, id DESC LIMIT 4",
        f"SELECT id FROM input ORDER BY {made.theirs} {down} NULLS LAST, id DESC LIMIT 4",
    )
    found, expected = results(bench, rows, query)
    assert found == expected
