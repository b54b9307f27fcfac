"""Profiles of tables, compared with what Python finds in the same cells."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from csvjobs.engines.duckdb import DuckEngine
from csvjobs.pipelines.profile import DRAWN, ColumnSummary, TableProfile, profile
from csvjobs.pipelines.step import Column, Columns
from csvjobs.reading.source import Dialect, Source


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckEngine]:
    made = DuckEngine(tmp_path_factory.mktemp("profile"), 256 * 1024**2)
    yield made
    made.close()


def profiled(engine: DuckEngine, folder: Path, text: str) -> TableProfile:
    path = folder / "table.csv"
    path.write_text(text, "utf-8")
    header, *records = text.splitlines()
    names = tuple(header.split(","))
    relation = engine.relation(Source(path, Dialect(), 1, names, len(records)), numbered=True)
    columns = Columns(Column(name, f"c{place}") for place, name in enumerate(names))
    return profile(engine, engine.sql, relation, columns, len(records))


def column(engine: DuckEngine, folder: Path, cells: list[str]) -> ColumnSummary:
    return profiled(engine, folder, "x,\n" + "".join(f"{cell},\n" for cell in cells)).columns[0]


def test_a_small_table_is_told_exactly(engine: DuckEngine, tmp_path: Path) -> None:
    found = profiled(engine, tmp_path, 'x,y\n3,b\n,""\n10,b\n-4.5,\n')
    assert (found.rows, found.drawn) == (4, 4)
    x, y = found.columns
    assert (x.filled, x.empty, x.quoted_empty, x.about_distinct) == (3, 1, 0, 3)
    assert x.numbers is not None
    assert (x.numbers.count, x.numbers.low, x.numbers.high, sum(x.numbers.bars)) == (3, -4.5, 10, 3)
    assert (y.filled, y.empty, y.quoted_empty, y.about_distinct) == (2, 2, 1, 1)
    assert (y.first, y.last, y.shortest, y.longest, y.numbers) == ("b", "b", 1, 1, None)
    assert y.drawn.top == {"b": 2}


def test_of_a_wide_table_the_first_columns_are_told_and_how_many_there_are(
    engine: DuckEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csvjobs.pipelines.profile.MOST_COLUMNS", 2)
    found = profiled(engine, tmp_path, "x,y,z\n1,2,3\n")
    assert ([column.name for column in found.columns], found.width) == (["x", "y"], 3)


@pytest.mark.parametrize("cells", [["1e308", "-1e308", "1"], ["1e308", "-1e308", "inf", "nan"]])
def test_numbers_may_span_all_that_there_are(engine: DuckEngine, tmp_path: Path, cells: list[str]) -> None:
    numbers = column(engine, tmp_path, cells * 10).numbers
    assert numbers is not None
    assert (numbers.low, numbers.high, numbers.bars[0], numbers.bars[-1]) == (-1e308, 1e308, 10, 10)


def test_quartiles_of_a_small_table_are_those_of_numpy(engine: DuckEngine, tmp_path: Path) -> None:
    for cells in (range(1, 12), range(1, 11), [3, 3, 7.5, -2]):
        found = column(engine, tmp_path, list(map(str, cells)))
        assert found.numbers is not None
        assert found.numbers.about_quartiles == np.quantile(cells, [0.25, 0.5, 0.75]).tolist()


def test_what_is_no_double_or_means_missing_is_not_among_the_numbers(
    engine: DuckEngine, tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("x\n1\n-999\n2\n1e400\n4\n")
    relation = engine.relation(Source(path, Dialect(), 1, ("x",), 5), numbered=True)
    sql = replace(engine.sql, nulls=("-999",))
    [found] = profile(engine, sql, relation, Columns([Column("x", "c0")]), 5).columns
    assert (found.filled, found.empty) == (4, 1)
    assert found.numbers is not None
    assert (found.numbers.count, found.numbers.low, found.numbers.high) == (3, 1, 4)
    assert found.numbers.about_quartiles == np.quantile([1, 2, 4], [0.25, 0.5, 0.75]).tolist()
    assert found.numbers.bars == np.histogram([1, 2, 4], len(found.numbers.bars))[0].tolist()


@pytest.mark.parametrize(
    ("cells", "bounds"),
    [
        (["31/12/2025", "01/05/2026", "30/04/2026"], ("31/12/2025", "01/05/2026")),
        (["3 Mar 2026 ", "12 Jan 2026", "", "1 Feb 2026"], ("12 Jan 2026", "3 Mar 2026 ")),
        (["31/12/2025 9:00", "31/12/2025 10:00"], ("31/12/2025 9:00", "31/12/2025 10:00")),
        (["b", "B", "a10", "a9"], ("B", "b")),
        (["01067", "00042"], ("00042", "01067")),
    ],
)
def test_bounds_are_by_what_the_cells_are(
    engine: DuckEngine, tmp_path: Path, cells: list[str], bounds: tuple[str, str]
) -> None:
    found = column(engine, tmp_path, cells)
    assert (found.first, found.last, found.numbers) == (*bounds, None)


@pytest.mark.parametrize("numbers", [[2**53 + 1, -5], [-(2**60) - 1, 2**63 + 1], [10**25 + 3, 1]])
def test_bounds_of_whole_numbers_are_exact(engine: DuckEngine, tmp_path: Path, numbers: list[int]) -> None:
    found = column(engine, tmp_path, list(map(str, numbers)))
    assert found.numbers is not None
    assert (found.numbers.low, found.numbers.high) == (min(numbers), max(numbers))


@pytest.mark.parametrize(
    ("cells", "bounds"),
    [
        (["10", "9", "100.50", " 9.00 "], (" 9.00 ", "100.50")),
        (
            ["9007199254740993", "9007199254740992", "9007199254740994"],
            ("9007199254740992", "9007199254740994"),
        ),
        (["1234567890123456789", "1234567890123456788", "", "7"], ("7", "1234567890123456789")),
        (["-1234567890123456789", "-1234567890123456788"], ("-1234567890123456789", "-1234567890123456788")),
        (["0.1000000000000000055", "0.1"], ("0.1", "0.1000000000000000055")),
        (["1e300", "-1E300", "2"], ("-1E300", "1e300")),
        (["9", "10", "n/a"], ("10", "n/a")),
    ],
)
def test_bounds_of_numbers_are_their_cells(
    engine: DuckEngine, tmp_path: Path, cells: list[str], bounds: tuple[str, str]
) -> None:
    found = column(engine, tmp_path, cells)
    assert found.numbers is not None
    assert (found.first, found.last) == bounds


def test_of_a_large_table_some_rows_are_drawn(engine: DuckEngine, tmp_path: Path) -> None:
    numbers = range(10 * DRAWN)
    text = "id,kind\n" + "".join(f"{n},{'ab'[n % 2]}\n" for n in numbers)
    found = profiled(engine, tmp_path, text)
    assert found.rows == len(numbers)
    assert DRAWN * 0.8 < found.drawn < DRAWN * 1.2
    id_, kind = found.columns
    assert id_.numbers is not None
    assert (id_.numbers.low, id_.numbers.high) == (0, len(numbers) - 1)
    assert id_.numbers.about_quartiles[1] == pytest.approx(median(numbers), rel=0.05)
    assert id_.about_distinct == pytest.approx(len(numbers), rel=0.2)
    assert kind.drawn.top["a"] == pytest.approx(found.drawn / 2, rel=0.2)


def test_a_table_without_rows_has_a_profile(engine: DuckEngine, tmp_path: Path) -> None:
    found = profiled(engine, tmp_path, "x,y\n")
    assert [(one.meaning, one.filled, one.first, one.longest) for one in found.columns] == [
        ("empty", 0, None, None)
    ] * 2


@pytest.mark.parametrize(
    ("cells", "meaning"),
    [
        (["1", "2", "2", ""], "integer"),
        (["007", "12", "12"], "code with leading zeros"),
        ([f"{n:05}" for n in range(30)], "code with leading zeros"),
        (["00.5", "12", "12"], "decimal"),
        (["1.5", "2", "1e3", "2"], "decimal"),
        ([f"{n}.5" for n in range(30)], "decimal"),
        (["yes", "no", "yes", "no"], "boolean"),
        ([" YES", "No "], "boolean"),
        (["yes", "yes"], "category"),
        (["2026-04-03", "2026-05-28"], "date %Y-%m-%d"),
        (["03/04/2026", "28/04/2026"], "date %d/%m/%Y"),
        (["03/04/2026", "04/04/2026"], "date %d/%m/%Y, %m/%d/%Y"),
        (["2026-04-03 10:30", "2026-05-28 23:59"], "datetime %Y-%m-%d %H:%M"),
        ([" 2026-04-03", "2026-05-28 "], "date %Y-%m-%d"),
        (["20260403", "1"], "integer"),
        (["ada@example.org", "grace@example.org"], "email"),
        ([*(f"a{n}@example.org" for n in range(9)), "-"], "email"),
        ([*(f"a{n}@example.org" for n in range(8)), "-", "?"], "text"),
        (["DE89370400440532013000", "GB29NWBK60161331926819"], "iban"),
        (["https://example.org/a", "http://example.org"], "url"),
        (["red", "red", "blue", "red"], "category"),
        ([f"word {n}" for n in range(60)], "text"),
        ([f"word {n}" for n in range(60)] * 2, "text"),
        (["call back", "prefers mail", "moved"], "text"),
        (["007", "12a", "34b"], "text"),
        ([f"A-{n}" for n in range(30)], "id"),
        ([str(n) for n in range(30)], "id"),
        (["", ""], "empty"),
    ],
)
def test_the_meaning_of_a_column_is_guessed(
    engine: DuckEngine, tmp_path: Path, cells: list[str], meaning: str
) -> None:
    assert column(engine, tmp_path, cells).meaning == meaning
