"""A request repeated with its Idempotency-Key makes one job, whichever process dies in between."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from chaos import eventually
from served import Serve, Served, refused

CSV = b"id,name\n00042,Ada\n"


def post(served: Served, key: str, content: bytes = CSV, **query: str) -> httpx.Response:
    return served.client.post("/upload_csv", content=content, params=query, headers={"Idempotency-Key": key})


def made(answer: httpx.Response) -> str:
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/jobs/{body['job_id']}"
    return str(body["job_id"])


def jobs(served: Served) -> list[str]:
    return served.service.services.storage.list()


def test_the_same_request_makes_one_job_and_tells_how_it_stands(api: Served) -> None:
    first = made(post(api, "again", filename="a.csv"))
    api.ended(first)
    answer = post(api, "again", filename="a.csv")
    assert (made(answer), answer.json()["status"]) == (first, "done")
    assert made(post(api, "another", filename="a.csv")) != first


def test_a_late_retry_does_not_bring_a_deleted_job_back(api: Served) -> None:
    first = made(post(api, "late"))
    api.ended(first)
    assert api.client.delete(f"/jobs/{first}").is_success
    refused(post(api, "late"), 410, "job-gone")


@pytest.mark.parametrize("written", ["k-1", '"k-1"'])
def test_a_key_may_be_quoted_or_bare(api: Served, written: str) -> None:
    assert made(post(api, written)) == made(post(api, "k-1"))


def test_a_quoted_key_may_have_any_character(api: Served) -> None:
    first = made(post(api, r'"a \"b\" \\ c"'))
    assert made(post(api, r'"a \"b\" \\ c"')) == first
    assert made(post(api, r'"a \"b\" c"')) != first


@pytest.mark.parametrize("key", ["", '""', '"', '"a', "a b", "ü", "x" * 256, '"\\n"'])
def test_what_is_no_key_is_refused(api: Served, key: str) -> None:
    given = {b"Idempotency-Key": key.encode()}
    answer = api.client.post("/upload_csv", content=CSV, headers=given)  # type: ignore[arg-type]
    refused(answer, 400, "bad-request")


@pytest.mark.parametrize(
    ("content", "query"),
    [
        (CSV + b"1,2\n", {}),
        (CSV, {"filename": "b.csv"}),
        (CSV, {"delimiter": ";"}),
        (CSV, {"retention": "1h"}),
        (CSV, {"pipeline": "steps: [{step: trim}]"}),
    ],
)
def test_another_request_under_a_used_key_is_refused(
    api: Served, content: bytes, query: dict[str, str]
) -> None:
    first = made(post(api, "used"))
    body = refused(post(api, "used", content, **query), 422, "idempotency-key-reused")
    assert first in body["detail"]


def test_a_form_is_the_same_whatever_its_boundary_and_the_order_of_its_fields(api: Served) -> None:
    def send(**form: str) -> str:
        files = {"file": ("people.csv", CSV)}
        headers = {"Idempotency-Key": "form"}
        return made(api.client.post("/upload_csv", data=form, files=files, headers=headers))

    assert send(delimiter=",", quote='"') == send(quote='"', delimiter=",")


def test_a_rerun_under_a_key_makes_one_job(api: Served) -> None:
    old, other = (api.done(CSV)["job_id"] for _ in range(2))

    def rerun(job_id: str, **query: str) -> httpx.Response:
        headers = {"Idempotency-Key": "rerun"}
        return api.client.post(f"/jobs/{job_id}/rerun", params=query, headers=headers)

    assert made(rerun(old)) == made(rerun(old))
    for another in (rerun(old, delimiter=";"), rerun(old, retention="1h"), rerun(other)):
        refused(another, 422, "idempotency-key-reused")


def test_while_the_request_is_under_way_another_is_refused(serve: Serve) -> None:
    alone = serve()
    parts = urlsplit(alone.url)
    head = b"POST /upload_csv HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nIdempotency-Key: slow\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as slow:
        slow.sendall(head + b"Content-Length: %d\r\n\r\n" % len(CSV) + CSV[:5])
        eventually(alone.leftovers)
        answer = post(alone, "slow")
        refused(answer, 409, "idempotency-key-in-use")
        assert int(answer.headers["retry-after"]) >= 1
        slow.sendall(CSV[5:])
        assert slow.recv(100).startswith(b"HTTP/1.1 202 ")
        assert [made(post(alone, "slow"))] == jobs(alone)
        slow.sendall(head + b"Content-Length: 1000\r\n\r\n" + CSV)
    eventually(lambda: post(alone, "slow").status_code == 202)
    assert len(jobs(alone)) == 1


def test_of_many_at_once_one_makes_the_job(serve: Serve) -> None:
    alone = serve()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(alone, "race"), range(16)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    [job_id] = jobs(alone)
    assert {made(answer) for answer in answers if answer.status_code == 202} == {job_id}
    assert made(post(alone, "race")) == job_id


def test_a_request_that_was_refused_leaves_its_key_free(api: Served) -> None:
    refused(post(api, "second-try", pipeline="nosuch"), 404, "pipeline-not-found")
    refused(post(api, "second-try", b""), 422, "empty-upload")
    assert made(post(api, "second-try"))


def test_a_key_outlives_the_api_and_all_that_redis_holds(serve: Serve) -> None:
    alone = serve()
    job_id = made(post(alone, "kept"))
    [process] = alone.service.processes
    process.kill()
    alone.service.redis.flushall()
    alone.client.base_url = httpx.URL(alone.service.start_api())
    assert made(post(alone, "kept")) == job_id
    assert jobs(alone) == [job_id]
