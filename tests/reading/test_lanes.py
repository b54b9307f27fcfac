"""Both lanes give the same cells in the same order, and account for every record."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from readbench import ReadBench

from csvjobs.engines.base import ReadFailed
from csvjobs.engines.duckdb import DuckEngine
from csvjobs.errors import BadRow, DataError, EmptyFile, FieldTooLong, MemoryLimit, TooManyColumns
from csvjobs.reading.facts import CHUNK, FactsCollector
from csvjobs.reading.options import MAX_COLUMNS, ReadOptions
from csvjobs.reading.reading import HEAD_BYTES, Reading, look, read
from csvjobs.reading.scan import Scan
from csvjobs.reading.source import Source

Cells = list[tuple[str | None, ...]]


@dataclass
class Lab:
    """A folder and an engine in which files are read."""

    folder: Path
    engine: DuckEngine

    @property
    def rejected(self) -> Path:
        return self.folder / "rejected.csv"

    def read(
        self, content: bytes, *, careful: bool = False, chunk: int = CHUNK, **options: object
    ) -> Reading:
        path = self.folder / "input.csv"
        path.write_bytes(content)
        collector = FactsCollector()
        for place in range(0, len(content), chunk):
            collector.update(content[place : place + chunk])
        self.rejected.unlink(missing_ok=True)
        declared = ReadOptions.model_validate(options)
        found = look(path, collector.finish(), declared, self.folder, lambda done: None)
        return read(found, self.folder, Scan(self.rejected, lambda done: None), force_careful=careful)

    def cells(self, source: Source) -> Cells:
        return self.engine.rows(self.engine.relation(source, numbered=False))

    def is_express(self, reading: Reading) -> bool:
        return reading.source.path == self.folder / "input.csv"

    def rejects(self) -> list[dict[str, str]]:
        if not self.rejected.exists():
            return []
        return list(csv.DictReader(io.StringIO(self.rejected.read_bytes().decode(), newline="")))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lanes")
    engine = DuckEngine(folder, 64 * 1024**2)
    yield Lab(folder, engine)
    engine.close()


CELL = st.sampled_from(
    [
        "",
        "a",
        "NA",
        "00042",
        "1.10",
        " x ",
        "x,y",
        "x;y",
        'q"q',
        '"',
        "l\nf",
        "c\rr",
        "c\r\nl",
        "é",
        "\ufeff",
        "\x00",
        "-",
    ]
)


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """What writers make: mostly right, some of it ragged, blank or cut short."""
    width = draw(st.integers(1, 4))
    ragged = draw(st.booleans())
    sizes = st.integers(0, 5) if ragged else st.just(width)
    rows = [[f"h{place}" for place in range(width)]]
    for _ in range(draw(st.integers(0, 6))):
        size = draw(sizes)
        rows.append(draw(st.lists(CELL, min_size=size, max_size=size)))
    out = io.StringIO(newline="")
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    csv.writer(out, lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])), quoting=quoting).writerows(
        rows
    )
    text = out.getvalue()
    text = text.rstrip("\r\n") if draw(st.booleans()) else text
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + text.encode()


SOUP = st.lists(
    st.sampled_from(
        [b'"', b'"', b",", b",", b"\n", b"\n", b"\r\n", b"\r", b"a", b"b", b" ", b"\xff", b"\xc3\xa9", b"\0"]
    ),
    max_size=30,
).map(lambda pieces: b"a,b\n" + b"".join(pieces))


@pytest.mark.parametrize(
    ("content", "options", "cells"),
    [
        (b"a,b\n#c,d\n1,2\n", {"comment": "#"}, [("1", "2")]),
        (b'a,b\n"x\\\\y",2\n', {"escape": "\\"}, [("x\\y", "2")]),
        (b"a,b\n'x\"y',2\n", {"quote": "'"}, [('x"y', "2")]),
        (b'a,b\n"x",2\n', {"quote": ""}, [('"x"', "2")]),
    ],
)
def test_what_is_declared_holds_though_the_file_looks_like_any_other(
    lab: Lab, content: bytes, options: dict[str, str], cells: Cells
) -> None:
    assert lab.cells(lab.read(content, **options).source) == cells


@settings(max_examples=400)
@given(st.one_of(written(), SOUP), st.sampled_from([None, False]))
@example(b'a,b\n" ",c\n', None)
@example(b'a,b\r\n"x\ny",2\r\n', None)
@example(b'"\r\n",x\na,b\n', False)
def test_both_lanes_read_the_same(lab: Lab, content: bytes, header: bool | None) -> None:
    try:
        one = lab.read(content, delimiter=",", header=header)
        by_default = lab.cells(one.source)
    except (DataError, ReadFailed):
        # The flow turns to the careful lane when the engine says that it cannot; never the other way round.
        by_default = None
    try:
        careful = lab.read(content, careful=True, delimiter=",", header=header)
    except DataError:
        assert by_default is None
        return
    cells = lab.cells(careful.source)
    assert len(cells) == careful.source.records
    assert len(lab.rejects()) == careful.source.rejected
    if by_default is not None and len(by_default) == one.source.records:
        assert by_default == cells
        assert (one.source.columns, one.source.records, one.source.rejected, one.source.dropped) == (
            careful.source.columns,
            careful.source.records,
            careful.source.rejected,
            careful.source.dropped,
        )


@settings(max_examples=200)
@given(SOUP)
def test_every_line_is_a_record_a_reject_or_blank(lab: Lab, content: bytes) -> None:
    """Judged without our tokenizer: where no quote stands, records are lines."""
    content = content.replace(b'"', b"").replace(b"\xff", b"")
    try:
        reading = lab.read(content, delimiter=",", header=True, skip=0)
    except EmptyFile:
        assert not content.strip(b"\r\n")
        return
    source = reading.source
    after = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removesuffix(b"\n").split(b"\n")
    first = next(place for place, line in enumerate(after) if line)
    blank = sum(not line for line in after)
    assert source.dropped.get("blank lines", 0) == blank
    assert source.records + source.rejected + blank == len(after) - 1
    fitted = any("rows below it have" in warning for warning in reading.warnings)
    assert fitted or len(after[first].split(b",")) == len(source.columns)


@pytest.fixture
def four(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Four cores, whatever machine it is, and files that are large enough for four parts."""
    monkeypatch.setattr("csvjobs.reading.facts.MARK_EVERY", 6)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    engine = DuckEngine(tmp_path, 64 * 1024**2)
    yield Lab(tmp_path, engine)
    engine.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written(), st.integers(1, 9))
