"""Facts at the edges of chunks and files, and one-sided ones by a definition that knows quotes."""

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


def has_blank_at_quote(data: bytes) -> bool:
    """Whether only blanks stand between a quote and the edge of its cell."""
    edge = rb"[,;\t|\r\n]"
    for quote in re.finditer(b'"', data):
        before, after = data[: quote.start()], data[quote.end() :]
        opens = before.count(b'"') % 2 == 0
        if opens and re.search(rb"(?:^|%b) +\Z" % edge, before):
            return True
        if not opens and re.match(rb" +(?:\Z|%b)" % edge, after):
            return True
    return False


@given(chunks=cut())
@example(chunks=[b" ", b'"a",b\n'])
@example(chunks=[BOM + b' "a",b\n'])
@example(chunks=[BOM, b"\na,b\n"])
@example(chunks=[b'a,"b" '])
@example(chunks=[b"a\n\rb"])
def test_what_readers_disagree_on_is_never_overlooked(chunks: list[bytes]) -> None:
    facts = facts_of(*chunks)
    text = b"".join(chunks).removeprefix(BOM)
    assert facts.blank_lines >= has_blank_line(text)
    assert facts.blanks_at_quotes >= has_blank_at_quote(text)
    if not facts.quotes:
        assert facts.blank_lines == has_blank_line(text)
        assert not facts.blanks_at_quotes


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
    assert not facts.blanks_at_quotes


def test_facts_survive_json() -> None:
    facts = facts_of(BOM + b'a,"b\r\n"\r\n')
    assert Facts.model_validate_json(facts.model_dump_json()) == facts
