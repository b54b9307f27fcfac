"""Redis is away for a while, with jobs running, waiting and arriving.

SOAK_OUTAGES    for how many seconds (8 in the suite)
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos import Service, eventually
from test_killed import start_valkey

from csvjobs.jobs.job import Status
from csvjobs.worker.embedded import Embedded

OUTAGES = [int(seconds) for seconds in os.environ.get("SOAK_OUTAGES", "8").split(",")]
ROWS = 1_000_000


@pytest.fixture
def cut_off(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, Embedded.under(tmp_path / "valkey").url)
    yield service
    service.stop()


@pytest.mark.parametrize("seconds", OUTAGES)
@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGSTOP])
def test_an_outage_costs_no_job_a_try_and_no_worker_its_life(
    cut_off: Service, tmp_path: Path, seconds: int, way: signal.Signals
) -> None:
    valkey = start_valkey(cut_off, tmp_path)
    workers = [cut_off.start_worker() for _ in range(2)]
    cut_off.start_reconciler()
    at_work = [cut_off.submit(ROWS) for _ in range(2)]
    for _ in range(4):
        cut_off.submit()
    eventually(lambda: all(map(cut_off.attempts, at_work)))
    valkey.send_signal(way)
    until = time.monotonic() + seconds
    cut_off.submit()
    for job_id in at_work:
        cut_off.ended(job_id)
    time.sleep(max(0, until - time.monotonic()))
    if way is signal.SIGKILL:
        valkey.wait()
        start_valkey(cut_off, tmp_path)
    else:
        valkey.send_signal(signal.SIGCONT)
    ends = cut_off.judge()
    assert [(job.status, job.attempts) for job in ends] == [(Status.DONE, 1)] * 7
    assert [worker.poll() for worker in workers] == [None, None]
    eventually(lambda: not cut_off.services.queue.census().in_flight)