@example(b"a,b\n" + b"".join(b"%d,x\n" % row for row in range(40)), 5)
@example(b'h0\n""\n""\n\xef\xbb\xbf\n', 1)
@example(b'a\r\n"1"\r\n\r\n2\r\n3\r\n,\r\n', 2)
def test_rows_that_are_read_in_parts_have_the_same_numbers(four: Lab, content: bytes, chunk: int) -> None:
    try:
        source = four.read(content, delimiter=",", chunk=chunk).source
        whole = four.cells(source)
    except (DataError, ReadFailed):
        return
    numbered = four.engine.rows(f"{four.engine.relation(source, numbered=True)} ORDER BY __row")
    assert numbered == [(*cells, number) for number, cells in enumerate(whole, 1)]


def test_a_file_whose_cells_hold_line_ends_is_read_in_one_part(four: Lab) -> None:
    rows = b"1,2\n" * 20
    parts = four.engine.relation(four.read(b"a,b\n" + rows, chunk=4).source, numbered=True)
    one = four.engine.relation(four.read(b'a,b\n"1\n",2\n' + rows, chunk=4).source, numbered=True)
    assert (parts.count("read_csv"), one.count("read_csv")) == (4, 1)


def test_an_engine_that_spares_memory_reads_in_one_part(four: Lab) -> None:
    source = four.read(b"a,b\n" + b"1,2\n" * 20, chunk=4).source
    four.engine.spare()
    assert four.engine.relation(source, numbered=True).count("read_csv") == 1
    assert four.engine.rows("SELECT current_setting('threads')") == [(1,)]


PLAIN = b"a,b\n1,2\n3,4\n"


@pytest.mark.parametrize(
    ("content", "express"),
    [
        (PLAIN, True),
        (PLAIN.replace(b"\n", b"\r\n"), True),
        (b"\xef\xbb\xbf" + PLAIN, True),
        (b'a,b\n"x\ny, z",""\n', True),
        (b'a,b\n"x\n\ny",2\n', True),
        (b'a,b\n"x\n\ny",2\n\n', False),
        (b"a,b\n1\n", False),
        (b"a,b\n1,2\n\n3,4\n", False),
        (b"a,b\n1,2,3\n\n", False),
        (b'a\n"1\n', False),
        (b'a,b\n1, "x"\n', False),
        (b'a,b\n1,"x" \n', False),
        (b"a,b\n1,2\r\n3,4\n", False),
        (b"a,b\n1,\xff\n", False),
        (b'a,b\n1,"\n', False),
        ("a,b\n1,é\n".encode("utf-16"), False),
    ],
)
def test_the_express_lane_is_for_what_is_proven(lab: Lab, content: bytes, express: bool) -> None:
    assert lab.is_express(lab.read(content, delimiter=",")) == express


def test_empty_and_quoted_empty_cells_stay_apart(lab: Lab) -> None:
    content = b'a,b,c\n,"",x\n'
    for careful in (False, True):
        assert lab.cells(lab.read(content, careful=careful).source) == [(None, "", "x")]


