"""Expire: deletes jobs whose retention is over, with their files; later requests are told so."""

from __future__ import annotations

import logging

from csvjobs.flow.delete import remove
from csvjobs.flow.isolation import Isolation
from csvjobs.flow.services import Services
from csvjobs.flow.view import view
from csvjobs.jobs.job import Job, rfc3339

log = logging.getLogger(__name__)

READ_AT_ONCE = 2000
"""Reports read in one round at most; the rest are read in the next rounds."""

DELETED_AT_ONCE = 500
"""Jobs deleted in one round at most; the rest are deleted in the next rounds."""


class Expiry:
    """Tracks when the retention of jobs ends. Any number of processes may do so at once, and be killed.

    `behind`: whether the last round left jobs for the next one, as they were many.
    """

    def __init__(self, services: Services, isolation: Isolation | None = None) -> None:
        self._services = services
        self._due: dict[str, float] = {}
        self._isolation = isolation or Isolation()
        self.behind = False

    def once(self, now: float) -> list[str]:
        """Deletes jobs that are due and returns their ids; now: seconds since the epoch."""
        self.behind = self._learn()
        deleted: list[str] = []
        for job_id in self._unused([job_id for job_id, time in self._due.items() if time <= now]):
            if len(deleted) == DELETED_AT_ONCE:
                self.behind = True
                break
            with self._isolation.of(job_id):
                self._expire(view(self._services, job_id))
                deleted.append(job_id)
        return deleted

    def _learn(self) -> bool:
        """Reads when the retention of jobs ends; returns whether jobs are left to be read."""
        storage = self._services.storage
        pending, there = set(storage.pending()), storage.list()
        self._due = {job_id: self._due[job_id] for job_id in there if job_id in self._due}
        unknown = [job_id for job_id in there if job_id not in self._due and job_id not in pending]
        before = len(self._due)
        for job_id in unknown[:READ_AT_ONCE]:
            with self._isolation.of(job_id):
                job = view(self._services, job_id)
                # One that was committed after the look at the markers is not pending either.
                if job.status.final:
                    self._due[job_id] = job.expires_at.timestamp() if job.expires_at else float("inf")
        return len(unknown) > READ_AT_ONCE and len(self._due) > before

    def _unused(self, due: list[str]) -> list[str]:
        """Without the jobs whose outputs are named tables. These are read once, as there may be many."""
        used = {table.job_id for table in self._services.tables.newest()} if due else set()
        return [job_id for job_id in due if job_id not in used]

    def _expire(self, job: Job) -> None:
        assert job.finished_at is not None  # noqa: S101 (jobs that are due have ended)
        ended = f"Job {job.job_id} ended as {job.status} at {rfc3339(job.finished_at)}"
        log.info("job %s: its retention is over", job.job_id)
        remove(self._services, job.job_id, f"{ended}; its retention is over, and it was deleted.")
