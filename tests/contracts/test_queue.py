"""The contract of every queue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import uuid_utils
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq.executions import prepare_execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import Worker

from csvjobs.errors import QueueUnavailable
from csvjobs.priority import Priority
from csvjobs.queues.base import Census, JobQueue
from csvjobs.queues.inline import InlineQueue
from csvjobs.queues.rq import RUN, RqQueue, queue

Take = Callable[[], str | None]


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as redis:
        yield redis


@pytest.fixture(params=["rq", "inline"])
def pair(request: pytest.FixtureRequest) -> tuple[JobQueue, Take]:
    """A queue, and what a worker does to get the next job of it."""
    if request.param == "inline":
        inline = InlineQueue()
        return inline, inline.take
    redis = request.getfixturevalue("redis")
    return RqQueue(redis, job_timeout=100), lambda: take(redis)


@pytest.fixture
def jobs(pair: tuple[JobQueue, Take]) -> JobQueue:
    return pair[0]


def take(redis: Redis) -> str | None:
    """As RQ does it: off the list into the intermediate one, which takes two steps."""
    ours = queue(redis)
    found = ours.dequeue_any([ours], None, redis, serializer=ours.serializer)
    return found[0].id if found else None


def ids(number: int) -> list[str]:
    return [str(uuid_utils.uuid7()) for _ in range(number)]


def test_first_in_first_out(pair: tuple[JobQueue, Take]) -> None:
    jobs, take_next = pair
    put = ids(5)
    for job_id in put:
        jobs.put(job_id)
    assert jobs.census() == Census(tuple(put), frozenset())
    assert [take_next() for _ in range(6)] == [*put, None]
    assert jobs.census() == Census((), frozenset(put))


def test_a_job_that_is_there_stays_where_it_is(pair: tuple[JobQueue, Take]) -> None:
    jobs, take_next = pair
    first, second = ids(2)
    jobs.put(first)
    jobs.put(second)
    jobs.put(first)
    assert jobs.census().waiting == (first, second)
    assert take_next() == first
    jobs.put(first)
    assert jobs.census() == Census((second,), frozenset([first]))


def test_the_position_is_how_many_wait_before(pair: tuple[JobQueue, Take]) -> None:
    jobs, take_next = pair
    first, second, third = ids(3)
    for job_id in (first, second, third):
        jobs.put(job_id)
    assert [jobs.position(job_id) for job_id in (first, second, third)] == [0, 1, 2]
    take_next()
    assert [jobs.position(job_id) for job_id in (first, second, third)] == [None, 0, 1]
    assert jobs.position(ids(1)[0]) is None


def waiting(jobs: JobQueue, owners: str, put: dict[str, str] | None = None) -> str:
    """Puts a job for each letter, which is its owner, a dot for nobody's; the owners in the order of the
    queue."""
    whose = put if put is not None else {}
    for owner in owners:
        [job_id] = ids(1)
        whose[job_id] = owner
        jobs.put(job_id, owner.replace(".", ""))
    return "".join(whose[job_id] for job_id in jobs.census().waiting)


@pytest.mark.parametrize(
    ("put", "order"),
    [
        ("AAAA", "AAAA"),
        ("AAAB", "ABAA"),
        ("AAABBB", "ABABAB"),
        ("AAABBC", "ABCABA"),
        ("AAAB.C", "ABCAA."),
        ("...A", "...A"),
        ("..AA.B", "..ABA."),
    ],
)
def test_owners_take_turns(jobs: JobQueue, put: str, order: str) -> None:
    assert waiting(jobs, put) == order


def test_each_owner_is_served_in_order_also_when_others_leave(pair: tuple[JobQueue, Take]) -> None:
    jobs, take_next = pair
    whose: dict[str, str] = {}
    assert waiting(jobs, "AAABBB", whose) == "ABABAB"
    for place in (3, 1):
        jobs.withdraw(jobs.census().waiting[place])
    assert waiting(jobs, "B", whose) == "AAABB"
    for _ in range(3):
        take_next()
    waiting(jobs, "CAB", whose)
    for owner in "ABC":
        own = [job_id for job_id in jobs.census().waiting if whose[job_id] == owner]
        assert own == sorted(own)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from("ABC.-x"), max_size=25))
def test_both_queues_have_the_same_order(redis: Redis, events: list[str]) -> None:
    """A letter: a job of that owner; -: the next is taken; x: the second is withdrawn."""
    redis.flushall()
    queues: list[JobQueue] = [RqQueue(redis, job_timeout=100), InlineQueue()]
    for event in events:
        there = [queue.census().waiting for queue in queues]
        assert there[0] == there[1]
        [job_id] = ids(1)
        for each in queues:
            if event == "-":
                take(redis) if isinstance(each, RqQueue) else queues[1].take()  # type: ignore[attr-defined]
            elif event == "x":
                each.withdraw(there[0][1] if len(there[0]) > 1 else job_id)
            else:
                each.put(job_id, event.replace(".", ""))


def test_a_job_of_high_priority_waits_in_a_line_of_its_own(pair: tuple[JobQueue, Take]) -> None:
    jobs, take_next = pair
    first, second, urgent, next_urgent = ids(4)
    for job_id, priority in ((first, "normal"), (urgent, "high"), (second, "normal"), (next_urgent, "high")):
        jobs.put(job_id, "", Priority(priority))
    jobs.put(urgent)
    assert [jobs.position(job_id) for job_id in (first, second, urgent, next_urgent)] == [0, 1, 0, 1]
    high = (urgent, next_urgent)
    assert jobs.census() == Census((first, second, *high), frozenset(), high)
    assert [take_next() for _ in range(3)] == [first, second, None]
    assert jobs.census() == Census(high, frozenset([first, second]), high)
    jobs.withdraw(urgent)
    assert [jobs.position(job_id) for job_id in (urgent, next_urgent)] == [None, 0]
    jobs.put(urgent)
    assert take_next() == urgent


def test_owners_take_turns_in_each_line(jobs: JobQueue) -> None:
    a1, a2, b1, normal = ids(4)
    for job_id, owner in ((a1, "a"), (a2, "a"), (b1, "b")):
        jobs.put(job_id, owner, Priority.HIGH)
    jobs.put(normal, "b")
    assert jobs.census().waiting == (normal, a1, b1, a2)


def test_the_workers_are_counted(jobs: JobQueue, request: pytest.FixtureRequest) -> None:
    assert jobs.workers() == 0
    if isinstance(jobs, RqQueue):
        redis = request.getfixturevalue("redis")
        worker = Worker([queue(redis)], connection=redis, serializer=JSONSerializer)
        worker.register_birth()
        assert (jobs.workers(), jobs.workers(Priority.HIGH)) == (1, 0)
        # It was killed some time ago.
        redis.delete(worker.key)
        assert jobs.workers() == 0


def test_a_withdrawn_job_is_gone_and_may_come_again(pair: tuple[JobQueue, Take]) -> None:
    jobs, take_next = pair
    waiting, flying = ids(2)
    jobs.put(flying)
    jobs.put(waiting)
    take_next()
    for job_id in (waiting, flying):
        jobs.withdraw(job_id)
        jobs.withdraw(job_id)
    assert jobs.census() == Census((), frozenset())
    assert take_next() is None
    jobs.put(flying)
    assert jobs.census().waiting == (flying,)


def test_withdrawing_an_unknown_job_is_no_error(jobs: JobQueue) -> None:
    jobs.withdraw(ids(1)[0])


def test_a_started_job_is_in_flight_until_withdrawn_and_leaves_nothing_behind(redis: Redis) -> None:
    jobs = RqQueue(redis, job_timeout=100)
    job_id, other = ids(2)
    jobs.put(job_id)
    jobs.put(other)
    worker = Worker([queue(redis)], connection=redis, serializer=JSONSerializer)
    for _ in range(2):
        taken = take(redis)
        assert taken is not None
        job = Job.fetch(taken, connection=redis, serializer=worker.serializer)
        prepare_execution(worker, job)
        worker.prepare_job_execution(job, remove_from_intermediate_queue=True)
    assert jobs.census().in_flight == {job_id, other}
    redis.set(queue(redis).intermediate_queue.get_first_seen_key(job_id), 1.0)
    jobs.withdraw(job_id)
    assert jobs.census().in_flight == {other}
    left = [key for key in redis.scan_iter() if job_id.encode() in key and b":execution:" not in key]
    assert left == []


def test_a_job_that_failed_leaves_nothing_behind_when_it_is_withdrawn(redis: Redis) -> None:
    jobs = RqQueue(redis, job_timeout=100)
    [job_id] = ids(1)
    jobs.put(job_id)
    worker = Worker([queue(redis)], connection=redis, serializer=JSONSerializer)
    assert take(redis) == job_id
    job = Job.fetch(job_id, connection=redis, serializer=worker.serializer)
    prepare_execution(worker, job)
    worker.prepare_job_execution(job, remove_from_intermediate_queue=True)
    worker.handle_job_failure(job, queue(redis), exc_string="died", execution=worker.execution)
    failed = queue(redis).failed_job_registry
    assert failed.get_job_ids() == [job_id]
    jobs.withdraw(job_id)
    assert failed.get_job_ids() == []
    left = [key for key in redis.scan_iter() if job_id.encode() in key and b":execution:" not in key]
    assert left == []


def test_a_job_that_is_taken_before_it_has_its_turn_is_not_delivered_again(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = RqQueue(redis, job_timeout=100)
    take_turns, [job_id] = jobs._take_turns, ids(1)

    def late(keys: list[str], arguments: list[str]) -> None:
        assert take(redis) == job_id
        take_turns(keys, arguments)

    monkeypatch.setattr(jobs, "_take_turns", late)
    jobs.put(job_id, "ann")
    assert jobs.census() == Census((), frozenset({job_id}))


def test_the_message_is_json_and_names_our_function_and_limits(redis: Redis) -> None:
    jobs = RqQueue(redis, job_timeout=100)
    [job_id] = ids(1)
    jobs.put(job_id)
    job = queue(redis).fetch_job(job_id)
    assert job is not None
    assert (job.func_name, list(job.args)) == (RUN, [job_id])
    assert job.timeout == 160
    assert 0 < job.result_ttl < 100_000, "it does not stay in Redis for ever"
    assert 0 < job.failure_ttl < 100_000
    assert job.retries_left is None
    assert json.loads(job.data) == [RUN, None, [job_id], {}]


def test_a_server_that_is_away_is_said_to_be() -> None:
    with Redis(unix_socket_path="/nonexistent/q.sock", retry=Retry(NoBackoff(), 0)) as redis:
        jobs = RqQueue(redis, job_timeout=1)
        for verb in (jobs.put, jobs.withdraw, jobs.position):
            with pytest.raises(QueueUnavailable):
                verb(ids(1)[0])
        with pytest.raises(QueueUnavailable):
            jobs.census()
        with pytest.raises(QueueUnavailable):
            jobs.workers()
