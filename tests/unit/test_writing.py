"""What the engine writes, read back by others' readers."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvjobs.engines.duckdb import DuckEngine
from csvjobs.engines.options import PLAIN, WriteOptions
from csvjobs.errors import DuplicateColumn
from csvjobs.pipelines.guard import guard
from csvjobs.pipelines.plan import plan

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Cell = str | None
Table = list[tuple[Cell, ...]]

DELIMITERS = "\t !#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckEngine]:
    engine = DuckEngine(tmp_path_factory.mktemp("scratch"), 64 * 1024**2)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written") / "output"


def write(
    engine: DuckEngine, rows: Table, names: Sequence[str], target: Path, options: WriteOptions = PLAIN
) -> bytes:
    """The bytes of the file that the rows are written to."""
    assert engine.copy(query(engine, rows, len(names)), names, target, options) == len(rows)
    return target.read_bytes()


def query(engine: DuckEngine, rows: Table, width: int) -> str:
    """The rows, in order, as a query like those of a plan."""
    columns = ", ".join(f"CAST(c{place} AS VARCHAR) AS c{place}" for place in range(width))
    named = ", ".join(f"c{place}" for place in range(width))
    values = [", ".join("NULL" if cell is None else engine.sql.text(cell) for cell in row) for row in rows]
    nothing = ", ".join(["NULL"] * width)
    listed = ", ".join(f"({place}, {value})" for place, value in enumerate(values)) or f"(0, {nothing})"
    given = f"SELECT {columns}, place FROM (VALUES {listed}) AS given(place, {named}) WHERE {bool(rows)}"
    return f"SELECT * EXCLUDE (place) FROM ({given}) ORDER BY place"


def cells(delimiter: str) -> st.SearchStrategy[str]:
    """Text that is hard on a dialect."""
    hard = st.sampled_from([delimiter, '"', "\n", "\r", "\r\n", "\ufeff", " ", "'", "a", "=", "é", "\\"])
    return st.lists(hard, max_size=4).map("".join)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], Table, WriteOptions]:
    """Column names, rows, and the options to write them by."""
    options = WriteOptions(
        delimiter=draw(st.sampled_from(DELIMITERS)),
        quote=draw(st.sampled_from(["needed", "all"])),
        newline=draw(st.sampled_from(["lf", "crlf"])),
        bom=draw(st.booleans()),
        header=draw(st.booleans()),
    )
    cell, width = cells(options.delimiter), draw(st.integers(1, 3))
    # Names are trimmed of the mark when they are read.
    name = cell.map(lambda text: f"n{text}")
    names = draw(st.lists(name, min_size=width, max_size=width))
    rows = draw(st.lists(st.tuples(*[st.none() | cell] * width), max_size=4))
    return names, rows, options


@given(tables())
def test_any_dialect_is_read_back_by_pythons_csv_to_the_same_cells(
    engine: DuckEngine, target: Path, table: tuple[list[str], Table, WriteOptions]
) -> None:
    names, rows, options = table
    text = write(engine, rows, names, target, options).decode()
    if options.bom and text:
        assert text.startswith("\ufeff")
        text = text[1:]
    lines = io.StringIO(text, newline="")
    read = list(csv.reader(lines, delimiter=options.delimiter, strict=True))
    header = [names] if options.header else []
    assert read == header + [[cell or "" for cell in row] for row in rows]


def test_an_empty_cell_and_a_quoted_empty_one_stay_different(engine: DuckEngine, target: Path) -> None:
    rows: Table = [("", None, "x"), (None, "", "y z")]
    names = ["a", "b", "c"]
    assert write(engine, rows, names, target) == b'a,b,c\n"",,x\n,"",y z\n'
    quoted = write(engine, rows, names, target, WriteOptions(quote="all"))
    assert quoted == b'"a","b","c"\n"",,"x"\n,"","y z"\n'


def test_the_profile_for_excel_says_what_is_not_said(engine: DuckEngine, target: Path) -> None:
    excel = write(
        engine, [("1,5", "Zo\u00eb")], ["a", "b"], target, WriteOptions(profile="excel", delimiter=";")
    )
    assert excel == b"\xef\xbb\xbfa;b\r\n1,5;Zo\xc3\xab\r\n"
    other = WriteOptions.model_validate({"profile": "excel", "bom": False})
    assert write(engine, [("1", "2")], ["a", "b"], target, other) == b"a,b\r\n1,2\r\n"


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("profile", [None, "excel"])
def test_where_no_row_is_left_there_is_no_empty_line(
    engine: DuckEngine, target: Path, header: bool, profile: str | None
) -> None:
    options = WriteOptions.model_validate({"profile": profile, "header": header})
    written = write(engine, [], ["a", "b"], target, options).decode("utf-8-sig")
    assert written.splitlines() == (["a,b"] if header else [])


def guarded(
    engine: DuckEngine, cells: list[Cell], name: str, target: Path, *, header: bool = True
) -> tuple[list[str], list[str]]:
    """A column's name and cells after the guard, and its warnings. It stands beside the rows' numbers."""
    rows: Table = [(str(place), cell) for place, cell in enumerate(cells)]
    planned = plan(engine, query(engine, rows, 2), ["place", name], [], False)
    guard(planned, header=header)
    engine.copy(planned.query(), planned.columns.names, target, WriteOptions(header=header))
    read = csv.reader(io.StringIO(target.read_bytes().decode(), newline=""))
    return [cell for _, cell in read], planned.warnings


@given(st.lists(st.none() | st.text("=+-@\t\r\n 15.,eE%a'", max_size=6), max_size=6))
def test_formulas_are_made_text_and_counted_and_no_other_cell_is_changed(
    engine: DuckEngine, target: Path, cells: list[Cell]
) -> None:
    [_, *got], warnings = guarded(engine, cells, "x", target)
    given = [cell or "" for cell in cells]
    changed = [cell for cell, made in zip(given, got, strict=True) if made != cell]
    assert all(made in (cell, f"'{cell}") for cell, made in zip(given, got, strict=True))
    assert all(cell[0] in "=+-@\t\r" for cell in changed)
    for made in got:
        assert not made.startswith(("=", "@", "\t", "\r"))
        assert not made.startswith(("+", "-")) or re.fullmatch(r"[+-][\d.,]+([eE][+-]?\d+)? *%? *", made)
    assert re.findall(r": (\d+) ", "".join(warnings)) == ([str(len(changed))] if changed else [])


@pytest.mark.parametrize(
    "cell", ["-5", "+1.5e3", "-1.234,50", "+.5", "-12 %", "-0", "a=1", "'=1", " =1", "1-2"]
)
def test_what_is_no_formula_stays_as_it_is(engine: DuckEngine, target: Path, cell: str) -> None:
    assert guarded(engine, [cell], "x", target) == (["x", cell], [])


@pytest.mark.parametrize(
    "cell",
    ["=1", '=HYPERLINK("http://x")', "+1+1", "-1-1", "-2+3+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1"],
)
def test_a_formula_is_made_text_in_a_cell_and_in_a_name(engine: DuckEngine, target: Path, cell: str) -> None:
    got, warnings = guarded(engine, [cell, None], cell, target)
    assert got == [f"'{cell}", f"'{cell}", ""]
    assert ": 2 (" in warnings[0]
    got, warnings = guarded(engine, [cell, None], cell, target, header=False)
    assert got == [f"'{cell}", ""]
    assert ": 1 (" in warnings[0]


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)


@given(st.data(), st.lists(TEXT, min_size=1, max_size=3, unique=True))
def test_any_cells_are_read_back_from_json_lines(
    engine: DuckEngine, target: Path, data: st.DataObject, names: list[str]
) -> None:
    rows = data.draw(st.lists(st.tuples(*[st.none() | TEXT] * len(names)), max_size=4))
    text = write(engine, rows, names, target, WriteOptions(format="jsonl")).decode()
    assert text.count("\n") == len(rows)
    read = [json.loads(line, object_pairs_hook=list) for line in text.split("\n")[:-1]]
    assert read == [list(zip(names, row, strict=True)) for row in rows]


@given(st.data(), st.lists(TEXT.map("x{}".format), min_size=1, max_size=3, unique_by=str.lower))
def test_any_cells_are_read_back_from_parquet(
    engine: DuckEngine, target: Path, data: st.DataObject, names: list[str]
) -> None:
    rows = data.draw(st.lists(st.tuples(*[st.none() | TEXT] * len(names)), max_size=4))
    write(engine, rows, names, target, WriteOptions(format="parquet"))
    assert engine.rows(f"SELECT * FROM read_parquet('{target}')") == rows
    schema = engine.rows(f"DESCRIBE SELECT * FROM read_parquet('{target}')")
    assert [column[:2] for column in schema] == [(name, "VARCHAR") for name in names]


def test_names_that_differ_by_case_only_are_refused_in_parquet_and_kept_in_json_lines(
    engine: DuckEngine, target: Path
) -> None:
    with pytest.raises(DuplicateColumn, match="'id' and 'ID'"):
        write(engine, [("1", "2")], ["id", "ID"], target, WriteOptions(format="parquet"))
    written = write(engine, [("1", "2")], ["id", "ID"], target, WriteOptions(format="jsonl"))
    assert json.loads(written) == {"id": "1", "ID": "2"}


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("rows", [[], [("1", None), ("", "x\ny")]])
def test_a_packed_file_holds_what_the_plain_one_would(
    engine: DuckEngine, target: Path, kind: str, rows: Table
) -> None:
    def written(compression: str) -> bytes:
        given = {"format": kind, "compression": compression}
        return write(engine, rows, ["a", "b"], target, WriteOptions.model_validate(given))

    assert gzip.decompress(written("gzip")) == zstd.decompress(written("zstd")) == written("none")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_rows_keep_their_order_whatever_they_are_written_to(
    engine: DuckEngine, target: Path, kind: str
) -> None:
    """More of them than Parquet has in a group, on as many threads as there are."""
    count = 100_000
    rows = f"SELECT CAST({count} - range AS VARCHAR) AS c0 FROM range({count}) ORDER BY range"
    options = WriteOptions.model_validate({"format": kind})
    assert engine.copy(rows, ["x"], target, options) == count
    read = {
        "csv": lambda: target.read_text().splitlines()[1:],
        "jsonl": lambda: [json.loads(line)["x"] for line in target.read_text().splitlines()],
        "parquet": lambda: [x for (x,) in engine.rows(f"SELECT x FROM read_parquet('{target}')")],
    }[kind]()
    assert [int(x) for x in read] == list(range(count, 0, -1))
