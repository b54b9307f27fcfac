"""The queue in memory: keeps the order and runs nothing; whoever holds it takes what is next."""

from __future__ import annotations

import threading
from collections import Counter

from csvjobs.queues.base import Census, JobQueue


class InlineQueue(JobQueue):
    """First in, first out, gone with the process."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._in_flight: set[str] = set()
        self._owners: dict[str, str] = {}
        self._lock = threading.Lock()

    def put(self, job_id: str, owner: str = "") -> None:
        with self._lock:
            if job_id not in self._waiting and job_id not in self._in_flight:
                place = self._place(owner) if owner else len(self._waiting)
                self._waiting.insert(place, job_id)
                self._owners[job_id] = owner

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

    def workers(self) -> int:
        return 0

    def census(self) -> Census:
        with self._lock:
            return Census(tuple(self._waiting), frozenset(self._in_flight))

    def _place(self, owner: str) -> int:
        """Before the first job, behind the owner's last one, whose turn comes later."""
        turns: Counter[str] = Counter()
        turn_of = []
        for job_id in self._waiting:
            whose = self._owners[job_id] or job_id
            turns[whose] += 1
            turn_of.append(turns[whose])
        owned = [place for place, job_id in enumerate(self._waiting) if self._owners[job_id] == owner]
        behind = owned[-1] + 1 if owned else 0
        later = (place for place in range(behind, len(turn_of)) if turn_of[place] > turns[owner] + 1)
        return next(later, len(turn_of))
