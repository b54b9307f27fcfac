"""The jobs index on Redis: a snapshot a job, sorted sets for listing, one channel of changes.

csvjobs:job:<id>         the snapshot, as JSON
csvjobs:jobs             all ids; UUIDv7, so that their order is their age
csvjobs:jobs:<status>    the ids in one status
csvjobs:changes          a channel that carries the id of each job that changes
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError

from csvjobs.errors import QueueUnavailable
from csvjobs.jobs.base import JobIndex
from csvjobs.jobs.job import Job, Status

JOBS = "csvjobs:jobs"
CHANGES = "csvjobs:changes"

LOOK_EVERY = 1.0
"""Seconds between two looks whether a listener was stopped, and between two tries to reconnect."""


class RedisIndex(JobIndex):
    """Snapshots in Redis or Valkey, shared by all processes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def put(self, job: Job) -> None:
        with _translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.set(_key(job.job_id), job.to_json())
            pipe.zadd(JOBS, {job.job_id: 0})
            for status in Status:
                if status is not job.status:
                    pipe.zrem(_listed(status), job.job_id)
            pipe.zadd(_listed(job.status), {job.job_id: 0})
            pipe.publish(CHANGES, job.job_id)
            pipe.execute()

    def get(self, job_id: str) -> Job | None:
        with _translated():
            found = self._redis.get(_key(job_id))
        return Job.model_validate_json(found) if isinstance(found, bytes) else None

    def list(self, limit: int, before: str | None = None, status: Status | None = None) -> list[Job]:
        newest = f"({before}" if before else "+"
        with _translated():
            ids = self._redis.zrevrangebylex(_listed(status), newest, "-", 0, limit)
            found = self._redis.mget([_key(_text(job_id)) for job_id in ids]) if ids else []
        return [Job.model_validate_json(snapshot) for snapshot in found if snapshot]

    def remove(self, job_id: str) -> None:
        with _translated(), self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(_key(job_id))
            for status in (None, *Status):
                pipe.zrem(_listed(status), job_id)
            pipe.publish(CHANGES, job_id)
            pipe.execute()

    def listen(self, heard: Callable[[str], None]) -> Callable[[], None]:
        subscription: PubSub = self._redis.pubsub()  # type: ignore[no-untyped-call]
        stopped, listening = threading.Event(), threading.Event()
        thread = threading.Thread(
            target=_follow, args=(subscription, heard, stopped, listening), name="listen", daemon=True
        )
        thread.start()
        # From here on every announcement is heard, unless the server is away, which is no reason to fail.
        listening.wait(LOOK_EVERY)

        def stop() -> None:
            stopped.set()
            thread.join()

        return stop


def _follow(
    subscription: PubSub,
    heard: Callable[[str], None],
    stopped: threading.Event,
    listening: threading.Event,
) -> None:
    """Passes announcements on until stopped; redis-py subscribes again when it has reconnected."""
    with subscription:
        while not stopped.is_set():
            try:
                if not subscription.subscribed:
                    subscription.subscribe(CHANGES)
                message = subscription.get_message(timeout=LOOK_EVERY)
            except RedisError:
                stopped.wait(LOOK_EVERY)
                continue
            if message and message["type"] == "subscribe":
                listening.set()
            elif message and message["type"] == "message":
                heard(_text(message["data"]))


def _text(answer: bytes | str) -> str:
    return answer.decode() if isinstance(answer, bytes) else answer


def _key(job_id: str) -> str:
    return f"csvjobs:job:{job_id}"


def _listed(status: Status | None) -> str:
    return f"{JOBS}:{status}" if status else JOBS


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise QueueUnavailable(f"The jobs index cannot be reached: {error}") from error
