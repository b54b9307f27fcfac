"""Bytes in many encodings become the original text, or are refused with a clear error."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readbench import ReadBench, facts_of

from csvjobs.errors import BadEncoding, NotCsv
from csvjobs.reading.encoding import CHUNK, SAMPLE, check_text, find_encoding, to_utf8, transcode
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


@pytest.mark.parametrize(
    ("content", "encoding"), [(b"a\xff\n", "utf-8"), (b"a\x81\n", "cp1252"), (b"abc", "utf-16-le")]
)
def test_bytes_that_do_not_fit_are_refused(tmp_path: Path, content: bytes, encoding: str) -> None:
    path, _ = write(tmp_path, content)
    with pytest.raises(BadEncoding):
        transcode(path, encoding, tmp_path / "utf8.csv", lambda done: None)


WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
TEXTS = (GERMAN, POLISH, RUSSIAN, JAPANESE, CHINESE, "a,b\n1,2\n")


@pytest.mark.parametrize("encoding", WIDE)
@pytest.mark.parametrize("text", TEXTS)
def test_wide_text_needs_no_mark(tmp_path: Path, text: str, encoding: str) -> None:
    content = text.encode(encoding)
    path, facts = write(tmp_path, content)
    check_text(path, facts)
    found = find_encoding(path, facts, None)
    assert found.value == encoding
    assert found.confidence < 1
    assert read_back(tmp_path, content) == text


# In a few words, letters that hold the byte of a line end leave nothing to tell the width by.
CELL = st.text(st.characters(codec="utf-8", categories=["L", "Nd"]), min_size=1, max_size=6).filter(
    lambda text: not {0x0A, 0x0D} & set(text.encode("utf-16-le"))
)


@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5), encoding=st.sampled_from(WIDE))
def test_wide_text_has_the_same_cells_with_and_without_a_mark(
    bench: ReadBench, rows: list[tuple[str, str]], encoding: str
) -> None:
    text = "one,two\n" + "".join(f"{a},{b}\n" for a, b in rows)
    assert bench.table(text.encode(encoding)).rows == rows
    assert bench.table(("\ufeff" + text).encode(encoding)).rows == rows


@pytest.mark.parametrize(
    "content", [b"a,b\n1,\0\n", b"a,b\n\0,", b"id,n\n\x001,2\n" * 9, b"abc\0" * 9 + b"\n\0\n"]
)
def test_a_few_nul_bytes_do_not_make_text_wide(tmp_path: Path, content: bytes) -> None:
    path, facts = write(tmp_path, content)
    assert find_encoding(path, facts, None).value == "utf-8"


@pytest.mark.parametrize("encoding", ["iso2022_jp", "iso2022_kr"])
def test_escape_sequences_switch_letters(tmp_path: Path, encoding: str) -> None:
    text = JAPANESE if encoding == "iso2022_jp" else "이름,도시\n김철수,서울\n이영희,부산\n" * 3
    assert read_back(tmp_path, text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", ["cp1252", "iso8859-15", "cp850", "mac-roman"])
@pytest.mark.parametrize("text", [GERMAN, FRENCH])
def test_western_encodings_are_told_apart(tmp_path: Path, text: str, encoding: str) -> None:
    assert read_back(tmp_path, text.encode(encoding)) == text


def test_one_umlaut_is_enough_for_the_usual_encoding(tmp_path: Path) -> None:
    assert read_back(tmp_path, "id,name,city\n1,Müller,Berlin\n".encode("cp1252")).count("Müller") == 1


def test_quotes_and_the_euro_sign_tell_windows_from_latin_1(tmp_path: Path) -> None:
    text = "Preis;Artikel\n5 €;„Käse“\n7 €;„Brötchen“\n"
    assert read_back(tmp_path, text.encode("cp1252")) == text


def test_a_mark_of_windows_is_no_control_character(tmp_path: Path) -> None:
    words = (
        "Külföldi sajtószemle második részében főként magyar szövegek állnak így például arról hogyan "
        "változott közgazdaság élete többször megírt cikkeiből válogatás készült újságírók számára térség "
        "országaiból"
    )
    text = "szöveg\n" + words.replace(" ", "\n") + "\nMa – holnap\n"
    path, facts = write(tmp_path, text.encode("cp1250"))
    found = find_encoding(path, facts, None)
    assert (found.value, found.confidence > 0.9) == ("cp1250", True)


def test_an_ellipsis_behind_one_word_is_no_letter(tmp_path: Path) -> None:
    text = "nr,zin\n1,dat zij al… nu gedaan\n"
    assert read_back(tmp_path, text.encode("cp1252")) == text


@pytest.mark.parametrize("word", ["‘설명’", "설명―다음", "丸 別 女官"])
def test_a_character_may_hold_a_byte_that_stands_between_words(tmp_path: Path, word: str) -> None:
    """As ASCII the second bytes of these would be colons and question marks."""
    text = (
        "사용자 등록 안내,일반 사용 설명서\n프로그램 이름,꾸러미 안에 포함된 모든 파일\n"
        + f"{word},{word}\n" * 2
    )
    assert read_back(tmp_path, text.encode("johab")) == text


def test_a_doubtful_guess_names_the_option(bench: ReadBench) -> None:
    reading = bench.read("a,b\n1,ça\n".encode("cp1252"))
    found = reading.detected["encoding"]
    assert found.confidence < 0.8
    assert found.alternatives
    assert any("option encoding" in warning for warning in reading.warnings)


@pytest.mark.parametrize("encoding", ["cp932", "euc_jp"])
@pytest.mark.parametrize("word", ["スイングトレード", "こちらのロジック", "エルサルバドル"])
def test_a_single_word_of_kana_is_japanese(tmp_path: Path, word: str, encoding: str) -> None:
    text = f"id,name\n1,{word}\n"

    assert read_back(tmp_path, text.encode(encoding)) == text


# Not a kana among them.
KANJI = [
    "氏名,都道府県,備考\n山田太郎,東京都,請求書発行済\n鈴木一郎,北海道,再送依頼\n",
    "id,name\n1,株式会社山本商事\n2,新潟市\n",
    "id,city\n1,広島市安佐南区\n",
    "code,item\n1,消費税\n2,税率\n3,軽減税率\n4,送料無料\n5,代金引換\n",
    "id,word\n1,条件分岐\n2,制約条件\n3,段組印刷\n4,発信元\n5,保存\n6,点滅\n",
    "id,name\n" + "1,渡辺由美\n2,斉藤学\n3,井上電機工業株式会社\n4,埼玉県川越市\n" * 20,
]


@pytest.mark.parametrize("text", KANJI, ids=range(len(KANJI)))
def test_names_and_places_of_japan_are_not_read_as_chinese(bench: ReadBench, text: str) -> None:
    found = bench.read(text.encode("euc_jp")).detected["encoding"]
    assert (found.value, found.confidence > 0.8) == ("euc_jp", True)
    assert read_back(bench.folder, text.encode("euc_jp")) == text


@pytest.mark.parametrize("names", ["岡田 遠藤 加藤", "津市 遠藤 松尾 西村", "工藤 松田 松井"])
def test_names_of_japan_are_not_read_as_korean(bench: ReadBench, names: str) -> None:
    """All of them are letters of johab."""
    text = "id,name\n" + "".join(f"1,{name}\n" for name in names.split())
    assert read_back(bench.folder, text.encode("cp932")) == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("id,name\n1,陈静\n2,成都市\n3,深圳市电子有限公司\n", "gb18030"),
        ("id,city\n1,东京都\n2,大阪府\n3,北海道札幌市\n", "gb18030"),
        ("id,name\n1,주소에서\n2,지정하기\n3,날짜파일\n", "cp949"),
        ("id,name\n1,싱크\n2,표지\n3,NULL이면\n4,정밀\n5,껐거나\n", "cp949"),
        ("id,name\n1,組件\n2,電腦\n3,客戶編號\n", "big5"),
    ],
)
def test_what_is_not_japanese_stays_so(bench: ReadBench, text: str, encoding: str) -> None:
    assert read_back(bench.folder, text.encode(encoding)) == text


@pytest.mark.parametrize(("word", "encoding"), [("石川", "euc_jp"), ("单价", "gb18030"), ("客戶", "big5")])
def test_a_guess_from_two_characters_is_doubted(bench: ReadBench, word: str, encoding: str) -> None:
    warnings = bench.read(f"id,name\n1,{word}\n".encode(encoding)).warnings
    assert any("set the option encoding" in warning for warning in warnings)


@pytest.mark.parametrize("encoding", ["cp850", "cp437"])
def test_french_of_dos_is_no_kana(tmp_path: Path, encoding: str) -> None:
    text = "id,name\n1,grâce\n2,château\n3,pâte\n4,été\n5,élève\n"

    assert read_back(tmp_path, text.encode(encoding)) == text


@pytest.mark.parametrize("word", ["大典得幸，同道兼發；如新", "定位“移動定位”"])
def test_marks_between_chinese_letters_are_no_fault(tmp_path: Path, word: str) -> None:
    text = f"id,name\n1,{word}\n"

    assert read_back(tmp_path, text.encode("big5")) == text


@pytest.mark.parametrize(
    "amount", ["12\u00a0346", "1\u00a0234\u00a0567,5", "\u00a0", "\u00a0\u00a0\u00a0\u00a0"]
)
def test_a_blank_within_a_number_is_no_letter(bench: ReadBench, amount: str) -> None:
    text = f"id;amount\n1;{amount}\n2;7\n"

    table = bench.table(text.encode("cp1252"))

    assert table.rows[0] == ("1", amount)
    assert table.reading.warnings == []


@pytest.mark.parametrize(
    "cells", ["12,50 €;1.200 €;3€", "€ 12;€13", "£12;£ 3", "1½;2¼ cups;±0.5;5 × 3", "§ 5;5 – 7;100 ‰;¥100"]
)
def test_signs_next_to_numbers_are_no_letters(bench: ReadBench, cells: str) -> None:
    text = "n;t\n" + "".join(f"1;{cell}\n" for cell in cells.split(";"))
    reading = bench.read(text.encode("cp1252"))
    assert (reading.detected["encoding"].value, reading.warnings) == ("cp1252", [])


@pytest.mark.parametrize(
    "cells",
    [
        "it’s;I don’t;John’s;they’re;we’ll",
        "“good” or “bad”;it’s ‘fine’",
        "l’eau;d’abord;aujourd’hui",
        "O’Brien",
    ],
)
def test_an_apostrophe_is_no_letter(bench: ReadBench, cells: str) -> None:
    text = "n;t\n" + "".join(f"1;{cell}\n" for cell in cells.split(";"))
    assert read_back(bench.folder, text.encode("cp1252")) == text


@pytest.mark.parametrize("cells", ["García;Martínez;aquí", "días;línea;río", "Müller;Größe", "così;lunedì"])
def test_letters_of_the_macintosh_are_no_apostrophes(bench: ReadBench, cells: str) -> None:
    text = "n;t\n" + "".join(f"1;{cell}\n" for cell in cells.split(";"))
    found = bench.read(text.encode("mac-roman")).detected["encoding"]
    assert found.value == "mac-roman" or (found.confidence < 0.8 and "mac-roman" in found.alternatives)


def test_blanks_do_not_hide_what_words_tell(tmp_path: Path) -> None:
    text = "имя;сумма\nИванова;12\u00a0346\nСмирнов;1\u00a0234\u00a0567\nКузнецов;2\u00a0000\n"

    assert read_back(tmp_path, text.encode("cp1251")) == text


def test_the_more_there_is_to_see_the_surer_is_a_guess(tmp_path: Path) -> None:
    names = ["Иванова", "Смирнов", "Новосибирск", "Кузнецова", "Казань"]
    sure = []
    for several in (names[:1], names):
        content = "".join(f"{name}\n" for name in several).encode("cp1251")
        sure.append(find_encoding(*write(tmp_path, content), None).confidence)

    assert sure[0] < sure[1]


def test_a_guess_from_one_letter_is_doubted(bench: ReadBench) -> None:
    reading = bench.read("id,name\n1,е\n".encode("cp1251"))

    assert any("set the option encoding" in warning for warning in reading.warnings)


@pytest.mark.parametrize(
    "words", ["\xde\n", "\xedd\n", "\xbe\xb4\n", "\xdf\n2,\xe5\xe9\n"], ids=["Þ", "íd", "two", "two words"]
)
def test_two_letters_tell_nothing(bench: ReadBench, words: str) -> None:
    reading = bench.read(f"id,name\n1,{words}".encode("latin-1"))

    assert any("set the option encoding" in warning for warning in reading.warnings)


RUSSIAN_CAPITALS = (
    "ФИО;ГОРОД\nИВАНОВ ИВАН ИВАНОВИЧ;МОСКВА\nПЕТРОВА МАРИЯ СЕРГЕЕВНА;САНКТ-ПЕТЕРБУРГ\n"
    "СИДОРОВ ПЁТР;НОВОСИБИРСК\nКУЗНЕЦОВА ОЛЬГА;ЕКАТЕРИНБУРГ\n"
)
GREEK_CAPITALS = "ΟΝΟΜΑ;ΠΟΛΗ\nΠΑΠΑΔΟΠΟΥΛΟΣ ΓΕΩΡΓΙΟΣ;ΑΘΗΝΑ\nΝΙΚΟΛΑΟΥ ΜΑΡΙΑ;ΘΕΣΣΑΛΟΝΙΚΗ\nΔΗΜΟΣ ΠΑΤΡΕΩΝ;ΠΑΤΡΑ\n"
CZECH_CAPITALS = (
    "JMÉNO;MĚSTO\nDVOŘÁK JIŘÍ;PLZEŇ\nČERNÝ TOMÁŠ;ČESKÉ BUDĚJOVICE\nNOVÁKOVÁ LENKA;ÚSTÍ NAD LABEM\n"
)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *[(RUSSIAN_CAPITALS, encoding) for encoding in ("cp1251", "koi8-r", "iso8859-5", "mac-cyrillic")],
        *[(GREEK_CAPITALS, encoding) for encoding in ("cp1253", "iso8859-7")],
        (CZECH_CAPITALS, "cp1250"),
    ],
)
def test_a_table_in_capitals_is_read_as_its_small_letters_would_be(
    tmp_path: Path, text: str, encoding: str
) -> None:
    assert read_back(tmp_path, text.encode(encoding)) == text


@pytest.mark.parametrize("unit", ["µm", "cm²", "kg/m³", "°C", "µg/m³", "Klar®"])
def test_the_sign_of_a_unit_is_no_letter(bench: ReadBench, unit: str) -> None:
    table = bench.table(f"id;distance {unit}\n1;2\n2;7\n".encode("cp1252"))

    assert table.columns == ("id", f"distance {unit}")
    assert table.reading.warnings == []


def test_a_guess_that_fits_only_the_beginning_gives_way(tmp_path: Path) -> None:
    """What stands far down decides between encodings that read the beginning alike."""
    line = "1,Müller,Köln\n".encode("cp1252")
    content = line * (2 * SAMPLE // len(line)) + b"2,\x81\n"
    path, facts = write(tmp_path, content)
    guess = find_encoding(path, facts, None)
    found = to_utf8(path, guess, tmp_path / "utf8.csv", lambda _: None)
    assert guess.value == "cp1252"
    assert found.value in guess.alternatives
    assert found.confidence < 0.8
    assert "1,Müller,Köln\n" in (tmp_path / "utf8.csv").read_text("utf-8")


# A lone half of a pair, half a character, a lead byte in front of the delimiter or the line end.
DAMAGED = [
    ("utf-16-le", b"3\0,\0\x3d\xd8", "0x3dd8"),
    ("utf-16-be", b"\x003\0,\xdc\x01", "0xdc01"),
    ("utf-32-le", b"3\0\0\0,\0\0\0\0\xd8\0\0", "0x00d80000"),
    ("cp1252", b"3,\x81", "0x81"),
    ("cp932", b"3,\x81", "0x81"),
    ("gb18030", b"3,\x81\xff", "0x81ff"),
    ("euc_jp", b"3,\xff\xfe", "0xfffe"),
    ("ascii", b"3,\xc3\xa9", "0xc3a9"),
]


@pytest.mark.parametrize(("encoding", "record", "found"), DAMAGED)
def test_bytes_that_an_encoding_does_not_have_make_one_record_bad(
    bench: ReadBench, encoding: str, record: bytes, found: str
) -> None:
    content = 'n,t\n1,a\n"2",b\n'.encode(encoding) + record + "\n4,d\n".encode(encoding)
    table = bench.table(content, encoding=encoding)
    assert table.rows == [("1", "a"), ("2", "b"), ("4", "d")]
    [bad] = table.rejects
    assert [bad[name] for name in ("_line", "_code", "_column", "_found")] == ["4", "bad-bytes", "t", found]
    assert bad["_record"].startswith("3,\ufffd")


def test_bytes_that_an_encoding_does_not_have_may_be_replaced(bench: ReadBench) -> None:
    content = b"n,t\n1,\x81\n2,\xfc\n"
    table = bench.table(content, encoding="cp1252", bad_bytes="replace")
    assert table.rows == [("1", "\ufffd"), ("2", "ü")]
    assert any(warning.startswith("1 row had bytes") for warning in table.reading.warnings)


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF16_LE])
def test_half_a_pair_does_not_make_another_encoding_of_utf_16(bench: ReadBench, mark: bytes) -> None:
    rows = "n,t\n" + "1,some text\n" * 9
    table = bench.table(mark + f"{rows}2,".encode("utf-16-le") + b"\x3d\xd8\n\0")
    assert table.rows == [("1", "some text")] * 9
    assert [(bad["_line"], bad["_code"]) for bad in table.rejects] == [("11", "bad-bytes")]


def test_the_rest_of_a_file_cut_within_a_character_is_read(bench: ReadBench) -> None:
    table = bench.table("n,t\n1,a\n".encode("utf-16") + b"2")
    assert table.rows == [("1", "a")]
    assert [bad["_found"] for bad in table.rejects] == ["0x32"]


def test_a_line_of_json_holds_such_bytes_too(bench: ReadBench) -> None:
    content = '{"a": "x"}\n{"a": "'.encode("utf-16") + b"\x3d\xd8" + '"}\n'.encode("utf-16-le")
    table = bench.table(content)
    assert table.rows == [("x",)]
    assert [(bad["_code"], bad["_found"]) for bad in table.rejects] == [("bad-bytes", "0x3dd8")]


def test_a_guess_that_nothing_fits_better_stands(bench: ReadBench) -> None:
    content = b"n,t\n" + "1,東京都渋谷区\n".encode("cp932") * 6000 + b"2,\x81\n3,a\n"
    table = bench.table(content)
    assert table.reading.detected["encoding"].value == "cp932"
    assert len(table.rows) == 6001
    assert [bad["_code"] for bad in table.rejects] == ["bad-bytes"]


def test_a_declared_encoding_never_gives_way(bench: ReadBench) -> None:
    with pytest.raises(BadEncoding, match="not cp1252"):
        bench.read(b"a\n" + b"\x81" * 20 + b"\n", encoding="cp1252")


@pytest.mark.parametrize("before", range(3))
def test_a_character_may_lie_across_two_chunks(tmp_path: Path, before: int) -> None:
    start = b"a,b\n" * (CHUNK // 4 - 3) + b"x" * (before + 6)
    text = start.decode() + JAPANESE
    assert read_back(tmp_path, text.encode("cp932")) == text


def test_one_long_line_is_sampled_too(tmp_path: Path) -> None:
    text = RUSSIAN.replace("\n", " ") * 3000
    assert read_back(tmp_path, text.encode("cp1251")) == text


@given(st.binary(max_size=300))
def test_a_guess_for_any_bytes_is_a_probability(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    found = find_encoding(path, facts_of(content), None)
    assert 0 < found.confidence <= 1
    assert found.value not in found.alternatives


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
        (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z"),
        (b"Rar!\x1a\x07\1\0", "a RAR"),
        (b"ARROW1\0\0\xff\xff", "Feather"),
        (b"Obj\1\4\x16avro.schema", "Avro"),
        (b"ORC\x11\0", "ORC"),
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


@pytest.mark.parametrize("place", [0, 30, 60_000])
def test_a_bad_byte_does_not_make_another_encoding_of_utf8(bench: ReadBench, place: int) -> None:
    rows = ["1,äöü straße\n".encode()] * 300 + ["3,ñandú\n".encode()] * (place // 10)
    rows.insert(min(place, len(rows)), b"2,caf\xe9\n")
    table = bench.table(b"n,t\n" + b"".join(rows))
    assert table.reading.detected["encoding"].value == "utf-8"
    assert {row["_code"] for row in table.rejects} == {"bad-bytes"}
    assert len(table.rows) == len(rows) - 1
    assert ("1", "äöü straße") in table.rows


def test_a_few_words_of_windows_text_are_no_damaged_utf8(bench: ReadBench) -> None:
    text = "Stadt;Straße\nKöln;Äußere Gasse\nWürzburg;Höhenweg\n"
    assert bench.read(text.encode("cp1252")).detected["encoding"].value == "cp1252"
