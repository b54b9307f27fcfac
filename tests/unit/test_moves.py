"""The transitions between a job's statuses and their times; final statuses have none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from csvjobs.jobs.job import MOVES, Job, PipelineRef, Status, now

BEGUN = Job(
    job_id="x",
    status=Status.QUEUED,
    filename="x.csv",
    created_at=now(),
    pipeline=PipelineRef(name="tidy", sha256=""),
)


def test_a_final_status_is_one_that_nothing_follows() -> None:
    assert set(MOVES) == set(Status)
    assert {status for status in Status if not MOVES[status]} == {s for s in Status if s.final}


@pytest.mark.parametrize("status", [status for status in Status if status.final])
def test_a_job_ends_once_and_its_times_are_in_order(status: Status) -> None:
    ended = BEGUN.moved(Status.PROCESSING, attempts=2).moved(status)
    assert (ended.status, ended.attempts) == (status, 2)
    assert ended.started_at is not None
    assert ended.finished_at is not None
    assert ended.created_at <= ended.started_at <= ended.finished_at
    for other in Status:
        with pytest.raises(ValueError, match=f"is {status} cannot become {other}"):
            ended.moved(other)


def test_the_times_of_a_job_are_in_order_although_the_clock_is_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("csvjobs.jobs.job.now", lambda: BEGUN.created_at - timedelta(days=1))
    ended = BEGUN.moved(Status.PROCESSING).moved(Status.DONE)
    assert ended.created_at == ended.started_at == ended.finished_at
    monkeypatch.setattr("csvjobs.jobs.job.now", lambda: BEGUN.created_at + timedelta(days=1))
    running = BEGUN.moved(Status.PROCESSING)
    monkeypatch.setattr("csvjobs.jobs.job.now", lambda: BEGUN.created_at)
    assert running.moved(Status.DONE).finished_at == running.started_at


def test_a_job_that_is_handed_back_has_not_begun_to_run() -> None:
    assert BEGUN.moved(Status.PROCESSING).moved(Status.QUEUED) == BEGUN


def test_a_job_that_never_ran_is_not_done() -> None:
    with pytest.raises(ValueError, match="is queued cannot become done"):
        BEGUN.moved(Status.DONE)


def test_a_job_that_runs_does_not_begin_once_more() -> None:
    with pytest.raises(ValueError, match="is processing cannot become processing"):
        BEGUN.moved(Status.PROCESSING).moved(Status.PROCESSING)
