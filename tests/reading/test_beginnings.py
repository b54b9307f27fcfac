"""The beginning of a file, and what is declared about it: marks, blank lines, headers, encodings,
dialects."""

import bz2

import pytest
from pydantic import ValidationError
from readbench import ReadBench

from csvjobs.errors import BadEncoding, BadRow, EmptyFile, FieldTooLong, NotCsv, TooManyColumns
from csvjobs.reading.encoding import SAMPLE
from csvjobs.reading.options import MAX_COLUMNS, ReadOptions
from csvjobs.reading.reading import HEAD_BYTES, HEAD_LINES

ROWS = "id,name\n" + "1,é\n" * 40


@pytest.mark.parametrize("name", ["PAR1", "BZh9", "SQLite format 3", "ORC", "x" * 257 + "ustar"])
def test_a_header_may_begin_like_the_mark_of_another_file(bench: ReadBench, name: str) -> None:
    table = bench.table(f"{name},b\n1,2\n".encode())
    assert table.columns == (name, "b")
    assert table.rows == [("1", "2")]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (bz2.compress(b"a,b\n1,2\n"), "bzip2"),
        (b"SQLite format 3\0\x10\0", "SQLite"),
        (b"%PDF-1.4\n% all of it text\n", "PDF"),
    ],
)
def test_the_files_themselves_are_known(bench: ReadBench, content: bytes, kind: str) -> None:
    for encoding in (None, "utf-8", "cp1252"):
        with pytest.raises(NotCsv, match=kind):
            bench.read(content, encoding=encoding)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "cp037"])
def test_declared_encodings_need_no_mark(bench: ReadBench, encoding: str) -> None:
    table = bench.table(ROWS.encode(encoding), encoding=encoding, delimiter=",")
    assert table.columns == ("id", "name")
    assert table.rows == [("1", "é")] * 40


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "koi8-r"])
def test_binary_data_is_none_whatever_is_declared(bench: ReadBench, encoding: str) -> None:
    with pytest.raises(NotCsv, match="binary"):
        bench.read(bytes(range(32)) * 20, encoding=encoding)


@pytest.mark.parametrize(
    "name",
    [
        *("", "utf\0", "nothing", "x" * 5000, "utf-8 ; x", "../x", "hex", "zlib", "rot13", "base64"),
        *("unicode_escape", "raw_unicode_escape", "punycode", "idna", "undefined", "charmap"),
    ],
)
def test_names_that_are_no_encoding(name: str) -> None:
    with pytest.raises(ValidationError, match="text encoding"):
        ReadOptions(encoding=name)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("a,b\n1,2\n".encode("utf-16"), "utf-32"),
        (b"a,b\n1,2\n", "utf-32-le"),
        (b"a,b\n1,2\n", "utf-16"),
        ("имя\nВера\n".encode("cp1251"), "ascii"),
    ],
)
def test_what_is_hardly_text_in_a_declared_encoding(bench: ReadBench, content: bytes, encoding: str) -> None:
    with pytest.raises(BadEncoding, match="The file is not") as raised:
        bench.read(content, encoding=encoding)
    assert "declare another one" in str(raised.value.hint)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_utf_16_and_32_may_be_declared_without_their_byte_order(bench: ReadBench, encoding: str) -> None:
    table = bench.table("id,é\n1,ü\n".encode(encoding), encoding=encoding[:6])
    assert (table.columns, table.rows) == (("id", "é"), [("1", "ü")])


def test_a_mark_is_no_part_of_the_first_name(bench: ReadBench) -> None:
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        content = "id,é\n1,2\n".encode(encoding)
        assert bench.table(content).columns == ("id", "é")
        assert bench.table(content, encoding=encoding).columns == ("id", "é")


@pytest.mark.parametrize(("second", "cells"), [("a,b\n", ("a", "b")), ('"x",5\n', ('"x"', "5"))])
def test_marks_within_a_file_are_kept_and_told(bench: ReadBench, second: str, cells: tuple[str, str]) -> None:
    table = bench.table(f"\ufeffa,b\n1,2\n\ufeff{second}".encode())
    assert table.rows == [("1", "2"), (f"\ufeff{cells[0]}", cells[1])]
    assert any("1 line below the first begins" in told for told in table.reading.warnings)


@pytest.mark.parametrize("text", ["naïve", "Ærø", "Łódź", "Привет", "日本語"])
def test_a_mark_on_its_own_decides(bench: ReadBench, text: str) -> None:
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        assert bench.table(f"a,b\n{text},1\n".encode(encoding)).rows == [(text, "1")]


