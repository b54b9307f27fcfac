"""POST /jobs/{job_id}/rerun: process a job's file again, without another upload."""

from __future__ import annotations

from typing import Any

import pytest
from served import Serve, Served, refused

GREEK = "όνομα;τιμή\nΆρης;1,5\n".encode("cp1253")
NOBODY = "01890000-0000-7000-8000-000000000000"


def again(api: Served, job_id: str, **query: str) -> dict[str, Any]:
    answer = api.client.post(f"/jobs/{job_id}/rerun", params=query)
    assert answer.status_code == 202, answer.text
    new: str = answer.json()["job_id"]
    assert answer.headers["location"] == f"/jobs/{new}"
    return api.ended(new)


def output(api: Served, job_id: str) -> str:
    return api.client.get(f"/download_csv/{job_id}/").text


def test_other_options_read_the_stored_bytes_anew(api: Served) -> None:
    first = api.done(GREEK, encoding="latin-1", filename="greek.csv")
    assert "Άρης" not in output(api, first["job_id"])
    second = again(api, first["job_id"], encoding="cp1253")
    assert second["job_id"] != first["job_id"]
    assert second["filename"] == "greek.csv"
    assert output(api, second["job_id"]) == 'όνομα,τιμή\nΆρης,"1,5"\n'
    assert api.client.get(f"/jobs/{second['job_id']}/input.csv").content == GREEK


def test_what_is_not_given_is_as_it_was(api: Served) -> None:
    first = api.done(b"a;b\n 1;2\n", delimiter=";", pipeline="steps: [{step: trim}]")
    second = again(api, first["job_id"], header="false")
    assert output(api, second["job_id"]) == "column_1,column_2\na,b\n1,2\n"
    third = again(api, second["job_id"], pipeline="tidy")
    assert third["pipeline"]["name"] == "tidy"


def test_what_was_declared_is_told_is_suspected_and_can_be_detected(api: Served) -> None:
    pipeline = "steps: [{step: trim, columns: [a]}]"
    first = api.done(b"a,b\n 1,2\n", delimiter=";", pipeline=pipeline)
    assert {name for name, found in first["detected"].items() if found["declared"]} == {"delimiter"}
    assert 'read with delimiter ";", as declared' in first["error"]["hint"]
    assert "the delimiter ';' was declared, and its name contains ','" in first["warnings"][0]
    unfit = again(api, first["job_id"], encoding="utf-16")
    assert "set encoding to detect" in unfit["error"]["hint"]
    second = again(api, first["job_id"], delimiter="detect")
    assert output(api, second["job_id"]) == "a,b\n1,2\n"
    assert not any(found["declared"] for found in second["detected"].values())
    wrong = again(api, second["job_id"], pipeline=pipeline.replace("[a]", "[c]"))
    assert wrong["error"]["hint"] == "The columns here are: a, b."


def test_the_pipeline_can_be_had_changed_and_sent_again(api: Served) -> None:
    first = api.done(b"a,b\n x,1\n", pipeline="steps: [{step: trim}, {step: drop, columns: [a]}]")
    answer = api.client.get(f"/jobs/{first['job_id']}/pipeline.yaml")
    assert answer.headers["content-type"] == "application/yaml"
    assert answer.text == "steps:\n- step: trim\n- step: drop\n  columns:\n  - a\n"
    second = again(api, first["job_id"], pipeline=answer.text.replace("- a", "- b"))
    assert output(api, second["job_id"]) == "a\nx\n"
    refused(api.client.get(f"/jobs/{NOBODY}/pipeline.yaml"), 404, "job-not-found")


@pytest.mark.parametrize("multipart", [True, False])
def test_what_is_asked_may_stand_in_a_form(api: Served, multipart: bool) -> None:
    first = api.done(b"a;b\n 1;2\n", header="true")
    pipeline = "steps: [{step: trim}] # " + "x" * 100_000
    asked = {"pipeline": pipeline, "header": "false", "delimiter": ";"}
    sent: Any = {"files": {n: (None, text) for n, text in asked.items()}} if multipart else {"data": asked}
    url = f"/jobs/{first['job_id']}/rerun"
    answer = api.client.post(url, params={"header": "true"}, **sent)
    assert output(api, api.ended(answer.json()["job_id"])["job_id"]) == "column_1,column_2\na,b\n1,2\n"
    empty = {"files": {"pipeline": (None, "")}} if multipart else {"data": {"pipeline": ""}}
    again = api.ended(api.client.post(url, **empty).json()["job_id"])
    assert output(api, again["job_id"]) == output(api, first["job_id"])


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"json": {"pipeline": "tidy"}}, 415, "unsupported-media-type"),
        ({"content": b"steps: []"}, 415, "unsupported-media-type"),
        ({"files": {"file": b"a\n"}}, 400, "bad-request"),
        ({"data": {"pipeline": "nosuch"}}, 404, "pipeline-not-found"),
        ({"data": {"colour": "red"}}, 422, "invalid-option"),
        ({"data": {f"f{n}": "" for n in range(33)}}, 422, "invalid-option"),
        ({"files": {f"f{n}": (None, "") for n in range(34)}}, 422, "invalid-option"),
        ({"data": {"pipeline": "x" * 50_000_000}}, 413, "upload-too-large"),
    ],
)
def test_what_a_body_asks_in_vain_is_refused(
    api: Served, sent: dict[str, Any], status: int, code: str
) -> None:
    job_id = api.done(b"a\n1\n")["job_id"]
    refused(api.client.post(f"/jobs/{job_id}/rerun", **sent), status, code)


def test_the_jobs_do_not_depend_on_each_other(api: Served) -> None:
    first = api.done(b"a,b\n1,2\n")
    second = again(api, first["job_id"])
    assert api.client.delete(f"/jobs/{first['job_id']}").status_code == 204
    third = again(api, second["job_id"])
    assert output(api, third["job_id"]) == "a,b\n1,2\n"


def test_a_job_that_waits_can_be_run_again_too(serve: Serve) -> None:
    alone = serve()
    first = alone.post(b"a,b\n1,2\n")
    second = alone.client.post(f"/jobs/{first['job_id']}/rerun").json()
    assert second["status"] == "queued"
    # The bytes are there once, however often they are run again.
    one, other = (alone.root / job["job_id"] / "input.csv" for job in (first, second))
    assert one.samefile(other)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"pipeline": "nothing"}, 404, "pipeline-not-found"),
        ({"delimiter": "too long"}, 422, "invalid-pipeline"),
        ({"colour": "red"}, 422, "invalid-option"),
    ],
)
def test_what_makes_no_sense_is_refused(api: Served, query: dict[str, str], status: int, code: str) -> None:
    job_id = api.done(b"a\n1\n")["job_id"]
    refused(api.client.post(f"/jobs/{job_id}/rerun", params=query), status, code)
    assert not api.leftovers()


def test_a_job_that_is_not_there_cannot_be_run_again(api: Served) -> None:
    refused(api.client.post(f"/jobs/{NOBODY}/rerun"), 404, "job-not-found")


def test_a_job_whose_file_is_not_there_any_more_cannot_be_run_again(api: Served) -> None:
    job_id = api.done(b"a\n1\n")["job_id"]
    (api.root / job_id / "input.csv").unlink()
    refused(api.client.post(f"/jobs/{job_id}/rerun"), 404, "file-not-found")
    assert not api.leftovers()
