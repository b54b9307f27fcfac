"""GET /jobs/{job_id}/errors: the rejects of a job, a page at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from served import Serve, Served, refused

from csvjobs.flow.process import process
from csvjobs.flow.rejected import SCAN
from csvjobs.reading.rejects import EXTRA

BAD = b'a,b\n1,2\n3\n4,5,6\n"x\ny",7,8\n9,"z\n10\n'


def errors(served: Served, job: dict[str, Any], **query: Any) -> dict[str, Any]:
    """The first page."""
    answer = served.client.get(f"/jobs/{job['job_id']}/errors", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def pages(served: Served, job: dict[str, Any], **query: Any) -> Iterator[dict[str, Any]]:
    page = errors(served, job, **query)
    yield page
    while "next" in page:
        page = errors(served, job, **query, cursor=page["next"])
        yield page


def rejected_csv(served: Served, job: dict[str, Any]) -> list[dict[str, str]]:
    text = served.client.get(f"/jobs/{job['job_id']}/rejected.csv").content.decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture(scope="module")
def job(api: Served) -> dict[str, Any]:
    return api.done(BAD, delimiter=",")


def test_the_rows_are_those_of_rejected_csv(api: Served, job: dict[str, Any]) -> None:
    page = errors(api, job)
    told = [{f"_{name}": str(value) for name, value in row.items()} for row in page["rows"]]
    assert told == [{name: row[name] for name in EXTRA} for row in rejected_csv(api, job)]
    assert [(row["line"], row["last_line"], row["code"], row["column"]) for row in page["rows"]] == [
        (3, 3, "missing-cell", "b"),
        (4, 4, "extra-cell", ""),
        (5, 6, "extra-cell", ""),
        (7, 7, "unclosed-quote", "b"),
        (8, 8, "missing-cell", "b"),
    ]
    assert page["rows"][2]["record"] == '"x\ny",7,8'
    assert BAD[page["rows"][2]["byte"] :].startswith(b'"x\ny"')
    assert "next" not in page


def test_the_first_page_counts_by_kind_as_the_job_does(api: Served, job: dict[str, Any]) -> None:
    page = errors(api, job, limit=1)
    told = [(group["code"], group["count"], group["lines"]) for group in page["groups"]]
    assert told == [("missing-cell", 2, [3, 8]), ("extra-cell", 2, [4, 5]), ("unclosed-quote", 1, [7])]
    assert (page["groups"], page["others"]) == (job["rejected"]["groups"], 0)
    assert "groups" not in errors(api, job, cursor=page["next"])
    assert job["links"]["errors"] == f"/jobs/{job['job_id']}/errors"


def test_kinds_that_are_too_many_to_list_are_counted(api: Served) -> None:
    header = ",".join(f"c{place}" for place in range(60))
    shorter = "\n".join(",".join("x" * cells) for cells in range(1, 61))
    page = errors(api, api.done(f"{header}\n{shorter}\n".encode(), delimiter=","))
    assert (len(page["groups"]), page["others"]) == (50, 9)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_together_are_all_rows(api: Served, job: dict[str, Any], limit: int) -> None:
    got = [page["rows"] for page in pages(api, job, limit=limit)]
    assert [row for rows in got for row in rows] == errors(api, job)["rows"]
    assert all(len(rows) == limit for rows in got[:-1])


def test_the_next_page_is_linked(api: Served, job: dict[str, Any]) -> None:
    answer = api.client.get(f"/jobs/{job['job_id']}/errors", params={"limit": 1, "code": "missing-cell"})
    following = api.client.get(answer.links["next"]["url"]).json()
    assert [row["line"] for row in answer.json()["rows"] + following["rows"]] == [3, 8]


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ({"code": "extra-cell"}, [4, 5]),
        ({"column": "b"}, [3, 7, 8]),
        ({"code": "missing-cell", "column": "b"}, [3, 8]),
        ({"code": "missing-cell", "column": "a"}, []),
        ({"column": ""}, [4, 5]),
        ({"code": "no-such-code"}, []),
    ],
)
def test_rows_of_one_kind(api: Served, job: dict[str, Any], query: dict[str, str], lines: list[int]) -> None:
    for limit in (1, 100):
        got = [row["line"] for page in pages(api, job, **query, limit=limit) for row in page["rows"]]
        assert got == lines


def test_a_table_with_columns_of_our_names(api: Served) -> None:
    job = api.done(b"_line,_code\n1,2\n3\n")
    assert [(row["line"], row["column"]) for row in errors(api, job)["rows"]] == [(3, "_code")]


def test_a_job_without_bad_rows_has_no_errors(api: Served) -> None:
    job = api.done(b"a,b\n1,2\n")
    assert errors(api, job) == {"rows": []}
    assert "errors" not in job["links"]
    assert "rejected" not in job


def test_a_job_that_ended_in_error_tells_its_bad_rows(api: Served) -> None:
    job = api.done(b"a,b\n1\n2\n")
    assert job["error"]["code"] == "no-rows-left"
    page = errors(api, job)
    assert [row["line"] for row in page["rows"]] == [2, 3]
    assert [group["count"] for group in page["groups"]] == [2]


def test_before_the_end_and_without_a_job(serve: Serve) -> None:
    alone = serve()
    job_id = alone.post(BAD)["job_id"]
    answer = alone.client.get(f"/jobs/{job_id}/errors")
    refused(answer, 409, "job-not-finished")
    assert int(answer.headers["retry-after"]) >= 1
    for nobody in ("nosuch", "01890000-0000-7000-8000-000000000000"):
        refused(alone.client.get(f"/jobs/{nobody}/errors"), 404, "job-not-found")


def test_a_cursor_that_was_not_given_out_is_refused(api: Served, job: dict[str, Any]) -> None:
    url = f"/jobs/{job['job_id']}/errors"
    given = errors(api, job, limit=1)["next"]
    offset, _, proof = given.partition("-")
    other = errors(api, api.done(BAD + b"11\n", delimiter=","), limit=1)["next"]
    for cursor in ("", "0", offset, f"{int(offset) + 1}-{proof}", f"-{given}", "x", "\u0661-", other):
        refused(api.client.get(url, params={"cursor": cursor}), 422, "invalid-option")
    for query in ({"limit": 0}, {"limit": 1001}, {"cursor": "1" * 5000}):
        refused(api.client.get(url, params=query), 422, "invalid-request")


def test_long_records_and_rare_ones_cost_bounded_pages(serve: Serve) -> None:
    """A page never holds much more of the file than its bound, however many rows are asked for."""
    alone = serve()
    wide = b"1,2," + b"x" * (SCAN // 4) + b"\n"
    job = alone.post(b"a,b\n" + wide * 6 + b"3\n1,2\n", delimiter=",")
    process(alone.service.services, job["job_id"])
    got = list(pages(alone, job, limit=1000))
    assert len(got) == 2
    assert [row["line"] for page in got for row in page["rows"]] == [2, 3, 4, 5, 6, 7, 8]
    assert all(len(str(page)) < 2 * SCAN for page in got)
    rare = list(pages(alone, job, code="missing-cell"))
    assert [len(page["rows"]) for page in rare] == [0, 1]


def test_memory_does_not_grow_with_the_number_of_bad_rows(serve: Serve) -> None:
    alone = serve()
    [server] = alone.service.processes
    job = alone.post(b"a,b\n1,2\n" + b"3\n" * 300_000, delimiter=",")
    process(alone.service.services, job["job_id"])
    errors(alone, job, limit=1000)
    before = peak(server.pid)
    page = errors(alone, job, code="extra-cell")
    for _ in range(3):
        page = errors(alone, job, code="extra-cell", cursor=page["next"])
    assert peak(server.pid) - before < 20_000_000
    assert alone.job(job["job_id"])["rejected"]["groups"][0]["count"] == 300_000


def peak(pid: int) -> int:
    """Peak resident memory in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
