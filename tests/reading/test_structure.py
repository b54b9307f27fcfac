"""Where the table begins: lines above it, and whether the first row is a header."""

from __future__ import annotations

import pytest
from readbench import ReadBench

from csvjobs.errors import EmptyFile

ROWS = "2019-01-01,12.5,Kiel\n2019-01-02,13.5,Bonn\n2019-01-03,,Kiel\n"


@pytest.mark.parametrize(
    ("above", "lines"),
    [
        ("Air temperature\n", 1),
        ("Air temperature,,\n", 1),
        ("Air temperature\n\nSource: the office\n\n", 4),
        ("Station: Kiel\nSince: 1950\n", 2),
        ('"Air, water\nand soil"\n', 2),
        ("# made by hand\n# on a Monday\n", 2),
        ("sep=,\n", 1),
        ("Measured in Kiel, Bonn, and Ulm, by hand\n", 1),
        ("\n\n,,\n,,\n", 4),
    ],
)
def test_lines_above_the_table_are_left_out_counted_and_told(
    bench: ReadBench, above: str, lines: int
) -> None:
    table = bench.table((above + "day,degrees,town\n" + ROWS).encode())
    assert table.columns == ("day", "degrees", "town")
    assert len(table.rows) == 3
    assert table.reading.detected["skip"].value == lines
    left_out = above.count("\n") - sum(not line for line in above.splitlines())
    assert table.counts[2].get("lines above the table", 0) == left_out
    assert any("not part of the table" in warning for warning in table.reading.warnings)


@pytest.mark.parametrize(
    "names",
    [
        "day,degrees,town",
        ",degrees,town",
        "day,degrees,",
        "2017,2018,2019",
        "#day,degrees,town",
        "day,day,day",
        "-113.8.1,-111.3.1,x",
    ],
)
def test_a_row_of_names_is_kept_however_odd(bench: ReadBench, names: str) -> None:
    reading = bench.read(f"{names}\n{ROWS}".encode())
    assert (reading.detected["skip"].value, reading.detected["header"].value) == (0, True)
    assert reading.source.records == 3


@pytest.mark.parametrize(
    ("content", "header"),
    [
        (ROWS, False),
        ("1,2\n3,4\n5,6\n", False),
        ("a@example.org,1\nb@example.org,2\n", False),
        ("country,2010,2011\nPeru,1.5,2.5\nMali,3.5,4.5\n", True),
        ("a,b\nc,d\ne,f\n", True),
        ("1,2\n", True),
        ("n\n1\n2\n", True),
        ("1990,a\n1991,b\n1992,c\n", False),
        ("tonnes,1491,1751,1801\nPeru,1.5,2.5,3.5\nMali,,4.5,5.5\n", True),
        ("deaths,1985,1986,1987,1988\nPeru,1901,7,9,8\nMali,,40,50,60\n", True),
        ("1650,a\n1651,b\n1652,c\n", False),
        ("team,0,1,2,3\nHawks,0.5,0.25,0.5,0.75\nNets,0.5,0.75,0.25,0.5\n", True),
        (",0,1,2,3\n0,7.5,9.5,8.5,6\n1,7,9,8,6.5\n", True),
        (",142.5,144.8,147.3\n9.4,0,1,0\n9.5,2,0,0\n", True),
        (",1820,1830\nPeru,1820,1830\nMali,1820,1830\n", True),
        (",1.5,1.5\n9.4,0,1\n9.5,2,0\n", False),
        (",1.5,2.5\n,0.5,1\n9.5,2,0.5\n", False),
        ("1,2,3,4\n5,6,7,8\n9,10,11,12\n", False),
        ("2,3,4,5\n8,1,6,3\n9,2,2,4\n", False),
        ("1,1,2,3,4,x\n2,7,7,9,9,y\n3,1,1,1,2,z\n", False),
        ("2019-01-01,1,2,3,4\n2019-01-02,4,9,1,7\n", False),
        ("Province,Country,Lat,1/22/20,1/23/20\n,Peru,1.5,0,1\n,Mali,2.5,3,4\n", True),
        ("zone,2026-01-31,2026-02-28\nA,1.5,2.5\nB,3.5,4.5\n", True),
        ("meter,00:00,06:00,12:00\nA,15,25,7\nB,35,45,8\n", True),
        ("shop,202512,202601\nA,15,25\nB,35,45\n", True),
        ("shop,20251231,20260131\nA,15,25\nB,35,45\n", True),
        ("20260101,15,a\n20260102,16,b\n", False),
        ("201301,202513\n15,25\n35,45\n", False),
        ("2026-01-01,10:30,5\n2026-01-02,11:30,6\n", False),
    ],
)
def test_names_are_no_values(bench: ReadBench, content: str, header: bool) -> None:
    reading = bench.read(content.encode())
    assert reading.detected["header"].value is header
    assert any("taken for data" in warning for warning in reading.warnings) is not header


