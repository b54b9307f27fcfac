"""Delete: a job that has ended, with all its files."""

from __future__ import annotations

import contextlib

from csvjobs.errors import JobAlreadyEnded, QueueUnavailable
from csvjobs.flow.cancel import cancel
from csvjobs.flow.services import Services


def delete(services: Services, job_id: str) -> None:
    """Removes a job; one that has not ended is cancelled first. Raises JobNotFound."""
    with contextlib.suppress(JobAlreadyEnded):
        cancel(services, job_id)
    services.storage.delete(job_id)
    with contextlib.suppress(QueueUnavailable):
        services.index.remove(job_id)
