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
    return _with_start(services, _with_position(services, job))


def look_at(services: Services, job_id: str, seen: str | None = None) -> Job:
    """The job's current state, with its estimate; without its estimated start if its version is `seen`: that
    is most of the work, and many may wait for a job to change. Raises JobNotFound."""
    job = _with_position(services, view(services, job_id))
    return job if job.version == seen else _with_start(services, job)


def _with_position(services: Services, job: Job) -> Job:
    if job.status is not Status.QUEUED:
        return job
    try:
        position = services.queue.position(job.job_id)
        workers = services.queue.workers(effective_priority(services, job.priority))
    except QueueUnavailable:
        return job
    return job.model_copy(update={"position": position, "workers": workers})


def _with_start(services: Services, job: Job) -> Job:
    if job.position is None or not job.workers:
        return job
    try:
        start = _start(services, job.position, job.workers)
    except QueueUnavailable:
        return job
    return job.model_copy(update={"estimated_start_at": start})


def _start(services: Services, position: int, workers: int) -> datetime | None:
    """When the jobs before this one and the running one will be done, if each takes the recent average."""
    recent = services.index.list(RECENT, status=Status.DONE)
    spans = [job.finished_at - job.started_at for job in recent if job.finished_at and job.started_at]
    if not spans:
        return None
    return now() + sum(spans, timedelta()) / len(spans) * (position + 1) / workers