@pytest.mark.parametrize(
    "cell",
    [
        *("1e5", "-1.5E-3", "(1200)", "1 200", "1'200,5", ".5", "5.", "$ 12", "12,50 €", "5 %"),
        *("1/2/2024", "2024-01-02 10:30", "10:30 pm", "10:30 p.m.", "10:30:15.25", "2024-01-02T10:30Z"),
        *("10:30+02:00", "ann@mail.example", "https://csv.example/a?b=c", "ftp://csv.example"),
    ],
)
def test_a_first_row_of_values_is_one_of_the_rows(bench: ReadBench, cell: str) -> None:
    reading = bench.read(f'"{cell}";word\n'.encode() * 4, delimiter=";")
    assert (reading.source.columns, reading.source.records) == (("column_1", "column_2"), 4)


def test_what_is_declared_wins(bench: ReadBench) -> None:
    title = b"Title\na,b\n1,2\n3,4\n"
    assert bench.read(title).source.columns == ("a", "b")
    assert "Title" in bench.read(title, skip=0).source.columns
    assert bench.read(title, skip=2).source.columns == ("column_1", "column_2")
    assert bench.read(title, skip=2, header=True).source.columns == ("1", "2")
    assert bench.read(b"1,2\n3,4\n", header=True).source.columns == ("1", "2")
    assert bench.read(b"a,b\n3,4\n", header=False).source.columns == ("column_1", "column_2")


def test_titles_of_two_rows_leave_too_little_to_tell(bench: ReadBench) -> None:
    """A short first row with one longer row below it may as well be a bad row."""
    assert bench.read(b"a\n1,2,3\n").source.columns == ("a",)


@pytest.mark.parametrize(
    ("content", "columns", "rows"),
    [
        (
            "a,b\nx,1,2\ny,3,4\nz,5,6\n",
            ("column_1", "a", "b"),
            [("x", "1", "2"), ("y", "3", "4"), ("z", "5", "6")],
        ),
        ("a,b\nx,1,\nx,3,\n", ("a", "b", "column_3"), [("x", "1", None), ("x", "3", None)]),
        ("a,b,\n1,2\n3,4\n", ("a", "b"), [("1", "2"), ("3", "4")]),
        ("a,,b\n1,2\n3,4\n", ("a", "b"), [("1", "2"), ("3", "4")]),
    ],
)
def test_a_header_that_fits_no_row_is_made_to_fit_and_told(
    bench: ReadBench, content: str, columns: tuple[str, ...], rows: list[tuple[str | None, ...]]
) -> None:
    table = bench.table(content.encode())
    assert (table.columns, table.rows) == (columns, rows)
    assert any("rows below it have" in warning for warning in table.reading.warnings)


def test_a_header_that_fits_some_rows_stays_as_it_is(bench: ReadBench) -> None:
    table = bench.table(b"a,b\n1,2\n3,4,5\n6,7,8\n9,10,11\n")
    assert (table.columns, table.counts[:2]) == (("a", "b"), (1, 3))


