"""The jobs index in memory: for tests, and for `csvjobs run`, which needs one process only."""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable
from queue import SimpleQueue

from csvjobs.jobs.base import JobIndex
from csvjobs.jobs.job import Job, Status


class MemoryIndex(JobIndex):
    """Snapshots in a dictionary, lost when the process ends."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._ears: list[SimpleQueue[str | None]] = []
        self._lock = threading.Lock()

    def put(self, job: Job) -> None:
        with self._lock:
            self._jobs[job.job_id] = job
        self._announce(job.job_id)

    def get(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def list(self, limit: int, before: str | None = None, status: Status | None = None) -> list[Job]:
        with self._lock:
            newest_first = sorted(self._jobs.values(), key=lambda job: job.job_id, reverse=True)
        wanted = (
            job
            for job in newest_first
            if (before is None or job.job_id < before) and (status is None or job.status is status)
        )
        return [job for job, _ in zip(wanted, range(limit), strict=False)]

    def ids(self, status: Status | None = None) -> builtins.list[str]:
        with self._lock:
            return [job.job_id for job in self._jobs.values() if status is None or job.status is status]

    def remove(self, job_id: str) -> None:
        with self._lock:
            self._jobs.pop(job_id, None)
        self._announce(job_id)

    def listen(self, heard: Callable[[str], None]) -> Callable[[], None]:
        ear: SimpleQueue[str | None] = SimpleQueue()

        def listening() -> None:
            while (job_id := ear.get()) is not None:
                heard(job_id)

        thread = threading.Thread(target=listening, name="listen", daemon=True)
        thread.start()
        self._ears.append(ear)

        def stop() -> None:
            self._ears.remove(ear)
            ear.put(None)
            thread.join()

        return stop

    def _announce(self, job_id: str) -> None:
        for ear in tuple(self._ears):
            ear.put(job_id)
