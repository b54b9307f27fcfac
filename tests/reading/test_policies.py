"""What happens to bad rows, by option."""

import pytest
from readbench import ReadBench

from csvjobs.errors import BadRow, TooManyColumns
from csvjobs.reading.options import ReadOptions

BYTES = b"a,b\n1,2\n3,\xff4\n5,6\n"


@pytest.mark.parametrize("header", [b'"a,b', b'"a"x,b'])
def test_where_no_row_may_be_bad_the_header_row_may_not(bench: ReadBench, header: bytes) -> None:
    with pytest.raises(BadRow, match="header row") as raised:
        bench.read(header + b"\n1,2\n", delimiter=",", header=True, skip=0, bad_rows="fail")
    assert raised.value.line == 1


def test_bad_bytes_are_set_aside(bench: ReadBench) -> None:
    table = bench.table(BYTES, encoding="utf-8")
    assert table.rows == [("1", "2"), ("5", "6")]
    assert [(row["_line"], row["_code"], row["_column"]) for row in table.rejects] == [
        ("3", "bad-bytes", "b")
    ]


def test_bad_bytes_may_be_replaced_and_that_is_told(bench: ReadBench) -> None:
    table = bench.table(BYTES, encoding="utf-8", bad_bytes="replace")
    assert table.rows == [("1", "2"), ("3", "\ufffd4"), ("5", "6")]
    assert table.rejects == []
    assert any(warning.startswith("1 row had bytes") for warning in table.reading.warnings)


@pytest.mark.parametrize("option", ["bad_bytes", "bad_rows"])
def test_bad_bytes_may_fail_the_file(bench: ReadBench, option: str) -> None:
    with pytest.raises(BadRow) as raised:
        bench.table(BYTES, encoding="utf-8", **{option: "fail"})
    assert (raised.value.line, raised.value.column) == (3, "b")
    assert f"{option}: reject" in str(raised.value.hint)
    with pytest.raises(BadRow, match="header row"):
        bench.table(b"a\xff,b\n1,2\n", encoding="utf-8", **{option: "fail"})


def test_other_bad_rows_do_not_fail_for_bad_bytes(bench: ReadBench) -> None:
    table = bench.table(b"a,b\n1\n2,3\n", bad_bytes="fail")
    assert [row["_code"] for row in table.rejects] == ["missing-cell"]


def test_padding_is_told(bench: ReadBench) -> None:
    table = bench.table(b"a,b\n1\n2\n3,4\n", bad_rows="pad")
    assert any(warning.startswith("2 rows had missing cells") for warning in table.reading.warnings)


def test_the_most_columns(bench: ReadBench) -> None:
    assert len(bench.table(b"a,b,c\n1,2,3\n", max_columns=3).columns) == 3
    with pytest.raises(TooManyColumns, match="3 columns; 2 is the most"):
        bench.table(b"a,b,c\n1,2,3\n", max_columns=2)


@pytest.mark.parametrize(("lines", "code"), [(3, None), (2, "too-many-open-lines")])
def test_how_many_lines_a_quote_may_stay_open(bench: ReadBench, lines: int, code: str | None) -> None:
    content = b'a,b\n1,"x\ny\nz"\n2,3\n'
    table = bench.table(content, delimiter=",", careful=True, max_open_lines=lines)
    assert [row["_code"] for row in table.rejects[:1]] == ([code] if code else [])
    assert table.rows[-1] == ("2", "3")


@pytest.mark.parametrize("between", [",", ",c,"])
def test_a_row_of_several_quotes_may_have_more_lines(bench: ReadBench, between: str) -> None:
    row = between.join(['"x\ny"'] * 5)
    width = row.count(",") + 1
    content = f"{','.join('abcdefghi'[:width])}\n{row}\n" + f'{row}\n1,"z\nz\nz"\n' * 2
    table = bench.table(content.encode(), delimiter=",", careful=True, max_open_lines=2)
    assert len(table.rows) == 3
    assert [row["_line"] for row in table.rejects if row["_code"] == "too-many-open-lines"] == ["14", "23"]


@pytest.mark.parametrize(
    ("most", "bad", "rows", "too_many"),
    [
        (None, 10, 10, False),
        ("0", 0, 10, False),
        ("0", 1, 10, True),
        ("3", 3, 10, False),
        (3, 4, 10, True),
        ("30%", 3, 10, False),
        ("30%", 4, 10, True),
        ("0.1%", 1, 1000, False),
        ("0.1%", 2, 1000, True),
        ("100%", 10, 10, False),
    ],
)
def test_how_many_rows_may_be_bad(most: object, bad: int, rows: int, too_many: bool) -> None:
    options = ReadOptions.model_validate({"max_bad_rows": most})
    assert options.too_many_bad(bad, rows) is too_many


@pytest.mark.parametrize("most", ["-1", "1.5", "%", "1 %", "x", "1%\n", "1" * 30, "1e3"])
def test_what_is_no_number_of_rows(most: str) -> None:
    with pytest.raises(ValueError, match="max_bad_rows"):
        ReadOptions.model_validate({"max_bad_rows": most})


@pytest.mark.parametrize(
    ("given", "texts"),
    [
        ("NA", ("NA",)),
        ("NA, n/a ,-", ("NA", "n/a", "-")),
        (" , ", ()),
        ("", ()),
        ('["a,b", " ", "-"]', ("a,b", " ", "-")),
        ("[]", ()),
        (["NA", "a,b"], ("NA", "a,b")),
        ([], ()),
    ],
)
def test_texts_that_mean_missing_are_a_list_however_they_come(given: object, texts: tuple[str, ...]) -> None:
    assert ReadOptions.model_validate({"nulls": given}).nulls == texts


@pytest.mark.parametrize("given", ["[NA]", "[1]", '["a"', '["\\ud800"]', "[" * 100_000, {"a": "b"}, [1]])
def test_what_is_no_list_of_texts(given: object) -> None:
    with pytest.raises(ValueError, match="nulls"):
        ReadOptions.model_validate({"nulls": given})


@pytest.mark.parametrize("careful", [False, True])
def test_what_means_missing_is_read_as_it_stands(bench: ReadBench, careful: bool) -> None:
    table = bench.table(b'a,b\nNA,"NA"\n,n/a\n', careful=careful, nulls=("NA", "n/a"))
    assert table.rows == [("NA", "NA"), (None, "n/a")]
