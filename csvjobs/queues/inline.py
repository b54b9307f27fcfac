"""The queue in memory: keeps the order and runs nothing; whoever holds it takes what is next."""

from __future__ import annotations

import threading
from collections import Counter
from itertools import chain

from csvjobs.priority import Priority
from csvjobs.queues.base import Census, JobQueue


class InlineQueue(JobQueue):
    """First in, first out, gone with the process."""

    def __init__(self) -> None:
        self._lanes: dict[Priority, list[str]] = {priority: [] for priority in Priority}
        self._in_flight: set[str] = set()
        self._owners: dict[str, str] = {}
        self._lock = threading.Lock()

    def put(self, job_id: str, owner: str = "", priority: Priority = Priority.NORMAL) -> None:
        with self._lock:
            if job_id in self._in_flight or any(job_id in lane for lane in self._lanes.values()):
                return
            lane = self._lanes[priority]
            lane.insert(self._place(lane, owner) if owner else len(lane), job_id)
            self._owners[job_id] = owner

    def take(self, priority: Priority = Priority.NORMAL) -> str | None:
        """The next job of that lane, now in flight until it is withdrawn; None when none waits."""
        with self._lock:
            if not self._lanes[priority]:
                return None
            job_id = self._lanes[priority].pop(0)
            self._in_flight.add(job_id)
            return job_id

    def withdraw(self, job_id: str) -> None:
        with self._lock:
            self._in_flight.discard(job_id)
            for lane in self._lanes.values():
                if job_id in lane:
                    lane.remove(job_id)

    def position(self, job_id: str) -> int | None:
        with self._lock:
            return next((lane.index(job_id) for lane in self._lanes.values() if job_id in lane), None)

    def workers(self, priority: Priority = Priority.NORMAL) -> int:
        return 0

    def census(self) -> Census:
        with self._lock:
            waiting, high = chain(*self._lanes.values()), self._lanes[Priority.HIGH]
            return Census(tuple(waiting), frozenset(self._in_flight), tuple(high))

    def _place(self, lane: list[str], owner: str) -> int:
        """Before the first job, behind the owner's last one, whose turn comes later."""
        turns: Counter[str] = Counter()
        turn_of = []
        for job_id in lane:
            whose = self._owners[job_id] or job_id
            turns[whose] += 1
            turn_of.append(turns[whose])
        owned = [place for place, job_id in enumerate(lane) if self._owners[job_id] == owner]
        behind = owned[-1] + 1 if owned else 0
        later = (place for place in range(behind, len(lane)) if turn_of[place] > turns[owner] + 1)
        return next(later, len(lane))
