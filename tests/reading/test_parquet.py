"""Parquet: the cell for each type, compared with the SQL that made the value."""

from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from readbench import ReadBench

from csvjobs.errors import DamagedArchive, EmptyFile, NotCsv
from csvjobs.reading.parquet import what_it_says


def made(tmp: Path, query: str, *values: object) -> bytes:
    target = tmp / "made.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)", values or None)
    return target.read_bytes()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("9007199254740993::BIGINT", "9007199254740993"),
        ("255::UTINYINT", "255"),
        ("18446744073709551615::UBIGINT", "18446744073709551615"),
        ("1.10::DECIMAL(10, 2)", "1.10"),
        ("12345678901234567890.123456789::DECIMAL(38, 9)", "12345678901234567890.123456789"),
        ("0.1::DOUBLE", "0.1"),
        ("0.1::FLOAT", "0.1"),
        ("1e20::DOUBLE", "1e+20"),
        ("true", "true"),
        ("DATE '2026-04-03'", "2026-04-03"),
        ("TIMESTAMP '2026-04-03 10:30:00'", "2026-04-03T10:30:00"),
        ("TIMESTAMP '2026-04-03 10:30:00.123456'", "2026-04-03T10:30:00.123456"),
        ("TIMESTAMP_NS '2026-04-03 10:30:00.123456789'", "2026-04-03T10:30:00.123456789"),
        ("TIMESTAMPTZ '2026-04-03 10:30:00+02'", "2026-04-03T08:30:00Z"),
        ("TIMESTAMPTZ 'infinity'", "infinity"),
        ("DATE '0044-03-15 (BC)'", "-0043-03-15"),
        ("DATE '12345-03-15 (BC)'", "-12344-03-15"),
        ("TIMESTAMP '0001-12-31 (BC) 23:59:59.5'", "0000-12-31T23:59:59.5"),
        ("TIMESTAMPTZ '0002-01-01 (BC) 10:00:00+00'", "-0001-01-01T10:00:00Z"),
        ("[TIMESTAMPTZ '2026-04-03 10:30:00+02']", '["2026-04-03T08:30:00Z"]'),
        ("[DATE '0044-03-15 (BC)', NULL]", '["-0043-03-15",null]'),
        ("{'t': TIMESTAMP '2026-04-03 10:30:00'}", '{"t":"2026-04-03T10:30:00"}'),
        ("MAP {DATE '2026-04-03': [1.10::DECIMAL(3, 2)]}", '{"2026-04-03":[1.10]}'),
        ("[0.1::FLOAT]", "[0.1]"),
        ("['inf'::DOUBLE, 1e20, 100]", '["inf",1e+20,100.0]'),
        ("[[18446744073709551615::UBIGINT], [], NULL]", "[[18446744073709551615],[],null]"),
        ("[{'it''s \"a\"': NULL::INT}, NULL]", '[{"it\'s \\"a\\"":null},null]'),
        ("{'a': true, 'b': 'x\"y\n', 'c': '\\xFFA'::BLOB}", '{"a":true,"b":"x\\"y\\n","c":"\\\\xFFA"}'),
        ("[MAP {'k': {'a': [1]}}]", '[{"k":{"a":[1]}}]'),
        ("NULL::INT[]", None),
        ("NULL::STRUCT(a INT)", None),
        ("TIME '10:30:00'", "10:30:00"),
        ("'00042'", "00042"),
        ("''", ""),
        ("NULL::VARCHAR", None),
        ("NULL::INTEGER", None),
        ("'a\\xFF'::BLOB", "a\\xFF"),
        ("[1, 2]", "[1,2]"),
        ("{'a': 1, 'b': 'x'}", '{"a":1,"b":"x"}'),
        ("MAP {'k': 1}", '{"k":1}'),
        ("'9f5b4a3e-1111-4222-8333-444455556666'::UUID", "9f5b4a3e-1111-4222-8333-444455556666"),
    ],
)
def test_a_value_comes_as_the_text_that_says_it_exactly(
    bench: ReadBench, tmp_path: Path, value: str, text: str | None
) -> None:
    table = bench.table(made(tmp_path, f"SELECT {value} AS x, 'y' AS y"))
    assert (table.columns, table.rows) == (("x", "y"), [(text, "y")])
    assert table.reading.detected["format"].value == "parquet"


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)


