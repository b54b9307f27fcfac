"""The life of a job as a client sees it: get, wait, follow, list, cancel, delete."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from chaos import eventually
from served import Serve, Served, refused

from csvjobs.flow.process import process
from csvjobs.flow.view import view

CSV = b"id,name\n00042,Ada\n"
NOBODY = "01890000-0000-7000-8000-000000000000"


def finish(served: Served, job_id: str) -> None:
    """Runs the job as a worker would."""
    process(served.service.services, job_id)


def test_a_job_tells_its_whole_story(api: Served) -> None:
    job = api.done(b"a,b\n1,2\n3\n\n", filename="t.csv")
    times = [datetime.fromisoformat(job[name]) for name in ("created_at", "started_at", "finished_at")]
    assert times == sorted(times)
    assert {time.utcoffset() for time in times} == {timedelta(0)}
    assert job["created_at"].endswith("Z")
    assert job["rows"] == {
        "in": 3,
        "out": 1,
        "rejected": 1,
        "dropped": {"blank lines": 1},
        "merged": {},
        "added": {},
    }
    assert job["pipeline"]["name"] == "tidy"
    assert set(job["detected"]) >= {"encoding", "delimiter", "header"}
    assert job["links"]["download"] == f"/download_csv/{job['job_id']}/"
    assert "cancel" not in job["links"]
    assert set(job["files"]) == {"output.csv", "rejected.csv"}


def test_a_waiting_job_knows_its_position_and_has_no_files(serve: Serve) -> None:
    alone = serve()
    first, second = alone.post(CSV), alone.post(CSV)
    assert [alone.job(job["job_id"])["position"] for job in (first, second)] == [0, 1]
    answer = alone.client.get(f"/jobs/{first['job_id']}")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["status"] == "queued"
    assert "download" not in answer.json()["links"]


def test_a_waiting_job_is_told_when_it_moves_up(serve: Serve) -> None:
    alone = serve()
    first, second = (alone.post(CSV)["job_id"] for _ in range(2))
    with alone.client.stream("GET", f"/jobs/{second}/events") as answer:
        told = events(answer)
        assert json.loads(next(told)["data"])["position"] == 1
        alone.client.post(f"/jobs/{first}/cancel")
        assert json.loads(next(told)["data"])["position"] == 0


def test_owners_whom_a_proxy_names_take_turns_and_have_their_own_keys(serve: Serve) -> None:
    believing, other = serve(owner_header="X-Owner"), serve()

    def post(served: Served, owner: str, key: str) -> str:
        headers = {"X-Owner": owner, "Idempotency-Key": key}
        return str(served.client.post("/upload_csv", content=CSV, headers=headers).json()["job_id"])

    a1, a2, b1 = (post(believing, owner, key) for owner, key in (("a", "1"), ("a", "2"), ("b", "1")))
    assert [believing.job(job_id)["position"] for job_id in (a1, b1, a2)] == [0, 1, 2]
    jobs = [post(other, owner, key) for owner, key in (("a", "1"), ("a", "2"), ("b", "3"))]
    assert [other.job(job_id)["position"] for job_id in jobs] == [0, 1, 2]


def test_jobs_of_high_priority_have_workers_of_their_own(serve: Serve) -> None:
    none, some = serve(), serve(priority_workers=1)
    answer = none.client.post("/upload_csv", content=CSV, params={"priority": "high"})
    assert "CSVJOBS_PRIORITY_WORKERS" in refused(answer, 422, "invalid-option")["hint"]
    answer = some.client.post("/upload_csv", files={"file": CSV}, data={"priority": "urgent"})
    refused(answer, 422, "invalid-option")
    normal = some.post(CSV)["job_id"]
    urgent = some.post(CSV, priority="high")
    assert (urgent["position"], urgent["priority"]) == (0, "high")
    some.service.start_priority_worker()
    assert some.ended(urgent["job_id"])["status"] == "done"
    assert some.job(normal)["status"] == "queued"


def test_the_status_has_a_weak_etag_until_it_changes(serve: Serve) -> None:
    alone = serve()
    url = f"/jobs/{alone.post(CSV)['job_id']}"
    headers = alone.client.get(url).headers
    etag = headers["etag"]
    assert etag.startswith('W/"')
    assert headers["cache-control"] == "no-cache"
    same = alone.client.get(url, headers={"If-None-Match": etag})
    assert (same.status_code, same.content) == (304, b"")
    for condition in ("*", f'"other", {etag}', etag.removeprefix("W/")):
        for wait in ("0", "0.1"):
            seen = alone.client.get(url, params={"wait": wait}, headers={"If-None-Match": condition})
            assert seen.status_code == 304
    assert alone.client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    finish(alone, url.rpartition("/")[2])
    changed = alone.client.get(url, headers={"If-None-Match": etag})
    assert (changed.status_code, changed.json()["status"]) == (200, "done")
    assert "retry-after" not in changed.headers


def test_waiting_answers_on_the_change(serve: Serve) -> None:
    alone = serve()
    job_id = alone.post(CSV)["job_id"]
    runner = threading.Timer(0.5, finish, (alone, job_id))
    runner.start()
    seen = []
    while not seen or seen[-1]["status"] != "done":
        seen.append(alone.client.get(f"/jobs/{job_id}", params={"wait": 30}).json())
    runner.join()
    assert len(seen) <= 5, "it polls instead of waiting"


def test_waiting_in_vain_ends_with_the_job_as_it_is(serve: Serve) -> None:
    alone = serve()
    url = f"/jobs/{alone.post(CSV)['job_id']}"
    assert alone.client.get(url, params={"wait": 0.2}).json()["status"] == "queued"
    etag = alone.client.get(url).headers["etag"]
    answer = alone.client.get(url, params={"wait": 0.2}, headers={"If-None-Match": etag})
    assert answer.status_code == 304


def events(answer: httpx.Response) -> Iterator[dict[str, str]]:
    """Server-sent events, as the HTML standard reads them."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if not line and "data" in fields:
            yield fields
        if not line:
            fields = {}
        name, _, value = line.partition(":")
        if name:
            fields[name] = value.removeprefix(" ")


