"""(f): a job that is cancelled in mid-file, until its client knows and until its worker is free."""

from __future__ import annotations

import random
import time
from pathlib import Path
from statistics import quantiles

import curl
from processes import until
from report import Row, at_most
from service import FILL, Service, moment, service

JOBS = 40
SECTION = f"(f) cancel in mid-file × {JOBS}"
SMALL = b"a,b\n1,2\n"


def cancels(source: Path) -> list[Row]:
    """What 95 of 100 cancellations take at most. The worker is free when it starts the job that waited."""
    dice = random.Random(1)
    with service(source.parent) as serving:
        first = curl.post_raw(serving.upload_url(FILL), source)["job_id"]
        cancelled = [_cancelled(serving, first, after=dice.uniform(0, 5)) for _ in range(JOBS)]
    known, free = (quantiles(each, n=20)[-1] for each in zip(*cancelled, strict=True))
    return [
        at_most(SECTION, "POST to answer, p95, s", known, 0.1),
        at_most(SECTION, "POST to the next job's start, p95, s", free, 2),
    ]


def _cancelled(serving: Service, first: str, after: float) -> tuple[float, float]:
    """Seconds until the answer, and until the next job began; the job has run for `after` seconds by then."""
    job_id = serving.client.post(f"/jobs/{first}/rerun").raise_for_status().json()["job_id"]
    until(lambda: serving.client.get(f"/jobs/{job_id}").json()["status"] != "queued")
    behind = serving.client.post("/upload_csv", content=SMALL, headers={"Content-Type": "text/csv"})
    time.sleep(after)
    began = time.time()
    serving.client.post(f"/jobs/{job_id}/cancel").raise_for_status()
    known = time.time() - began
    started = serving.wait(behind.raise_for_status().json()["job_id"])["started_at"]
    return known, moment(started) - began
