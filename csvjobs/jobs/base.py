"""Interface of the jobs index: live snapshots of jobs, for listing and watching.

The index is a cache; the jobs' folders are authoritative.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Callable

from csvjobs.jobs.job import Job, Status


class JobIndex(ABC):
    """Snapshots of jobs by id. They can be lost at any time and are then rebuilt from the folders.

    All methods raise QueueUnavailable when the server behind it cannot be reached.
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
        """The ids of all jobs in the index, in `status` if given; unordered."""

    @abstractmethod
    def remove(self, job_id: str) -> None:
        """Removes a job; removing an unknown one is not an error."""

    @abstractmethod
    def listen(self, heard: Callable[[str], None]) -> Callable[[], None]:
        """Calls `heard(job_id)` from another thread after each change; returns a function that stops this.

        Announcements can be lost (when a server restarts), so a listener has to poll now and then too.
        """
