"""Isolation: a job whose files cannot be read is no reason to leave the others alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError

from csvjobs.errors import JobNotFound

log = logging.getLogger(__name__)


class Isolation:
    """Remembers which jobs were told of: what is wrong with one for many rounds is told once."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    @contextmanager
    def of(self, job_id: str) -> Iterator[None]:
        """For a block about one job, which ends where the job was deleted or its files cannot be read."""
        try:
            yield
        except JobNotFound:
            pass
        except (OSError, ValidationError) as error:
            if job_id not in self._told:
                log.warning("job %s is left as it is, for its files cannot be read: %r", job_id, error)
            self._told.add(job_id)