def test_a_guess_is_made_from_what_is_not_ascii_however_far_down(bench: ReadBench) -> None:
    lines = "1,plain\n" * SAMPLE + "2,Привет всем, как дела сегодня\n".replace(", ", " ") * 20
    table = bench.table(f"id,name\n{lines}".encode("cp1251"), delimiter=",")
    assert table.rows[-1] == ("2", "Привет всем как дела сегодня")


BELOW = [
    (["junk"] * 300, {"delimiter": ","}),
    (["junk, junk"] * 5000, {}),
    ([f"key{number}; value; other; 3" for number in range(10)], {}),
    (['"', "", "# x"], {}),
]


@pytest.mark.parametrize(("above", "options"), BELOW)
def test_lines_to_skip_are_skipped_however_many_and_say_nothing_of_the_table(
    bench: ReadBench, above: list[str], options: dict[str, str]
) -> None:
    content = "".join(f"{line}\n" for line in above) + "id,name\n" + "1,x\n" * 1000
    table = bench.table(content.encode(), skip=len(above), **options)
    assert table.columns == ("id", "name")
    assert table.rows == [("1", "x")] * 1000
    assert table.seen == 1000 + len(above)


@pytest.mark.parametrize(("header", "rows"), [(False, [("1", "2"), ("3", "4")]), (True, [("3", "4")])])
def test_a_line_to_skip_is_counted_though_it_may_be_a_row(
    bench: ReadBench, header: bool, rows: list[tuple[str, ...]]
) -> None:
    table = bench.table(b"a,b\n1,2\n3,4\n", skip=1, header=header)
    assert table.rows == rows
    assert table.counts == (len(rows), 0, {"lines above the table": 1})


@pytest.mark.parametrize("skip", [2, 3, 10**9])
def test_where_all_lines_are_skipped_there_is_no_table(bench: ReadBench, skip: int) -> None:
    with pytest.raises(EmptyFile, match="no rows below its first 2 lines"):
        bench.read(b"a,b\n1,2\n", skip=skip)


def test_comments_above_the_table_are_passed_over_however_many(bench: ReadBench) -> None:
    table = bench.table(b"# c\n" * 3000 + b"\n# d\na,b\n1,2\n", comment="#")
    assert (table.columns, table.rows) == (("a", "b"), [("1", "2")])
    with pytest.raises(EmptyFile):
        bench.read(b"# a\n# b\n", comment="#")


@pytest.mark.parametrize("content", [b"\n", b"\r\n\r\n", b"\r", b"\n" * (HEAD_LINES + 5), b"\xef\xbb\xbf\n"])
@pytest.mark.parametrize("header", [True, False])
def test_blank_lines_alone_are_no_table(bench: ReadBench, content: bytes, header: bool) -> None:
    with pytest.raises(EmptyFile):
        bench.read(content, header=header)


@pytest.mark.parametrize("blank", [1, 2, HEAD_LINES + 5])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_above_the_header_are_counted(bench: ReadBench, blank: int, end: str) -> None:
    table = bench.table((end * blank + f"a,b{end}1,2{end}3{end}").encode(), delimiter=",")
    assert table.columns == ("a", "b")
    assert table.rows == [("1", "2")]
    assert table.counts == (1, 1, {"blank lines": blank})
    assert table.rejects[0]["_line"] == str(blank + 3)


@pytest.mark.parametrize(
    ("row", "names"),
    [
        (b'"abc,b', ('"abc', "b")),
        (b'"abc"x,b', ('"abc"x', "b")),
        (b'",b', ('"', "b")),
    ],
)
def test_a_bad_header_row_keeps_its_letters_and_is_told(
    bench: ReadBench, row: bytes, names: tuple[str, ...]
) -> None:
    table = bench.table(row + b"\n1,2\n", delimiter=",")
    assert table.columns == names
    assert table.rows == [("1", "2")]
    assert any("header row" in warning for warning in table.reading.warnings)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_header_over_several_lines(bench: ReadBench, end: str) -> None:
    table = bench.table(f'"a{end}{end}b",c{end}1,2{end}3{end}'.encode())
    assert table.columns == (f"a{end}{end}b", "c")
    assert table.rows == [("1", "2")]
    assert [(row["_line"], row["_column"]) for row in table.rejects] == [("5", "c")]


@pytest.mark.parametrize("content", [b"a,b", b"a,b\n", b"a,b\r\n", b"a,b\r", b"\xef\xbb\xbfa,b\n"])
def test_a_header_alone(bench: ReadBench, content: bytes) -> None:
    for careful in (False, True):
        table = bench.table(content, careful=careful)
        assert table.columns == ("a", "b")
        assert table.rows == []
        assert table.counts == (0, 0, {})


