"""POST /inspect: what is detected, with what confidence, the first records; nothing is kept."""

from __future__ import annotations

import gzip

import pytest
from served import Served, refused

from csvjobs.flow.inspect import ENOUGH

GERMAN = "Preise\nArtikel;Preis\nÄpfel;1,50\nBirnen;\nKürbis\n".encode("cp1252")


def look(api: Served, content: bytes, **query: str) -> dict[str, object]:
    answer = api.client.post("/inspect", content=content, params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body


@pytest.mark.usefixtures("tidy_up")
def test_a_look_tells_what_a_job_would_find(api: Served) -> None:
    found = look(api, GERMAN, encoding="cp1252", filename="preise.csv")
    assert (found["filename"], found["bytes"], found["complete"]) == ("preise.csv", len(GERMAN), True)
    detected = found["detected"]
    assert isinstance(detected, dict)
    values = {name: finding["value"] for name, finding in detected.items()}
    expected = {"encoding": "cp1252", "delimiter": ";", "quote": '"', "skip": 1, "header": True}
    assert expected.items() <= values.items()
    assert found["rows"] == [["Äpfel", "1,50"], ["Birnen", None]]
    assert (found["records"], found["faults"]) == (2, {"missing-cell": 1})
    assert found["columns"] == [
        {
            **{"name": "Artikel", "filled": 2, "empty": 0, "distinct": 2, "kinds": {"text": 2}},
            **{"personal": {}, "shortest": 5, "longest": 6, "top": {"Äpfel": 1, "Birnen": 1}},
        },
        {
            **{"name": "Preis", "filled": 1, "empty": 1, "distinct": 1, "kinds": {"number": 1}},
            **{"personal": {}, "shortest": 4, "longest": 4, "top": {"1,50": 1}},
        },
    ]
    assert any("set skip: 0" in warning for warning in found["warnings"])  # type: ignore[attr-defined]
    job = api.done(GERMAN, encoding="cp1252")
    assert {name: finding["value"] for name, finding in job["detected"].items()} == values
    assert job["warnings"] == found["warnings"]


@pytest.mark.usefixtures("tidy_up")
def test_a_look_tells_of_line_ends_that_may_be_text_as_a_job_does(api: Served) -> None:
    content = b"id,name\n1,a\rb\n2,c\n"
    warnings = look(api, content)["warnings"]
    assert isinstance(warnings, list)
    assert any("the first of them line 2" in warning for warning in warnings)
    assert api.done(content)["warnings"] == warnings


def test_rows_that_a_job_would_pad_are_good(api: Served) -> None:
    found = look(api, b"a,b\n1\n2,3\n4,5,6\n", bad_rows="pad")
    assert (found["rows"], found["faults"]) == ([["1", None], ["2", "3"]], {"extra-cell": 1})


def test_personal_data_is_pointed_out_and_how_to_hide_it(api: Served) -> None:
    found = look(api, b"who,account\nada@example.org,DE89370400440532013000\nn/a,\n")
    assert [column["personal"] for column in found["columns"]] == [{"email": 1}, {"iban": 1}]  # type: ignore[attr-defined]
    assert found["hints"] == [
        "Column 'who' looks like personal data: 50% of its cells hold e-mail addresses. "
        "The step mask hides what they say.",
        "Column 'account' looks like personal data: 100% of its cells hold bank accounts (IBAN). "
        "The step mask hides what they say.",
    ]


def test_no_job_comes_of_a_look(api: Served) -> None:
    before = api.client.get("/jobs").json()
    look(api, b"a,b\n1,2\n")
    assert api.client.get("/jobs").json() == before


def test_of_a_large_file_the_beginning_is_shown(api: Served) -> None:
    found = look(api, b"a,b\n" + b'1,"x\ny"\n' * 100_000)
    assert found["complete"] is False
    assert found["faults"] == {}
    assert found["rows"] == [["1", "x\ny"]] * 20


def test_the_beginning_of_a_file_is_enough(api: Served) -> None:
    content = "Stadt;Größe\n".encode() + "Köln;1\n".encode() * 100 + 'Łódź;"unfinished\nŁ'.encode()[:-1]
    found = look(api, content, partial="true")
    assert (found["partial"], found["complete"]) == (True, False)
    encoding = {"value": "utf-8", "confidence": 1.0, "alternatives": [], "declared": False}
    assert found["detected"]["encoding"] == encoding  # type: ignore[index]
    assert (found["faults"], found["records"]) == ({}, 100)
    whole = look(api, content)
    assert whole["partial"] is False
    assert whole["faults"] != {}


def test_of_a_large_packed_file_no_more_is_unpacked_than_a_look_needs(api: Served) -> None:
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * (2 * ENOUGH // 4) + b"1,\xe9\n", 1)
    found = look(api, packed)
    assert (found["bytes"], found["partial"]) == (len(packed), True)
    assert found["rows"] == [["1", "2"]] * 20


def test_only_a_look_can_be_partial(api: Served) -> None:
    answer = api.client.post("/upload_csv", content=b"a\n1\n", params={"partial": "true"})
    refused(answer, 422, "invalid-option")


def test_the_file_may_come_as_a_form(api: Served) -> None:
    answer = api.client.post("/inspect", files={"file": ("my.csv", b"a|b\n1|2\n")}, data={"header": "false"})
    assert answer.json()["filename"] == "my.csv"
    assert answer.json()["rows"] == [["a", "b"], ["1", "2"]]


def test_what_means_missing_counts_as_empty_and_is_shown_as_it_stands(api: Served) -> None:
    found = look(api, b"a,b\nNA,1\n,n/a\nx,2\n", nulls="NA,n/a")
    assert found["rows"] == [["NA", "1"], [None, "n/a"], ["x", "2"]]
    counts = [(column["filled"], column["empty"], column["kinds"]) for column in found["columns"]]  # type: ignore[attr-defined]
    assert counts == [(1, 2, {"text": 1}), (2, 1, {"number": 2})]


@pytest.mark.usefixtures("tidy_up")
@pytest.mark.parametrize(
    ("content", "query", "status", "code"),
    [
        (b"", {}, 422, "empty-upload"),
        (b"\n\n", {}, 422, "empty-file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), {}, 422, "not-csv"),
        (b"a\n", {"delimiter": "too long"}, 422, "invalid-pipeline"),
        (b"a\n", {"encoding": "klingon"}, 422, "invalid-pipeline"),
    ],
)
def test_what_cannot_be_read_is_refused_at_once(
    api: Served, content: bytes, query: dict[str, str], status: int, code: str
) -> None:
    refused(api.client.post("/inspect", content=content, params=query), status, code)
