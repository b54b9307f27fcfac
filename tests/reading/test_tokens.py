"""Records and cells from bytes: a table by hand, tables by csv.writer, and arbitrary bytes."""

import csv
import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csvjobs.reading.options import MAX_OPEN_LINES
from csvjobs.reading.records import Record, Tokenizer, lines
from csvjobs.reading.source import Dialect

BAD, OPEN = "text-after-quote", "unclosed-quote"
COMMA = Tokenizer(Dialect())


def records(content: bytes, tokenizer: Tokenizer = COMMA) -> list[Record]:
    return list(tokenizer.records(lines(io.BytesIO(content))))


def said(record: Record, tokenizer: Tokenizer = COMMA) -> list[str]:
    return [tokenizer.text(cell).decode() for cell in tokenizer.cells(record)]


@pytest.mark.parametrize(
    ("content", "cells"),
    [
        (b"a", ["a"]),
        (b"a,b", ["a", "b"]),
        (b",", ["", ""]),
        (b",,", ["", "", ""]),
        (b'""', [""]),
        (b'"",""', ["", ""]),
        (b',""', ["", ""]),
        (b'"a",b', ["a", "b"]),
        (b'"a,b",c', ["a,b", "c"]),
        (b'"a""b"', ['a"b']),
        (b'""""', ['"']),
        (b'"""",""""""', ['"', '""']),
        (b'a"b,c', ['a"b', "c"]),
        (b'a"b,c"d', ['a"b', 'c"d']),
        (b'a"",b', ['a""', "b"]),
        (b' "a",b', [' "a"', "b"]),
        (b'1,"x\ny"', ["1", "x\ny"]),
        (b'1,"x\r\ny"', ["1", "x\r\ny"]),
        (b'1,"x\ry"', ["1", "x\ry"]),
        (b'"\n\n",2', ["\n\n", "2"]),
        (b'"a\n""b"",\n",2', ['a\n"b",\n', "2"]),
        (b'"a\n",b,"\nc"', ["a\n", "b", "\nc"]),
        ("é,\u2028,\x85".encode(), ["é", "\u2028", "\x85"]),
        (b"a\vb\fc\x1cd,\x1e", ["a\vb\fc\x1cd", "\x1e"]),
    ],
)
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r"])
def test_one_record(content: bytes, cells: list[str], end: bytes) -> None:
    [record] = records(content + end)
    assert (record.first, record.text, record.fault) == (1, content, None)
    assert said(record) == cells


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"a\nb\r\nc\rd", [(1, b"a"), (2, b"b"), (3, b"c"), (4, b"d")]),
        (b"\n\r\n\r", [(1, b""), (2, b""), (3, b"")]),
        (b"a\r\r\nb", [(1, b"a"), (2, b""), (3, b"b")]),
        (b"a\n\rb", [(1, b"a"), (2, b""), (3, b"b")]),
        (b'"a\rb"\rc', [(1, b'"a\rb"'), (3, b"c")]),
        (b'"a\r\n\r\nb",1\r\nc\r\n', [(1, b'"a\r\n\r\nb",1'), (4, b"c")]),
    ],
)
def test_lines_are_counted_as_they_stand(content: bytes, found: list[tuple[int, bytes]]) -> None:
    assert [(record.first, record.text) for record in records(content)] == found


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'"a"b,c\n1,2\n', [(1, BAD), (2, None)]),
        (b'"a" ,c\n1,2\n', [(1, BAD), (2, None)]),
        (b'1,"a"b"\n1,2\n', [(1, BAD), (2, None)]),
        (b'"a,b\n1,2\n3,4\n', [(1, OPEN), (2, None), (3, None)]),
        (b'1\n"a,b\n1,2', [(1, None), (2, OPEN), (3, None)]),
        (b'"', [(1, OPEN)]),
        (b'1,"""\n2', [(1, OPEN), (2, None)]),
        # The quote that ends the second line could close the first one's, were there no text behind it.
        (b'"a\nb"c\n1,2\n', [(1, OPEN), (2, None), (3, None)]),
        (b'"a\n"b,c\n1,"x\ny"\n', [(1, OPEN), (2, OPEN), (3, None)]),
        (b'"a\n"b","c\nd"\n', [(1, OPEN), (2, None)]),
    ],
)
def test_a_bad_line_costs_no_other(content: bytes, found: list[tuple[int, str | None]]) -> None:
    assert [(record.first, record.fault) for record in records(content)] == found


def test_a_bad_record_is_its_first_line() -> None:
    bad, *good = records(b'"a,b\r\n1,2\r\n')
    assert bad.text == b'"a,b'
    assert [record.text for record in good] == [b"1,2"]