def test_events_are_whole_snapshots_up_to_the_end(serve: Serve) -> None:
    alone = serve()
    job_id = alone.post(CSV)["job_id"]
    with alone.client.stream("GET", f"/jobs/{job_id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        # Else a proxy would keep them, or hold them back until there are more.
        assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
        told = events(answer)
        first = next(told)
        assert (first["event"], json.loads(first["data"])["status"]) == ("job", "queued")
        finish(alone, job_id)
        rest = list(told)
    assert rest[-1]["event"] == "end"
    assert json.loads(rest[-1]["data"]) == alone.job(job_id)
    assert len({event["id"] for event in (first, *rest)}) == 1 + len(rest)


def test_a_listener_that_comes_back_is_not_told_again_what_it_knows(serve: Serve) -> None:
    alone = serve()
    job_id = alone.post(CSV)["job_id"]
    url = f"/jobs/{job_id}/events"
    with alone.client.stream("GET", url) as answer:
        known = next(events(answer))["id"]
    threading.Timer(0.5, finish, (alone, job_id)).start()
    with alone.client.stream("GET", url, headers={"Last-Event-ID": known}) as answer:
        assert known not in [event["id"] for event in events(answer)]


def test_a_job_that_has_ended_has_one_event(api: Served) -> None:
    job = api.done(CSV)
    with api.client.stream("GET", f"/jobs/{job['job_id']}/events") as answer:
        [end] = list(events(answer))
    assert end["event"] == "end"
    answer = api.client.get(f"/jobs/{job['job_id']}/events", headers={"Last-Event-ID": end["id"]})
    assert (answer.status_code, answer.content) == (204, b"")


def test_the_api_ends_although_somebody_listens(serve: Serve) -> None:
    alone = serve()
    [server] = alone.service.processes
    job_id = alone.post(CSV)["job_id"]
    with alone.client.stream("GET", f"/jobs/{job_id}/events") as answer:
        told = events(answer)
        next(told)
        server.terminate()
        assert list(told) == []
    # uvicorn ends itself with the signal that it was given.
    assert server.wait(timeout=20) in (0, -signal.SIGTERM)


def test_the_events_of_a_job_that_is_deleted_meanwhile_stop(serve: Serve) -> None:
    alone = serve()
    job_id = alone.post(CSV)["job_id"]
    with alone.client.stream("GET", f"/jobs/{job_id}/events") as answer:
        told = events(answer)
        next(told)
        assert alone.client.delete(f"/jobs/{job_id}").is_success
        assert [event["event"] for event in told] in ([], ["end"])
    refused(alone.client.get(f"/jobs/{job_id}/events"), 410, "job-gone")


def test_without_another_open_file_the_service_says_so_until_it_has_one(serve: Serve) -> None:
    alone = serve()
    [server] = alone.service.processes
    job_id = alone.post(CSV)["job_id"]
    with (
        httpx.Client(base_url=alone.url) as other,
        other.stream("GET", f"/jobs/{job_id}/events") as answer,
    ):
        told = events(answer)
        next(told)
        before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        busy = refused(alone.client.get(f"/jobs/{job_id}"), 503, "service-busy")
        assert "Try again" in busy["hint"]
        refused(alone.client.post("/upload_csv", content=CSV), 503, "service-busy")
        alone.service.services.index.put(view(alone.service.services, job_id))
        assert list(told) == []
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
    assert alone.job(job_id)["status"] == "queued"


def pages(served: Served, **query: Any) -> Iterator[dict[str, Any]]:
    url: str | None = str(httpx.URL("/jobs", params=query))
    while url:
        answer = served.client.get(url)
        yield answer.json()
        url = answer.links["next"]["url"] if "next" in answer.links else None


def test_jobs_are_listed_newest_first_a_page_at_a_time(serve: Serve) -> None:
    alone = serve()
    posted = [alone.post(CSV)["job_id"] for _ in range(5)]
    for job_id in posted[:2]:
        finish(alone, job_id)
    got = list(pages(alone, limit=2))
    assert [[job["job_id"] for job in page["jobs"]] for page in got] == [
        posted[:2:-1],
        posted[2:0:-1],
        posted[:1],
    ]
    done = [job["job_id"] for page in pages(alone, limit=1, status="done") for job in page["jobs"]]
    assert done == posted[1::-1]
    for job_id in posted[3:]:
        shutil.rmtree(alone.root / job_id)
    left = [job["job_id"] for page in pages(alone, limit=2) for job in page["jobs"]]
    assert left == posted[2::-1]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "status=nosuch", "cursor=zzz"])
