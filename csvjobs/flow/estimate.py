"""Estimate: the place of a waiting job in the queue, who works there, and when it will probably start."""

from __future__ import annotations

from datetime import datetime, timedelta

from csvjobs.errors import QueueUnavailable
from csvjobs.flow.services import Services
from csvjobs.flow.terms import effective_priority
from csvjobs.flow.view import view
from csvjobs.jobs.job import Job, Status, now

RECENT = 20
"""Number of finished jobs whose durations an estimate is based on."""


def with_estimate(services: Services, job: Job) -> Job:
    """The job with its position in the queue, the workers of its line and its estimated start, if it is
    queued and these are known."""
    if job.status is not Status.QUEUED:
        return job
    try:
        position = services.queue.position(job.job_id)
        workers = services.queue.workers(effective_priority(services, job.priority))
        start = None if position is None else _start(services, position, workers)
    except QueueUnavailable:
        return job
    return job.model_copy(update={"position": position, "workers": workers, "estimated_start_at": start})


def look_at(services: Services, job_id: str) -> Job:
    """The job's current state, with its estimate. Raises JobNotFound."""
    return with_estimate(services, view(services, job_id))


def _start(services: Services, position: int, workers: int) -> datetime | None:
    """When the jobs before this one and the running one will be done, if each takes the recent average."""
    recent = services.index.list(RECENT, status=Status.DONE)
    spans = [job.finished_at - job.started_at for job in recent if job.finished_at and job.started_at]
    if not spans or not workers:
        return None
    return now() + sum(spans, timedelta()) / len(spans) * (position + 1) / workers
