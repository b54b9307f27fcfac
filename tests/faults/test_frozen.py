"""Processes that freeze and resume: their jobs are neither lost nor run twice at once.

SOAK_FREEZE    for how many seconds longer than another job takes (none in the suite)
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest
from chaos import Service, children, eventually

from csvjobs.jobs.job import Status

ROWS = 1_000_000
FREEZE = float(os.environ.get("SOAK_FREEZE", "0"))


def worker_only(worker: int) -> list[int]:
    return [worker]


def child_only(worker: int) -> list[int]:
    return children(worker)


def both(worker: int) -> list[int]:
    return [worker, *children(worker)]


@pytest.mark.parametrize("victims", [worker_only, child_only, both])
def test_what_stands_still_is_neither_lost_nor_run_beside_itself(
    service: Service, victims: Callable[[int], list[int]]
) -> None:
    worker = service.start_worker()
    service.start_reconciler()
    job_id = service.submit(ROWS)
    eventually(lambda: service.attempts(job_id) and service.services.storage.leased(job_id))
    frozen = victims(worker.pid)
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    # All that Redis knows of the run is gone, as it would be when its heartbeats had been missed for long.
    service.redis.flushall()
    another = service.start_worker()
    service.ended(service.submit())
    time.sleep(FREEZE)
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    ends = service.judge()
    assert [(job.status, job.attempts) for job in ends] == [(Status.DONE, 1)] * 2
    assert (worker.poll(), another.poll()) == (None, None)
