"""The jobs index on Redis: a snapshot per job, sorted sets for listing, one channel for changes.

<name>:job:<id>         the snapshot, as JSON
<name>:jobs             all ids; UUIDv7, so that they sort by age
<name>:jobs:<status>    the ids in one status
<name>:changes          a channel on which the id of each changed job is published
"""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable
from typing import cast

from redis import Redis
from redis.client import PubSub
from redis.exceptions import RedisError

from csvjobs.circuit_breaker import CircuitBreaker
from csvjobs.jobs.base import JobIndex
from csvjobs.jobs.job import Job, Status

NAME = "csvjobs"

LOOK_EVERY = 1.0
"""Seconds between two checks whether a listener was stopped, and between two attempts to reconnect."""


class RedisIndex(JobIndex):
    """Snapshots in Redis or Valkey, shared by all processes."""

    def __init__(self, redis: Redis, name: str = NAME, breaker: CircuitBreaker | None = None) -> None:
        self._redis = redis
        self._name = name
        self._breaker = breaker or CircuitBreaker()
        self._changes = f"{name}:changes"

    def put(self, job: Job) -> None:
        with self._breaker.guard("The jobs index"), self._redis.pipeline(transaction=True) as pipe:
            pipe.set(self._key(job.job_id), job.to_json())
            pipe.zadd(self._listed(None), {job.job_id: 0})
            for status in Status:
                if status is not job.status:
                    pipe.zrem(self._listed(status), job.job_id)
            pipe.zadd(self._listed(job.status), {job.job_id: 0})
            pipe.publish(self._changes, job.job_id)
            pipe.execute()

    def get(self, job_id: str) -> Job | None:
        with self._breaker.guard("The jobs index"):
            found = self._redis.get(self._key(job_id))
        return Job.model_validate_json(found) if isinstance(found, bytes) else None

    def list(self, limit: int, before: str | None = None, status: Status | None = None) -> list[Job]:
        newest = f"({before}" if before else "+"
        with self._breaker.guard("The jobs index"):
            ids = self._redis.zrevrangebylex(self._listed(status), newest, "-", 0, limit)
            found = self._redis.mget([self._key(_text(job_id)) for job_id in ids]) if ids else []
        return [Job.model_validate_json(snapshot) for snapshot in found if snapshot]

    def ids(self, status: Status | None = None) -> builtins.list[str]:
        with self._breaker.guard("The jobs index"):
            found = cast("builtins.list[bytes | str]", self._redis.zrange(self._listed(status), 0, -1))
        return [_text(job_id) for job_id in found]

    def remove(self, job_id: str) -> None:
        with self._breaker.guard("The jobs index"), self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(self._key(job_id))
            for status in (None, *Status):
                pipe.zrem(self._listed(status), job_id)
            pipe.publish(self._changes, job_id)
            pipe.execute()

    def listen(self, heard: Callable[[str], None]) -> Callable[[], None]:
        subscription: PubSub = self._redis.pubsub()  # type: ignore[no-untyped-call]
        stopped, listening = threading.Event(), threading.Event()
        thread = threading.Thread(
            target=_follow,
            args=(subscription, self._changes, heard, stopped, listening),
            name="listen",
            daemon=True,
        )
        thread.start()
        # Wait until subscribed, so that no later announcement is missed; an unreachable server is no error.
        listening.wait(LOOK_EVERY)

        def stop() -> None:
            stopped.set()
            thread.join()

        return stop

    def _key(self, job_id: str) -> str:
        return f"{self._name}:job:{job_id}"

    def _listed(self, status: Status | None) -> str:
        return f"{self._name}:jobs:{status}" if status else f"{self._name}:jobs"


def _follow(
    subscription: PubSub,
    channel: str,
    heard: Callable[[str], None],
    stopped: threading.Event,
    listening: threading.Event,
) -> None:
    """Passes announcements on until stopped; redis-py resubscribes after reconnecting."""
    with subscription:
        while not stopped.is_set():
            try:
                if not subscription.subscribed:
                    subscription.subscribe(channel)
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
