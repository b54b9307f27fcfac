"""Redis hangs, dies and comes back empty: files are accepted throughout, and all are processed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from chaos import Service, eventually
from test_killed import start_valkey

from csvjobs.jobs.job import Status
from csvjobs.worker.embedded import Embedded

CSV = b"name,age\nAda,42\n"


class Away:
    """A service with an API whose Redis is its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.service = Service(folder, Embedded.under(folder / "valkey").url)
        self.valkey = start_valkey(self.service, folder)
        self.client = httpx.Client(base_url=self.service.start_api(), timeout=60)

    def post(self) -> str:
        answer = self.client.post("/upload_csv", content=CSV, headers={"Idempotency-Key": "one"})
        assert answer.status_code == 202, answer.text
        job_id: str = answer.json()["job_id"]
        return job_id

    def listed(self) -> list[str]:
        return [job["job_id"] for job in self.client.get("/jobs").json().get("jobs", [])]

    def ready(self) -> int:
        return self.client.get("/readyz").status_code


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Away]:
    away = Away(tmp_path)
    yield away
    away.client.close()
    away.valkey.send_signal(signal.SIGCONT)
    away.service.stop()


def test_while_redis_hangs_files_are_accepted_and_looked_at(away: Away) -> None:
    service = away.service
    service.start_worker()
    service.start_reconciler()
    first = away.post()
    service.jobs.append(first)
    service.ended(first)
    away.valkey.send_signal(signal.SIGSTOP)
    eventually(lambda: away.ready() == 503)
    answers = [away.client.post("/upload_csv", content=CSV) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {202}
    service.jobs += [answer.json()["job_id"] for answer in answers]
    for job_id in service.jobs[1:]:
        assert away.client.get(f"/jobs/{job_id}").json()["status"] == "queued"
    assert away.client.get(f"/download_csv/{first}/").content == CSV
    listing = away.client.get("/jobs")
    assert listing.json()["code"] == "queue-unavailable"
    assert int(listing.headers["retry-after"]) >= 1
    assert away.client.post(f"/jobs/{service.jobs[1]}/cancel").json()["status"] == "cancelled"
    assert away.client.delete(f"/jobs/{service.jobs.pop()}").status_code == 204
    away.valkey.send_signal(signal.SIGCONT)
    ends = service.judge()
    assert [job.status for job in ends] == [Status.DONE, Status.CANCELLED, *[Status.DONE] * 3]
    eventually(lambda: away.ready() == 200)
    eventually(lambda: len(away.client.get("/jobs", params={"status": "done"}).json()["jobs"]) == 4)


def test_a_redis_that_comes_back_empty_is_filled_again(away: Away) -> None:
    service = away.service
    service.start_reconciler()
    jobs = [away.client.post("/upload_csv", content=CSV).json()["job_id"] for _ in range(3)]
    key = away.post()
    service.jobs = [*jobs, key]
    away.valkey.kill()
    away.valkey.wait()
    for path in (away.folder / "valkey").rglob("*"):
        if path.is_file() and "aof" in path.name:
            path.unlink()
    eventually(lambda: away.ready() == 503)
    away.valkey = start_valkey(service, away.folder)
    eventually(lambda: service.services.queue.census().waiting == tuple(service.jobs))
    assert away.post() == key
    eventually(
        lambda: (
            [job["job_id"] for job in away.client.get("/jobs").json().get("jobs", [])][::-1] == service.jobs
        )
    )
    service.start_worker()
    assert {job.status for job in service.judge()} == {Status.DONE}


def test_a_redis_that_is_full_is_waited_for(away: Away) -> None:
    service = away.service
    service.redis.config_set("maxmemory", 1)
    worker = service.start_worker()
    service.start_reconciler()
    service.jobs.append(away.post())
    answer = away.client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "queue-unavailable")
    service.redis.config_set("maxmemory", 0)
    assert [job.status for job in service.judge()] == [Status.DONE]
    assert worker.poll() is None
    assert away.ready() == 200
