"""The careful lane in bulk: many records at once give the same as one by one, wherever the buffer ends."""

from __future__ import annotations

import io
import re
import tracemalloc
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from readbench import ReadBench

from csvjobs.reading import text
from csvjobs.reading.careful import TextTable, careful
from csvjobs.reading.header import Header
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import CleanRecords, Line, Tokenizer, lines
from csvjobs.reading.scan import Scan
from csvjobs.reading.source import Dialect
from csvjobs.reading.text import Text, line_ends

PIECES = [*b'"",,;\\\\\n\n\n\r\rab\xff', b"\r\n", b'""', b'"\n', b',"', b'",', b"1,2\n", b'"x","y\nz"\r\n']
PIECES += ["é".encode(), b"1;2\n", "1é2\n".encode(), b"'x\n',y\n", b'"x\\"y",z\n']
SOUP = st.lists(st.sampled_from([bytes([p]) if isinstance(p, int) else p for p in PIECES]), max_size=30).map(
    b"".join
)
DIALECTS = st.sampled_from(
    [
        Dialect(),
        Dialect(";"),
        Dialect(quote="'"),
        Dialect(quote=""),
        Dialect("é"),
        Dialect(escape="\\"),
        Dialect("aa"),
        Dialect('"b'),
    ]
)
CHUNKS = st.integers(1, 12)
BOUNDS = st.sampled_from([{}, {}, {"max_open_lines": 2}])
NONE = re.compile(rb"(?!)")


def outcome(folder: Path, content: bytes, dialect: Dialect, width: int, **options: Any) -> tuple[Any, ...]:
    """All that the lane makes of a file without a header."""
    path, clean, rejected = (folder / name for name in ("input.csv", "clean.csv", "rejected.csv"))
    path.write_bytes(content)
    rejected.unlink(missing_ok=True)
    header = Header(tuple("abc"[:width]), 0, 0, [])
    table = TextTable(path, dialect, header, ReadOptions(**options), check_bytes=True)
    source = careful(table, clean, Scan(rejected, lambda _: None))
    made = rejected.read_bytes() if rejected.exists() else b""
    counts = source.records, source.rejected, source.dropped, source.longest, source.notes, source.rejects
    return clean.read_bytes(), made, *counts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("careful")


@settings(max_examples=400)
@given(content=SOUP, dialect=DIALECTS, width=st.integers(1, 3), chunk=CHUNKS, bounds=BOUNDS)
@example(content=b"a\rb\n", dialect=Dialect(), width=1, chunk=2, bounds={})
@example(content=b'"a\nb\nc"\n' * 3, dialect=Dialect(), width=1, chunk=12, bounds={"max_open_lines": 2})
def test_it_does_not_matter_how_many_records_are_taken_at_once(
    folder: Path, content: bytes, dialect: Dialect, width: int, chunk: int, bounds: dict[str, int]
) -> None:
    at_once = outcome(folder, content, dialect, width, **bounds)
    with patch.object(text, "CHUNK", chunk):
        assert outcome(folder, content, dialect, width, **bounds) == at_once
    with patch.object(Tokenizer, "clean", lambda *_: CleanRecords(NONE, NONE)):
        assert outcome(folder, content, dialect, width, **bounds) == at_once


@given(content=SOUP, chunk=CHUNKS)
def test_lines_are_the_same_wherever_memory_ends(content: bytes, chunk: int) -> None:
    with patch.object(text, "CHUNK", chunk):
        found = list(Text(io.BytesIO(content), 3, 1000, check_bytes=False))
    assert found == list(lines(io.BytesIO(content), 3))


@given(content=SOUP, chunk=CHUNKS, longest=st.integers(1, 5))
def test_of_a_long_line_no_more_than_its_beginning_is_held(content: bytes, chunk: int, longest: int) -> None:
    with patch.object(text, "CHUNK", chunk):
        found = list(Text(io.BytesIO(content), 0, longest, check_bytes=False))
    cut = [line._replace(content=line.content[: longest + 1]) for line in lines(io.BytesIO(content))]
    assert found == cut


