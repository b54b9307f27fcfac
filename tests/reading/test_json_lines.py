"""JSON lines: the cell for each kind of value, and which lines are rejected."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readbench import ReadBench

from csvjobs.errors import BadRow, EmptyFile, NotCsv, TooManyColumns
from csvjobs.reading.jsonl import cells
from csvjobs.reading.options import ReadOptions


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def test_values_come_as_the_texts_that_they_are(bench: ReadBench) -> None:
    table = bench.table(
        lines(
            '{"id": 12345678901234567890, "price": 1.10, "code": "00042", "ok": true, "none": null}',
            '{"id": -0.0, "price": 1E5, "code": "", "ok": false, "tags": ["a", 1.10 ], "of": {"b": 1}}',
        )
    )
    assert table.columns == ("id", "price", "code", "ok", "none", "tags", "of")
    assert table.rows == [
        ("12345678901234567890", "1.10", "00042", "true", None, None, None),
        ("-0.0", "1E5", "", "false", None, '["a", 1.10 ]', '{"b": 1}'),
    ]
    assert table.reading.detected["format"].value == "jsonl"


def test_columns_are_in_the_order_in_which_keys_come_up_however_late(bench: ReadBench) -> None:
    content = lines('{"b": 1, "a": 2}', *['{"a": 3}'] * 3000, '{"c": "x", "b": "\\n"}')
    table = bench.table(content)
    assert table.columns == ("b", "a", "c")
    assert [table.rows[0], table.rows[1], table.rows[-1]] == [
        ("1", "2", None),
        (None, "3", None),
        ("\n", None, "x"),
    ]
    assert table.counts == (3002, 0, {})


def test_bad_lines_are_set_aside_with_their_numbers(bench: ReadBench) -> None:
    content = lines(
        '{"a": 1}', "", '{"a": 1', '{"a": 1, "a": 2}', "[1]", "7", '{"a": NaN}', '{"a": "\\ud800"}',
        "[" * 100_000, '{"b": 2}',
    )  # fmt: skip
    table = bench.table(content + b'{"a": "\xff"}\n', encoding="utf-8")
    assert table.rows == [("1", None), (None, "2")]
    assert [(r["_line"], r["_code"]) for r in table.rejects] == [
        *((str(line), "bad-json") for line in (3, 4, 5, 6, 7, 8, 9)),
        ("11", "bad-bytes"),
    ]
    assert table.rejects[1]["_found"] == "the key 'a' twice"
    assert table.rejects[5]["_found"] == "half of a surrogate pair"
    assert table.rejects[0]["_record"] == '{"a": 1'
    assert content[int(table.rejects[1]["_byte"]) :].startswith(b'{"a": 1, "a"')
    assert table.counts == (2, 8, {"blank lines": 1})


def test_a_key_that_comes_twice_among_many_is_named(bench: ReadBench) -> None:
    keys = [f'"{number}": 1' for number in [*range(200_000), 199_999]]
    table = bench.table(lines('{"a": 1}', f"{{{', '.join(keys)}}}"))
    assert [r["_found"] for r in table.rejects] == ["the key '199999' twice"]


@pytest.mark.parametrize("first", ['{"a": 1, "a": 2}', '{"a": NaN}', '{"a": 1,}', '{"a": 007}'])
def test_a_bad_first_line_makes_no_csv_of_it(bench: ReadBench, first: str) -> None:
    table = bench.table(lines(first, '{"a": "x, y"}'))
    assert (table.columns, table.rows) == (("a",), [("x, y",)])
    assert [r["_code"] for r in table.rejects] == ["bad-json"]


def test_the_first_key_may_come_late(bench: ReadBench) -> None:
    table = bench.table(lines(*["{}"] * 3000, '{"a": 1}'))
    assert (table.columns, len(table.rows), table.rows[-1]) == (("a",), 3001, ("1",))


def test_lines_of_which_none_has_a_key_are_no_table(bench: ReadBench) -> None:
    with pytest.raises(EmptyFile, match="No line of the file is a JSON object with a key"):
        bench.read(b"a,b\n1,2\n", format="jsonl")


def test_a_look_takes_no_more_long_lines_than_it_needs(bench: ReadBench) -> None:
    content = lines(*[json.dumps({"a": "x" * 100_000})] * 20, '{"late": 1}')
    found = bench.look(content, ReadOptions())
    assert (found.header.columns, found.whole) == (("a",), False)
    assert bench.table(content).columns == ("a", "late")


def test_the_policies_for_bad_rows_hold_here_too(bench: ReadBench) -> None:
    with pytest.raises(BadRow, match="Line 2") as error:
        bench.read(lines('{"a": 1}', "x"), bad_rows="fail")
    assert error.value.line == 2
    replaced = bench.table(b'{"a": "\xff"}\n', bad_bytes="replace", encoding="utf-8")
    assert replaced.rows == [("\ufffd",)]
    long = bench.table(lines('{"a": 1}', json.dumps({"a": "x" * 2000})), max_record_bytes=1024)
    assert [(r["_line"], r["_code"]) for r in long.rejects] == [("2", "record-too-long")]
    assert bench.table(lines('{"a": 1}', '{"b": 1}'), max_columns=2).columns == ("a", "b")
    with pytest.raises(TooManyColumns):
        bench.read(lines('{"a": 1}', '{"b": 1}'), max_columns=1)


@pytest.mark.parametrize(
    "content",
    [
        lines('{"a": "é"}'),
        b"\xef\xbb\xbf" + lines('{"a": "é"}'),
        lines('{"a": "é"}').replace(b"\n", b"\r\n"),
        lines('{"a": "é"}')[:-1],
        gzip.compress(lines('{"a": "é"}')),
        '{"a": "é"}\n'.encode("utf-16"),
    ],
)
def test_marks_line_ends_and_packing_do_not_matter(bench: ReadBench, content: bytes) -> None:
    table = bench.table(content)
    assert (table.columns, table.rows, table.counts) == (("a",), [("é",)], (1, 0, {}))


@pytest.mark.parametrize("content", ['[{"a": 1},\n{"a": 2}]', '[\n  {"a": 1}\n]', '{\n "a": 1\n}'])
def test_one_document_is_no_table_and_the_way_out_is_told(bench: ReadBench, content: str) -> None:
    with pytest.raises(NotCsv, match="one JSON document") as error:
        bench.read(content.encode())
    assert "jq -c" in str(error.value.hint)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "a web page"),
        (b"\n <HTML>\n<p>a,b</p>\n", "a web page"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><a/>', "an XML document"),
        (b"<!-- made\n, by hand -->\n<!doctype HTML PUBLIC>\n<title>a,b</title>\n", "a web page"),
        (b"<!DOCTYPE rss>\n<rss>a,b</rss>\n", "an XML document"),
        (b"<table border=1>\n<tr><td>a,b</td></tr>\n</table>\n", "a web page"),
        (b"\n\t<META charset=utf-8>\n<Table>\n" + b"<tr><td>1,2</td></tr>\n" * 9999, "a web page"),
        (b"<rows>\n <row><a>1</a><b>2</b></row>\n <row><a>3</a><b>4</b></row>\n</rows>", "an XML document"),
        ("\ufeff<ns:rows n='1'><row a='1,2'></row></ns:rows>".encode("utf-16"), "an XML document"),
    ],
)
def test_a_page_is_no_table(bench: ReadBench, content: bytes, kind: str) -> None:
    with pytest.raises(NotCsv, match=f"looks like {kind}"):
        bench.read(content)
    assert bench.table(content, format="csv", delimiter=",").columns


def test_csv_with_tags_stays_csv(bench: ReadBench) -> None:
    assert bench.table(b"<a>,<html_id>\n1,2\n").columns == ("<a>", "<html_id>")
    assert bench.table(b"<html_id>,b\n1,2\n").columns == ("<html_id>", "b")
    assert bench.table(b"<html>,b\n1,2\n").columns == ("<html>", "b")
    assert bench.table(b"<!-- -->" * 5000 + b"a,b\n1,2\n").rows == [("1", "2")]
    assert bench.table(b"<table>,<rows>\n<a>,2\n").columns == ("<table>", "<rows>")
    assert bench.table(b"<table>\n<rows>\n").columns == ("<table>",)
    assert bench.table(b"<p><b>x</b></p>,1\n<p><b>y</b></p>,2\n", header=False).rows[1] == (
        "<p><b>y</b></p>",
        "2",
    )
    assert bench.table(b"<p><b>x</b></p>\n<p><b>y</b></p>\n", header=False).seen == 2


def test_csv_with_braces_stays_csv(bench: ReadBench) -> None:
    assert bench.table(b'a,b\n{"x": 1},2\n').columns == ("a", "b")
    assert bench.table(b'{"a": 1}\n{"a": 2}\n', format="csv", delimiter=",", header=False).rows[0] == (
        '{"a": 1}',
    )


def test_objects_without_keys_are_no_table(bench: ReadBench) -> None:
    with pytest.raises(EmptyFile):
        bench.read(lines("{}"))


KEY = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
LEAF = (
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
)
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEY, inner, max_size=2), max_leaves=4
)


@given(st.dictionaries(KEY, VALUE, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_any_object_comes_as_its_values(given: dict[str, object], plain: bool, indent: int | None) -> None:
    separators = (" , ", " : ") if indent else None
    found = cells(json.dumps(given, ensure_ascii=plain, separators=separators))
    assert list(found) == list(given)
    for key, value in given.items():
        text = found[key]
        if isinstance(value, str) or value is None:
            assert text == value
        else:
            assert json.loads(text or "") == value


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_its_digits(number: object) -> None:
    text = str(number).replace("E+", "e")
    assert cells(f'{{"n": {text}}}') == {"n": text}


def test_a_row_far_longer_than_the_others_is_read(bench: ReadBench) -> None:
    """Longer than the engine takes a line to be, unless it is told."""
    cells = ["x", "y" * 3 * 1024**2, "z"]
    table = bench.table(lines(*(json.dumps({"a": cell}) for cell in cells)))
    assert [row[0] for row in table.rows] == cells
