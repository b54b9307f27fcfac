"""Delete a job with all its files."""

from __future__ import annotations

import contextlib

from csvjobs.errors import DamagedJob, JobAlreadyEnded, QueueUnavailable, TableInUse
from csvjobs.flow.cancel import cancel
from csvjobs.flow.services import Services
from csvjobs.jobs.job import now, rfc3339


def delete(services: Services, job_id: str) -> None:
    """Deletes a job; one that has not ended is cancelled first. Raises JobNotFound, TableInUse."""
    if names := [str(table.name) for table in services.tables.newest() if table.job_id == job_id]:
        raise TableInUse(
            f"The output of job {job_id} is the table {', '.join(names)}.",
            hint="Give the name to another job's output, or take it back: DELETE /tables/{name}.",
        )
    remove(services, job_id, f"Job {job_id} was deleted at {rfc3339(now())}.")


def remove(services: Services, job_id: str, told: str) -> None:
    """Deletes a job as `delete` does, even one whose output is a named table. told: the message that later
    requests for the job get."""
    # A job with damaged files must be deletable too.
    with contextlib.suppress(JobAlreadyEnded, DamagedJob):
        cancel(services, job_id)
    services.storage.delete(job_id, told)
    with contextlib.suppress(QueueUnavailable):
        services.index.remove(job_id)
