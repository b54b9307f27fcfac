"""Facts at the edges of chunks and files, and one-sided facts compared with a definition that parses
quotes."""

import codecs
import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from readbench import facts_of

from csvjobs.reading.facts import Facts, FactsCollector, Newlines

BOM = codecs.BOM_UTF8
MARKS = (BOM, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
PIECES = [
    *(bytes([byte]) for byte in b'"",,;\t|\r\r\n\n  a\0'),
    *("é".encode(), "😀".encode(), b"\xc3", b"\xa9", b"\xff", b"\xed\xa0\x80"),
    *MARKS,
]


@st.composite
def cut(draw: st.DrawFn) -> list[bytes]:
    data = b"".join(draw(st.lists(st.sampled_from(PIECES), max_size=40)))
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=12))
    return [data[a:b] for a, b in pairwise([0, *sorted(cuts), len(data)])]


def has_blank_line(data: bytes) -> bool:
    """Whether outside of quotes a line end follows a line end or the start."""
    place = 0
    for line in re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)", data):
        if not line.strip(b"\r\n") and data.count(b'"', 0, place) % 2 == 0:
            return True
        place += len(line)
    return False


def beside_quotes(data: bytes) -> str:
    """The delimiters that stand before an opening quote or behind a closing one, "*" for other bytes."""
    found = set()
    for place, byte in enumerate(data):
        if byte == ord('"'):
            opens = data.count(b'"', 0, place) % 2 == 0
            found.add(data[max(place - 1, 0) : place] if opens else data[place + 1 : place + 2])
    known = {b",": ",", b";": ";", b"\t": "\t", b"|": "|"} | dict.fromkeys((b"", b'"', b"\n", b"\r"), "")
    return "".join(sorted({known.get(byte, "*") for byte in found}))


@given(chunks=cut())
@example(chunks=[b" ", b'"a",b\n'])
@example(chunks=[BOM + b' "a",b\n'])
@example(chunks=[BOM, b"\na,b\n"])
@example(chunks=[b'a,"b" '])
@example(chunks=[b'"a"', b"b"])
@example(chunks=[b"\xef", b'\xbb\xbf"a","b"'])
@example(chunks=[b"a\n\rb"])
@example(chunks=[b'"a\n\nb"\n'])
@example(chunks=[b'"a"\n', b'\n"b"'])
@example(chunks=[b'a,"b\n', b'\n"\n'])
def test_what_readers_disagree_on_is_never_overlooked(chunks: list[bytes]) -> None:
    facts = facts_of(*chunks)
    text = b"".join(chunks).removeprefix(BOM)
    assert facts.blank_lines == has_blank_line(text)
    assert facts.beside_quotes == beside_quotes(text)


@given(chunks=cut())
@example(chunks=[b" ", b'"'])
@example(chunks=[b"a\r", b"\n"])
@example(chunks=[b'a"', b" ", b","])
def test_neither_random_cuts_nor_single_bytes_matter(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    ends = re.findall(rb"\r\n|\r|\n", whole)
    counted = Newlines(lf=ends.count(b"\n"), crlf=ends.count(b"\r\n"), cr=ends.count(b"\r"))
    assert facts_of(whole).newlines == counted
    assert facts_of(*chunks) == facts_of(whole)
    assert facts_of(*(bytes([byte]) for byte in whole)) == facts_of(whole)


def test_nothing_was_seen_of_an_empty_file() -> None:
    facts = FactsCollector().finish()
    assert (facts.bytes, facts.utf8, facts.final_newline, facts.blank_lines) == (0, True, False, False)


@pytest.mark.parametrize("content", [b'a,b\r\n"x y","z "" w"\r\n', b"a b, c d\n", BOM + b'a,"b\nc"\n'])
def test_a_usual_file_raises_no_doubt(content: bytes) -> None:
    facts = facts_of(content)
    assert not facts.blank_lines
    assert facts.beside_quotes in ("", ",")


def test_facts_survive_json() -> None:
    facts = facts_of(BOM + b'a,"b\r\n"\r\n')
    assert Facts.model_validate_json(facts.model_dump_json()) == facts
