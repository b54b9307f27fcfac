"""Sheets of workbooks: the text for each kind of cell, and files that are damaged or not workbooks."""

import datetime
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from readbench import ReadBench, facts_of
from workbooks import by_hand, by_openpyxl, saved

from csvjobs.engines.base import Interrupted
from csvjobs.errors import (
    DamagedArchive,
    DataError,
    EmptyFile,
    FieldTooLong,
    TooManyColumns,
    UnknownSheet,
    UnpackedTooLarge,
)
from csvjobs.reading import workbook
from csvjobs.reading.cellformat import shown
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.reading import look
from csvjobs.reading.workbook import unescaped

NAMES = ["name", "value"]
CELL = '<c t="s"><v>0</v></c>'


def test_cells_come_as_the_texts_that_they_are(bench: ReadBench) -> None:
    day, moment = datetime.date(2026, 4, 3), datetime.datetime(2026, 4, 3, 10, 30)
    rows = [
        NAMES,
        ["text", "00042"],
        ["long", 1234567890123456],
        ["double", 0.1],
        ["whole", 42.0],
        ["yes", True],
        ["day", day],
        ["moment", moment],
        ["time", datetime.time(10, 30)],
        ["elapsed", datetime.timedelta(hours=26, minutes=30)],
        ["nothing", None],
        ["lines", 'a\nb, "c"'],
    ]
    table = bench.table(by_openpyxl(rows))
    assert table.columns == ("name", "value")
    assert dict(table.rows) == {
        "text": "00042",
        "long": "1234567890123456",
        "double": "0.1",
        "whole": "42",
        "yes": "true",
        "day": "2026-04-03",
        "moment": "2026-04-03T10:30:00",
        "time": "10:30:00",
        "elapsed": "26:30:00",
        "nothing": None,
        "lines": 'a\nb, "c"',
    }
    detected = table.reading.detected
    assert (detected["format"].value, detected["sheet"].value) == ("xlsx", "Sheet")


@pytest.mark.parametrize(
    ("code", "number", "text"),
    [
        ("00000", "42", "00042"),
        ("00000", "1234567", "1234567"),
        ("00000", "-42", "-42"),
        ("00000", "42.5", "42.5"),
        ("000\\-00\\-0000", "12345678", "012-34-5678"),
        ('"No. "000', "7", "No. 007"),
        ("0", "42", "42"),
        ("General", "0.30000000000000004", "0.30000000000000004"),
        ("0.00", "1234.5", "1234.5"),
        ("0.0%", "0.125", "0.125"),
        ("#,##0", "1234567", "1234567"),
        ("[Red]0.0", "1E-3", "0.001"),
        ("General", "12345678901234567890", "12345678901234567890"),
        ("General", "1E+20", "1e+20"),
        ("dd.mm.yyyy", "46115", "2026-04-03"),
        ("dd.mm.yyyy", "46115.4375", "2026-04-03T10:30:00"),
        ("dd.mm.yyyy hh:mm", "46115", "2026-04-03T00:00:00"),
        ("mmm yy", "46115", "2026-04-03"),
        ("[$-409]d-mmm-yy;@", "46115", "2026-04-03"),
        ("h:mm AM/PM", "0.4375", "10:30:00"),
        ("mm:ss.0", "0.0000115740740740741", "00:00:01"),
        ("[h]:mm:ss", "1.5", "36:00:00"),
        ("yyyy-mm-dd", "59", "1900-02-28"),
        ("yyyy-mm-dd", "60", "60"),
        ("yyyy-mm-dd", "61", "1900-03-01"),
        ("yyyy-mm-dd", "1", "1900-01-01"),
        ("yyyy-mm-dd", "0", "0"),
        ("yyyy-mm-dd", "-1", "-1"),
        ("yyyy-mm-dd", "2958465", "9999-12-31"),
        ("yyyy-mm-dd", "2958466", "2958466"),
        ('0 "days"', "3", "3"),
    ],
)
def test_a_number_says_what_its_format_means_by_it(code: str, number: str, text: str) -> None:
    """46115 days after 30 December 1899 is 3 April 2026: 126 years with 31 leap days to 30 December 2025,
    which is 46021, and 94 days."""
    assert shown(code)(number) == text


@pytest.mark.parametrize(
    ("code", "number", "text"),
    [
        ("yyyy-mm-dd", "0", "1904-01-01"),
        ("yyyy-mm-dd", "0.5", "1904-01-01T12:00:00"),
        ("yyyy-mm-dd", "59", "1904-02-29"),
        ("h:mm", "0.4375", "10:30:00"),
        ("yyyy-mm-dd", "-1", "-1"),
    ],
)
def test_a_number_of_days_since_1904(code: str, number: str, text: str) -> None:
    assert shown(code, epoch1904=True)(number) == text


