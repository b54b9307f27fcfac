"""Generated tables whose cells, bad rows and lines are known: both lanes must agree with them."""

import codecs
import io
import re
from collections import Counter
from dataclasses import dataclass

from hypothesis import assume, example, given
from hypothesis import strategies as st
from readbench import ReadBench, Table

from csvjobs.errors import EmptyFile, NotCsv
from csvjobs.reading.records import Tokenizer, lines
from csvjobs.reading.source import Dialect

BOM = codecs.BOM_UTF8
Cell = str | None
LONG = "0123456789" * 500
# Text that needs no quotes, but invites a reader to do something with it.
BARE = ["a", "NA", "NULL", "007", "1.10", " x ", " ", "  ", "é", "\ufeff", "#c", "\\", "'", "-", "\\N", "\0"]
ODD = ['a"', 'a"b', 'a""b', ' "x"', "x'\""]
INSIDE = ["\n", "\r\n", "\r", "\n\n", '"', '""', ",", ";", "\t", "|", ", ", ' "', '" ', "", "a", LONG]


@dataclass(frozen=True)
class Written:
    """A file, and what a reader must find in it by the way it was made. `spare`: whether a row that is too
    long has nothing in the cells that it has too many."""

    content: bytes
    delimiter: str
    rows: list[tuple[Cell, ...]]
    rejects: list[tuple[int, str, str]]
    blank: int
    names: tuple[str, ...]
    spare: bool = False


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def line_ends(text: str) -> int:
    return len(re.findall("\r\n|\r|\n", text))


@st.composite
def cells(draw: st.DrawFn, delimiter: str, odd: bool) -> tuple[str, Cell]:
    """A cell as written, and what it means."""
    kind = draw(st.sampled_from(["empty", "bare", "bare", "quoted", "odd" if odd else "bare"]))
    if kind == "empty":
        return "", None
    if kind == "quoted":
        text = "".join(draw(st.lists(st.sampled_from(INSIDE + BARE), max_size=4)))
        return quoted(text), text
    text = draw(st.sampled_from(BARE if kind == "bare" else ODD))
    return text, text


@st.composite
def files(draw: st.DrawFn) -> Written:
    delimiter = draw(st.sampled_from(",;\t|"))
    width = draw(st.integers(1, 4))
    odd, mixed, ragged = (draw(st.sampled_from([False, False, True])) for _ in range(3))
    ends = ["\n", "\r\n", "\r"] if mixed else [draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))]
    names = tuple(f"h{place}" for place in range(width))
    text = delimiter.join(names) + draw(st.sampled_from(ends))
    rows, rejects, blank, spare, line = [], [], 0, False, 2
    for _ in range(draw(st.integers(0, 6))):
        size = draw(st.integers(0, 5)) if ragged else width
        made = [draw(cells(delimiter, odd)) for _ in range(size)]
        record, end = delimiter.join(raw for raw, _ in made), draw(st.sampled_from(ends))
        if not record and text.endswith("\r"):
            # With a line feed it would be one line end.
            end = "\r"
        found = 1 if not made else size
        if not record and width > 1:
            blank += 1
        elif found == width:
            rows.append(tuple(cell for _, cell in made) or (None,))
        elif found < width:
            rejects.append((line, "missing-cell", ""))
        else:
            rejects.append((line, "extra-cell", record))
            spare |= not any(cell and cell.strip() for _, cell in made[width:])
        text += record + end
        line += line_ends(record + end)
    # Without the last line end the last row stays what it is, unless nothing stands in it.
    bare_end = text.rstrip("\r\n")
    if draw(st.booleans()) and line_ends(text) - line_ends(bare_end) == 1:
        text = bare_end
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32"]))
    return Written(text.encode(encoding), delimiter, rows, rejects, blank, names, spare)


def check(table: Table, written: Written) -> None:
    assert table.columns == written.names
    assert table.rows == written.rows
    dropped = {"blank lines": written.blank} if written.blank else {}
    assert table.counts == (len(written.rows), len(written.rejects), dropped)
    told = [(int(row["_line"]), row["_code"], row["_record"]) for row in table.rejects]
    assert told == written.rejects


@given(written=files())
@example(written=Written(b'a;b\n;x,";y,";\n', ";", [], [(2, "extra-cell", ';x,";y,";')], 0, ("a", "b")))
def test_what_was_written_is_read_by_both_lanes(bench: ReadBench, written: Written) -> None:
    # Else the header is made to fit the rows.
    assume(any(map(any, written.rows)) or not (written.rejects[1:] or written.spare))
    options = {"delimiter": written.delimiter, "quote": '"', "escape": "", "skip": 0, "header": True}
    check(bench.table(written.content, **options), written)
    check(bench.table(written.content, careful=True, **options), written)


