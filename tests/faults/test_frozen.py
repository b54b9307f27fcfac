"""Processes that stand still for a while and go on, and answers that are lost on their way."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

import pytest
from chaos import Service, children, eventually

from csvjobs.errors import QueueUnavailable
from csvjobs.jobs.job import Status
from csvjobs.queues.rq import RqQueue

ROWS = 1_000_000


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
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)
    ends = service.judge()
    assert [(job.status, job.attempts) for job in ends] == [(Status.DONE, 1)] * 2
    assert (worker.poll(), another.poll()) == (None, None)


def test_a_job_that_was_put_although_it_is_said_to_have_failed_runs_once(service: Service) -> None:
    class Unheard(RqQueue):
        def put(self, *job: Any) -> NoReturn:
            super().put(*job)
            raise QueueUnavailable("the answer was lost")

    ours = service.services
    queue = Unheard(service.redis, 60, service.name)
    service.submit(services=replace(ours, queue=queue))
    service.start_reconciler()
    service.start_worker()
    [job] = service.judge()
    assert (job.status, job.attempts) == (Status.DONE, 1)
    assert service.attempts(job.job_id) == 1
