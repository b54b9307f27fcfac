"""A real API behind uvicorn, and helpers that send requests to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from chaos import Service, valkey

Serve = Callable[..., "Served"]


class Served:
    """A running API: its processes, and a client of it."""

    def __init__(self, folder: Path, redis_url: str, **settings: Any) -> None:
        self.service = Service(folder, redis_url, **settings)
        self.url = self.service.start_api()
        self.client = httpx.Client(base_url=self.url, timeout=60)

    @property
    def root(self) -> Path:
        return self.service.root

    def post(self, content: bytes, **query: str) -> dict[str, Any]:
        """The answer to a raw upload, which was accepted."""
        answer = self.client.post("/upload_csv", content=content, params=query)
        assert answer.status_code == 202, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def done(self, content: bytes, **query: str) -> dict[str, Any]:
        """The job of a raw upload at its end."""
        return self.ended(self.post(content, **query)["job_id"])

    def ended(self, job_id: str) -> dict[str, Any]:
        """The job at its end."""
        job = self.job(job_id)
        while job["status"] in ("queued", "processing"):
            job = self.client.get(f"/jobs/{job_id}", params={"wait": 10}).json()
        return job

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as it stands."""
        body: dict[str, Any] = self.client.get(f"/jobs/{job_id}").raise_for_status().json()
        return body

    def leftovers(self) -> list[Path]:
        """What unfinished uploads have left."""
        return [path for hidden in (".incoming", ".pending") for path in (self.root / hidden).glob("*")]

    def stop(self) -> None:
        self.client.close()
        self.service.stop()


@contextmanager
def lasting(folder: Path, **settings: Any) -> Iterator[Served]:
    """An API with a worker and a Redis that are its alone, for tests that leave it as it is."""
    with valkey(folder / "valkey") as url:
        served = Served(folder, url, **settings)
        served.service.start_worker()
        yield served
        served.stop()


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem with which a request was refused."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, f"/problems/{code}")
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == answer.request.url.raw_path.decode().partition("?")[0]
    assert body["request_id"] == answer.headers["x-request-id"]
    return body