@pytest.mark.parametrize(("inner", "whole"), [(MAX_OPEN_LINES - 2, True), (MAX_OPEN_LINES - 1, False)])
def test_how_far_a_quote_may_stay_open(inner: int, whole: bool) -> None:
    """The lines of the quote itself count too."""
    found = records(b'"a\n' + b"x\n" * inner + b'b",2\n3,4\n')
    assert found[0].fault == (None if whole else "too-many-open-lines")
    assert [record.first for record in found] == ([1, inner + 3] if whole else [*range(1, inner + 4)])
    assert said(found[-1]) == ["3", "4"]


def test_without_quotes_a_quote_is_text() -> None:
    bare = Tokenizer(Dialect(quote=""))
    assert [said(record, bare) for record in records(b'"a,b"\n"\n', bare)] == [['"a', 'b"'], ['"']]


def test_another_quote() -> None:
    other = Tokenizer(Dialect(";", "'"))
    [record] = records(b"'a;''\n';\"b\n", other)
    assert said(record, other) == ["a;'\n", '"b']


# Every kind of cell: nothing, structure of this and other dialects, what only looks like a line end.
CELLS = st.text(st.sampled_from("\"'\"',;|\t\n\r\r ab\\é\0\x0b\x85\u2028\ufeff"), max_size=6)


@st.composite
def written(draw: st.DrawFn) -> tuple[list[list[str]], Dialect, list[str]]:
    """Rows, a dialect, and each row as csv.writer writes it in that dialect."""
    dialect = Dialect(draw(st.sampled_from(",;\t|:^\x01")), draw(st.sampled_from("\"'")))
    rows = draw(st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=6))
    quoting = draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    return rows, dialect, [_written(row, dialect, quoting) + end for row in rows]


def _written(row: list[str], dialect: Dialect, quoting: int) -> str:
    """The writer's own line end is CRLF, so that it puts quotes around both characters of it."""
    out = io.StringIO(newline="")
    csv.writer(
        out, delimiter=dialect.delimiter, quotechar=dialect.quote, quoting=quoting, lineterminator="\r\n"
    ).writerow(row)
    return out.getvalue().removesuffix("\r\n")


@given(table=written())
def test_what_csv_writes_is_read(table: tuple[list[list[str]], Dialect, list[str]]) -> None:
    rows, dialect, texts = table
    tokenizer = Tokenizer(dialect)
    found = records("".join(texts).encode(), tokenizer)
    assert [record.fault for record in found] == [None] * len(rows)
    assert [said(record, tokenizer) for record in found] == rows
    ends = [len(re.findall("\r\n|\r|\n", text)) for text in texts]
    assert [record.first for record in found] == [1 + sum(ends[:place]) for place in range(len(rows))]


SOUP = st.lists(
    st.sampled_from([b'"', b'"', b'"', b",", b"\n", b"\r", b"\r\n", b"a", b"'", b"\xff", b"\0", b"\xc3\xa9"]),
    max_size=40,
).map(b"".join)
DIALECTS = st.sampled_from([Dialect(), Dialect(quote=""), Dialect(quote="'"), Dialect("a", '"')])


def spanned(record: Record) -> int:
    return 1 + len(re.findall(rb"\r\n|\r|\n", record.text))


@given(content=SOUP, dialect=DIALECTS)
@example(content=b'"\r\n"\n\r"', dialect=Dialect())
def test_every_byte_is_in_one_record(content: bytes, dialect: Dialect) -> None:
    given_lines = list(lines(io.BytesIO(content)))
    assert b"".join(line.content + line.ending for line in given_lines) == content
    assert [line.number for line in given_lines] == [*range(1, len(given_lines) + 1)]
    found = list(Tokenizer(dialect).records(given_lines))
    last_ends = []
    line = 1
    for record in found:
        assert record.first == line
        line += spanned(record)
        last_ends.append(given_lines[line - 2].ending)
    assert line == len(given_lines) + 1
    rebuilt = [record.text + end for record, end in zip(found, last_ends, strict=True)]
    assert b"".join(rebuilt) == content


@given(content=SOUP, dialect=DIALECTS)
def test_cells_rebuild_their_record(content: bytes, dialect: Dialect) -> None:
    tokenizer = Tokenizer(dialect)
    for record in records(content, tokenizer):
        cells = tokenizer.cells(record) if record.fault is None else []
        if record.fault is None:
            assert dialect.delimiter.encode().join(cells) == record.text
        if dialect.quote:
            said_by_cells = [tokenizer.text(cell) for cell in cells]
            assert [tokenizer.text(tokenizer.quoted(text)) for text in said_by_cells] == said_by_cells


@given(content=SOUP)
def test_lines_end_as_universal_newlines_do(content: bytes) -> None:
    text = io.TextIOWrapper(io.BytesIO(content), "latin-1", newline="")
    assert [(line.content + line.ending).decode("latin-1") for line in lines(io.BytesIO(content))] == [*text]
