"""(c): a small file, from POST to done."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median, quantiles

from report import Row
from service import FILL, Service, moment, service

JOBS = 200
WARM_UP = 5
SMALL = 1000


def small_jobs(source: Path) -> list[Row]:
    """Latency of jobs one after the other, and where it goes."""
    body = _head(source)
    with service(source.parent) as serving:
        runs = [_one(serving, body) for _ in range(WARM_UP + JOBS)][WARM_UP:]
    section = f"(c) 1 KB job × {JOBS}"
    return [_row(section, part, [run[part] for run in runs]) for part in runs[0]]


def _head(source: Path) -> bytes:
    """Whole rows of about one kilobyte."""
    with source.open("rb") as file:
        return file.read(SMALL).rpartition(b"\n")[0] + b"\n"


def _one(serving: Service, body: bytes) -> dict[str, float]:
    """Seconds of each part; the whole is first."""
    began = time.time()
    answer = serving.client.post(serving.upload_url(FILL), content=body, headers={"Content-Type": "text/csv"})
    accepted = time.time()
    job = serving.wait(answer.raise_for_status().json()["job_id"])
    ended = time.time()
    created, started, finished = (moment(job[f"{name}_at"]) for name in ("created", "started", "finished"))
    stages = {f"  {name}": took for name, took in job["timings"].items()}
    return {
        "POST to done": ended - began,
        "POST to 202": accepted - began,
        "  received": created - began,
        "  made durable, queued, child ready": started - created,
        "run": finished - started,
        **stages,
        "  engine opened and closed, report": finished - started - sum(stages.values()),
        "end known to the client": ended - finished,
    }


def _row(section: str, part: str, seconds: list[float]) -> Row:
    p95 = quantiles(seconds, n=20)[-1]
    return Row(section, part, f"p50 {median(seconds) * 1e3:.1f} ms, p95 {p95 * 1e3:.1f} ms")
