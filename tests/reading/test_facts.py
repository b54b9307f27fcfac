"""Facts collected chunk by chunk equal their definitions over all bytes at once."""

from __future__ import annotations

import hashlib
import re
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from csvjobs.reading.facts import BOMS, DELIMITERS, MOST_MARKS, Facts, FactsCollector, Mark

PIECE = st.sampled_from(
    [
        b'"',
        b'"',
        b",",
        b";",
        b"\t",
        b"|",
        b"\r",
        b"\n",
        b"\r\n",
        b" ",
        b"a",
        "é".encode(),
        b"\x00",
        b"\xff",
        b"\xc3",
    ]
    + [mark for mark, _ in BOMS]
)
SOUP = st.lists(PIECE, max_size=40).map(b"".join)


def gather(chunks: list[bytes]) -> Facts:
    collector = FactsCollector()
    for chunk in chunks:
        collector.update(chunk)
    return collector.finish()


def outside_of_quotes(content: bytes) -> bytes:
    """The bytes before which an even number of quotes stands."""
    return b"".join(
        content[place : place + 1] for place in range(len(content)) if content[:place].count(b'"') % 2 == 0
    )


def is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(SOUP)
def test_each_fact_is_what_its_name_says(content: bytes) -> None:
    facts = gather([content])
    bare = outside_of_quotes(content)
    assert facts.bytes == len(content)
    assert facts.sha256 == hashlib.sha256(content).hexdigest()
    assert facts.utf8 == is_utf8(content)
    assert facts.nul == content.count(b"\0")
    assert facts.quotes == content.count(b'"')
    assert facts.newlines.crlf == content.count(b"\r\n")
    assert facts.newlines.lf == content.count(b"\n") - content.count(b"\r\n")
    assert facts.newlines.cr == content.count(b"\r") - content.count(b"\r\n")
    assert facts.outside == {mark: bare.count(mark.encode()) for mark in "\r\n" + DELIMITERS}
    assert facts.final_newline == content.endswith((b"\n", b"\r"))
    assert facts.joints == content.count(b"\n\xef\xbb\xbf") + content.count(b"\r\xef\xbb\xbf")
    assert facts.bom == next((name for mark, name in BOMS if content.startswith(mark)), None)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks stand close to each other."""
    monkeypatch.setattr("csvjobs.reading.facts.MARK_EVERY", 3)


def line_ends(content: bytes) -> int:
    return len(re.findall(rb"\r\n|\r|\n", content))


@pytest.mark.usefixtures("often")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECE, min_size=5, max_size=400))
def test_marks_say_how_many_line_ends_stand_before_them(pieces: list[bytes]) -> None:
    content, marks = b"".join(pieces), gather(pieces).marks
    assert 0 < len(marks) <= MOST_MARKS
    assert all(mark.line_ends == line_ends(content[: mark.bytes]) for mark in marks)
    gaps = [here.bytes - before.bytes for before, here in pairwise([Mark(0, 0), *marks])]
    assert min(gaps) >= 3


@pytest.mark.usefixtures("often")
def test_marks_stand_all_over_a_file() -> None:
    places = [mark.bytes for mark in gather([b"a,b\n"] * 10_000).marks]
    assert len(places) > MOST_MARKS // 3
    assert places[0] < 4_000
    assert places[-1] > 36_000


@given(SOUP, st.lists(st.integers(1, 6), min_size=1, max_size=5))
@example(b'"\r\r\n', [1])
def test_chunks_make_no_difference(content: bytes, sizes: list[int]) -> None:
    chunks, place, turn = [], 0, 0
    while place < len(content):
        size = sizes[turn % len(sizes)]
        chunks.append(content[place : place + size])
        place, turn = place + size, turn + 1
    assert gather(chunks) == gather([content])


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b'a,b\r\n"x\ny",2\r\n'])
def test_a_plain_file_raises_no_doubt(content: bytes) -> None:
    facts = gather([content])
    assert (facts.utf8, facts.blank_lines, facts.beside_quotes.strip(",")) == (True, False, "")
