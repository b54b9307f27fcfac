"""Runs that reuse a database see nothing of earlier runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from csvjobs.engines.base import Engine
from csvjobs.engines.duckdb import DuckEngine
from csvjobs.engines.options import WriteOptions

MIB = 1024**2
SECRET = "'0123456789abcdef'"
UTC = "2026-04-03 00:00:00+00"


@pytest.fixture
def idle() -> list[duckdb.DuckDBPyConnection]:
    return []


@pytest.fixture
def engine(tmp_path: Path, idle: list[duckdb.DuckDBPyConnection]) -> Callable[..., DuckEngine]:
    def make(name: str, memory: int = 256 * MIB, key: bytes = b"") -> DuckEngine:
        (tmp_path / name).mkdir()
        return DuckEngine(tmp_path / name, memory, key, idle)

    return make


def test_a_run_that_went_well_leaves_its_database(
    engine: Callable[..., DuckEngine], idle: list[object]
) -> None:
    first = engine("first")
    first.rows("SELECT 1")
    first.close()
    [database] = idle
    second = engine("second")
    assert idle == []
    second.close()
    assert idle == [database]


def test_two_runs_at_once_do_not_share(engine: Callable[..., DuckEngine], idle: list[object]) -> None:
    engine("first").close()
    one, other = engine("one"), engine("other")
    one.rows("CREATE TABLE memory.main.mine AS SELECT 1")
    with pytest.raises(duckdb.CatalogException):
        other.rows("SELECT * FROM memory.main.mine")
    one.close()
    other.close()
    assert len(idle) == 1


@pytest.mark.parametrize(
    ("trace", "look", "clean"),
    [
        (f"SET VARIABLE mine = {SECRET}", "SELECT getvariable('mine')", None),
        ("SET preserve_insertion_order = false", "SELECT current_setting('preserve_insertion_order')", True),
        (
            "SET GLOBAL TimeZone = 'Asia/Tokyo'",
            "SELECT CAST(TIMESTAMPTZ '2026-04-03 00:00:00Z' AS VARCHAR)",
            UTC,
        ),
        ("CREATE TEMP TABLE mine AS SELECT 1", "SELECT count(*) FROM duckdb_tables()", 0),
        ("CREATE TEMP VIEW mine AS SELECT 1", "SELECT count(*) FROM duckdb_views() WHERE NOT internal", 0),
        ("CREATE TEMP MACRO mine() AS 1", "SELECT count(*) FROM duckdb_functions() WHERE NOT internal", 0),
        ("PREPARE mine AS SELECT 1", "SELECT count(*) FROM duckdb_prepared_statements()", 0),
        ("BEGIN", "SELECT 1", 1),
    ],
)
def test_what_a_run_leaves_the_next_does_not_see(
    engine: Callable[..., DuckEngine], trace: str, look: str, clean: object
) -> None:
    first = engine("first")
    first.rows(trace)
    first.close()
    second = engine("second")
    [(found,)] = second.rows(look)
    assert found == clean
    second.close()


def test_the_key_and_the_limits_are_those_of_the_run(
    engine: Callable[..., DuckEngine], tmp_path: Path
) -> None:
    keyed = engine("keyed", key=b"0123456789abcdef")
    [(with_key,)] = keyed.rows(f"SELECT {keyed.sql.keyed_hash(SECRET)}")
    keyed.close()
    second = engine("second", memory=64 * MIB, key=b"fedcba9876543210")
    [(with_other,)] = second.rows(f"SELECT {second.sql.keyed_hash(SECRET)}")
    assert with_key != with_other
    [(memory, folder)] = second.rows(
        "SELECT current_setting('memory_limit'), current_setting('temp_directory')"
    )
    assert memory == "64.0 MiB"
    assert folder == str(tmp_path / "second" / "spill")
    second.close()


def settings(of: DuckEngine) -> dict[str, str]:
    return dict(of.rows("SELECT name, value FROM duckdb_settings() WHERE name <> 'temp_directory'"))


def test_what_is_kept_to_learn_from_leaves_the_settings_and_the_order_as_they_were(
    engine: Callable[..., DuckEngine],
) -> None:
    one = engine("one")
    before = settings(one)
    with one.kept("SELECT 'x' AS c0") as relation:
        assert one.rows(relation) == [("x",)]
        assert one.rows("SELECT current_setting('preserve_insertion_order')") == [(True,)]
    assert settings(one) == before
    assert one.rows("SELECT count(*) FROM duckdb_tables()") == [(0,)]
    one.close()


def test_all_that_a_run_sets_is_set_anew(engine: Callable[..., DuckEngine], tmp_path: Path) -> None:
    first = engine("first")
    fresh = settings(first)
    with first.kept("SELECT 'x' AS c0") as relation:
        for write in (WriteOptions(), WriteOptions(format="jsonl"), WriteOptions(format="parquet")):
            first.copy(relation, ["a"], tmp_path / write.filename, write)
    first.close()
    second = engine("second")
    assert settings(second) == fresh
    second.close()


def fail(engine: Engine) -> None:
    with pytest.raises(duckdb.ParserException):
        engine.rows("no SQL")


def shut(engine: Engine) -> None:
    engine.rows("SET enable_external_access = false")


def lock(engine: Engine) -> None:
    engine.rows("SET lock_configuration = true")


def spill(engine: Engine) -> None:
    engine.rows("CREATE TEMP TABLE large AS SELECT range, hash(range)::VARCHAR FROM range(4000000)")


@pytest.mark.parametrize("spoil", [fail, shut, lock, spill])
def test_a_database_that_a_run_has_marked_is_not_used_again(
    engine: Callable[..., DuckEngine], idle: list[object], spoil: Callable[[Engine], None]
) -> None:
    first = engine("first", memory=64 * MIB)
    spoil(first)
    first.close()
    assert idle == []
    second = engine("second")
    assert second.rows("SELECT 1") == [(1,)]
    second.close()