SOUP = st.lists(
    st.sampled_from(
        [
            *(bytes([byte]) for byte in b'"",,\n\n\r a\0-;\xff'),
            *(b"\r\n", b'""', b'"\n', b',"', b'",', b"1,2\n", b"1,2\r\n", b'"x","y"\n', BOM, "é".encode()),
        ]
    ),
    max_size=24,
).map(b"".join)
STARTS = st.sampled_from([b"", b"a,b\n", b"a,b\r\n", BOM, BOM + b"a,b\n", b"a\n", b"a,b,c\n"])


def same(one: Table, other: Table) -> None:
    assert one.rows == other.rows
    assert one.columns == other.columns
    assert one.counts == other.counts
    assert one.rejects == other.rejects


@given(start=STARTS, soup=SOUP, header=st.booleans(), bad_rows=st.sampled_from(["reject", "pad"]))
@example(start=b"", soup=b'""x","y"\n",', header=True, bad_rows="reject")
@example(start=b"a,b,c\n", soup=b',a",a",\n', header=True, bad_rows="reject")
@example(start=BOM, soup=b' "a",c\n', header=False, bad_rows="reject")
@example(start=b"a,b\n", soup=b'1,"a" ', header=True, bad_rows="reject")
@example(start=BOM, soup=b"\na,b\n1,2,\n", header=False, bad_rows="reject")
@example(start=b"a\n", soup=b"\n\n1\n\n", header=True, bad_rows="reject")
@example(start=b"", soup=b"\n\na\n", header=False, bad_rows="reject")
@example(start=b"", soup=b'"\n"\n\n', header=True, bad_rows="reject")
def test_any_bytes_are_read_alike_by_both_lanes(
    bench: ReadBench, start: bytes, soup: bytes, header: bool, bad_rows: str
) -> None:
    content = start + soup
    options = {"header": header, "bad_rows": bad_rows, "delimiter": ",", "encoding": "utf-8", "skip": 0}
    try:
        usual = bench.table(content, **options)
    except (EmptyFile, NotCsv):
        return
    with_care = bench.table(content, careful=True, **options)
    same(usual, with_care)
    assert len(with_care.rows) == with_care.reading.source.records
    assert len(with_care.rejects) == with_care.reading.source.rejected
    records = list(Tokenizer(Dialect()).records(lines(io.BytesIO(content.removeprefix(BOM)))))
    assert with_care.seen == len(records) - header


@given(soup=SOUP.map(lambda soup: soup.replace(b"\xff", b"")), careful=st.booleans())
def test_each_byte_of_a_cell_is_in_the_output_or_in_rejected_csv(
    bench: ReadBench, soup: bytes, careful: bool
) -> None:
    options = {"delimiter": ",", "quote": '"', "encoding": "utf-8", "header": False, "skip": 0}
    try:
        table = bench.table(soup, careful=careful, **options)
    except (EmptyFile, NotCsv):
        return
    cells = [cell or "" for row in table.rows for cell in row]
    kept = [row["_record"] or "".join(row[name] for name in table.columns) for row in table.rejects]
    structure = b'\r\n,"'
    came_out = "".join(cells + kept).encode().translate(None, structure)
    assert Counter(came_out) == Counter(soup.removeprefix(BOM).translate(None, structure))


@given(soup=SOUP, width=st.integers(1, 3))
def test_padding_leaves_no_row_short(bench: ReadBench, soup: bytes, width: int) -> None:
    content = b",".join([b"h"] * width) + b"\n" + soup
    options = {"delimiter": ",", "encoding": "utf-8", "header": True, "skip": 0}
    try:
        rejecting = bench.table(content, **options)
        padding = bench.table(content, bad_rows="pad", **options)
    except NotCsv:
        return
    short = [row["_line"] for row in rejecting.rejects if row["_code"] == "missing-cell"]
    assert padding.reading.source.rejected == rejecting.reading.source.rejected - len(short)
    assert padding.seen == rejecting.seen
    assert not any(row["_code"] == "missing-cell" for row in padding.rejects)


def test_both_lanes_were_taken(bench: ReadBench) -> None:
    """Last in its module: the properties above would say little if one lane had seen no file."""
    assert bench.lanes["express"] > 10
    assert bench.lanes["careful"] > 10
