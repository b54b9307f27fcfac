"""Interface of the storage: a job is a folder of files, begun by a commit and ended by its report.

A job has begun exactly when its request (job.json) exists, and has ended exactly when its report
(report.json) exists. Both are written atomically.
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
"""Seconds for which the job made with an idempotency key is remembered."""

TOLD_FOR = 30 * 24 * 3600.0
"""Seconds for which a deleted job is reported as deleted (JobGone)."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FAILING = (errno.EACCES, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENOTCONN)


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Guards a block that reads or writes files. Raises DiskFull, naming `what`, when the disk or quota is
    full, and StorageUnavailable when the disk fails."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(f"{what} cannot be kept: {error.strerror}.", hint=MAKE_ROOM) from error
        if error.errno in FAILING:
            said = f"{what} cannot be read or written: {error.strerror}."
            raise StorageUnavailable(said, hint=BRING_BACK) from error
        raise


@dataclass(frozen=True)
class Stat:
    """Size in bytes and time of the last change in seconds since the epoch."""

    bytes: int
    modified: float


class Slot(ABC):
    """A few bytes stored under an idempotency key, accessible to its holder."""

    @abstractmethod
    def read(self) -> bytes:
        """The bytes written last, by this or an earlier holder; empty if there are none."""

    @abstractmethod
    def write(self, content: bytes) -> None:
        """Replaces the stored bytes, durably."""


class Storage(ABC):
    """The files of jobs, by (job id, name).

    Methods raise JobNotFound or FileNotFound for what does not exist, JobGone for a deleted job, DamagedJob
    for files that are not what they should be, DiskFull, and StorageUnavailable when the whole storage, or
    what is asked for, cannot be reached.
    """

    @abstractmethod
    def identity(self) -> str:
        """A short unique name of this storage, the same for all processes that use it."""

    # a job begins

    @abstractmethod
    def reserve(self, job_id: str) -> Path:
        """Makes an empty local folder for a new job's files, invisible to others until `commit`."""

    @abstractmethod
    def commit(self, job_id: str) -> None:
        """Makes the reserved folder the job, durably and atomically. The folder must hold job.json."""

    @abstractmethod
    def discard(self, job_id: str) -> None:
        """Removes a reserved folder that was not committed."""

    @abstractmethod
    def claim(self, key: str) -> AbstractContextManager[Slot | None]:
        """Holds an idempotency key; yields None at once when another holds it. A holder that dies releases
        it. The slot's content is kept for KEPT_FOR.
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
        """Counts an attempt, durably, and returns its number, from 1."""

    @abstractmethod
    def forgive(self, job_id: str) -> None:
        """Uncounts the last attempt, durably, as it ended through no fault of the job."""

    @abstractmethod
    def attempts(self, job_id: str) -> int:
        """The number of counted attempts."""

    @abstractmethod
    def scratch(self, job_id: str) -> AbstractContextManager[Path]:
        """A local folder for one run, removed at its end. Writing to it in the block may raise DiskFull."""

    @abstractmethod
    def fetch(self, job_id: str, name: str) -> AbstractContextManager[Path]:
        """A local path with the file's content; read-only."""

    @abstractmethod
    def publish(self, job_id: str, name: str, path: Path) -> None:
        """Moves a finished local file into the job, durably and atomically, replacing an older one."""

    @abstractmethod
    def withdraw(self, job_id: str, name: str) -> None:
        """Removes one file of a job; a missing one is not an error."""

    # a job ends

    @abstractmethod
    def end(self, job_id: str, report: bytes) -> bool:
        """Writes report.json, durably, unless it exists; returns whether this call wrote it."""

    @abstractmethod
    def delete(self, job_id: str, told: str) -> None:
        """Removes the job with all its files, atomically. For TOLD_FOR, access to it raises JobGone with the
        message `told`."""

    # looking

    @abstractmethod
    def open(self, job_id: str, name: str) -> BinaryIO:
        """Opens a file for reading."""

    @abstractmethod
    def stat(self, job_id: str, name: str) -> Stat:
        """Size and time of a file."""

    @abstractmethod
    def list(self) -> builtins.list[str]:
        """The ids of all jobs, oldest first. Raises StorageUnavailable."""

    @abstractmethod
    def pending(self) -> builtins.list[str]:
        """The ids of the jobs that may not have ended, oldest first. Raises StorageUnavailable."""

    @abstractmethod
    def remember(self, job_id: str) -> None:
        """Adds a job that has not ended to `pending` again, in case it was lost there."""

    @abstractmethod
    def free_bytes(self) -> int:
        """Free space where uploads are written."""

    @abstractmethod
    def sweep_runs(self) -> None:
        """Removes the scratch folders of killed runs; cheap when there are none."""

    @abstractmethod
    def sweep(self, now: float | None = None) -> None:
        """Removes the remains of dead runs and abandoned uploads, and expired keys and notes of deletion.

        now: seconds since the epoch, if the caller has a better clock than the system's.
        """

    # the same for all

    def read(self, job_id: str, name: str) -> bytes:
        """Reads a small file whole."""
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
        """Whether the job has reached its final state."""
        return self.has(job_id, REPORT)
