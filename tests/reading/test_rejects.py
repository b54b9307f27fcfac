"""rejected.csv: every bad record with its position in the file, its reason and its text."""

import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readbench import ReadBench

from csvjobs.errors import EmptyFile, NotCsv
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.profile import sample
from csvjobs.reading.rejects import EXTRA, REASONS, Reject, RejectsWriter

PIECES = [
    b'"',
    b",",
    b",",
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"a",
    b"b",
    b"\xff",
    b'"\n',
    b',"',
    b"1,2\n",
    b'"x"',
]
SOUP = st.lists(st.sampled_from(PIECES), max_size=24).map(b"".join)
BOM = b"\xef\xbb\xbf"


def line_ends(content: bytes) -> int:
    return len(re.findall(rb"\r\n|\r|\n", content))


@given(start=st.sampled_from([b"a,b\n", BOM + b"a,b\r\n", b"\na,b\r"]), soup=SOUP)
def test_the_place_of_each_reject_is_in_the_file(bench: ReadBench, start: bytes, soup: bytes) -> None:
    content = start + soup
    try:
        table = bench.table(content, delimiter=",", encoding="utf-8", skip=0, header=True)
    except (EmptyFile, NotCsv):
        return
    for row in table.rejects:
        first, last, byte = (int(row[name]) for name in ("_line", "_last_line", "_byte"))
        assert line_ends(content[:byte]) == first - 1
        assert content[:byte].endswith((b"\n", b"\r"))
        if row["_code"] != "missing-cell":
            # What cannot be decoded is replaced, byte for byte here, so the text says how long it is.
            text = row["_record"].replace("\ufffd", "\xff").encode("latin-1")
            assert content[byte:].startswith(text)
            assert last == first + line_ends(text)
        assert row["_message"]
        assert row["_hint"] == REASONS[row["_code"]].hint
        assert row["_column"] in ("", *table.columns)


BOUNDS: list[dict[str, Any]] = [{}, {"max_open_lines": 1}, {"bad_bytes": "replace"}, {"bad_rows": "pad"}]


@given(soup=SOUP, bounds=st.sampled_from(BOUNDS))
def test_a_first_look_counts_what_a_job_rejects(
    bench: ReadBench, soup: bytes, bounds: dict[str, Any]
) -> None:
    content = b"a,b\n" + soup
    options = ReadOptions(delimiter=",", quote='"', encoding="utf-8", skip=0, header=True, **bounds)
    try:
        table = bench.table(content, **options.model_dump(exclude_defaults=True))
    except (EmptyFile, NotCsv):
        return
    first = sample(bench.look(content, options), options)
    assert first.faults == Counter(row["_code"] for row in table.rejects)
    assert first.records == len(table.rows)


def test_a_first_look_counts_rows_that_are_too_long(bench: ReadBench) -> None:
    options = ReadOptions(max_record_bytes=1024)
    content = b"a,b\n1,2\n" + b"x" * 2000 + b",3\n4,5\n"
    assert sample(bench.look(content, options), options).faults == {"record-too-long": 1}
    assert [row["_code"] for row in bench.table(content, max_record_bytes=1024).rejects] == [
        "record-too-long"
    ]


@pytest.mark.parametrize(
    ("record", "code", "column", "found"),
    [
        (b"1", "missing-cell", "b", "1 cell"),
        (b"1,2,3,4,5", "extra-cell", "", "5 cells"),
        (b'1,2,"3,4', "unclosed-quote", "c", '"3,4'),
        (b'1,"x,y" z,3', "text-after-quote", "b", " z,3"),
        (b'"a"b,"c"d,3', "text-after-quote", "a", 'b,"c"d,3'),
        (b"1,caf\xe9,3", "bad-bytes", "b", "0xe9"),
        (b'1,"' + b"x" * 100, "unclosed-quote", "b", '"' + "x" * 39 + "…"),
    ],
)
def test_what_is_at_fault_is_named_and_shown(
    bench: ReadBench, record: bytes, code: str, column: str, found: str
) -> None:
    content = b"a,b,c\n1,2,3\n" + record + b"\n4,5,6\n"
    [row] = bench.table(content, delimiter=",", encoding="utf-8").rejects
    assert (row["_code"], row["_column"], row["_found"]) == (code, column, found)
    assert (row["_line"], row["_last_line"], row["_byte"]) == ("3", "3", "12")