def test_rows_that_end_in_a_delimiter_may_stand_above_a_total_that_does_not(bench: ReadBench) -> None:
    table = bench.table(b"a,b\n" + b"1,2,\n" * 5 + b"all,10\n")

    assert (table.columns, table.counts[:2]) == (("a", "b", "column_3"), (5, 1))
    assert any("to have no name" in warning for warning in table.reading.warnings)


def test_a_row_with_nothing_in_its_last_cell_tells_enough(bench: ReadBench) -> None:
    """It ends in a delimiter, and its other cells stand below their names."""
    table = bench.table(b"a,b\n1,2,\n")
    assert (table.columns, table.rows) == (("a", "b", "column_3"), [("1", "2", None)])


def test_blank_rows_above_the_table_do_not_hide_it(bench: ReadBench) -> None:
    table = bench.table(b",,\n" * 3 + b",Spending,\nday,degrees,town\n" + ROWS.encode() + b",,\n" * 40)
    assert table.columns == ("day", "degrees", "town")
    assert table.counts[2] == {"lines above the table": 4}
    assert table.rows[0] == ("2019-01-01", "12.5", "Kiel")


SPENT = "1 May,12.50,,14.00\n2 May,13.50,8.00,\n3 May,,7.50,16.00\n"


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("Day,Travel,,Total\n,Rail,Taxi,\n", ("Day", "Travel Rail", "Travel Taxi", "Total")),
        ("Day,Travel,,Total\n,,,\n,Rail,Taxi,\n", ("Day", "Travel Rail", "Travel Taxi", "Total")),
        (
            "Day,Spent,,\n,Travel,,Rest\n,Rail,Taxi,\n",
            ("Day", "Spent Travel Rail", "Spent Travel Taxi", "Spent Rest"),
        ),
        ("Spending,,,\nDay,Travel,,Total\n,Rail,Taxi,\n", ("Day", "Travel Rail", "Travel Taxi", "Total")),
        ("Day,2025,,2026\n,Rail,Taxi,\n", ("Day", "2025 Rail", "2025 Taxi", "2026")),
    ],
)
def test_rows_that_share_out_a_name_name_the_columns_together(
    bench: ReadBench, heading: str, columns: tuple[str, ...]
) -> None:
    table = bench.table((heading + SPENT).encode())
    assert table.columns == columns
    assert [row[1] for row in table.rows] == ["12.50", "13.50", None]
    assert any("header_rows: 1" in warning for warning in table.reading.warnings)


def test_a_row_that_tells_equal_names_apart_is_one_of_names(bench: ReadBench) -> None:
    groups = b"control,,fire,\nX,Y,X,Y\n4.4,0.1,4.8,2.0\n4.6,1.0,5.1,3.0\n4.9,0.1,5.6,0.8\n"
    for options in ({}, {"skip": 0}):
        reading = bench.read(groups, **options)
        assert reading.source.columns == ("control X", "control Y", "fire X", "fire Y")
        assert reading.source.records == 3
    single = bench.read(groups, header_rows=1)
    assert single.source.columns == ("X", "Y", "X_2", "Y_2")


@pytest.mark.parametrize("groups", [("East", "West", "North"), ("2024", "2025", "2026")])
def test_groups_may_be_many_and_years(bench: ReadBench, groups: tuple[str, ...]) -> None:
    rows = "".join(f"{town},1,2,3,4,5,6\n" for town in ("Kiel", "Bonn", "Köln"))
    for above in ("", "Births\n\n"):
        content = f"{above},{',,'.join(groups)},\nTown,M,F,M,F,M,F\n{rows}"
        table = bench.table(content.encode())
        assert table.columns == ("Town", *(f"{group} {sex}" for group in groups for sex in "MF"))
        assert len(table.rows) == 3


