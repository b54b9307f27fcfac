"""Output of the engine, read back with other readers."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from csvjobs.engines.duckdb import DuckEngine
from csvjobs.engines.options import PLAIN, WriteOptions
from csvjobs.errors import DuplicateColumn, FieldTooLong, TooManyColumns, TooManyRows
from csvjobs.pipelines.guard import guard
from csvjobs.pipelines.plan import Given, plan
from csvjobs.pipelines.spec import parse
from csvjobs.pipelines.typed import typed
from csvjobs.reading.workbook import unescaped

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
    "cell", ["-5", "+1.5e3", "-1.234,50", "+.5", "-,5", "-12 %", "-0", "a=1", "'=1", " =1", "1-2"]
)
def test_what_is_no_formula_stays_as_it_is(engine: DuckEngine, target: Path, cell: str) -> None:
    assert guarded(engine, [cell], cell, target) == ([cell, cell], [])


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


@given(st.data(), st.lists(TEXT.map("x{}".format), min_size=1, max_size=3))
def test_any_cells_are_read_back_from_a_sheet(
    engine: DuckEngine, target: Path, data: st.DataObject, names: list[str]
) -> None:
    """openpyxl leaves the escapes of XML as they stand."""
    hard = st.sampled_from(
        ["_x0041_x0042_", "<r>&</r>", "\r\n", " ", "\0\x1f", "\ufffe\uffff", "00042", "=1+1"]
    )
    cell = st.none() | TEXT | hard
    rows = data.draw(st.lists(st.tuples(*[cell] * len(names)), max_size=4))
    write(engine, rows, names, target, WriteOptions(format="xlsx"))
    read = [
        tuple(None if cell is None else unescaped(cell) for cell in row)
        for row in load_workbook(io.BytesIO(target.read_bytes())).active.iter_rows(
            values_only=True, max_col=len(names)
        )
    ]
    assert read == [tuple(names), *rows]


def test_the_same_table_is_the_same_workbook(engine: DuckEngine, target: Path) -> None:
    once, again = (write(engine, [("1",)], ["a"], target, WriteOptions(format="xlsx")) for _ in range(2))
    assert once == again


def cast(engine: DuckEngine, form: str, to: str, cells: list[Cell], target: Path, **given: Any) -> list[str]:
    """Writes a column as what a step has made of it, beside one of text, and returns the warnings."""
    rows: Table = [(cell, "00042") for cell in cells]
    steps = parse(json.dumps({"steps": [{"step": "cast", "columns": ["x"], "to": to, **given}]})).steps
    planned = plan(engine, query(engine, rows, 2), ["x", "text"], steps, False, Given(nulls=("NA",)))
    options = WriteOptions.model_validate({"format": form})
    typed(planned, options)
    assert engine.copy(planned.query(), planned.columns.names, target, options) == len(cells)
    return planned.warnings


@pytest.mark.parametrize(
    ("to", "cells", "kind", "values"),
    [
        ("integer", ["007", None, "-3"], "BIGINT", [7, None, -3]),
        ("integer", ["9223372036854775808"], "DECIMAL(38,0)", [Decimal(2**63)]),
        ("integer", ["1" + "0" * 38, "1"], "VARCHAR", ["1" + "0" * 38, "1"]),
        ("decimal", ["1.10", "-12.5", "NA"], "DECIMAL(4,2)", [Decimal("1.10"), Decimal("-12.50"), None]),
        ("decimal", ["7", None], "DECIMAL(1,0)", [Decimal(7), None]),
        ("decimal", [None, "NA"], "DECIMAL(1,0)", [None, None]),
        ("decimal", ["0." + "1" * 38], "VARCHAR", ["0." + "1" * 38]),
        ("float", ["0.1", "1e20", None], "DOUBLE", [0.1, 1e20, None]),
        ("boolean", ["yes", "no", ""], "BOOLEAN", [True, False, None]),
        ("date", ["03.04.2026", None], "DATE", [date(2026, 4, 3), None]),
        ("datetime", ["2026-04-03T10:30:00"], "TIMESTAMP", [datetime(2026, 4, 3, 10, 30)]),
        ("datetime", ["2026-04-03T10:30:00+02:00"], "TIMESTAMP WITH TIME ZONE", None),
    ],
)
def test_a_column_that_was_cast_has_its_type_in_parquet(
    engine: DuckEngine, target: Path, to: str, cells: list[Cell], kind: str, values: list[Any] | None
) -> None:
    warnings = cast(engine, "parquet", to, cells, target)
    [found, text] = engine.rows(f"DESCRIBE FROM read_parquet('{target}')")
    assert (found[1], text[1]) == (kind, "VARCHAR")
    assert bool(warnings) == (kind == "VARCHAR")
    if values is None:
        assert engine.rows(f"SELECT epoch_ms(x) FROM read_parquet('{target}')") == [(1775205000000,)]
    else:
        assert engine.rows(f"SELECT x FROM read_parquet('{target}')") == [(value,) for value in values]


@pytest.mark.parametrize(
    ("to", "cells", "values"),
    [
        ("integer", ["007", None, "-3"], [7, None, -3]),
        ("integer", [None, None], [None, None]),
        ("integer", ["123456789012345", "1"], [123456789012345, 1]),
        ("integer", ["1234567890123456", "1"], ["1234567890123456", "1"]),
        ("decimal", ["1.10", "NA"], [1.1, None]),
        ("decimal", ["1234567890.123456"], ["1234567890.123456"]),
        ("float", ["0.1", "1e20"], [0.1, 1e20]),
        ("boolean", ["yes", "no"], [True, False]),
        ("date", ["2026-04-03", None], [datetime(2026, 4, 3), None]),
        ("date", ["1899-12-31"], ["1899-12-31"]),
        ("date", ["1900-02-28"], ["1900-02-28"]),
        ("date", ["1901-01-01"], [datetime(1901, 1, 1)]),
        ("datetime", ["2026-04-03T10:30:00"], [datetime(2026, 4, 3, 10, 30)]),
        ("datetime", ["2026-04-03T10:30:00Z"], ["2026-04-03T10:30:00Z"]),
    ],
)
def test_a_column_that_was_cast_has_its_type_in_a_sheet_if_that_holds_it_exactly(
    engine: DuckEngine, target: Path, to: str, cells: list[Cell], values: list[Any]
) -> None:
    warnings = cast(engine, "xlsx", to, cells, target)
    _, *rows = load_workbook(io.BytesIO(target.read_bytes())).active.iter_rows(values_only=True)
    assert rows == [(value, "00042") for value in values]
    assert [type(value) for value, _ in rows] == [type(value) for value in values]
    assert bool(warnings) == any(isinstance(value, str) for value in values)


def test_cells_that_do_not_fit_and_are_kept_make_a_column_text(engine: DuckEngine, target: Path) -> None:
    cast(engine, "parquet", "integer", ["1", "x"], target, invalid="keep")
    assert engine.rows(f"SELECT x FROM read_parquet('{target}')") == [("1",), ("x",)]
    cast(engine, "parquet", "integer", ["1", "x"], target, invalid="empty")
    assert engine.rows(f"SELECT x FROM read_parquet('{target}')") == [(1,), (None,)]


@given(st.lists(st.decimals(-(10**12), 10**12, places=None, allow_nan=False).map("{:f}".format), max_size=4))
def test_decimals_are_exact_in_parquet(engine: DuckEngine, target: Path, cells: list[Cell]) -> None:
    cast(engine, "parquet", "decimal", cells, target)
    read = engine.rows(f"SELECT CAST(x AS VARCHAR) FROM read_parquet('{target}')")
    assert [Decimal(text) for (text,) in read] == [Decimal(cell or "") for cell in cells]


def test_what_a_sheet_cannot_hold_is_told_before_it_is_written(engine: DuckEngine, target: Path) -> None:
    def written(select: str, names: list[str]) -> None:
        planned = plan(engine, select, names, [], False)
        typed(planned, WriteOptions(format="xlsx"))

    target.unlink(missing_ok=True)
    written("SELECT CAST(range AS VARCHAR) AS c0 FROM range(1048575)", ["a"])
    written("SELECT repeat('a', 32767) AS c0", ["a"])
    with pytest.raises(TooManyRows, match="room for 1048575 rows; the table has 1048576"):
        written("SELECT CAST(range AS VARCHAR) AS c0 FROM range(1048576)", ["a"])
    with pytest.raises(FieldTooLong, match="one has 32768") as error:
        written("SELECT repeat('a', 32768) AS c0", ["a"])
    assert error.value.column == "a"
    with pytest.raises(TooManyColumns, match="16385"):
        written("SELECT " + ", ".join(f"'' AS c{n}" for n in range(16385)), [str(n) for n in range(16385)])
    assert not target.exists()


@given(tables())
def test_utf16_holds_what_utf8_would(
    engine: DuckEngine, target: Path, table: tuple[list[str], Table, WriteOptions]
) -> None:
    names, rows, options = table
    plain = write(engine, rows, names, target, options).decode()
    other = options.model_copy(update={"encoding": "utf-16"})
    assert write(engine, rows, names, target, other).decode("utf-16-le") == plain


def test_the_profile_for_unicode_text_is_what_excel_calls_so(engine: DuckEngine, target: Path) -> None:
    """As Excel itself saves it: a mark, little-endian, tabs, CRLF."""
    written = write(engine, [("é", None)], ["a", "b"], target, WriteOptions(profile="excel-unicode"))
    assert written == b"\xff\xfea\0\t\0b\0\r\0\n\0\xe9\0\t\0\r\0\n\0"
    marked = WriteOptions.model_validate({"encoding": "utf-16"})
    assert write(engine, [], ["a"], target, marked) == b"\xff\xfea\0\n\0"
    with pytest.raises(ValueError, match="compression cannot be declared with the format csv in utf-16"):
        WriteOptions.model_validate({"encoding": "utf-16", "compression": "gzip"})
