"""The queue in memory: it keeps the order and runs nothing; the caller takes the next job."""

from __future__ import annotations

import threading
from collections import Counter
from itertools import chain

from csvjobs.priority import Priority
from csvjobs.queues.base import Census, JobQueue


class InlineQueue(JobQueue):
    """Lines in memory, lost when the process ends."""

    def __init__(self) -> None:
        self._lines: dict[Priority, list[str]] = {priority: [] for priority in Priority}
        self._in_flight: set[str] = set()
        self._owners: dict[str, str] = {}
        self._lock = threading.Lock()

    def put(self, job_id: str, owner: str = "", priority: Priority = Priority.NORMAL) -> None:
        with self._lock:
            if job_id in self._in_flight or any(job_id in line for line in self._lines.values()):
                return
            line = self._lines[priority]
            line.insert(self._place(line, owner) if owner else len(line), job_id)
            self._owners[job_id] = owner

    def take(self, priority: Priority = Priority.NORMAL) -> str | None:
        """Takes the next job of that line, in flight until it is withdrawn; None when none waits."""
        with self._lock:
            if not self._lines[priority]:
                return None
            job_id = self._lines[priority].pop(0)
            self._in_flight.add(job_id)
            return job_id

    def withdraw(self, job_id: str) -> None:
        with self._lock:
            self._in_flight.discard(job_id)
            for line in self._lines.values():
                if job_id in line:
                    line.remove(job_id)

    def position(self, job_id: str) -> int | None:
        with self._lock:
            return next((line.index(job_id) for line in self._lines.values() if job_id in line), None)

    def workers(self, priority: Priority = Priority.NORMAL) -> int:
        return 0

    def check(self) -> None:
        pass

    def census(self) -> Census:
        with self._lock:
            waiting, high = chain(*self._lines.values()), self._lines[Priority.HIGH]
            return Census(tuple(waiting), frozenset(self._in_flight), tuple(high))

    def _place(self, line: list[str], owner: str) -> int:
        """The index to insert at: after the owner's last job, before the first job of a later turn."""
        turns: Counter[str] = Counter()
        turn_of = []
        for job_id in line:
            whose = self._owners[job_id] or job_id
            turns[whose] += 1
            turn_of.append(turns[whose])
        owned = [place for place, job_id in enumerate(line) if self._owners[job_id] == owner]
        behind = owned[-1] + 1 if owned else 0
        later = (place for place in range(behind, len(line)) if turn_of[place] > turns[owner] + 1)
        return next(later, len(line))
