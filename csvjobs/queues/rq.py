"""The queue on RQ: it holds job ids; the reconciler repairs what RQ alone would lose or run twice."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain
from typing import cast

from redis import Redis
from redis.client import Pipeline
from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.executions import ExecutionRegistry
from rq.job import Job
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.worker import Worker

from csvjobs.circuit_breaker import CircuitBreaker
from csvjobs.priority import Priority
from csvjobs.queues.base import Census, JobQueue

NAME = "csvjobs"
RUN = "csvjobs.worker.run_job.run_job"
"""The function that a worker calls with the job's id; by path, as it belongs to a higher layer."""

TIMEOUT_MARGIN = 60
"""Seconds added to a job's time limit for RQ's: the run should end itself first and report why."""


OWNED = "owner "
"""Prefix of the RQ job's description, which is where the owner is stored."""

TAKE_TURNS = """
local id, owner, owned, prefix = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('LREM', KEYS[1], -1, id) == 0 then return end
local ids = redis.call('LRANGE', KEYS[1], 0, -1)
local turns, turn_of, behind = {}, {}, 0
for place, other in ipairs(ids) do
  local told = redis.call('HGET', prefix .. other, 'description') or ''
  local whose = 'job ' .. other
  if string.sub(told, 1, #owned) == owned then whose = told end
  turns[whose] = (turns[whose] or 0) + 1
  turn_of[place] = turns[whose]
  if whose == owned .. owner then behind = place end
end
local mine = (turns[owned .. owner] or 0) + 1
for place = behind + 1, #ids do
  if turn_of[place] > mine then
    return redis.call('LINSERT', KEYS[1], 'BEFORE', ids[place], id)
  end
end
redis.call('RPUSH', KEYS[1], id)
"""
"""Moves the last job of the list to its owner's turn, unless a worker has taken it meanwhile."""


class RqQueue(JobQueue):
    """Job ids on one RQ queue per line, as JSON. `job_timeout`: time limit of a run, in seconds."""

    def __init__(
        self, redis: Redis, job_timeout: int, name: str = NAME, breaker: CircuitBreaker | None = None
    ) -> None:
        self._redis = redis
        self._breaker = breaker or CircuitBreaker()
        self._lines = {priority: queue(redis, name, priority) for priority in Priority}
        self._timeout = job_timeout + TIMEOUT_MARGIN
        self._take_turns = redis.register_script(TAKE_TURNS)

    def put(self, job_id: str, owner: str = "", priority: Priority = Priority.NORMAL) -> None:
        line = self._lines[priority]
        with self._breaker.guard("The queue"), suppress(DuplicateJobError):
            line.enqueue_call(
                RUN,
                args=(job_id,),
                job_id=job_id,
                unique=True,
                timeout=self._timeout,
                result_ttl=3600,
                # No retry by RQ: it would retry at once or, with an interval, lose the job in a crash. The
                # reconciler puts it back.
                failure_ttl=86400,
                description=f"{OWNED}{owner}" if owner else None,
            )
            if owner:
                # Until this call it waits at the end; a worker takes it there only if no other job waits.
                self._take_turns([line.key], [job_id, owner, OWNED, Job.key_for("")])

    def withdraw(self, job_id: str) -> None:
        with self._breaker.guard("The queue"), self._redis.pipeline() as pipe:
            for line in self._lines.values():
                self._withdraw(pipe, line, job_id)
            pipe.delete(
                Job.key_for(job_id),
                Result.get_key(job_id),  # type: ignore[no-untyped-call]
                ExecutionRegistry(job_id, self._redis).key,
            )
            pipe.execute()

    def _withdraw(self, pipe: Pipeline, line: Queue, job_id: str) -> None:
        # RQ's own delete only looks where the job's status says it is; a stale job may be anywhere.
        started = line.started_job_registry.key
        for entry in cast("list[bytes]", self._redis.zrange(started, 0, -1)):
            if _job_id(entry) == job_id:
                pipe.zrem(started, entry)
        pipe.zrem(line.failed_job_registry.key, job_id)
        for waiting in (line.key, line.intermediate_queue_key):
            pipe.lrem(waiting, 0, job_id)
        pipe.delete(line.intermediate_queue.get_first_seen_key(job_id))

    def position(self, job_id: str) -> int | None:
        with self._breaker.guard("The queue"), self._redis.pipeline() as pipe:
            for line in self._lines.values():
                pipe.lpos(line.key, job_id)
            return next((place for place in pipe.execute() if place is not None), None)

    def workers(self, priority: Priority = Priority.NORMAL) -> int:
        with self._breaker.guard("The queue"):
            # A killed worker's name stays registered until other workers of its line clean up.
            names = Worker.all_keys(queue=self._lines[priority])
            return self._redis.exists(*names) if names else 0

    def check(self) -> None:
        with self._breaker.guard("The queue"):
            self._redis.set(f"{NAME}:check", "", px=1)

    def census(self) -> Census:
        # One transaction: a job that moves from one list to the next must not be missed in both.
        with self._breaker.guard("The queue"), self._redis.pipeline(transaction=True) as pipe:
            for line in self._lines.values():
                pipe.lrange(line.key, 0, -1)
                pipe.lrange(line.intermediate_queue_key, 0, -1)
                pipe.zrange(line.started_job_registry.key, 0, -1)
            found = [[_job_id(entry) for entry in entries] for entries in pipe.execute()]
        waiting, moving, started = (found[kind::3] for kind in range(3))
        high = dict(zip(self._lines, waiting, strict=True))[Priority.HIGH]
        return Census(tuple(chain(*waiting)), frozenset(chain(*moving, *started)), tuple(high))


def queue(redis: Redis, name: str = NAME, priority: Priority = Priority.NORMAL) -> Queue:
    """The RQ queue of a line, for producers and workers alike."""
    called = name if priority is Priority.NORMAL else f"{name}-{priority}"
    return Queue(called, connection=redis, serializer=JSONSerializer)


def _job_id(entry: bytes) -> str:
    """The job id in a queue's entry, or in an entry `id:execution` of the registry of started jobs."""
    return entry.decode().partition(":")[0]
