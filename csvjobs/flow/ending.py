"""Ending: the one place in which a job reaches its final state."""

from __future__ import annotations

import logging

from csvjobs.errors import QueueUnavailable
from csvjobs.flow.services import Services
from csvjobs.jobs.job import Job

log = logging.getLogger(__name__)


def end(services: Services, job: Job) -> bool:
    """Writes the report unless the job has one; says whether this ending stands."""
    if not services.storage.end(job.job_id, job.to_json()):
        return False
    log.info("job %s %s", job.job_id, job.status)
    publish(services, job)
    return True


def publish(services: Services, job: Job) -> None:
    """Shows the snapshot to listeners; the folder stays the truth when the index cannot be reached."""
    try:
        services.index.put(job)
    except QueueUnavailable as error:
        log.warning("job %s: snapshot not shown: %s", job.job_id, error)
