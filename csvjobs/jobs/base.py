"""The seam to the jobs index: live snapshots for listing and watching. The folders stay the truth."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Callable

from csvjobs.jobs.job import Job, Status


class JobIndex(ABC):
    """Snapshots of jobs by id. All of it may be lost and rebuilt from the folders.

    Raises: QueueUnavailable where the server behind it cannot be reached.
    """

    @abstractmethod
    def put(self, job: Job) -> None:
        """Stores the newest snapshot of a job and announces the change to listeners."""

    @abstractmethod
    def get(self, job_id: str) -> Job | None:
        """The newest snapshot, or None."""

    @abstractmethod
    def list(self, limit: int, before: str | None = None, status: Status | None = None) -> list[Job]:
        """At most `limit` jobs, newest first, older than the id `before`, in `status` if given."""

    @abstractmethod
    def ids(self, status: Status | None = None) -> builtins.list[str]:
        """The ids of all jobs that it has, in `status` if given; in no order."""

    @abstractmethod
    def remove(self, job_id: str) -> None:
        """Forgets a job; forgetting an unknown one is not an error."""

    @abstractmethod
    def listen(self, heard: Callable[[str], None]) -> Callable[[], None]:
        """Calls `heard(job_id)` from another thread after each change; returns what stops it.

        Announcements may be lost (a server restarts): a listener also looks by itself now and then.
        """