def test_blanks_and_quotes_in_cells_stay(lab: Lab) -> None:
    content = b'a,b\n x , "y"\n5" p,"z" \n'
    reading = lab.read(content, delimiter=",")
    assert lab.cells(reading.source) == [(" x ", ' "y"')]
    assert [(row["_line"], row["_code"]) for row in lab.rejects()] == [("3", "text-after-quote")]


def test_rejects_say_where_why_and_what(lab: Lab) -> None:
    content = b'a,b\n1,2\n"x\ny",3\n4\n5,6,7\n"8,9\n10,11\xff\n"12"3,4\n5,6\n'
    reading = lab.read(content, delimiter=",", encoding="utf-8")
    assert lab.cells(reading.source) == [("1", "2"), ("x\ny", "3"), ("5", "6")]
    told = [(row["_line"], row["_code"], row["_column"], row["_record"]) for row in lab.rejects()]
    assert told == [
        ("5", "missing-cell", "b", ""),
        ("6", "extra-cell", "", "5,6,7"),
        ("7", "unclosed-quote", "a", '"8,9'),
        ("8", "bad-bytes", "b", "10,11\ufffd"),
        ("9", "text-after-quote", "a", '"12"3,4'),
    ]
    assert all(row["_message"] and row["_hint"] for row in lab.rejects())
    assert [row["_found"] for row in lab.rejects()] == ["1 cell", "3 cells", '"8,9', "0xff", "3,4"]
    assert (lab.rejects()[0]["a"], lab.rejects()[1]["a"], lab.rejects()[1]["b"]) == ("4", "5", "6")


def test_short_rows_may_be_filled_up(lab: Lab) -> None:
    reading = lab.read(b'a,b,c\n1\n"2",3\n4,5,6\n7,8,9,10\n', bad_rows="pad")
    assert lab.cells(reading.source) == [("1", None, None), ("2", "3", None), ("4", "5", "6")]
    assert [row["_code"] for row in lab.rejects()] == ["extra-cell"]


def test_a_bad_row_may_fail_the_job(lab: Lab) -> None:
    with pytest.raises(BadRow) as failed:
        lab.read(b"a,b\n1,2\n3\n", bad_rows="fail")
    assert (failed.value.line, failed.value.column) == (3, "b")
    assert lab.read(b"a,b\n1,2\n", bad_rows="fail").source.records == 1


def test_a_header_may_span_lines(lab: Lab) -> None:
    reading = lab.read(b'"a\nb",c\n1,2\n3\n')
    assert reading.source.columns == ("a\nb", "c")
    assert lab.cells(reading.source) == [("1", "2")]
    assert lab.rejects()[0]["_line"] == "4"


def test_without_a_header_the_first_row_is_data(lab: Lab) -> None:
    reading = lab.read(PLAIN, header=False)
    assert reading.source.columns == ("column_1", "column_2")
    assert lab.cells(reading.source) == [("a", "b"), ("1", "2"), ("3", "4")]


@pytest.mark.parametrize("content", [b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n\n"])
def test_nothing_but_blank_lines_is_an_empty_file(lab: Lab, content: bytes) -> None:
    with pytest.raises(EmptyFile):
        lab.read(content)


def test_limits_are_told_as_such(lab: Lab) -> None:
    with pytest.raises(TooManyColumns, match=str(MAX_COLUMNS)):
        lab.read(b"a," * MAX_COLUMNS + b"a\n")
    with pytest.raises(FieldTooLong):
        lab.read(b"x" * (HEAD_BYTES + 1))


def test_a_wide_table_needs_memory_for_rows_that_it_has(tmp_path: Path) -> None:
    lab = Lab(tmp_path, DuckEngine(tmp_path, 64 * 1024**2))
    names = [f"n{place}" for place in range(2000)]
    few = [tuple(f"{row}.{name}" for name in names) for row in range(3)]
    text = "".join(",".join(row) + "\n" for row in [names, *few])
    source = lab.read(text.encode()).source
    out = tmp_path / "out.csv"
    assert lab.engine.copy(lab.engine.relation(source, numbered=False), source.columns, out) == 3
    assert out.read_text("utf-8") == text
    many = replace(source, records=3000)
    with pytest.raises(MemoryLimit, match="2000 columns needs 281 MiB at least; 64 MiB is the most"):
        lab.engine.relation(many, numbered=False)
    lab.engine.close()


def test_a_line_that_the_engine_cannot_hold_is_set_aside(bench: ReadBench) -> None:
    table = bench.table(b"a,b\n1,2\n3," + b"y" * (17 * 1024**2) + b"\n4,5\n")
    assert table.rows == [("1", "2"), ("4", "5")]
    assert [(row["_line"], row["_code"]) for row in table.rejects] == [("3", "record-too-long")]
    assert bench.lanes["turned back"] == 1
