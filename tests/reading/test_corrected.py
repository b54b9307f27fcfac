"""A rejected.csv that is corrected and sent in again."""

import csv
import io
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from readbench import ReadBench, Table, facts_of

from csvjobs.errors import BadRow, TooManyColumns
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.profile import sample
from csvjobs.reading.reading import look
from csvjobs.reading.rejects import EXTRA, UNREADABLE

BAD = (
    b"id,name,note\n"
    b"1,Ada,good\n"
    b"2,Bob\n"
    b"3,Cy,a,b\n"
    b'4,"Dee" x,c\n'
    b"5,Eve,\xff\n"
    b'6,"Fay\n7,open\n8,open\n9,open\n'
    b"10," + b"x" * 2000 + b",long\n"
    b'11,"Guy,end\n'
)
BOUNDS = {"max_open_lines": 3, "max_record_bytes": 1024}


def resaved(rows: Iterable[Sequence[str]], **form: object) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, **form).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue().encode()


def rejected(bench: ReadBench) -> list[list[str]]:
    """The header row of rejected.csv and the rows below it."""
    with (bench.folder / "rejected.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def told(table: Table) -> str:
    return " ".join(table.reading.warnings)


@pytest.mark.parametrize("careful", [False, True])
def test_rows_that_were_bad_in_every_way_come_out_as_corrected(bench: ReadBench, careful: bool) -> None:
    first = bench.table(BAD, delimiter=",", encoding="utf-8", careful=careful, **BOUNDS)
    assert {row["_code"] for row in first.rejects} == set(UNREADABLE) - {"not-corrected", "bad-json"}
    header, *rows = rejected(bench)
    right = [(str(place), f'N"{place}\n', "é, or so") for place in range(len(rows))]
    sent = resaved([header, *([*own, *row[3:]] for own, row in zip(right, rows, strict=True))])
    again = bench.table(sent, encoding="utf-8", careful=careful)
    assert (again.columns, again.rows, again.rejects) == (("id", "name", "note"), right, [])
    assert again.reading.detected["layout"].value == "rejected.csv"
    assert "columns _line to _record were left out" in told(again)


# Many other control characters are not text to us.
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r"), max_size=8)
names = texts.map(str.strip).filter(lambda name: name.strip("\ufeff\x1c\x1d\x1e\x1f\x85 ") == name != "")


@given(
    columns=st.lists(names | st.sampled_from(["_line", "_line_2", "7"]), min_size=2, max_size=4, unique=True),
    data=st.data(),
    delimiter=st.sampled_from(",;\t|"),
    resave=st.sampled_from(",;\t|"),
)
def test_any_table_comes_back(
    bench: ReadBench, columns: list[str], data: st.DataObject, delimiter: str, resave: str
) -> None:
    declared = {"delimiter": delimiter, "quote": '"', "escape": "", "encoding": "utf-8", "skip": 0}
    short = resaved([columns, *(["x"] for _ in range(3))], delimiter=delimiter)
    first = bench.table(short, header=True, **declared)
    assume(first.columns == tuple(columns))
    header, *rows = rejected(bench)
    cells = st.tuples(*(texts for _ in columns)).filter(any)
    right = [data.draw(cells) for _ in rows]
    sent = [header, *([*own, *row[len(columns) :]] for own, row in zip(right, rows, strict=True))]
    again = bench.table(resaved(sent, delimiter=resave), header=True, **declared)
    assert (again.columns, again.rejects) == (tuple(columns), [])
    assert [tuple(cell or "" for cell in row) for row in again.rows] == right


def test_a_row_that_only_its_record_tells_of_is_rejected_again(bench: ReadBench) -> None:
    bench.table(b'a,b\n1,2\n3,"x\n4\n', delimiter=",", quote='"')
    [header, unsplit, short] = rejected(bench)
    assert (unsplit[:2], unsplit[-1]) == (["", ""], '3,"x')
    for _ in range(2):
        table = bench.table(resaved([header, unsplit, short], quoting=csv.QUOTE_ALL))
        assert table.rows == [("4", "")]
        [row] = table.rejects
        assert (row["_code"], row["_line"], row["_column"]) == ("not-corrected", "2", "")
        assert (row["a"], row["b"], row["_record"]) == ("", "", '3,"x')
        [header, unsplit] = rejected(bench)
    with pytest.raises(BadRow, match="Line 2: The row comes from"):
        bench.table(resaved([header, unsplit]), bad_rows="fail")


def test_a_look_counts_such_rows_too(bench: ReadBench) -> None:
    bench.table(b'a,b\n1,2\n3,"x\n4\n', delimiter=",", quote='"')
    content = (bench.folder / "rejected.csv").read_bytes()
    path = bench.folder / "again.csv"
    path.write_bytes(content)
    found = look(path, facts_of(content), ReadOptions(), bench.folder, lambda _: None)
    first = sample(found, ReadOptions())
    assert (first.rows, first.faults) == ([["4", None]], {"not-corrected": 1})
    assert [column.name for column in first.columns] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b"a,b\n1,2\n1,2,3\n4,,\n", {"delimiter": ","}),
        (b"a;b\n1;2\n'x;y';\"z;\n1;'it''s';3\n", {"delimiter": ";", "quote": "'"}),
        (b'a::b\n1::2\n"q""r\ns"::2::3\n::1::2\n', {"delimiter": "::", "quote": '"'}),
        (b'a|b\n1|2\n"q\\"r"|2|3\n', {"delimiter": "|", "escape": "\\"}),
        (b"a,b\n1,2\n\xff,2\n3,\xfe\n", {"delimiter": ",", "encoding": "utf-8"}),
    ],
)
def test_a_row_sent_as_it_was_is_rejected_again_with_its_record(
    bench: ReadBench, content: bytes, form: dict[str, str]
) -> None:
    first = bench.table(content, **form)
    for _ in range(2):
        again = bench.table((bench.folder / "rejected.csv").read_bytes(), **form)
        assert (again.rows, len(again.rejects)) == ([], len(first.rejects))
        for row, before in zip(again.rejects, first.rejects, strict=True):
            assert row["_code"] == "not-corrected"
            assert [row[name] for name in ("a", "b", "_record")] == [before[n] for n in ("a", "b", "_record")]


