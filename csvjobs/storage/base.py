"""The seam to storage: a job is a folder of files, begun by a commit and ended by its report.

A job has begun exactly when its request (job.json) is there and has ended exactly when its
report (report.json) is there. Both appear whole or not at all.
"""

from __future__ import annotations

import builtins
import errno
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from csvjobs.errors import BRING_BACK, MAKE_ROOM, DiskFull, FileNotFound, JobNotFound, StorageUnavailable

REQUEST = "job.json"
REPORT = "report.json"
INPUT = "input.csv"
APPLIED = "applied.json"

KEPT_FOR = 24 * 3600.0
"""Seconds for which it is known what was made under a key."""

TOLD_FOR = 30 * 24 * 3600.0
"""Seconds for which it is told of a job that it was deleted."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FAILING = (errno.EACCES, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENOTCONN)


@contextmanager
def writing(what: str) -> Iterator[None]:
    """For a block that writes files. Raises, about `what`, DiskFull where the system takes no more,
    StorageUnavailable where the disk fails."""
    try:
        yield
    except OSError as error:
        said = f"{what} cannot be kept: {error.strerror}."
        if error.errno in FULL:
            raise DiskFull(said, hint=MAKE_ROOM) from error
        if error.errno in FAILING:
            raise StorageUnavailable(said, hint=BRING_BACK) from error
        raise


@dataclass(frozen=True)
class Stat:
    """Size in bytes and time of the last change in seconds since the epoch."""

    bytes: int
    modified: float


class Slot(ABC):
    """A few bytes under a key, for whoever holds it."""

    @abstractmethod
    def read(self) -> bytes:
        """What was written last, by this holder or one before; empty where nothing was."""

    @abstractmethod
    def write(self, content: bytes) -> None:
        """Keeps the bytes, durably, in the place of what was there."""


class Storage(ABC):
    """Files by (job id, name).

    Raises: JobNotFound, FileNotFound for what is not there, JobGone for what was deleted; DiskFull where the
    disk is; StorageUnavailable where all of it is away.
    """

    @abstractmethod
    def identity(self) -> str:
        """A short name that is this storage's own, the same to all processes that use it."""

    # a job begins

    @abstractmethod
    def reserve(self, job_id: str) -> Path:
        """An empty local folder to write a new job's files into; nobody else sees it."""

    @abstractmethod
    def commit(self, job_id: str) -> None:
        """Makes the reserved folder the job, durably and at once. The folder must hold job.json."""

    @abstractmethod
    def discard(self, job_id: str) -> None:
        """Removes a reserved folder that was not committed."""

    @abstractmethod
    def claim(self, key: str) -> AbstractContextManager[Slot | None]:
        """Holds a client's key; yields None at once when another holds it. Whoever dies holds it no more.
        What is written under it stays for KEPT_FOR.
        """

    # a job runs

    @abstractmethod
    def lease(self, job_id: str) -> AbstractContextManager[bool]:
        """Holds the job for one run; yields False at once when another run holds it."""

    @abstractmethod
    def leased(self, job_id: str) -> bool:
        """Whether a live run holds the job now."""

    @abstractmethod
    def attempt(self, job_id: str) -> int:
        """Counts one more try, durably, and says which number it is (1 for the first)."""

    @abstractmethod
    def forgive(self, job_id: str) -> None:
        """Takes the last try back from the count, durably: it ended through no fault of the job."""

    @abstractmethod
    def attempts(self, job_id: str) -> int:
        """How many tries are counted."""

    @abstractmethod
    def scratch(self, job_id: str) -> AbstractContextManager[Path]:
        """A local folder for one run, removed at its end; DiskFull also for what is written there."""

    @abstractmethod
    def fetch(self, job_id: str, name: str) -> AbstractContextManager[Path]:
        """A local path with the file's content, to read only."""

    @abstractmethod
    def publish(self, job_id: str, name: str, path: Path) -> None:
        """Moves a finished local file into the job, durably and whole, replacing an older one."""

    @abstractmethod
    def withdraw(self, job_id: str, name: str) -> None:
        """Removes one file of a job; a missing one is not an error."""

    # a job ends

    @abstractmethod
    def end(self, job_id: str, report: bytes) -> bool:
        """Writes report.json, durably, if there is none yet; says whether this call wrote it."""

    @abstractmethod
    def delete(self, job_id: str, told: str) -> None:
        """Removes the job with all its files, at once. Who looks for it is told so for TOLD_FOR (JobGone)."""

    # looking

    @abstractmethod
    def open(self, job_id: str, name: str) -> BinaryIO:
        """The file, open for reading."""

    @abstractmethod
    def stat(self, job_id: str, name: str) -> Stat:
        """Size and time of a file."""

    @abstractmethod
    def list(self) -> builtins.list[str]:
        """The ids of all jobs, oldest first."""

    @abstractmethod
    def pending(self) -> builtins.list[str]:
        """The ids of the jobs that may not have ended, oldest first."""

    @abstractmethod
    def free_bytes(self) -> int:
        """Free space where uploads are written."""

    @abstractmethod
    def sweep_runs(self) -> None:
        """Removes what runs that were killed left behind; costs next to nothing where there is none."""

    @abstractmethod
    def sweep(self, now: float | None = None) -> None:
        """Removes what dead runs and abandoned uploads left behind, and what has been kept for its time.

        now: seconds since the epoch, where they are known better than from the clock.
        """

    # the same for all

    def read(self, job_id: str, name: str) -> bytes:
        """The whole content of a small file."""
        with self.open(job_id, name) as file:
            return file.read()

    def has(self, job_id: str, name: str) -> bool:
        """Whether the job has a file of that name."""
        try:
            self.stat(job_id, name)
        except (FileNotFound, JobNotFound):
            return False
        return True

    def ended(self, job_id: str) -> bool:
        """Whether the job has reached its one final state."""
        return self.has(job_id, REPORT)