@given(st.lists(st.tuples(st.none() | TEXT, st.none() | st.integers(-(2**63), 2**63 - 1)), max_size=4))
def test_any_table_is_read_in_order(
    bench: ReadBench, tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str | None, int | None]]
) -> None:
    listed = ", ".join("(?, ?)" for _ in rows) or "(NULL, NULL)"
    query = f"SELECT a::VARCHAR AS a, n::BIGINT AS n FROM (VALUES {listed}) AS t(a, n) WHERE {bool(rows)}"
    values = [value for row in rows for value in row]
    table = bench.table(made(tmp_path_factory.getbasetemp(), query, *values))
    assert table.rows == [(a, None if n is None else str(n)) for a, n in rows]


def test_many_rows_keep_their_order(bench: ReadBench, tmp_path: Path) -> None:
    content = made(tmp_path, "SELECT 300000 - range AS n FROM range(300000)")
    assert [int(n or 0) for (n,) in bench.table(content).rows] == list(range(300_000, 0, -1))


def test_a_number_is_that_of_the_row_whatever_the_columns_are_called(
    bench: ReadBench, tmp_path: Path
) -> None:
    names = "i AS number, i + 1 AS file_row_number, 'x' || i AS c0, i % 7 AS __row"
    reading = bench.read(made(tmp_path, f"SELECT {names} FROM range(300000) AS given(i)"))
    relation = bench.engine.relation(reading.source, numbered=True)
    wrong = (
        "c0::BIGINT <> __row - 1 OR c1::BIGINT <> __row OR c2 <> 'x' || c0 OR c3::BIGINT <> c0::BIGINT % 7"
    )
    query = f"SELECT COUNT(*), COUNT(CASE WHEN {wrong} THEN 1 END) FROM ({relation})"
    assert reading.source.columns == ("number", "file_row_number", "c0", "__row")
    assert bench.engine.rows(query) == [(300_000, 0)]
    [first] = bench.engine.rows(
        f"SELECT * FROM ({bench.engine.relation(reading.source, numbered=False)}) LIMIT 1"
    )
    assert len(first) == 4


def test_a_file_cut_short_is_damaged(bench: ReadBench, tmp_path: Path) -> None:
    content = made(tmp_path, "SELECT 1 AS a")
    for damaged in (content[:-2], content[:4] + content[-4:], b"PAR1garbagegarbagePAR1"):
        with pytest.raises(DamagedArchive, match="damaged") as caught:
            bench.read(damaged)
        assert "/" not in caught.value.message


@pytest.mark.parametrize(
    "told",
    [
        "Invalid Input Error: Footer length error in file '/srv/jobs/1/input.csv'",
        'Invalid Input Error: Failed to read file "/srv/jobs/1/input.csv": Snappy decompression failure',
        "Invalid Input Error: Failed to read Parquet file '/srv/jobs/1/a.csv': Snappy decompression failure",
    ],
)
def test_what_is_damaged_is_told_without_where_it_lies(told: str) -> None:
    said = what_it_says(duckdb.Error(told))
    assert said in (
        "Footer length error in the file",
        "Failed to read the file: Snappy decompression failure",
    )


def test_a_table_without_columns_is_empty_not_damaged(bench: ReadBench) -> None:
    # As written for a data frame without columns: version 1, the root of the schema, no rows, no row groups.
    footer = bytes.fromhex("1502 191c 48") + b"\6schema" + bytes.fromhex("1500 00 1600 190c 00")
    with pytest.raises(EmptyFile, match="no columns"):
        bench.read(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")


def test_names_are_those_of_the_file(bench: ReadBench, tmp_path: Path) -> None:
    """Also those that DuckDB itself would rename, which other programs write."""
    content = made(tmp_path, "SELECT 1 AS aa, {'x': 1, 'y': [2]} AS nested, 2 AS bb, 3 AS cc, 4 AS dd")
    table = bench.table(content.replace(b"bb", b"AA").replace(b"cc", b"  "))
    assert table.columns == ("aa", "nested", "AA", "column_4", "dd")
    assert table.rows == [("1", '{"x":1,"y":[2]}', "2", "3", "4")]


def test_letters_alone_make_no_parquet(bench: ReadBench) -> None:
    assert bench.table(b"PAR1,b\n1,2\n").columns == ("PAR1", "b")
    with pytest.raises(NotCsv, match="has not the format parquet"):
        bench.read(b"a,b\n1,2\n", format="parquet")
