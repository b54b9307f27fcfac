"""Cancel a job: whoever writes the report first wins, the cancel or the run; the run notices and stops."""

from __future__ import annotations

import contextlib

from csvjobs.errors import JobAlreadyEnded, QueueUnavailable
from csvjobs.flow.ending import end
from csvjobs.flow.services import Services
from csvjobs.flow.view import dated, view
from csvjobs.jobs.job import Job, Status


def cancel(services: Services, job_id: str) -> Job:
    """Cancels the job; cancelling it again changes nothing. Raises JobNotFound, JobAlreadyEnded."""
    job = view(services, job_id)
    if not job.status.final:
        cancelled = job.moved(Status.CANCELLED, progress=None)
        if end(services, cancelled):
            with contextlib.suppress(QueueUnavailable):
                services.queue.withdraw(job_id)
            return dated(services, cancelled)
    ended = view(services, job_id)
    if ended.status is not Status.CANCELLED:
        raise JobAlreadyEnded(f"Job {job_id} has already ended as {ended.status}.")
    return ended
