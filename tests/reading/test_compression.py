"""A packed file gives what the file in it gives; a bad one ends with a helpful error."""

from __future__ import annotations

import csv
import gzip
import io
import struct
import sys
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readbench import ReadBench, facts_of

from csvjobs.errors import (
    DamagedArchive,
    DataError,
    EmptyFile,
    EncryptedArchive,
    NotCsv,
    SeveralFiles,
    UnpackedTooLarge,
)
from csvjobs.reading.compression import CHUNK, RATIO_FROM, unpack

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TABLE = "id,name\n1,Jürgen\n2,Łódź\n".encode()
CELLS = [("1", "Jürgen"), ("2", "Łódź")]

# Many control characters would make a binary file of it.
LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], include_characters="\r\n\t")


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def one_file(content: bytes) -> bytes:
    return zipped(("table.csv", content))


PACKERS = {"gzip": gzip.compress, "zstandard": zstd.compress, "zip": one_file}
packers = pytest.mark.parametrize("kind", PACKERS)


def unpacked(folder: Path, content: bytes, most: int = 10**9) -> bytes | None:
    path = folder / "input.csv"
    path.write_bytes(content)
    found = unpack(path, folder / "unpacked.csv", most, lambda _: None)
    assert found is None or found.facts == facts_of(found.path.read_bytes())
    return found and found.path.read_bytes()


@packers
def test_the_cells_are_those_of_the_file_within(bench: ReadBench, kind: str) -> None:
    table = bench.table(PACKERS[kind](TABLE))
    assert (table.columns, table.rows) == (("id", "name"), CELLS)
    assert table.reading.detected["compression"].value == kind


def test_a_plain_file_is_not_called_packed(bench: ReadBench) -> None:
    assert "compression" not in bench.read(TABLE).detected


@packers
def test_the_encoding_within_is_found(bench: ReadBench, kind: str) -> None:
    table = bench.table(PACKERS[kind](TABLE.decode().encode("utf-16-le")))
    assert table.rows == CELLS


@given(
    rows=st.lists(st.tuples(*[st.text(LETTERS, max_size=8)] * 2), max_size=6),
    kind=st.sampled_from(sorted(PACKERS)),
)
def test_packing_changes_no_cell(bench: ReadBench, rows: list[tuple[str, str]], kind: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("one", "two"), *rows])
    content = text.getvalue().encode()
    plain, packed = bench.table(content), bench.table(PACKERS[kind](content))
    assert (packed.columns, packed.rows, packed.rejects) == (plain.columns, plain.rows, plain.rejects)
    assert (packed.counts, packed.express) == (plain.counts, plain.express)


def test_members_and_frames_one_after_another_are_one_file(tmp_path: Path) -> None:
    for pack in (gzip.compress, zstd.compress):
        assert unpacked(tmp_path, pack(b"a,b\n") + pack(b"1,2\n")) == b"a,b\n1,2\n"


def test_a_skippable_frame_may_come_first(bench: ReadBench) -> None:
    frame = b"\x50\x2a\x4d\x18" + struct.pack("<I", 4) + b"abcd"
    assert bench.table(frame + zstd.compress(TABLE)).rows == CELLS


def test_a_large_file_streams_through(tmp_path: Path) -> None:
    content = b"".join(b"%d,%d\n" % (n, n * n) for n in range(300_000))
    for pack in PACKERS.values():
        assert unpacked(tmp_path, pack(content)) == content


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_files_of_any_usual_method(tmp_path: Path, method: int) -> None:
    assert unpacked(tmp_path, zipped(("a.csv", TABLE), method=method)) == TABLE


def test_folders_and_notes_of_macos_are_no_files(tmp_path: Path) -> None:
    assert unpacked(tmp_path, zipped(("t/", b""), ("t/a.csv", TABLE), ("__MACOSX/t/._a.csv", b"x"))) == TABLE


@pytest.mark.parametrize("name", [".DS_Store", "t/.DS_Store", "t/._a.csv", "Thumbs.db", "t/desktop.ini"])
def test_what_file_managers_leave_in_folders_is_no_file(tmp_path: Path, name: str) -> None:
    assert unpacked(tmp_path, zipped((name, b"x"), ("t/a.csv", TABLE))) == TABLE