@pytest.mark.parametrize(
    "content",
    [
        "day,,town\nMonday,x,Kiel\nTuesday,y,Bonn\n",
        "day,,town\n,x,\nTuesday,y,Bonn\n",
        "day,n,,town\n,x,y,\n,z,w,\nTuesday,1,2,Bonn\n",
        "day,n,\nMonday,NA,NA\nTuesday,1,2\n",
        "a,b\nx,x\n1,2\n3,4\n",
        "name,unit\nlength,m\n1,2\n3,4\n",
        "town,2025,\nKiel,1,2\nBonn,3,4\nKöln,5,6\n",
        "town,2025,,2026\n,,1,2\nBonn,3,4,5\nKöln,5,6,7\n",
    ],
)
def test_rows_are_no_names_for_a_gap_alone(bench: ReadBench, content: str) -> None:
    reading = bench.read(content.encode(), skip=0)
    assert reading.source.records + reading.source.rejected == content.count("\n") - 1


@pytest.mark.parametrize(
    ("lower", "columns"),
    [
        (",of hires,in %\n", ("Place", "Share of hires", "Number in %")),
        (",of hires,in %\n,a year,of all\n", ("Place", "Share of hires a year", "Number in % of all")),
    ],
)
def test_names_go_on_below_where_the_first_column_is_blank(
    bench: ReadBench, lower: str, columns: tuple[str, ...]
) -> None:
    table = bench.table(f"Place,Share,Number\n{lower}Kiel,1,2\nBonn,3,4\nKöln,5,6\n".encode())
    assert table.columns == columns
    assert table.rows[-3:] == [("Kiel", "1", "2"), ("Bonn", "3", "4"), ("Köln", "5", "6")]
    assert any("header_rows: 1" in warning for warning in table.reading.warnings)


@pytest.mark.parametrize(
    "rows",
    [
        ",NA,NA\nBonn,3,4\n,5,6\nKiel,7,8\n",  # the first column has other gaps
        ",n/a,2\nBonn,3,4\nKöln,5,6\nKiel,7,8\n",  # a number stands beside it
        ",north,south\nBonn,east,west\nKöln,west,east\nKiel,east,east\n",  # words stand below words
        ",north,south\n,,\n,,\nBonn,,4\n",  # too few numbers to tell
    ],
)
def test_a_row_that_lacks_its_first_cell_may_be_data(bench: ReadBench, rows: str) -> None:
    reading = bench.read(f"Place,Share,Number\n{rows}".encode())
    assert (reading.source.columns, reading.source.records) == (("Place", "Share", "Number"), 4)


@pytest.mark.parametrize("above", ["", "Weather report\n\n"])
@pytest.mark.parametrize(
    "names", ["day;degrees;town", "day\tdegrees\ttown", 'day "degrees" town', '"day"|"degrees"|"town"']
)
def test_names_may_have_another_mark_between_them(bench: ReadBench, above: str, names: str) -> None:
    table = bench.table(f"{above}{names}\n{ROWS}".encode())
    assert table.columns == ("day", "degrees", "town")
    assert len(table.rows) == ROWS.count("\n")
    assert any("is not that of the rows below" in warning for warning in table.reading.warnings)


@pytest.mark.parametrize("title", ["Weather of May", "Weather report", "Weather of 2019"])
def test_a_title_names_no_columns_of_another_number(bench: ReadBench, title: str) -> None:
    table = bench.table(f"{title}\nday,degrees,town,state\n{ROWS.replace(chr(10), ',x' + chr(10))}".encode())
    assert table.columns == ("day", "degrees", "town", "state")


def test_what_is_declared_to_be_no_header_is_not_cut_otherwise(bench: ReadBench) -> None:
    reading = bench.read(f"day;degrees;town\n{ROWS}".encode(), header=False)
    assert reading.source.columns[0] == "column_1"


def test_rows_of_names_can_be_declared(bench: ReadBench) -> None:
    content = b"length,width\nm,mm\n1,2\n3,4\n"
    assert bench.read(content).source.columns == ("length", "width")
    table = bench.table(content, header_rows=2)
    assert (table.columns, table.rows) == (("length m", "width mm"), [("1", "2"), ("3", "4")])
    assert not table.reading.warnings
    assert bench.read(content, header_rows=4).source.records == 0
    with pytest.raises(EmptyFile, match="5 header rows are declared, but only 4 rows"):
        bench.read(content, header_rows=5)