def test_a_listing_refuses_what_it_does_not_know(api: Served, query: str) -> None:
    body = refused(api.client.get(f"/jobs?{query}"), 422, "invalid-request")
    assert body["errors"][0]["pointer"] == f"/query/{query.partition('=')[0]}"


def test_a_waiting_job_is_cancelled_once(serve: Serve) -> None:
    alone = serve()
    job_id = alone.post(CSV)["job_id"]
    for _ in range(2):
        answer = alone.client.post(f"/jobs/{job_id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    finish(alone, job_id)
    assert alone.job(job_id)["status"] == "cancelled"
    refused(alone.client.get(f"/download_csv/{job_id}/"), 409, "job-has-no-output")


def test_a_job_that_has_ended_is_not_cancelled(api: Served) -> None:
    job_id = api.done(CSV)["job_id"]
    refused(api.client.post(f"/jobs/{job_id}/cancel"), 409, "job-already-ended")


def test_a_deleted_job_is_gone_with_all_its_files(api: Served) -> None:
    job_id = api.done(CSV)["job_id"]
    assert api.client.delete(f"/jobs/{job_id}").status_code == 204
    for path in (f"/jobs/{job_id}", f"/jobs/{job_id}/input.csv", f"/download_csv/{job_id}/"):
        assert "was deleted at" in refused(api.client.get(path), 410, "job-gone")["detail"]
    refused(api.client.delete(f"/jobs/{job_id}"), 410, "job-gone")
    refused(api.client.post(f"/jobs/{job_id}/rerun"), 410, "job-gone")
    assert not (api.root / job_id).exists()
    assert job_id not in [job["job_id"] for page in pages(api, limit=200) for job in page["jobs"]]


@pytest.mark.parametrize("form", [True, False])
def test_an_upload_says_how_long_its_job_is_kept(api: Served, form: bool) -> None:
    asked = {"retention": "12h"}
    given: dict[str, Any] = (
        {"files": {"file": CSV}, "data": asked} if form else {"content": CSV, "params": asked}
    )
    job = api.ended(api.client.post("/upload_csv", **given).json()["job_id"])
    end, expiry = (datetime.fromisoformat(job[name]) for name in ("finished_at", "expires_at"))
    assert (job["retention"], expiry - end) == (43200, timedelta(hours=12))
    given = (
        {"files": {"file": CSV}, "data": {"retention": "soon"}} if form else {"params": {"retention": "soon"}}
    )
    refused(api.client.post("/upload_csv", **given), 422, "invalid-option")


def test_a_job_is_gone_when_its_retention_is_over(serve: Serve) -> None:
    alone = serve(retention="1s")
    job_id = alone.post(CSV)["job_id"]
    finish(alone, job_id)
    assert alone.client.get(f"/download_csv/{job_id}/").content == CSV
    expires = datetime.fromisoformat(alone.job(job_id)["expires_at"])
    eventually(lambda: datetime.now(UTC) > expires)
    alone.service.start_reconciler()
    eventually(lambda: alone.client.get(f"/jobs/{job_id}").is_error)
    for path in (f"/jobs/{job_id}", f"/jobs/{job_id}/input.csv", f"/jobs/{job_id}/events"):
        assert "retention" in refused(alone.client.get(path), 410, "job-gone")["detail"]
    # The folder goes first, and a moment later what lists it.
    eventually(lambda: alone.client.get("/jobs").json()["jobs"] == [])


@pytest.mark.parametrize("job_id", [NOBODY, "nosuch", ".valkey", "%2e%2e", "%00", "a" * 5000])
def test_a_job_that_is_not_there_is_a_404(api: Served, job_id: str) -> None:
    for suffix in ("", "/events", "?wait=5"):
        refused(api.client.get(f"/jobs/{job_id}{suffix}"), 404, "job-not-found")
    refused(api.client.post(f"/jobs/{job_id}/cancel"), 404, "job-not-found")
    refused(api.client.delete(f"/jobs/{job_id}"), 404, "job-not-found")


def test_jobs_are_accepted_and_told_of_while_redis_is_away(serve: Serve) -> None:
    away = serve(redis_url="redis://127.0.0.1:1/0")
    job = away.post(CSV)
    assert away.job(job["job_id"])["status"] == "queued"
    refused(away.client.get("/jobs"), 503, "queue-unavailable")
    answer = away.client.get("/readyz")
    refused(answer, 503, "queue-unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert away.client.get("/healthz").json()["status"] == "ok"
    finish(away, job["job_id"])
    assert away.client.get(f"/download_csv/{job['job_id']}/").content == CSV
