"""Children that crash, loop, exhaust memory or ignore orders, and folders that others have put something
into: the job ends, and the next one runs."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos import Service, children, eventually, gone

from csvjobs.flow.cancel import cancel
from csvjobs.jobs.job import Status

MIB = 1024**2
WELL = 1000


@pytest.fixture
def service(tmp_path: Path, redis_url: str) -> Iterator[Service]:
    """A service that gives up after the second try, which tells as much as the third, and sooner."""
    service = Service(tmp_path, redis_url, job_attempts=2)
    yield service
    service.stop()


@pytest.mark.parametrize("way", ["segfault", "exit_early"])
def test_a_job_that_crashes_its_child_is_set_aside(service: Service, way: str) -> None:
    worker = service.start_worker(way)
    service.start_reconciler()
    service.submit()
    service.submit(WELL)
    poison, well = service.judge()
    assert poison.error is not None
    assert (poison.status, poison.error.code) == (Status.ERROR, "worker-lost")
    assert (well.status, well.attempts) == (Status.DONE, 1)
    assert worker.poll() is None


def test_a_fault_of_our_own_is_tried_again_so_often_and_no_more(service: Service) -> None:
    service.start_worker("fail")
    service.start_reconciler()
    service.submit()
    service.submit(WELL)
    failed, well = service.judge()
    assert failed.error is not None
    assert (failed.status, failed.error.code) == (Status.ERROR, "internal-error")
    assert failed.attempts == service.settings.job_attempts
    assert well.status is Status.DONE


def test_a_job_in_whose_folder_something_is_in_the_way_ends_and_blocks_nobody(service: Service) -> None:
    unfit = "steps: [{step: trim, columns: [nosuch]}]"
    lock, attempts, error_text = service.submit(), service.submit(), service.submit(pipeline=unfit)
    for job_id, name in ((lock, "lock"), (attempts, "attempts"), (error_text, "error.txt")):
        (service.root / job_id / name).mkdir()
    older = service.root / service.submit() / "job.json"
    request = json.loads(older.read_bytes())
    older.write_text(json.dumps(request | {"pipeline": {"write": {"format": "punched cards"}}}))
    service.start_worker()
    service.start_reconciler()
    service.submit(WELL)
    *failed, well = (service.ended(job_id) for job_id in service.jobs)
    assert {job.status for job in failed} == {Status.ERROR}
    codes = ["job-damaged", "job-damaged", "unknown-column", "invalid-pipeline"]
    assert [job.error.code for job in failed if job.error] == codes
    assert well.status is Status.DONE
    # A job is pending until a moment after its end.
    eventually(lambda: service.services.storage.pending() == [])


@pytest.mark.parametrize(
    ("way", "code"), [("loop_natively", "time-limit"), ("be_deaf", "time-limit"), ("devour", "memory-limit")]
)
def test_a_limit_ends_a_job_that_does_not_keep_it(
    tmp_path: Path, redis_url: str, way: str, code: str
) -> None:
    limits = {"job_timeout": 1} if code == "time-limit" else {"job_memory": 64 * MIB}
    service = Service(tmp_path, redis_url, **limits)
    try:
        worker = service.start_worker(way)
        service.submit()
        service.submit(WELL)
        ended, well = service.judge()
        assert ended.error is not None
        assert (ended.status, ended.error.code, ended.attempts) == (Status.ERROR, code, 1)
        assert ended.error.hint
        assert ended.started_at
        assert well.status is Status.DONE
        assert worker.poll() is None
    finally:
        service.stop()


def test_a_run_that_does_not_notice_its_cancellation_is_killed(service: Service) -> None:
    worker = service.start_worker("be_deaf")
    job_id = service.submit()
    eventually(lambda: service.attempts(job_id))
    [child] = children(worker.pid)
    cancel(service.services, job_id)
    eventually(lambda: gone(child))
    service.submit(WELL)
    cancelled, well = service.judge()
    assert (cancelled.status, well.status) == (Status.CANCELLED, Status.DONE)
    assert worker.poll() is None


def test_a_child_that_is_worn_is_replaced_between_two_jobs(service: Service) -> None:
    worker = service.start_worker("leave_a_thread")
    service.ended(service.submit())
    # Behind it may be its successor, which warms up already.
    first = children(worker.pid)[0]

    def replaced() -> bool:
        service.ended(service.submit(WELL))
        return gone(first)

    eventually(replaced)
    assert {job.attempts for job in service.judge()} == {1}


def test_a_stopping_worker_hands_its_job_back_in_time_and_unharmed(tmp_path: Path, redis_url: str) -> None:
    service = Service(tmp_path, redis_url, drain=0)
    try:
        worker = service.start_worker()
        job_id = service.submit(5_000_000)
        behind = service.submit()
        eventually(lambda: service.attempts(job_id))
        worker.terminate()
        assert worker.wait(timeout=30) == 0
        assert service.attempts(job_id) == 0
        assert service.services.queue.census().waiting == (job_id, behind)
        service.start_worker()
        handed, after = service.judge()
        assert (handed.status, handed.attempts, after.status) == (Status.DONE, 1, Status.DONE)
        assert (handed.started_at or 0) < (after.started_at or 0)
    finally:
        service.stop()


def test_a_run_that_does_not_leave_in_time_is_killed_at_no_jobs_cost(tmp_path: Path, redis_url: str) -> None:
    service = Service(tmp_path, redis_url, drain=0)
    try:
        worker = service.start_worker("be_deaf")
        job_id = service.submit()
        eventually(lambda: service.attempts(job_id))
        worker.terminate()
        assert worker.wait(timeout=30) == 0
        assert service.attempts(job_id) == 0
        assert service.services.queue.census().waiting == (job_id,)
        service.start_worker()
        [handed] = service.judge()
        assert (handed.status, handed.attempts) == (Status.DONE, 1)
    finally:
        service.stop()


def test_a_stopping_worker_lets_a_short_job_finish(service: Service) -> None:
    worker = service.start_worker()
    job_id = service.submit(300_000)
    eventually(lambda: service.attempts(job_id))
    worker.terminate()
    assert worker.wait(timeout=30) == 0
    [job] = service.judge()
    assert (job.status, job.attempts) == (Status.DONE, 1)


def test_a_second_signal_ends_a_worker_at_once(service: Service) -> None:
    worker = service.start_worker("be_deaf")
    job_id = service.submit()
    eventually(lambda: service.attempts(job_id))
    [child] = children(worker.pid)
    worker.terminate()

    def ended() -> bool:
        worker.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        return worker.poll() is not None

    eventually(ended, within=4)
    eventually(lambda: gone(child))
    service.start_worker()
    service.start_reconciler()
    [job] = service.judge()
    assert (job.status, job.attempts) == (Status.DONE, 2)


def test_an_idle_child_that_died_is_replaced_at_no_jobs_cost(service: Service) -> None:
    worker = service.start_worker()
    service.ended(service.submit())
    [child] = children(worker.pid)
    os.kill(child, signal.SIGKILL)
    eventually(lambda: gone(child))
    service.submit()
    assert [job.attempts for job in service.judge()] == [1, 1]
    assert worker.poll() is None


def test_a_child_that_is_killed_while_it_warms_up_is_replaced(service: Service) -> None:
    worker = service.start_worker()
    for _ in range(2):
        eventually(lambda: children(worker.pid))
        [child] = children(worker.pid)
        os.kill(child, signal.SIGKILL)
        eventually(lambda child=child: gone(child) and children(worker.pid) != [child])
    service.submit()
    [job] = service.judge()
    assert job.status is Status.DONE
    assert worker.poll() is None