@pytest.mark.parametrize("content", [b"1,2\n3,4\n", b"\xef\xbb\xbf1,2\r\n3,4", b"\n1,2\n3,4\n"])
def test_no_header(bench: ReadBench, content: bytes) -> None:
    for careful in (False, True):
        table = bench.table(content, careful=careful, header=False)
        assert table.columns == ("column_1", "column_2")
        assert table.rows == [("1", "2"), ("3", "4")]
        assert table.reading.detected["header"].value is False


def test_one_column_without_a_header_keeps_its_blank_lines(bench: ReadBench) -> None:
    for careful in (False, True):
        table = bench.table(b"\na\n\n\nb\n\n", careful=careful, header=False)
        assert table.rows == [(None,), ("a",), (None,), (None,), ("b",), (None,)]


def test_as_many_columns_as_allowed_and_one_more(bench: ReadBench) -> None:
    widest = b",".join([b"x"] * MAX_COLUMNS)
    assert len(bench.read(widest + b"\n").source.columns) == MAX_COLUMNS
    with pytest.raises(TooManyColumns, match=str(MAX_COLUMNS + 1)):
        bench.read(widest + b",x\n")


def test_a_first_row_without_an_end(bench: ReadBench) -> None:
    for before in (b"", b"\n\n"):
        with pytest.raises(FieldTooLong) as raised:
            bench.read(before + b"x" * HEAD_BYTES + b"\n1\n")
        assert raised.value.line == 1 + len(before)
    assert bench.read(b"x" * (HEAD_BYTES - 1)).source.columns == ("x" * (HEAD_BYTES - 1),)


@pytest.mark.parametrize("quote", "\"'-+x\\|^")
def test_any_quote_is_read_by_the_engine_as_by_us(bench: ReadBench, quote: str) -> None:
    content = "a,b\nQ1,Q,2\nQQQQ,3\nQy\nzQ,4\n5Q,6\n".replace("Q", quote).encode()
    table = bench.table(content, quote=quote, delimiter=",")
    assert table.rows == [("1,", "2"), (quote, "3"), ("y\nz", "4"), (f"5{quote}", "6")]


def test_no_quote(bench: ReadBench) -> None:
    table = bench.table(b'a,b\n"1,2"\n"3\n""", 4\n', quote="", delimiter=",")
    assert table.rows == [('"1', '2"'), ('"""', " 4")]
    assert [(row["_line"], row["_code"]) for row in table.rejects] == [("3", "missing-cell")]


@pytest.mark.parametrize("quote", ",;|")
def test_a_delimiter_is_never_the_quote(bench: ReadBench, quote: str) -> None:
    for content in (b"a\n1\n", b"a,b;c\n1,2;3\n"):
        table = bench.table(content, quote=quote)
        assert table.reading.detected["delimiter"].value != quote
        assert table.counts[0] == len(table.rows) == 1


@pytest.mark.parametrize("delimiter", [" ", "-", "\\", "^", "]", ".", "*", "\x01", "§", "€", "😀"])
def test_any_delimiter_is_read_by_the_engine_as_by_us(bench: ReadBench, delimiter: str) -> None:
    rows = ["aDb", '1D"xDy"', 'zD""', "âDü", '5"D6', '"l\nf"D', "7"]
    content = "\n".join(rows).replace("D", delimiter).encode()
    table = bench.table(content, delimiter=delimiter)
    assert table.columns == ("a", "b")
    wanted = [("1", f"x{delimiter}y"), ("z", ""), ("â", "ü"), ('5"', "6"), ("l\nf", None)]
    assert table.rows == wanted
    assert [(row["_line"], row["_code"]) for row in table.rejects] == [("8", "missing-cell")]


def test_bad_rows_may_fail_a_file_at_its_first_bad_line(bench: ReadBench) -> None:
    for content, line, column in (
        (b'a,b\n"x\ny",1\n2\n3,4,5\n', 4, "b"),
        (b"a,b\n1,2\n\n3,4,5\n", 4, ""),
        (b'a,b\n1,2\n3,"4\n', 3, "b"),
    ):
        with pytest.raises(BadRow) as raised:
            bench.table(content, bad_rows="fail", delimiter=",")
        assert (raised.value.line, raised.value.column) == (line, column)


def test_rejected_cells_hold_their_line_ends(bench: ReadBench) -> None:
    table = bench.table(b'a,b\n"x\ry",1,2\n"l\r\nf"\n', delimiter=",")
    assert [(row["_line"], row["a"]) for row in table.rejects] == [("2", "x\ry"), ("4", "l\r\nf")]
    assert table.rejects[0]["_record"] == '"x\ry",1,2'