COMMENTED = b'% made, by hand\nday,n\n1,2\n% it\'s, "odd"\n3,4\n5,"a\n% b"\n%7,8\n'


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_declared_comments_are_left_out_and_counted(bench: ReadBench, end: bytes) -> None:
    table = bench.table(COMMENTED.replace(b"\n", end), comment="%")
    assert table.columns == ("day", "n")
    assert table.rows == [("1", "2"), ("3", "4"), ("5", "a\n% b".replace("\n", end.decode()))]
    assert table.counts == (3, 0, {"comments": 2, "lines above the table": 1})


def test_without_a_declaration_no_row_is_a_comment(bench: ReadBench) -> None:
    table = bench.table(b"a,b\n#1,2\n% 3,4\n5,6\n")
    assert table.rows == [("#1", "2"), ("% 3", "4"), ("5", "6")]


BANK = "booked;valued;payee;text;amount;currency\n" + "".join(
    f"0{day}.12.2025;0{day}.12.2025;Kiosk {day};card;-{day},50;EUR\n" for day in range(1, 7)
)


@pytest.mark.parametrize(
    ("above", "lines"),
    [
        ("Turnover;made 9 December\n;last change: today\nIBAN;DE00\nBalance;150,00;EUR\nSorted by;day\n", 5),
        ("Bank;Kiel\nFrom;1 May;to;2 May\n\nMind the notes; below; the table\n\n", 5),
        ("# made by hand\n" * 20, 20),
        (";WARNING: this may change\n;Take the other file\n\n", 3),
    ],
)
def test_a_table_below_rows_of_other_widths_is_found(bench: ReadBench, above: str, lines: int) -> None:
    table = bench.table((above + BANK).encode())

    assert table.columns == ("booked", "valued", "payee", "text", "amount", "currency")
    assert len(table.rows) == 6
    assert table.reading.detected["skip"].value == lines
    assert any("not part of the table" in warning for warning in table.reading.warnings)


def test_below_such_rows_the_names_may_be_fewer_than_the_cells(bench: ReadBench) -> None:
    rows = "".join(f"Kiel;{place};{place * 7};\n" for place in range(101, 106))

    table = bench.table(f"Census\n\nCounted;persons at work\n\ntown;zone;\n{rows}".encode())

    assert table.columns == ("town", "zone", "column_3", "column_4")
    assert table.rows[0] == ("Kiel", "101", "707", None)


def test_below_such_rows_there_may_be_no_names(bench: ReadBench) -> None:
    rows = "".join(f"1982,1,1,{hour},60,C9,-1.{hour}\n" for hour in range(1, 7))
    above = "LOCATION,KIEL,-,DEU\nHOLIDAYS,No,0\nPERIODS,1,1,Data,Sunday,1/1,12/31,1982\n"

    table = bench.table((above + rows).encode())

    assert table.columns == tuple(f"column_{place}" for place in range(1, 8))
    assert len(table.rows) == 6


@pytest.mark.parametrize(
    "content",
    [
        "milk,bread\nmilk\nbeer,bread,eggs\nmilk,beer,eggs,tea\nbeer\ntea,milk\nbread,eggs,tea\n",
        "a,b,c\n1,2\n" + "1,2,3\n" * 5,
        "a,b,c\n1,2,3\n1,2,3,4\n1,2\n" + "1,2,3,4\n" * 5,
        "x,y\n" + "a,1,2\n" * 5,
        ",time,temp\n" + "0,2022-07-29,03:14:50,18.1\n" * 5,
    ],
)
def test_rows_that_are_too_long_or_short_do_not_hide_the_first(bench: ReadBench, content: str) -> None:
    assert bench.read(content.encode()).detected["skip"].value == 0


def test_where_most_rows_do_not_fit_the_table_may_be_the_wrong_one(bench: ReadBench) -> None:
    content = "a,b\n1,2\n" * 3 + "\n" + "d,e,f\n" + "1,2,3\n" * 3 + "4,5,6,7\n" * 5

    warnings = bench.read(content.encode()).warnings

    assert any("set skip" in warning and "several tables" in warning for warning in warnings)
