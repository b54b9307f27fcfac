"""The worker: RQ's, told what it lacks. It forks one child a job; modules are loaded before, used only after.

python -m csvjobs.worker.process        one worker; the supervisor starts it so
"""

from __future__ import annotations

import logging
import os
import signal
import time
from resource import struct_rusage
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry
from rq import Queue
from rq.executions import Execution
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker import Worker

import csvjobs.worker.run_job  # noqa: F401 - loaded here once, not in each child
from csvjobs.errors import QueueUnavailable
from csvjobs.queues.rq import RqQueue, queue
from csvjobs.settings import load
from csvjobs.wiring import connect, shared_name
from csvjobs.worker import log as logs
from csvjobs.worker.tied import die_with

log = logging.getLogger("csvjobs.worker")

HEARTBEAT_TTL = 30
KILL_AFTER = 5
"""Seconds past RQ's own time limit after which a child that did not obey it is killed (RQ: 60)."""

LOOK_UP_EVERY = 5
"""Seconds of waiting for a job after which an idle worker looks whether it was told to stop."""

REMIND_EVERY = 30.0


class CsvWorker(Worker):
    """RQ's worker with a faster eye for death, and a child that cannot outlive it."""

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        return HEARTBEAT_TTL

    def subscribe(self) -> None:
        """Does not: commands over Redis need a thread, and a process with threads must not fork."""

    def handle_warm_shutdown_request(self) -> None:
        # RQ only raises, wherever the signal finds us: what is raised in a finalizer, Python drops.
        self._stop_requested = True

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        while not self._stop_requested:
            if taken := super().dequeue_job_and_maintain_ttl(LOOK_UP_EVERY, LOOK_UP_EVERY):
                return taken
        return None

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        die_with(self.pid or 0)
        super().main_work_horse(job, queue)

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        taken = (now() - job.started_at).total_seconds() if job.started_at else 0.0
        if job.timeout and taken > job.timeout + KILL_AFTER:
            log.warning("job %s does not obey its time limit: killed", job.id)
            self.kill_horse()
        super().maintain_heartbeats(job, execution)

    def handle_work_horse_killed(
        self, job: Job, retpid: int, ret_val: int, rusage: struct_rusage | None
    ) -> None:
        log.warning("job %s: its process ended without a word (wait status %s)", job.id, ret_val)

    def kill_horse(self, sig: signal.Signals = signal.SIGKILL) -> None:
        # RQ kills the group: that of this worker itself, when there is no child or it is only just born.
        if self.horse_pid:
            try:
                os.kill(self.horse_pid, sig)
            except ProcessLookupError:
                log.info("the child %d had already ended", self.horse_pid)


def worker(redis: Redis, name: str) -> CsvWorker:
    """A worker on the queue of that name. One only: with several, RQ loses a job whose worker dies on
    taking it."""
    return CsvWorker(
        [queue(redis, name)],
        connection=redis,
        serializer=JSONSerializer,
        worker_ttl=30,
        maintenance_interval=15,
        job_monitoring_interval=5,
        log_job_description=False,
    )


def patient(url: str) -> Redis:
    """A client that waits about ten minutes for a server that went away: work in hand is not given up."""
    return Redis.from_url(
        url,
        retry=Retry(ExponentialWithJitterBackoff(cap=1, base=0.05), 600),
        health_check_interval=15,
        socket_connect_timeout=5,
    )


def await_server(url: str) -> None:
    """Returns when the server answers; says now and then what it waits for."""
    with connect(url) as redis:
        told = float("-inf")
        while True:
            try:
                RqQueue(redis, 0).census()
            except QueueUnavailable as error:
                if time.monotonic() - told > REMIND_EVERY:
                    told = time.monotonic()
                    log.warning("waiting for Redis at %s (%s)", _shown(url), error.__cause__)
                time.sleep(1)
            else:
                return


def _shown(url: str) -> str:
    """The address without its password."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"


def main() -> None:
    logs.start()
    settings = load()
    await_server(settings.redis_url)
    log.info("worker %d waits for jobs", os.getpid())
    worker(patient(settings.redis_url), shared_name(settings)).work(logging_level="ERROR")


if __name__ == "__main__":
    main()
