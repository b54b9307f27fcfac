"""Bytes of many encodings become the text that they were made of, or a clear refusal."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from csvjobs.errors import BadEncoding, NotCsv
from csvjobs.reading.encoding import check_text, find_encoding, transcode
from csvjobs.reading.facts import Facts, FactsCollector

GERMAN = "Name;Straße;Ort\nJürgen Groß;Königsallee 1;Düsseldorf\nBärbel Weiß;Münchner Straße 3;Nürnberg\n" * 3
FRENCH = "nom,prénom,ville\nDupré,Hélène,Orléans\nLefèvre,François,Besançon\nGérard,Noël,Mâcon\n" * 3
POLISH = "imię,nazwisko,miasto\nŁukasz,Wiśniewski,Łódź\nMałgorzata,Dąbrowska,Kraków\nGrażyna,Żak,Gdańsk\n" * 3
RUSSIAN = "имя,фамилия,город\nАнна,Иванова,Москва\nПётр,Смирнов,Новосибирск\nОльга,Кузнецова,Казань\n" * 3
JAPANESE = "名前,都市,備考\n山田太郎,東京,こんにちは世界\n佐藤花子,大阪,ありがとうございます\n" * 3
CHINESE = "姓名,城市,说明\n王小明,北京,这是一个测试文件\n李华,上海,数据处理服务\n" * 3
TAIWANESE = "姓名,城市,說明\n王小明,臺北,這是一個測試檔案\n李大華,高雄,資料處理服務\n" * 3


def write(folder: Path, content: bytes) -> tuple[Path, Facts]:
    path = folder / "input.csv"
    path.write_bytes(content)
    collector = FactsCollector()
    collector.update(content)
    return path, collector.finish()


def read_back(folder: Path, content: bytes, declared: str | None = None) -> str:
    path, facts = write(folder, content)
    found = find_encoding(path, facts, declared)
    transcode(path, found.value, folder / "utf8.csv", lambda done: None)
    return (folder / "utf8.csv").read_bytes().decode().removeprefix("\ufeff")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-32"),
        (GERMAN, "cp1252"),
        (GERMAN, "latin-1"),
        (FRENCH, "cp1252"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (CHINESE, "gb18030"),
        (TAIWANESE, "big5"),
    ],
)
def test_the_text_is_found(tmp_path: Path, text: str, encoding: str) -> None:
    assert read_back(tmp_path, text.encode(encoding)) == text


def test_a_few_odd_bytes_far_down_are_enough_for_a_guess(tmp_path: Path) -> None:
    content = b"id,name\n" + b"1,plain\n" * 200_000 + "2,Jürgen Groß\n".encode("cp1252")
    assert read_back(tmp_path, content).endswith("2,Jürgen Groß\n")


def test_what_is_declared_wins(tmp_path: Path) -> None:
    assert read_back(tmp_path, "Grüße".encode("cp850"), "cp850") == "Grüße"
    assert read_back(tmp_path, "Grüße".encode(), "latin-1") == "Grüße".encode().decode("latin-1")


def test_a_guess_says_how_sure_it_is(tmp_path: Path) -> None:
    path, facts = write(tmp_path, FRENCH.encode("cp1252"))
    assert 0 < find_encoding(path, facts, None).confidence <= 1
    path, facts = write(tmp_path, FRENCH.encode())
    assert find_encoding(path, facts, None).confidence == 1


@pytest.mark.parametrize("name", ["klingon", "base64", "zip", "rot13", ""])
def test_what_is_no_encoding_is_refused(tmp_path: Path, name: str) -> None:
    path, facts = write(tmp_path, b"a\n")
    with pytest.raises(BadEncoding, match="no text encoding"):
        find_encoding(path, facts, name)


@pytest.mark.parametrize(
    ("content", "encoding"), [(b"a\xff\n", "utf-8"), (b"a\x81\n", "cp1252"), (b"abc", "utf-16-le")]
)
def test_bytes_that_do_not_fit_are_refused(tmp_path: Path, content: bytes, encoding: str) -> None:
    path, _ = write(tmp_path, content)
    with pytest.raises(BadEncoding):
        transcode(path, encoding, tmp_path / "utf8.csv", lambda done: None)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.csv", "a,b\n")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (gzip.compress(b"a,b\n1,2\n"), "gzip"),
        (zipped(), "zip"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "PNG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"PAR1" + bytes(20), "Parquet"),
        (b"SQLite format 3\0", "SQLite"),
        (bytes(range(256)) * 20, "binary"),
        (bytes(5000), "binary"),
    ],
)
def test_what_is_no_text_is_called_by_its_name(tmp_path: Path, content: bytes, what: str) -> None:
    path, facts = write(tmp_path, content)
    with pytest.raises(NotCsv, match=what):
        check_text(path, facts)


@pytest.mark.parametrize("content", [b"a,b\n", b"\x00", GERMAN.encode("utf-16"), b"a\x00b\n" * 3])
def test_text_with_a_few_control_characters_passes(tmp_path: Path, content: bytes) -> None:
    check_text(*write(tmp_path, content))
