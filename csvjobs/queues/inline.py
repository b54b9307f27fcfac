"""The queue in memory: keeps the order and runs nothing; whoever holds it takes what is next."""

from __future__ import annotations

import threading

from csvjobs.queues.base import Census, JobQueue


class InlineQueue(JobQueue):
    """First in, first out, gone with the process."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._in_flight: set[str] = set()
        self._lock = threading.Lock()

    def put(self, job_id: str) -> None:
        with self._lock:
            if job_id not in self._waiting and job_id not in self._in_flight:
                self._waiting.append(job_id)

    def take(self) -> str | None:
        """The next job, now in flight until it is withdrawn; None when none waits."""
        with self._lock:
            if not self._waiting:
                return None
            job_id = self._waiting.pop(0)
            self._in_flight.add(job_id)
            return job_id

    def withdraw(self, job_id: str) -> None:
        with self._lock:
            self._in_flight.discard(job_id)
            if job_id in self._waiting:
                self._waiting.remove(job_id)

    def position(self, job_id: str) -> int | None:
        with self._lock:
            return self._waiting.index(job_id) if job_id in self._waiting else None

    def census(self) -> Census:
        with self._lock:
            return Census(tuple(self._waiting), frozenset(self._in_flight))