def test_a_line_takes_no_more_memory_than_its_beginning() -> None:
    content = io.BytesIO(b"x" * 32 * 1024**2)
    tracemalloc.start()
    [line] = Text(content, 0, 1000, check_bytes=False)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(line.content), most < 8 * 1024**2) == (1001, True)


@given(content=SOUP)
def test_line_ends_are_counted_as_lines_are(content: bytes) -> None:
    given_lines: list[Line] = list(lines(io.BytesIO(content)))
    assert line_ends(content) == sum(bool(line.ending) for line in given_lines)


@given(content=SOUP, dialect=DIALECTS, width=st.integers(1, 3))
def test_clean_records_are_good_ones_with_so_many_cells(content: bytes, dialect: Dialect, width: int) -> None:
    """Judged by the tokenizer, which takes one at a time."""
    tokenizer = Tokenizer(dialect)
    clean = tokenizer.clean(width)
    found = clean.run.match(content)
    run = found[0] if found else b""
    records = list(tokenizer.records(lines(io.BytesIO(run))))
    assert clean.each.findall(run) == [record.text for record in records]
    for record in records:
        cells = tokenizer.cells(record)
        assert len(cells) == width
        assert not record.fault
        assert not any(tokenizer.odd(cell) for cell in cells)


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        (b"1," + b"x" * 1022, True),
        (b"1," + b"x" * 1023, False),
        (b'1,"' + b"x\n" * 510 + b'"', True),
        (b'1,"' + b"x\n" * 511 + b'"', False),
    ],
)
def test_how_long_a_record_may_be(bench: ReadBench, record: bytes, kept: bool) -> None:
    content = b"a,b\n" + record + b"\n3,4\n"
    table = bench.table(content, max_record_bytes=1024, delimiter=",")
    assert table.rows[-1] == ("3", "4")
    if kept:
        assert (len(table.rows), table.rejects) == (2, [])
    else:
        first = table.rejects[0]
        assert (first["_code"], first["_line"], first["_byte"]) == ("record-too-long", "2", "4")
        assert record.startswith(first["_record"].encode())


@pytest.mark.parametrize("careful", [False, True])
def test_a_record_may_be_far_longer_than_the_others(bench: ReadBench, careful: bool) -> None:
    """Longer than the engine takes a line to be, unless it is told."""
    rows = [("1", "x"), ("2", "y" * 3 * 1024**2), ("3", "z")]
    content = "".join(f"{one},{other}\n" for one, other in [("a", "b"), *rows]).encode()
    assert bench.table(content, careful=careful).rows == rows


def test_a_line_without_an_end_is_not_held_in_memory(bench: ReadBench) -> None:
    """Only its beginning is kept; what follows is read as if nothing had been."""
    content = b"a,b\n1,2\n" + b"x" * 20_000_000 + b"\n3,4\n"
    table = bench.table(content, max_record_bytes=1024, delimiter=",")
    assert table.rows == [("1", "2"), ("3", "4")]
    [row] = table.rejects
    assert (row["_code"], row["_line"]) == ("record-too-long", "3")
    assert len(row["_record"]) < 100_000


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            b"id,n\n1,a\rb\n2,c\n",
            "1 of 4 lines end in a carriage return (CR) alone, the first of them line 2",
        ),
        (
            b"id\r\n1\r2\r\n3\r4\r\n",
            "2 of 5 lines end in a carriage return (CR) alone, the first of them line 2",
        ),
        (
            b'id,n\r1,"a\nb"\n2,c\n',
            "1 of 3 lines end in a carriage return (CR) alone, the first of them line 1",
        ),
        (b'"i\rd",n\n1,"a\rb"\n"",\n', None),
        (b'id,n\r"",a\r2,"c\nd"\r', None),
        (b"id,n\n1,a\n2,b\r", "1 of 3 lines end in a carriage return (CR) alone, the first of them line 3"),
    ],
)
def test_line_ends_that_may_be_text_are_told(bench: ReadBench, content: bytes, told: str | None) -> None:
    warnings = [warning for warning in bench.read(content).warnings if "(CR)" in warning]
    assert [warning.partition(";")[0] for warning in warnings] == ([told] if told else [])