def test_offsets_are_of_the_utf8_text_where_the_file_is_none(bench: ReadBench) -> None:
    table = bench.table("a,b\né,2\n3\n".encode("utf-16"), delimiter=",")
    assert [row["_byte"] for row in table.rejects] == [str(len("a,b\né,2\n".encode()))]


def test_a_quote_that_stays_open_for_too_long_is_told_as_such(bench: ReadBench) -> None:
    content = b'a,b\n1,"x\n' + b"y\n" * 2000
    first, *others = bench.table(content, delimiter=",").rejects
    assert (first["_code"], first["_line"], first["_record"]) == ("too-many-open-lines", "2", '1,"x')
    assert len(others) == 2000


@pytest.mark.parametrize("taken", [["_line"], ["_line", "_line_2"], ["_record", "_code"]])
def test_no_name_of_the_header_is_there_twice(bench: ReadBench, taken: list[str]) -> None:
    content = ",".join([*taken, "x"]).encode() + b"\n1\n"
    bench.read(content, delimiter=",", header=True)
    with (bench.folder / "rejected.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    assert header[: len(taken) + 1] == [*taken, "x"]
    assert len(set(header)) == len(header) == len(taken) + 1 + len(EXTRA)
    assert all(name.startswith(ours) for name, ours in zip(header[-len(EXTRA) :], EXTRA, strict=True))


def test_groups_count_what_was_written_and_name_the_first_lines(bench: ReadBench) -> None:
    content = b"a,b\n" + b"1\n" * 7 + b'2,"\n' + b"1,2,3\n" * 2 + b"1,2\n"
    summary = bench.read(content, delimiter=",").source.rejects
    told = [(group.code, group.column, group.count, group.lines) for group in summary.groups]
    assert told == [
        ("missing-cell", "b", 7, [2, 3, 4, 5, 6]),
        ("extra-cell", "", 2, [10, 11]),
        ("unclosed-quote", "b", 1, [9]),
    ]
    assert summary.first.startswith("line 2: ")
    assert all(group.message and group.hint for group in summary.groups)


def test_groups_beyond_the_largest_are_counted_together(tmp_path: Path) -> None:
    columns = tuple(f"c{place}" for place in range(200))
    with RejectsWriter(tmp_path / "rejected.csv", columns) as rejects:
        for place, column in enumerate(columns):
            for _ in range(1 + (place == 7)):
                rejects.add(Reject(2, 2, 9, "missing-cell", column, "1 cell", "Short.", [], ""))
    summary = rejects.summary()
    assert (summary.groups[0].column, summary.groups[0].count) == ("c7", 2)
    assert sum(group.count for group in summary.groups) + summary.others == rejects.count == 201


CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


PLACE = st.integers(1, 9)
REJECT = st.builds(
    Reject,
    *(PLACE, PLACE, PLACE, st.sampled_from(sorted(REASONS)), CELL, CELL, CELL),
    *(st.lists(CELL, max_size=3), CELL),
)


@given(rejects=st.lists(REJECT, min_size=1, max_size=4))
def test_any_text_is_kept(tmp_path_factory: pytest.TempPathFactory, rejects: list[Reject]) -> None:
    path = tmp_path_factory.mktemp("rejects") / "rejected.csv"
    with RejectsWriter(path, ("a", "b")) as writer:
        for bad in rejects:
            writer.add(bad)
    _, *rows = csv.reader(io.StringIO(path.read_bytes().decode(), newline=""))
    for row, bad in zip(rows, rejects, strict=True):
        assert row[:2] == [*bad.cells, "", ""][:2]
        assert row[2:9] == [str(part) for part in bad[:7]]
        assert row[-1] == bad.record
