"""Detection of delimiter and header in small files."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readbench import ReadBench

from csvjobs.errors import NotCsv
from csvjobs.reading.dialect import find_dialect
from csvjobs.reading.header import column_names, numbered_names
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.records import lines
from csvjobs.reading.source import Dialect, Found

PROSE = """\
H1_EST,Median income (dollars); Estimate; Householder 15 to 24 years (one - all)
H1_MOE,Median income (dollars); Margin of error; Householder 75 years and over (one - all)"""


def find(content: str, **options: str) -> tuple[Dialect, dict[str, Found]]:
    head = list(lines(io.BytesIO(content.encode())))
    return find_dialect(head, ReadOptions.model_validate(options))


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n3,5;4,5\n", ";"),
        ("a\tb\n1, 2\tx\n", "\t"),
        ("a|b|c\n1|2|3\n", "|"),
        ('name,text\nx,"a;b;c"\ny,"d;e;f"\n', ","),
        ('"a;b",c\n"d;e",f\n', ","),
        ("name;when\nx;12:30, noon\ny;1, 2, 3\n", ";"),
        ("a,b,c\n1,2\n3,4,5\n6,7,8\n", ","),
        ("one\ntwo\nthree\n", ","),
        ("a,b\n", ","),
        ("id,label\n" + f"{PROSE}\n" * 6, ","),
        ("a, b, c\n1, 2, 3\n", ","),
        ("date;text\n2024-01-01;a, b\n2024-01-02;c\n", ";"),
    ],
)
def test_the_delimiter_is_the_one_that_cuts_most_evenly(content: str, delimiter: str) -> None:
    dialect, found = find(content)
    assert dialect.delimiter == found["delimiter"].value == delimiter


def test_what_is_declared_wins_and_is_sure() -> None:
    dialect, found = find("a,b;c\n1,2;3\n", delimiter=";", quote="'")
    assert dialect == Dialect(";", "'")
    assert found["delimiter"].confidence == found["quote"].confidence == 1.0


def test_words_in_apostrophes_leave_no_doubt_about_the_quote() -> None:
    dialect, found = find("id,note\n1,given 'as is' here\n2,it's said 'so' there\n3,plain\n")

    assert (dialect.quote, found["quote"].confidence) == ('"', 1.0)


def test_doubts_are_told_with_the_alternatives() -> None:
    _, found = find("a,b;c\n1,2;3\n4,5;6\n")
    assert found["delimiter"].alternatives
    _, found = find("one\ntwo\n")
    assert found["delimiter"].confidence < 0.8
    _, found = find("a,b\n1,2\n3,4\n")
    assert found["delimiter"] == Found(",", 1.0, ())


@pytest.mark.parametrize(
    ("cells", "names", "warned"),
    [
        (["a", "b"], ("a", "b"), 0),
        ([" a ", "b\t"], ("a", "b"), 0),
        (["a", "", "c"], ("a", "column_2", "c"), 1),
        (["a", "a", "a"], ("a", "a_2", "a_3"), 2),
        (["a", "a", "a_2"], ("a", "a_3", "a_2"), 1),
        (["", "column_1"], ("column_1_2", "column_1"), 1),
        (["A", "a"], ("A", "a"), 0),
        (["\ufeffa"], ("a",), 0),
    ],
)
def test_columns_get_names(cells: list[str], names: tuple[str, ...], warned: int) -> None:
    found, warnings = column_names(cells)
    assert found == names
    assert len(warnings) == warned


@given(
    st.lists(st.sampled_from(["", " ", "a", "a ", "a_2", "a_2_2", "column_1", "column_2", "A"]), max_size=8)
)
def test_names_are_whole_and_no_two_the_same(cells: list[str]) -> None:
    names, _ = column_names(cells)
    assert len(names) == len(cells) == len(set(names))
    assert all(name and name == name.strip() for name in names)
    for cell, name in zip(cells, names, strict=True):
        assert name == cell.strip() or not cell.strip() or cells.count(cell) > 1 or cell.strip() in names


def test_a_table_without_a_header_has_numbers() -> None:
    assert numbered_names(3) == ("column_1", "column_2", "column_3")


@pytest.mark.parametrize(
    ("content", "dialect"),
    [
        ("a,'b, c'\n1,'2, 3'\n4,'5, 6'\n", Dialect(",", "'")),
        ("a,b\nit's,x\nPeter's,y\n", Dialect(",", '"')),
        ('a,b\n"say \\"hi, you\\"",2\n"no, \\"ho\\"",4\n', Dialect(",", '"', "\\")),
        ('a,b\n"say ""hi, you""",2\nC:\\x,4\n', Dialect(",", '"')),
        ("sep=|\na,b|c\n1,2|3\n", Dialect("|", '"')),
        ("# a;b;c;d\n# e;f;g;h\nx,y\n1,2\n3,4\n", Dialect(",", '"')),
        ("root:x:0:/root\ndaemon:x:1:/usr/sbin\nbin:x:2:/bin\n", Dialect(":", '"')),
        ("time\n12:30:15\n12:31:20\n", Dialect(",", '"')),
        ("a^b^c\n1^2^3\n", Dialect("^", '"')),
        ("a~b~c\n1~2~3\n", Dialect("~", '"')),
        ("words of a column\nmore words\nand again some more of them\n", Dialect(",", '"')),
    ],
)
def test_quotes_and_escapes_are_found_where_there_are_some(content: str, dialect: Dialect) -> None:
    assert find(content)[0] == dialect


@pytest.mark.parametrize("mark", ["\x01", "\x1f", "\x1e\x1f"])
def test_a_declared_delimiter_may_be_a_control_character(bench: ReadBench, mark: str) -> None:
    rows = [(str(number), f"a, b {number}", "") for number in range(300)]
    content = "\n".join(map(mark.join, [("id", "name", "note"), *rows])) + "\n"
    table = bench.table(content.encode(), delimiter=mark)
    assert table.rows == [(number, name, None) for number, name, _ in rows]
    with pytest.raises(NotCsv, match="binary"):
        bench.read(content.encode(), delimiter=";")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("above", "skip"), [("", 1), ("Title, of it\n", 2)])
def test_the_line_that_tells_the_delimiter_counts_although_it_is_skipped(
    bench: ReadBench, end: str, above: str, skip: int
) -> None:
    content = f"sep=:\n{above}a,b:c\n1,2:3\n4,5:6\n".replace("\n", end)
    assert bench.table(content.encode("utf-8-sig"), skip=skip).rows == [("1,2", "3"), ("4,5", "6")]
    assert bench.table(content.encode(), skip=skip, delimiter=",").rows == [("1", "2:3"), ("4", "5:6")]


@pytest.mark.parametrize("text", ["k;v\n" * 990, ("k;v;w" + "x" * 4000 + "\n") * 300, "|a|b|c|\n" * 990])
def test_a_cell_that_goes_on_below_the_first_lines_is_not_taken_for_rows(bench: ReadBench, text: str) -> None:
    table = bench.table(b"id,kind,text\n" + f'1,x,"{text}"\n'.encode() * 4)
    assert (table.columns, table.reading.detected["skip"].value) == (("id", "kind", "text"), 0)
    assert table.rows == [("1", "x", text)] * 4
