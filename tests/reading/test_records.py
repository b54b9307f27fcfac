"""The tokenizer: records with their lines and cells, without losing a byte."""

from __future__ import annotations

import csv
import io
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvjobs.reading.options import MAX_OPEN_LINES
from csvjobs.reading.records import Line, Record, Tokenizer, lines
from csvjobs.reading.source import Dialect

COMMA = Tokenizer(Dialect())


def records(content: bytes, tokenizer: Tokenizer = COMMA) -> list[Record]:
    return list(tokenizer.records(lines(io.BytesIO(content))))


def cells(record: Record, tokenizer: Tokenizer = COMMA) -> list[str]:
    return [tokenizer.text(cell).decode() for cell in tokenizer.cells(record)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
        (b"a,b\n1,2", [["a", "b"], ["1", "2"]]),
        (b"a\r\nb\rc\n", [["a"], ["b"], ["c"]]),
        (b'"a,b","c ""d"""\n', [["a,b", 'c "d"']]),
        (b'"a\nb",c\n"d\r\ne",f\n"g\rh",i\n', [["a\nb", "c"], ["d\r\ne", "f"], ["g\rh", "i"]]),
        (b'5" pipe,x"y"\n', [['5" pipe', 'x"y"']]),
        (b'"",,""\n', [["", "", ""]]),
        (b"\n\na\n", [[""], [""], ["a"]]),
        (b",\n", [["", ""]]),
        (b'"a\n\n\nb"\n', [["a\n\n\nb"]]),
        (b'"""a\n""",b\n', [['"a\n"', "b"]]),
    ],
)
def test_records_have_these_cells(content: bytes, expected: list[list[str]]) -> None:
    found = records(content)
    assert [record.fault for record in found] == [None] * len(expected)
    assert [cells(record) for record in found] == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'a\n"b\nc,d\ne\n', [(1, None), (2, "unclosed-quote"), (3, None), (4, None)]),
        (b'a\n"b"c\nd\n', [(1, None), (2, "text-after-quote"), (3, None)]),
        (b'a\n"b\nc"d\ne\n', [(1, None), (2, "unclosed-quote"), (3, None), (4, None)]),
        (b'"a\nb",c\n"d\n', [(1, None), (3, "unclosed-quote")]),
        (b'a,"\n', [(1, "unclosed-quote")]),
    ],
)
def test_a_bad_record_is_one_line_and_the_next_ones_are_good(
    content: bytes, expected: list[tuple[int, str | None]]
) -> None:
    assert [(record.first, record.fault) for record in records(content)] == expected


def test_an_open_quote_does_not_reach_beyond_its_bound() -> None:
    content = b'"open\n' + b"x\n" * (MAX_OPEN_LINES + 5) + b'"\n'
    found = records(content)
    assert [record.fault for record in found[:2]] == ["too-many-open-lines", None]
    assert len(found) == MAX_OPEN_LINES + 7


ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
CELL = st.one_of(ANY, st.sampled_from(["", '"', ",", "\n", "\r", "\r\n", '""', 'a"b', " ", ";", "\t"]))
DELIMITER = st.sampled_from([",", ";", "\t", "|", ":", "é"])
ENDING = st.sampled_from(["\n", "\r\n", "\r"])


@given(st.lists(st.lists(CELL, min_size=2, max_size=4), max_size=6), DELIMITER, ENDING, st.booleans())
def test_what_a_writer_wrote_is_read(
    rows: list[list[str]], delimiter: str, ending: str, everything: bool
) -> None:
    out = io.StringIO(newline="")
    # Python's writer leaves line ends other than its own without quotes.
    everything = everything or any(end in cell for row in rows for cell in row for end in "\r\n")
    quoting = csv.QUOTE_ALL if everything else csv.QUOTE_MINIMAL
    starts = []
    for row in rows:
        starts.append(len(out.getvalue().replace("\r\n", "\n").replace("\r", "\n").split("\n")))
        csv.writer(out, delimiter=delimiter, lineterminator=ending, quoting=quoting).writerow(row)
    tokenizer = Tokenizer(Dialect(delimiter))
    found = records(out.getvalue().encode(), tokenizer)
    assert [cells(record, tokenizer) for record in found] == rows
    assert [record.first for record in found] == starts


SOUP = st.lists(
    st.sampled_from([b'"', b'"', b",", b"\n", b"\r", b"\r\n", b"a", b" ", b"\xff", b"\0"]), max_size=40
).map(b"".join)


@given(SOUP, st.sampled_from(['"', "'", ""]))
def test_every_byte_is_in_exactly_one_record(content: bytes, quote: str) -> None:
    """Records and the line ends between them, one after the other, are the file."""
    found = records(content, Tokenizer(Dialect(quote=quote)))
    rest = content
    for record in found:
        assert rest.startswith(record.text)
        rest = rest.removeprefix(record.text)
        ending = next((end for end in (b"\r\n", b"\n", b"\r") if rest.startswith(end)), b"")
        rest = rest.removeprefix(ending)
        assert ending or not rest
    assert rest == b""


@given(SOUP)
def test_each_records_line_is_where_it_begins(content: bytes) -> None:
    physical = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    for record in records(content):
        first = record.text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[0]
        assert physical[record.first - 1] == first


class Watched(bytes):
    """Bytes that count how often a quote was looked for in them."""

    looks = 0

    def __contains__(self, other: object) -> bool:
        self.looks += 1
        return super().__contains__(other)  # type: ignore[operator]


def test_a_line_is_not_examined_for_each_quote_above_it_that_is_open() -> None:
    """Each of these lines leaves a quote open, whether it begins inside one or not."""
    given = [Line(number, Watched(b'a","x'), b"\n", 7 * number) for number in range(1, 301)]
    faults = Counter(record.fault for record in Tokenizer(Dialect(), 100).records(given))
    assert faults == {"unclosed-quote": 300}
    assert max(line.content.looks for line in given) <= 4  # type: ignore[attr-defined]