@pytest.mark.parametrize(
    ("own", "record"),
    [
        (["1,5", "2"], "1,5,2"),
        (["1", "5,2"], "1,5,2"),
        (["1", "2"], ""),
        (["1", "3"], "1,2,3"),
        (["2", "3"], "1,2,3"),
        (["é", "2"], "\ufffd,2"),
    ],
)
def test_a_row_whose_cells_or_record_were_changed_counts_as_corrected(
    bench: ReadBench, own: list[str], record: str
) -> None:
    bench.table(b"a,b\n1,2\n1,2,3\n", delimiter=",")
    [header, row] = rejected(bench)
    table = bench.table(resaved([header, [*own, *row[2:-1], record]]))
    assert (table.rows, table.rejects) == ([tuple(own)], [])
    told_so = "Of 1 row the cells were read; what only _record contains was not."
    assert (told_so in told(table)) == bool(record)


def test_the_form_of_the_first_file_may_still_be_declared(bench: ReadBench) -> None:
    declared = {
        **{"delimiter": ";", "quote": "'", "encoding": "latin-1", "comment": "#", "skip": 1},
        **{"header": False, "max_columns": 2},
    }
    first = bench.table("Title\n'#x';é\n1\n".encode("latin-1"), **declared)
    assert (first.rows, len(first.rejects)) == ([("#x", "é")], 1)
    [header, row] = rejected(bench)
    again = bench.table(resaved([header, ["#1", "ü", *row[2:]]]), **declared)
    assert (again.columns, again.rows, again.rejects) == (first.columns, [("#1", "ü")], [])
    with pytest.raises(TooManyColumns):
        bench.table(resaved([["c", *header], ["0", "#1", "ü", *row[2:]]]), **declared)


def test_so_may_header_rows_and_another_format(bench: ReadBench) -> None:
    declared = {"header_rows": 2, "skip": 0}
    first = bench.table(b"Sales,,Costs,\nEU,US,EU,US\n" + b"1,2,3,4\n" * 3 + b"1,2,3\n", **declared)
    [header, row] = rejected(bench)
    again = bench.table(resaved([header, ["1", "2", "3", "9", *row[4:]]]), **declared)
    assert (again.columns, again.rows) == (first.columns, [("1", "2", "3", "9")])
    bench.table(b'{"a": 1}\n{"a": 2\n', format="jsonl")
    [header, row] = rejected(bench)
    again = bench.table(resaved([header, ["2", *row[1:]]]), format="jsonl")
    assert (again.columns, again.rows) == (("a",), [("2",)])


@pytest.mark.parametrize(
    ("delimiter", "encoding"), [(",", "utf-8-sig"), (";", "utf-8-sig"), (";", "cp1252"), ("\t", "utf-16")]
)
def test_a_spreadsheet_may_have_saved_it(bench: ReadBench, delimiter: str, encoding: str) -> None:
    bench.table(b"a,b\n1,2\n3\n", delimiter=",")
    [header, row] = rejected(bench)
    text = resaved([header, ["3", "Größe", *row[2:]]], delimiter=delimiter).decode()
    table = bench.table(text.encode(encoding))
    assert (table.columns, table.rows) == (("a", "b"), [("3", "Größe")])


def test_a_row_of_another_width_is_bad_here_as_anywhere(bench: ReadBench) -> None:
    bench.table(b"a,b\n1,2\n3\n", delimiter=",")
    [header, row] = rejected(bench)
    sent = resaved([header, ["3", "x", *row[2:]], [*row, "more"], ["4", 'y"'], ["5"]])
    assert [bad["_code"] for bad in bench.table(sent).rejects] == [
        "extra-cell",
        "missing-cell",
        "missing-cell",
    ]
    padded = bench.table(sent, bad_rows="pad")
    assert padded.rows == [("3", "x"), ("4", 'y"'), ("5", None)]
    assert all(list(bad)[:3] == ["a", "b", "_line"] for bad in padded.rejects)


@pytest.mark.parametrize(
    "header",
    [
        ["a", *EXTRA[:-1]],
        ["a", *EXTRA[1:], EXTRA[0]],
        ["a", *EXTRA, "b"],
        ["a", *(name.removeprefix("_") for name in EXTRA)],
        [*EXTRA],
    ],
)
def test_no_other_file_is_taken_for_one(bench: ReadBench, header: list[str]) -> None:
    row = [str(place) for place in range(len(header))]
    table = bench.table(resaved([header, row, row]))
    assert (table.rows, "layout" in table.reading.detected) == ([tuple(row)] * 2, False)


def test_all_its_columns_are_kept_where_that_is_declared(bench: ReadBench) -> None:
    bench.table(b"a,b\n1,2\n3\n", delimiter=",")
    content = (bench.folder / "rejected.csv").read_bytes()
    table = bench.table(content, layout="table")
    assert table.columns == ("a", "b", *EXTRA)
    assert (len(table.rows), "layout" in table.reading.detected) == (1, False)
