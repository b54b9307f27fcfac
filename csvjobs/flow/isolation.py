"""Isolation: keeps one job with unreadable files from stopping the work on all others."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from csvjobs.errors import DamagedJob, JobNotFound, StorageUnavailable

log = logging.getLogger(__name__)


class Isolation:
    """Logs each job with unreadable files once, however many rounds it stays so."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    @contextmanager
    def of(self, job_id: str) -> Iterator[None]:
        """Runs a block about one job; ends it quietly when the job was deleted, or with a log line when its
        files cannot be read."""
        try:
            yield
        except JobNotFound:
            pass
        except (OSError, DamagedJob, StorageUnavailable) as error:
            if job_id not in self._told:
                log.warning("job %s is skipped, as its files cannot be read: %r", job_id, error)
            self._told.add(job_id)
