"""The queue on RQ: it carries ids, and the reconciler makes good what RQ alone would lose or double."""

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
"""What a worker calls with the job's id; its path rather than the function, which lies in a higher layer."""

TIMEOUT_MARGIN = 60
"""Seconds beyond a job's own time limit: the run ends itself first, and tells why."""


OWNED = "owner "
"""What the description of a job with an owner begins with; that is where RQ keeps such things."""

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
"""Moves the last job of the list to where its owner's turn is; what was taken meanwhile stays taken."""


class RqQueue(JobQueue):
    """Ids on an RQ queue for each line, as JSON. `job_timeout`: seconds that a run may take."""

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
                # Not tried again by RQ, which would do so at once or, with an interval, lose it in a crash:
                # the reconciler puts it back.
                failure_ttl=86400,
                description=f"{OWNED}{owner}" if owner else None,
            )
            if owner:
                # Until then it waits at the end; a worker that takes it there found nobody before it.
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
        # RQ's own delete looks only where the job's status says that it is; a stale one may be anywhere.
        started = line.started_job_registry.key
        for entry in cast("list[bytes]", self._redis.zrange(started, 0, -1)):
            if _job_id(entry) == job_id:
                pipe.zrem(started, entry)
        for registry in (line.finished_job_registry, line.failed_job_registry, line.canceled_job_registry):
            pipe.zrem(registry.key, job_id)
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
            # One that was killed stays among the names until others of its line look.
            names = Worker.all_keys(queue=self._lines[priority])
            return self._redis.exists(*names) if names else 0

    def census(self) -> Census:
        # One transaction: a job on its way from one list to the next must not be seen in neither.
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
    """RQ's view of a line, the same for those who put and those who take."""
    called = name if priority is Priority.NORMAL else f"{name}-{priority}"
    return Queue(called, connection=redis, serializer=JSONSerializer)


def _job_id(entry: bytes) -> str:
    """The id in a queue's entry or in `id:execution` of the registry of the started."""
    return entry.decode().partition(":")[0]