@pytest.mark.parametrize("code", ["General", "000", "yyyy-mm-dd", "h:mm"])
def test_what_is_no_number_stays_as_it_is(code: str) -> None:
    assert shown(code)("1.2.3") == "1.2.3"


def test_days_may_be_counted_from_1904(bench: ReadBench) -> None:
    """44653 is 46115 without the 1462 days between the two beginnings."""
    rows = '<row><c t="str"><v>day</v></c></row><row><c s="1"><v>44653</v></c></row>'
    book = '<workbookPr date1904="1"/>'
    assert bench.table(by_hand(rows, formats=["yyyy-mm-dd"], book=book)).rows == [("2026-04-03",)]


def test_what_stands_in_the_file_is_understood(bench: ReadBench) -> None:
    rows = """
      <row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>value</t></is></c></row>
      <row r="2"><c r="A2" t="s"><v>1</v></c><c r="B2" t="str"><f>"x"&amp;"y"</f><v>xy</v></c></row>
      <row r="3"><c r="A3" t="s"><v>2</v></c><c r="B3" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>
      <row r="4"><c r="B4"><f>A1+1</f></c><c r="A4" t="b"><v>0</v></c></row>
      <row r="7"><c r="B7" t="str"><v></v></c></row>
      <row r="9"><c r="A9" s="1"/></row>"""
    strings = [
        "<t>name</t>",
        "<r><rPr><b/></rPr><t>bo</t></r><r><t xml:space='preserve'>ld </t></r><rPh><t>X</t></rPh>",
        "<t>a_x000D_b_x005F_x0041__xD83D__xDE00__xD83D_</t>",
    ]
    table = bench.table(by_hand(rows, strings=strings))
    assert table.rows == [("bold ", "xy"), ("a\rb_x0041_😀\ufffd", "#DIV/0!"), ("false", None), (None, "")]
    assert table.counts == (4, 0, {"blank lines": 2})
    notes = " ".join(table.reading.warnings)
    assert "errors such as #N/A, read as these texts: 1." in notes
    assert "their cells are empty: 1;" in notes


def test_cells_need_not_say_where_they_are(bench: ReadBench) -> None:
    rows = '<row><c t="str"><v>a</v></c><c t="str"><v>b</v></c><c t="str"><v>c</v></c></row>'
    rows += '<row><c/><c><v>1</v></c><c/></row><row><c r="B3"/><c><v>2</v></c></row>'
    assert bench.table(by_hand(rows)).rows == [(None, "1", None), (None, None, "2")]


def test_names_of_elements_may_have_a_prefix(bench: ReadBench) -> None:
    rows = '<x:row><x:c t="str"><x:v>a</x:v></x:c></x:row><x:row><x:c><x:v>1</x:v></x:c></x:row>'
    assert bench.table(by_hand(rows, prefix="x")).rows == [("1",)]


def test_the_table_is_found_below_what_stands_above_it(bench: ReadBench) -> None:
    rows = [["Sales\nof 2026"], [], ["city", "sold"], ["London", 3], ["Zürich", 4], ["Ghent", 5]]
    table = bench.table(by_openpyxl(rows))
    assert table.columns == ("city", "sold")
    assert table.rows == [("London", "3"), ("Zürich", "4"), ("Ghent", "5")]
    assert table.counts == (3, 0, {"lines above the table": 1, "blank lines": 1})
    assert table.reading.detected["skip"].value == 2
    declared = bench.table(by_openpyxl(rows), skip=3, header=False)
    assert declared.rows[0] == ("London", "3")


def test_line_ends_in_cells_do_not_count_as_rows(bench: ReadBench) -> None:
    cells = ["Sales_x000D_\nof_x000D_2026\n", "", "a_x000D_b</v></c><c t='str'><v>c\n\nd", "1</v></c><c><v>2"]
    rows = "".join(f"<row><c t='str'><v>{cell}</v></c></row>" if cell else "<row/>" for cell in cells)
    table = bench.table(by_hand(rows + "<row r='9'><c><v>3</v></c><c><v>4</v></c></row>"), header=True)
    assert table.columns == ("a\rb", "c\n\nd")
    assert table.rows == [("1", "2"), ("3", "4")]
    assert table.counts == (2, 0, {"lines above the table": 1, "blank lines": 5})
    assert table.reading.detected["skip"].value == 2
    below = bench.table(by_hand(rows), skip=3, header=False)
    assert below.rows == [("1", "2")]


def test_a_row_may_be_wider_than_all_before_it(bench: ReadBench) -> None:
    rows = [["a", "b"], *[["1", "2"]] * 3000, ["1", "2", "3"]]
    table = bench.table(by_openpyxl(rows))
    assert table.columns == ("a", "b", "column_3")
    assert table.rows[0] == ("1", "2", None)
    assert table.rows[-1] == ("1", "2", "3")
    assert table.counts == (3001, 0, {})


