"""The worker process: an RQ worker whose jobs run in a child process that is warmed up beforehand.

python -m csvjobs.worker.process [high]     runs one worker; started by the supervisor
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.client import Pipeline
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, worker_registration
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker import BaseWorker

from csvjobs.errors import JobNotFound, MemoryLimit, QueueUnavailable, StorageUnavailable, TimeLimit
from csvjobs.priority import Priority
from csvjobs.queues.rq import RqQueue, queue
from csvjobs.settings import Settings, load, well_set_up
from csvjobs.storage.base import Storage
from csvjobs.wiring import connect, shared_name, storage
from csvjobs.worker import log as logs
from csvjobs.worker.child import PROGRAM, Child, Children
from csvjobs.worker.exits import how_it_ended

log = logging.getLogger("csvjobs.worker")

HEARTBEAT_TTL = 30
HEARTBEAT_EVERY = 5

LOOK_EVERY = 0.1
"""Seconds between two checks of a working child."""

OBEY_WITHIN = 1.5
"""Seconds within which a child must stop when its job was cancelled or it is told to leave it; then it is
killed, as an interrupted engine may hang."""

SAME_STOP = 1.0
"""Seconds within which a second signal counts as a repetition of the first: a service manager signals all
processes of a group, and the supervisor signals its children too."""

LOOK_UP_EVERY = 5
"""Seconds after which an idle worker checks whether it was told to stop."""

REMIND_EVERY = 30.0


class CsvWorker(BaseWorker):
    """An RQ worker that runs its jobs in one long-lived child and enforces their limits.

    job_time: seconds after which a run is killed; job_memory: bytes above which it is killed; drain: seconds
    that a run may take to finish after the first signal.
    """

    job_time: float
    job_memory: int
    drain: float
    children: Children
    storage: Storage
    brief: Redis
    _at_work = False
    _stopped_at = float("inf")
    _beaten_at = float("-inf")

    def subscribe(self) -> None:
        """Does nothing: commands over Redis are not used, as they concern a worker, not a job."""

    def set_state(self, state: str, pipeline: Pipeline | None = None) -> None:
        """Sets the state in this process only; nothing reads it from Redis."""
        self._state = state

    def check_for_suspension(self, burst: bool) -> None:
        """Does nothing: workers are never suspended, and the check costs a round trip to Redis per job."""

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        if not self._stop_requested:
            self._stop_requested, self._stopped_at = True, time.monotonic()
            # A flag too, as Python drops exceptions raised in a finalizer.
            if not self._at_work:
                raise StopRequested
        elif time.monotonic() > self._stopped_at + SAME_STOP:
            self.children.end()
            os._exit(1)

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        while not self._stop_requested:
            # Before the job is taken: if it waited for its child to warm up, it would be taken for lost.
            self.children.ready()
            if taken := super().dequeue_job_and_maintain_ttl(LOOK_UP_EVERY, LOOK_UP_EVERY):
                return taken
        return None

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        # Limited, as RQ calls this nine times for each job.
        if pipeline is not None or time.monotonic() > self._beaten_at + HEARTBEAT_EVERY:
            self._beaten_at = time.monotonic()
            # Shorter than RQ's 90 s for idle workers: a dead one counts as a worker for as long.
            super().heartbeat(HEARTBEAT_TTL, pipeline)
            # RQ registers a worker once; do so again, as a Redis that lost its data would know none.
            worker_registration.register(self, pipeline)

    def execute_job(self, job: Job, queue: Queue) -> None:
        self._at_work = True
        try:
            execution = self._begin(job, queue)
            self._account(job, queue, execution, self._run(job, execution))
        finally:
            self._at_work = False

    def _begin(self, job: Job, queue: Queue) -> Execution:
        """Registers the start of the job with RQ, in one transaction instead of two."""
        job.started_at = now()
        with self.connection.pipeline() as pipe:
            execution = Execution.create(job, HEARTBEAT_TTL, pipeline=pipe, worker_name=self.name)
            job.prepare_for_execution(self.name, pipeline=pipe)
            pipe.persist(job.key)
            pipe.lrem(queue.intermediate_queue_key, 1, job.id)
            pipe.execute()
        return execution

    def _account(self, job: Job, queue: Queue, execution: Execution, answer: str) -> None:
        """Registers the result with RQ. A failed job that has not ended is put back by the reconciler."""
        if answer not in ("well", "worn", "left"):
            job.ended_at = now()
            self.handle_job_failure(job, queue=queue, exc_string=answer, execution=execution)
            return
        # RQ's own method takes five round trips, for dependents, results and callbacks that do not exist.
        with self.connection.pipeline() as pipe:
            self.cleanup_execution(job, pipeline=pipe, execution=execution)
            if answer == "left":
                job.set_status(JobStatus.QUEUED, pipeline=pipe)
                queue.push_job_id(job.id, pipeline=pipe, at_front=True)
            else:
                job.set_status(JobStatus.FINISHED, pipeline=pipe)
                job.cleanup(job.result_ttl, pipeline=pipe, remove_from_queue=False)
            pipe.execute()

    def _run(self, job: Job, execution: Execution) -> str:
        """Runs the job in a child; returns the child's answer, or how it died."""
        child = self.children.ready()
        try:
            child.run(job.id)
            return self._watched(child, job, execution)
        except (EOFError, OSError):
            status = child.kill()
            log.warning("job %s: its process died (%s)", job.id, how_it_ended(status))
            return how_it_ended(status)

    def _watched(self, child: Child, job: Job, execution: Execution) -> str:
        began = beaten = time.monotonic()
        stop_by = float("inf")
        while (answer := child.answer(within=LOOK_EVERY)) is None:
            present = time.monotonic()
            if present > beaten + HEARTBEAT_EVERY:
                beaten = present
                self.maintain_heartbeats(job, execution)
            if limit := self._broken(child, present - began):
                log.warning("job %s is ended: %s", job.id, limit)
                child.kill()
                return self._end(job, limit)
            if stop_by == float("inf") and self._to_stop(child, job):
                stop_by = present + OBEY_WITHIN
            if present > stop_by:
                return self._abandon(child, job)
        return answer

    def _abandon(self, child: Child, job: Job) -> str:
        """Kills the child of a run that did not stop in time."""
        status = child.kill()
        log.warning("job %s: its process did not stop, and was killed", job.id)
        with suppress(JobNotFound, StorageUnavailable):
            if not self.storage.ended(job.id):
                # It was told to leave: being slow to stop must not count as an attempt.
                self.storage.forgive(job.id)
                return "left"
        return how_it_ended(status)

    def _to_stop(self, child: Child, job: Job) -> bool:
        """Whether the run must stop: its job has ended, or the drain time is over and it is told to leave."""
        if time.monotonic() > self._stopped_at + self.drain:
            child.tell("leave")
            return True
        with suppress(JobNotFound, StorageUnavailable):
            return self.storage.ended(job.id)
        return True

    def _broken(self, child: Child, took: float) -> str | None:
        """The error code of the limit that the run exceeds without stopping itself, if any."""
        if took > self.job_time:
            return TimeLimit.code
        return MemoryLimit.code if child.memory() > self.job_memory else None

    def _end(self, job: Job, code: str) -> str:
        """Ends a job whose run was killed, in the next child."""
        child = self.children.ready()
        child.tell("end", job.id, code)
        while (answer := child.answer(within=LOOK_EVERY)) is None:
            pass
        return answer

    def _set_ip_address(self, connection: Redis) -> None:
        self.ip_address = "unknown"
        # redis-py cannot read an address with a space, such as that of a socket in a folder "my jobs".
        with suppress(ValueError):
            super()._set_ip_address(connection)

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        # Over the client with short timeouts: while waiting for Redis, nothing watches the child.
        with suppress(RedisError), self.brief.pipeline() as pipe:
            self.heartbeat(HEARTBEAT_TTL, pipeline=pipe)
            execution.heartbeat(job.started_job_registry, HEARTBEAT_TTL, pipeline=pipe)
            pipe.execute()


