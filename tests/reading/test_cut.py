"""The beginning of a file, cut anywhere, is detected like the whole file."""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvjobs.errors import DamagedArchive, FieldTooLong
from csvjobs.reading.facts import FactsCollector
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.profile import SHOWN_ROWS, Sample, sample
from csvjobs.reading.reading import Look, look

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PLAIN = ReadOptions(delimiter=",", quote='"', escape="", header=True, skip=0)


def seen(folder: Path, content: bytes, options: ReadOptions, *, cut: bool) -> tuple[Look, Sample]:
    path = folder / "input.csv"
    path.write_bytes(content)
    collector = FactsCollector()
    collector.update(content)
    found = look(path, collector.finish(cut=cut), options, folder, lambda _: None)
    return found, sample(found, ReadOptions())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cut")


@st.composite
def tables(draw: st.DrawFn) -> str:
    cells = st.text(st.sampled_from('aé漢ж😀 1,"\n'), max_size=8)
    rows = draw(st.lists(st.tuples(cells, cells), min_size=1, max_size=12))
    out = io.StringIO(newline="")
    end = draw(st.sampled_from(["\n", "\r\n"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    csv.writer(out, lineterminator=end, quoting=quoting).writerows([("one", "two"), *rows])
    return out.getvalue()


@given(table=tables(), data=st.data())
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"])
def test_a_beginning_has_the_first_rows_no_faults_and_the_encoding(
    folder: Path, encoding: str, table: str, data: st.DataObject
) -> None:
    content = table.encode(encoding)
    header = len(table.splitlines(keepends=True)[0].encode(encoding))
    place = data.draw(st.integers(header, len(content)))
    declared = {"encoding": encoding} if encoding == "gb18030" else {}
    options = PLAIN.model_copy(update=declared)
    whole, whole_rows = seen(folder, content, options, cut=False)
    found, first = seen(folder, content[:place], options, cut=True)
    assert first.faults == {}
    assert first.rows == whole_rows.rows[: len(first.rows)]
    assert found.detected["encoding"] == whole.detected["encoding"]
    assert not found.whole


def test_a_cut_within_the_cells_of_the_last_row_loses_that_row_only(folder: Path) -> None:
    content = b"a,b\n1,2\n3,4\n" + b'5,"' + b"x\n" * 40
    for place in (len(b"a,b\n1,2\n3,4\n"), len(b"a,b\n1,2\n3,4\n5"), len(content)):
        _, first = seen(folder, content[:place], PLAIN, cut=True)
        assert (first.rows, first.faults) == ([["1", "2"], ["3", "4"]], {})


def test_a_fault_before_the_cut_is_still_one(folder: Path) -> None:
    _, first = seen(folder, b'a,b\n1\n"2"x,3\n4,"5\n6,7\n', PLAIN, cut=True)
    assert first.faults == {"missing-cell": 1, "text-after-quote": 1}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_wide_text_without_a_mark_may_be_cut_within_a_character(folder: Path, encoding: str) -> None:
    content = ("name,town\n" + "Łukasz,Łódź\n" * 100).encode(encoding)
    for place in range(len(content) - 4, len(content)):
        found, first = seen(folder, content[:place], ReadOptions(), cut=True)
        assert found.detected["encoding"].value == encoding
        assert first.rows == [["Łukasz", "Łódź"]] * SHOWN_ROWS


@given(data=st.data(), pack=st.sampled_from([gzip.compress, zstd.compress]))
def test_the_beginning_of_a_packed_file_tells_what_can_be_unpacked(
    folder: Path, data: st.DataObject, pack: Callable[[bytes], bytes]
) -> None:
    rows = [[str(n), str(n * n * n)] for n in range(20_000)]
    packed = pack(b"n,cube\n" + "".join(f"{a},{b}\n" for a, b in rows).encode())
    place = data.draw(st.integers(4, len(packed)))
    if place < len(packed) // 2:
        # It may not even have the first row.
        with suppress(FieldTooLong):
            seen(folder, packed[:place], ReadOptions(), cut=True)
        return
    _, first = seen(folder, packed[:place], ReadOptions(), cut=True)
    assert (first.rows, first.faults) == (rows[:SHOWN_ROWS], {})


def test_the_beginning_of_a_zip_file_is_not_enough(folder: Path) -> None:
    with pytest.raises(DamagedArchive, match="at its end") as caught:
        seen(folder, b"PK\x03\x04" + bytes(500), ReadOptions(), cut=True)
    assert caught.value.hint


def test_no_more_is_unpacked_or_brought_into_utf8_than_is_enough(folder: Path) -> None:
    text = "n,é\n" + "".join(f"{n},ü\n" for n in range(1_000_000))
    for name, content in (("unpacked", gzip.compress(text.encode())), ("utf8", text.encode("cp1252"))):
        path = folder / "input.csv"
        path.write_bytes(content)
        collector = FactsCollector()
        collector.update(content)
        enough = 3 * 1024**2
        found = look(path, collector.finish(), ReadOptions(), folder, lambda _: None, enough=enough)
        assert not found.whole
        assert found.header.columns == ("n", "é")
        assert enough <= (folder / f"{name}.csv").stat().st_size < 2 * enough