def test_the_first_visible_sheet_is_read_or_the_one_that_is_asked_for(bench: ReadBench) -> None:
    book = Workbook()
    book.active.append(["hidden"])
    book.active.sheet_state = "hidden"
    for name in ("First", "2"):
        book.create_sheet(name).append([f"of {name}"])
        book[name].append(["x"])
    content = saved(book)
    first = bench.table(content)
    assert first.columns == ("of First",)
    assert first.reading.detected["sheet"].alternatives == ("Sheet", "2")
    told = next(each for each in first.reading.warnings if "Set sheet" in each)
    assert told.startswith("The sheet 'First' was read")
    assert "the others are 'Sheet', '2'." in told
    assert bench.table(content, sheet="2").columns == ("of 2",)
    assert bench.table(content, sheet="3").columns == ("of 2",)
    assert bench.table(content, sheet="First").columns == ("of First",)
    with pytest.raises(UnknownSheet, match="'Second'") as error:
        bench.read(content, sheet="Second")
    assert error.value.hint == "Its sheets are 'Sheet', 'First', '2'."


TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff")
    | st.sampled_from('_x0041_"\n\t&<>, '),
    max_size=6,
).filter(lambda text: all(ord(sign) >= 32 or sign in "\n\t" for sign in text))


@given(st.lists(st.tuples(TEXT | st.integers(-(2**53), 2**53), TEXT), min_size=1, max_size=5))
def test_any_text_that_another_program_writes_is_read(
    bench: ReadBench, rows: list[tuple[str | int, str]]
) -> None:
    """openpyxl writes an escape as it stands, and an empty text not at all."""
    quoted = [(f"'{a}" if isinstance(a, str) else a, f"'{b}") for a, b in rows]
    table = bench.table(by_openpyxl([NAMES, *quoted]))
    assert table.rows == [(unescaped(str(a)), unescaped(b)) for a, b in quoted]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_a_double_is_read_back_as_the_same_one(bench: ReadBench, numbers: list[float]) -> None:
    """Excel writes 17 digits."""
    rows = "".join(f"<row><c><v>{number:.17g}</v></c><c t='b'><v>1</v></c></row>" for number in numbers)
    read = [text or "" for text, _ in bench.table(by_hand(rows), header=False).rows]
    assert [float(text) for text in read] == numbers
    assert all(len(text) <= len(repr(number)) for text, number in zip(read, numbers, strict=True))


@pytest.mark.parametrize("at", range(0, 4000, 97))
def test_damage_is_told_calmly_or_does_not_matter(bench: ReadBench, at: int) -> None:
    content = by_openpyxl([NAMES, ["a", 1]])
    damaged = content[:at] + bytes(byte ^ 0x55 for byte in content[at : at + 20]) + content[at + 20 :]
    try:
        rows = bench.table(damaged, format="xlsx").rows
    except DataError:
        return
    assert rows == [("a", "1")]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("<row><c><v>1</v></c>", "damaged"),
        ('<row r="2"/><row r="1"/>', "row 1 follows the row 2"),
        ('<row r="9999999"/>', "row 9999999"),
        ('<row><c t="s"><v>7</v></c></row>', "no shared text 7"),
        ('<row><c t="s"><v>-1</v></c></row>', "no shared text -1"),
        ("<row><c t='s'><v>x</v></c></row>", "damaged"),
    ],
)
def test_what_contradicts_itself_is_damaged(bench: ReadBench, rows: str, said: str) -> None:
    with pytest.raises(DamagedArchive, match=said):
        bench.read(by_hand(rows))


def test_a_document_type_definition_is_refused(bench: ReadBench) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    with pytest.raises(DamagedArchive, match="document type definition"):
        bench.read(by_hand("<row><c t='str'><v>&b;</v></c></row>", before=bomb))


def test_a_bomb_stops_early(bench: ReadBench) -> None:
    blanks = " " * 70 * 1024**2
    with pytest.raises(FieldTooLong):
        bench.read(by_hand(f"<row><c><v>1</v></c></row>{blanks}"))


def test_one_long_text_in_many_cells_is_a_bomb_too(bench: ReadBench) -> None:
    rows = "<row><c t='str'><v>a</v></c></row>" + "<row><c t='s'><v>0</v></c></row>" * 200_000
    with pytest.raises(UnpackedTooLarge):
        bench.read(by_hand(rows, strings=[f"<t>{'a' * 30_000}</t>"]))


