"""The estimated start of a waiting job."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from test_retention import end_of, make, submit

from csvjobs.errors import QueueUnavailable
from csvjobs.flow.estimate import look_at, with_estimate
from csvjobs.flow.process import process
from csvjobs.flow.services import Services
from csvjobs.flow.view import view
from csvjobs.jobs.job import Status, now
from csvjobs.priority import Priority


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    made = make(tmp_path)
    monkeypatch.setattr(made.queue, "workers", lambda _: 2)
    return made


def took(services: Services, seconds: float, status: Status = Status.DONE) -> None:
    """A job that has ended took so long."""
    job_id = submit(services)
    services.queue.withdraw(job_id)
    process(services, job_id)
    job = view(services, job_id)
    assert job.started_at is not None
    ended = {"status": status, "finished_at": job.started_at + timedelta(seconds=seconds)}
    services.index.put(job.model_copy(update=ended))


def test_without_a_job_to_go_by_nothing_is_estimated(services: Services) -> None:
    job = look_at(services, submit(services))
    assert (job.position, job.workers, job.estimated_start_at) == (0, 2, None)


def test_the_start_is_estimated_from_the_last_jobs(services: Services) -> None:
    for seconds in (100, 300):
        took(services, seconds)
    took(services, 5000, Status.ERROR)
    first, _, third = (submit(services) for _ in range(3))
    for job_id, seconds in ((first, 100), (third, 300)):
        before, job, after = now(), look_at(services, job_id), now()
        assert job.estimated_start_at is not None
        assert before <= job.estimated_start_at - timedelta(seconds=seconds) <= after
        assert job.version == look_at(services, job_id).version


def test_nothing_is_estimated_for_those_who_wait_for_a_change(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    took(services, 100)
    first, second = submit(services), submit(services)
    seen = look_at(services, second)
    with monkeypatch.context() as patch:
        patch.setattr(services.index, "list", None)
        assert look_at(services, second, seen.version).version == seen.version
    services.queue.withdraw(first)
    moved = look_at(services, second, seen.version)
    assert (moved.position, moved.estimated_start_at is None) == (0, False)


def test_where_nobody_works_nothing_is_estimated(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    took(services, 100)
    monkeypatch.setattr(services.queue, "workers", lambda _: 0)
    job = look_at(services, submit(services))
    assert (job.workers, job.estimated_start_at) == (0, None)


def test_the_workers_are_those_of_the_line_in_which_the_job_waits(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = {Priority.NORMAL: 2, Priority.HIGH: 1}
    monkeypatch.setattr(services.queue, "workers", workers.__getitem__)
    high = view(services, submit(services)).model_copy(update={"priority": Priority.HIGH})
    assert with_estimate(services, high).workers == 1
    workers[Priority.HIGH] = 0
    assert with_estimate(services, high).workers == 2


def test_a_job_that_is_on_its_way_back_to_the_queue_tells_who_works(services: Services) -> None:
    took(services, 100)
    job_id = submit(services)
    services.queue.withdraw(job_id)
    job = look_at(services, job_id)
    assert (job.position, job.workers, job.estimated_start_at) == (None, 2, None)


def test_a_job_that_has_ended_has_no_estimate(services: Services) -> None:
    job_id = submit(services)
    process(services, job_id)
    job = look_at(services, job_id)
    assert (job.position, job.workers, job.estimated_start_at) == (None, None, None)
    assert end_of(job)


def test_a_queue_that_is_away_says_nothing(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> NoReturn:
        raise QueueUnavailable

    job_id = submit(services)
    with monkeypatch.context() as patch:
        patch.setattr(services.index, "list", away)
        job = look_at(services, job_id)
        assert (job.position, job.workers, job.estimated_start_at) == (0, 2, None)
    monkeypatch.setattr(services.queue, "position", away)
    assert look_at(services, job_id) == view(services, job_id)
