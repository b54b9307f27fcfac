"""The contract of every jobs index."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import uuid_utils
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from csvjobs.errors import QueueUnavailable
from csvjobs.jobs.base import JobIndex
from csvjobs.jobs.job import Job, PipelineRef, Progress, Rows, Status
from csvjobs.jobs.memory import MemoryIndex
from csvjobs.jobs.redis import RedisIndex


@pytest.fixture(params=["redis", "memory"])
def index(request: pytest.FixtureRequest) -> Iterator[JobIndex]:
    if request.param == "memory":
        yield MemoryIndex()
    else:
        with Redis.from_url(request.getfixturevalue("redis_url")) as redis:
            yield RedisIndex(redis)


def new_job(status: Status = Status.QUEUED) -> Job:
    return Job(
        job_id=str(uuid_utils.uuid7()),
        status=status,
        filename="café, 1.csv",
        created_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        pipeline=PipelineRef(name="tidy", sha256="0" * 64),
    )


def test_a_snapshot_comes_back_as_it_was_put(index: JobIndex) -> None:
    job = new_job(Status.DONE).model_copy(
        update={
            "progress": Progress(stage="fit", fraction=0.25, bytes_total=10),
            "rows": Rows(read=3, out=1, rejected=1, dropped={"dedupe": 1}),
            "warnings": ["ambiguous dates"],
        }
    )
    index.put(job)
    assert index.get(job.job_id) == job
    assert index.list(1) == [job]


def test_the_newest_snapshot_replaces_the_older(index: JobIndex) -> None:
    job = new_job()
    index.put(job)
    done = job.model_copy(update={"status": Status.DONE})
    index.put(done)
    assert index.get(job.job_id) == done
    assert index.list(10) == index.list(10, status=Status.DONE) == [done]
    assert index.list(10, status=Status.QUEUED) == []


def test_an_unknown_job_is_none(index: JobIndex) -> None:
    assert index.get(str(uuid_utils.uuid7())) is None


def test_jobs_are_listed_newest_first_whatever_the_order_of_puts(index: JobIndex) -> None:
    jobs = [new_job() for _ in range(5)]
    for place in (3, 0, 4, 1, 2):
        index.put(jobs[place])
    assert index.list(10) == jobs[::-1]
    assert index.list(2) == [jobs[4], jobs[3]]


def test_pages_follow_each_other_without_gap_or_overlap(index: JobIndex) -> None:
    jobs = [new_job() for _ in range(7)]
    for job in jobs:
        index.put(job)
    first = index.list(3)
    second = index.list(3, before=first[-1].job_id)
    third = index.list(3, before=second[-1].job_id)
    assert first + second + third == jobs[::-1]
    assert index.list(3, before=third[-1].job_id) == []


def test_a_listing_of_one_status_pages_too(index: JobIndex) -> None:
    jobs = [new_job(status) for status in (Status.DONE, Status.ERROR, Status.DONE, Status.DONE)]
    for job in jobs:
        index.put(job)
    assert index.list(2, status=Status.DONE) == [jobs[3], jobs[2]]
    assert index.list(2, before=jobs[2].job_id, status=Status.DONE) == [jobs[0]]
    assert index.list(2, status=Status.CANCELLED) == []


def test_all_ids_are_told_by_status_too(index: JobIndex) -> None:
    waiting, done = new_job(), new_job(Status.DONE)
    for job in (waiting, done):
        index.put(job)
    assert set(index.ids()) == {waiting.job_id, done.job_id}
    assert index.ids(Status.DONE) == [done.job_id]
    assert index.ids(Status.ERROR) == []


def test_a_removed_job_is_forgotten(index: JobIndex) -> None:
    kept, gone = new_job(), new_job()
    index.put(kept)
    index.put(gone)
    index.remove(gone.job_id)
    index.remove(gone.job_id)
    assert index.get(gone.job_id) is None
    assert index.list(10) == index.list(10, status=Status.QUEUED) == [kept]
    assert index.ids() == index.ids(Status.QUEUED) == [kept.job_id]


def test_a_snapshot_that_is_lost_is_left_out(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        index, kept, lost = RedisIndex(redis), new_job(), new_job()
        for job in (kept, lost):
            index.put(job)
        redis.delete(f"csvjobs:job:{lost.job_id}")
        assert index.list(10) == [kept]


def test_listeners_hear_every_change_until_they_stop(index: JobIndex) -> None:
    heard: list[str] = []
    also_heard: list[str] = []
    stop, stop_also = index.listen(heard.append), index.listen(also_heard.append)
    first, second = new_job(), new_job()
    index.put(first)
    index.put(second)
    index.remove(first.job_id)
    changes = [first.job_id, second.job_id, first.job_id]
    eventually(lambda: heard == also_heard == changes)
    stop()
    index.put(second)
    eventually(lambda: also_heard == [*changes, second.job_id])
    stop_also()
    assert heard == changes


def test_a_listener_that_was_cut_off_hears_again(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csvjobs.jobs.redis.LOOK_EVERY", 0.01)
    heard: list[str] = []
    with Redis.from_url(redis_url, retry=Retry(NoBackoff(), 0)) as redis:
        index, job = RedisIndex(redis), new_job()
        stop = index.listen(heard.append)
        assert redis.client_kill_filter(_type="pubsub") == 1

        def announced() -> bool:
            index.put(job)
            return job.job_id in heard

        eventually(announced)
        stop()


def test_a_server_that_is_away_is_said_to_be() -> None:
    with Redis(unix_socket_path="/nonexistent/q.sock", retry=Retry(NoBackoff(), 0)) as redis:
        index = RedisIndex(redis)
        job = new_job()
        for verb in (
            lambda: index.put(job),
            lambda: index.get(job.job_id),
            lambda: index.list(1),
            lambda: index.remove(job.job_id),
        ):
            with pytest.raises(QueueUnavailable):
                verb()
        index.listen(print)()


def eventually(true: Callable[[], bool], within: float = 10.0) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
