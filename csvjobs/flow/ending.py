"""Ending: the only place where a job reaches its final state."""

from __future__ import annotations

import logging

from csvjobs.errors import QueueUnavailable
from csvjobs.flow.services import Services
from csvjobs.jobs.job import Job

log = logging.getLogger(__name__)


def end(services: Services, job: Job) -> bool:
    """Writes the report unless the job already has one; returns whether this call wrote it."""
    if not services.storage.end(job.job_id, job.to_json()):
        return False
    log.info("job %s %s", job.job_id, job.status)
    publish(services, job)
    return True


def publish(services: Services, job: Job) -> None:
    """Publishes the snapshot to the index and its listeners; logs a warning when it cannot be reached, as the
    folder has the job's state."""
    try:
        services.index.put(job)
    except QueueUnavailable as error:
        log.warning("job %s: snapshot not shown: %s", job.job_id, error)
