"""View: the current state of a job, from its folder; live progress comes from the index."""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from csvjobs.errors import DamagedJob, FileNotFound, JobNotFound, QueueUnavailable, StorageUnavailable
from csvjobs.flow.services import Services
from csvjobs.jobs.job import Job, Request, Status
from csvjobs.storage.base import REPORT, REQUEST

M = TypeVar("M", bound=BaseModel)


def view(services: Services, job_id: str) -> Job:
    """The job's current state. Raises JobNotFound, DamagedJob."""
    storage = services.storage
    if storage.ended(job_id):
        return dated(services, _stored(services, job_id, REPORT, Job))
    queued = Job.queued(request_of(services, job_id)).model_copy(
        update={"attempts": storage.attempts(job_id)}
    )
    if not storage.leased(job_id):
        # It may have ended between the two checks.
        return view(services, job_id) if storage.ended(job_id) else queued
    live = _live(services, job_id)
    if live is not None and live.status is Status.PROCESSING:
        return live
    return queued.moved(Status.PROCESSING, started_at=None)


def dated(services: Services, job: Job) -> Job:
    """The job with the time when its retention ends: by its own retention, else by the current setting."""
    seconds = job.retention or services.settings.retention
    if not (seconds and job.finished_at):
        return job
    return job.model_copy(update={"expires_at": job.finished_at + timedelta(seconds=seconds)})


def request_of(services: Services, job_id: str) -> Request:
    """The request of a job. Raises JobNotFound, DamagedJob."""
    try:
        return _stored(services, job_id, REQUEST, Request)
    except FileNotFound:
        # A folder without a request is no job, whatever else it holds.
        raise JobNotFound(f"There is no job {job_id!r}.", hint=JobNotFound.help()) from None


def _stored(services: Services, job_id: str, name: str, model: type[M]) -> M:
    try:
        return model.model_validate_json(services.storage.read(job_id, name))
    except ValidationError:
        hint = "Restore its folder from a backup, or delete the job."
        raise DamagedJob(f"The file {name} of job {job_id} cannot be read.", hint=hint) from None


def listing(
    services: Services, limit: int, before: str | None = None, status: Status | None = None
) -> list[Job]:
    """At most `limit` jobs, newest first, older than the id `before`; fewer only when there are no more.
    Raises QueueUnavailable."""
    jobs: list[Job] = []
    while len(jobs) < limit and (found := services.index.list(limit, before, status)):
        jobs += [job for entry in found if (job := _still_there(services, entry))]
        before = found[-1].job_id
    return jobs[:limit]


def _still_there(services: Services, entry: Job) -> Job | None:
    if entry.status.final:
        return dated(services, entry)
    try:
        return view(services, entry.job_id)
    except JobNotFound:
        return None
    except (DamagedJob, StorageUnavailable):
        return entry


def _live(services: Services, job_id: str) -> Job | None:
    try:
        return services.index.get(job_id)
    except QueueUnavailable:
        return None