@pytest.mark.parametrize(
    "content", [b"", b"a", b"a,b\n1,2\n", b"PK,b\n", b"\x1f\x8b", "ἋB".encode("utf-16-be")]
)
def test_what_is_not_packed_is_left_alone(tmp_path: Path, content: bytes) -> None:
    assert unpacked(tmp_path, content) is None


@packers
def test_a_file_cut_short_is_damaged(tmp_path: Path, kind: str) -> None:
    whole = PACKERS[kind](b"".join(b"%d,%d\n" % (n, n * n) for n in range(5000)))
    for kept in (10, len(whole) // 2, len(whole) - 1):
        with pytest.raises(DamagedArchive, match=kind) as caught:
            unpacked(tmp_path, whole[:kept])
        assert caught.value.hint


@given(data=st.data(), kind=st.sampled_from(sorted(PACKERS)))
@settings(max_examples=300)
def test_any_damage_ends_calmly(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, kind: str
) -> None:
    content = bytearray(PACKERS[kind](TABLE))
    for place in data.draw(st.lists(st.integers(4, len(content) - 1), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.getbasetemp()
    with suppress(DataError):
        unpacked(folder, bytes(content))


@pytest.mark.parametrize("members", [(), (("a.csv", TABLE), ("b.csv", TABLE))])
def test_a_zip_file_holds_one_file(bench: ReadBench, members: tuple[tuple[str, bytes], ...]) -> None:
    with pytest.raises(SeveralFiles, match=f"holds {len(members)} files"):
        bench.read(zipped(*members))


def test_a_list_of_files_that_would_fill_the_memory_is_not_read(bench: ReadBench) -> None:
    with pytest.raises(DamagedArchive, match="its list of files is too long"):
        bench.read(zipped(*((f"{number:0200}", b"") for number in range(20_000))))


def test_a_password_is_said(bench: ReadBench) -> None:
    content = bytearray(one_file(TABLE))
    # The flag stands in the member's own header and in the list at the end.
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        struct.pack_into("<H", content, content.index(mark) + offset, 1)
    with pytest.raises(EncryptedArchive, match="password"):
        bench.read(bytes(content))


def test_an_office_document_is_called_that(bench: ReadBench) -> None:
    with pytest.raises(NotCsv, match="office document"):
        bench.read(zipped(("[Content_Types].xml", b"<a/>"), ("word/document.xml", b"<a/>")))


def test_a_tar_file_is_called_that_packed_or_not(bench: ReadBench) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"))
    for content in (out.getvalue(), gzip.compress(out.getvalue())):
        with pytest.raises(NotCsv, match="a tar file") as raised:
            bench.read(content)
        assert raised.value.hint == "Unpack it and send that."


@packers
def test_what_is_packed_twice_is_refused(bench: ReadBench, kind: str) -> None:
    with pytest.raises(NotCsv, match="gzip"):
        bench.read(PACKERS[kind](gzip.compress(TABLE)))


@packers
def test_nothing_within_is_an_empty_file(bench: ReadBench, kind: str) -> None:
    with pytest.raises(EmptyFile):
        bench.read(PACKERS[kind](b""))


@packers
def test_the_limit_is_of_the_real_bytes(tmp_path: Path, kind: str) -> None:
    content = b"a,b\n" * 1000
    assert unpacked(tmp_path, PACKERS[kind](content), len(content)) == content
    with pytest.raises(UnpackedTooLarge, match="larger than 3999 bytes"):
        unpacked(tmp_path, PACKERS[kind](content), len(content) - 1)


def test_a_bomb_stops_early(tmp_path: Path) -> None:
    with pytest.raises(UnpackedTooLarge, match="1000 times"):
        unpacked(tmp_path, zstd.compress(bytes(3 * RATIO_FROM)))
    assert (tmp_path / "unpacked.csv").stat().st_size < RATIO_FROM + 2 * CHUNK


def test_small_files_may_repeat_themselves(tmp_path: Path) -> None:
    content = b"a,b\n" * 1_000_000
    assert unpacked(tmp_path, zstd.compress(content)) == content