def test_a_long_text_in_each_cell_of_one_row_is_too_long(bench: ReadBench) -> None:
    row = f"<row>{CELL * 2000}</row>"
    with pytest.raises(FieldTooLong, match="A row or text"):
        bench.read(by_hand(row, strings=[f"<t>{'a' * 60_000}</t>"]))


def test_a_format_makes_no_text_longer_than_a_format_may_be(bench: ReadBench) -> None:
    row = '<row><c t="str"><v>a</v></c></row><row><c s="1"><v>7</v></c></row>'
    assert bench.table(by_hand(row, formats=["0" * 100_000])).rows == [("7".zfill(255),)]


def test_a_small_part_with_too_many_elements_is_damaged(bench: ReadBench) -> None:
    with pytest.raises(DamagedArchive, match="elements"):
        bench.read(by_hand("<row/>", book="<a/>" * 500_001))


def test_a_look_at_a_workbook_can_be_stopped(bench: ReadBench, tmp_path: Path) -> None:
    """A cell that names a late text makes it read all texts before."""
    book = by_hand('<row><c t="s"><v>99999</v></c></row>', strings=["<t>some text</t>"] * 100_000)
    path = tmp_path / "book.xlsx"
    path.write_bytes(book)
    ticks: list[int] = []

    def stop(_: int) -> None:
        ticks.append(1)
        if len(ticks) > 10:
            raise Interrupted

    with pytest.raises(Interrupted):
        look(path, facts_of(book), ReadOptions(), tmp_path, stop)


def test_more_columns_than_a_sheet_can_have(bench: ReadBench) -> None:
    with pytest.raises(TooManyColumns):
        bench.read(by_hand('<row><c r="XFE1"><v>1</v></c></row>'))
    with pytest.raises(TooManyColumns):
        bench.read(by_hand(f"<row>{'<c/>' * 200_001}</row>"))


def test_a_formula_without_a_value_is_told_also_as_openpyxl_writes_it(bench: ReadBench) -> None:
    table = bench.table(by_openpyxl([["a", "b"], [1, "=A2+1"]]))
    assert table.rows == [("1", None)]
    assert any(note.startswith("Formulas whose values are not in") for note in table.reading.warnings)


class Patient:
    """A parser that parses all at the end, as expat since 2.6 may do with what is left."""

    def __init__(self, parser: Any) -> None:
        self._parser, self._held = parser, b""

    def Parse(self, chunk: bytes, final: bool = False) -> None:  # noqa: N802 (as in expat)
        self._held += chunk
        if final:
            self._parser.Parse(self._held, True)


def test_what_the_parser_puts_off_to_the_end_is_not_lost(
    bench: ReadBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = workbook._parser
    monkeypatch.setattr(workbook, "_parser", lambda *handlers: Patient(parser(*handlers)))
    rows = "<row><c t='s'><v>0</v></c></row><row><c s='1'><v>7</v></c></row><row><c><v>8</v></c></row>"
    table = bench.table(by_hand(rows, strings=["<t>a</t>"], formats=["000"]))
    assert (table.columns, table.rows) == (("a",), [("007",), ("8",)])


def test_damage_is_found_also_where_much_follows_the_rows(bench: ReadBench) -> None:
    rows = "".join(f"<row><c><v>{1000 + number}</v></c></row>" for number in range(100))
    rows = f"<row><c t='str'><v>a</v></c></row>{rows}"
    book = by_hand(rows, method=zipfile.ZIP_STORED, behind="<x/>" * 50_000)
    assert len(bench.table(book).rows) == 100
    with pytest.raises(DamagedArchive):
        bench.read(book.replace(b"<v>1050<", b"<v>9050<"))


@pytest.mark.parametrize("skip", [2, 99])
def test_a_sheet_has_no_rows_below_its_last(bench: ReadBench, skip: int) -> None:
    with pytest.raises(EmptyFile, match="below the lines to skip"):
        bench.read(by_openpyxl([["a"], [1]]), skip=skip)


def test_a_sheet_without_cells_is_empty(bench: ReadBench) -> None:
    with pytest.raises(EmptyFile, match="'One' holds no cells"):
        bench.read(by_hand("<row/>"))
    with pytest.raises(EmptyFile, match="'Sheet' holds no cells") as error:
        bench.read(by_openpyxl([], Data=[["a"], [1]]))
    assert "set sheet to another one: 'Data'." in str(error.value.hint)


def test_a_row_too_long_is_set_aside_under_its_number(bench: ReadBench) -> None:
    rows = [["a"], ["b"], ["c" * 2000], ["d"]]
    table = bench.table(by_openpyxl(rows), max_record_bytes=1024, header=True)
    assert table.rows == [("b",), ("d",)]
    [reject] = table.rejects
    assert (reject["_line"], reject["_code"]) == ("3", "record-too-long")