def worker(
    redis: Redis, settings: Settings, children: Children, priority: Priority = Priority.NORMAL
) -> CsvWorker:
    """A worker for one line of the queue. Only one, as with several RQ loses a job whose worker dies while
    taking it."""
    stored = storage(settings, make=False)
    made = CsvWorker(
        [queue(redis, shared_name(stored), priority)],
        connection=redis,
        serializer=JSONSerializer,
        worker_ttl=30,
        maintenance_interval=15,
        job_monitoring_interval=HEARTBEAT_EVERY,
        log_job_description=False,
    )
    made.children, made.storage = children, stored
    made.brief, made.drain = connect(settings.redis_url), settings.drain
    made.job_time, made.job_memory = most_time(settings), most_memory(settings)
    return made


def most_time(settings: Settings) -> float:
    """Seconds after which a run is killed: later than its own limit, as it may need time to stop there."""
    return settings.job_timeout + max(5.0, settings.job_timeout / 10)


def most_memory(settings: Settings) -> int:
    """Bytes above which a run is killed: more than the engine's limit, as not all memory is the engine's."""
    return 2 * settings.job_memory + 512 * 1024**2


def patient(url: str) -> Redis:
    """A Redis client that retries for about ten minutes, so that an outage does not end running jobs."""
    return Redis.from_url(
        url,
        retry=Retry(ExponentialWithJitterBackoff(cap=1, base=0.05), 600),
        health_check_interval=15,
        socket_connect_timeout=5,
    )


def await_server(url: str) -> None:
    """Waits until the server accepts jobs; logs now and then what it waits for."""
    with connect(url) as redis:
        told = float("-inf")
        while True:
            try:
                RqQueue(redis, 0).check()
            except QueueUnavailable as error:
                if time.monotonic() - told > REMIND_EVERY:
                    told = time.monotonic()
                    log.warning("waiting for Redis at %s (%s)", _shown(url), error.__cause__)
                time.sleep(1)
            else:
                return


def _shown(url: str) -> str:
    """The URL's address, without the password."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname or 'localhost'}:{parts.port or 6379}"


def main(program: Sequence[str] = PROGRAM, priority: Priority = Priority.NORMAL) -> None:
    """Runs a worker until it is told to stop. program: the command of its children."""
    logs.start()
    with well_set_up():
        settings = load()
        # Before five children say in turn that it is away.
        storage(settings, make=False)
        children = Children(program)
        try:
            await_server(settings.redis_url)
            children.ready()
            log.info("worker %d waits for jobs", os.getpid())
            worker(patient(settings.redis_url), settings, children, priority).work(logging_level="ERROR")
        finally:
            children.end()


if __name__ == "__main__":
    main(priority=Priority(sys.argv[1]) if sys.argv[1:] else Priority.NORMAL)
