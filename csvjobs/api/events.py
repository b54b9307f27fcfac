"""Server-sent events (WHATWG HTML): a full snapshot of a job on each change, until the job ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from csvjobs.api.watch import Watch
from csvjobs.errors import DamagedJob, JobNotFound, StorageUnavailable
from csvjobs.jobs.job import Job

COMMENT_EVERY = 15.0
RETRY_MS = 2000


async def events(
    watch: Watch, job_id: str, seen: str | None, render: Callable[[Job], str]
) -> AsyncIterator[bytes]:
    """Yields events named `job` and finally `end`; the id of each is the job's version.

    seen: the Last-Event-ID of a client that reconnects; that version is not sent again.
    Ends without `end` when the job is deleted meanwhile or cannot be read: a client that asks again is told.
    """
    yield f"retry: {RETRY_MS}\n\n".encode()
    while not watch.closing:
        try:
            job = await watch.changes(job_id, seen, COMMENT_EVERY)
        except (JobNotFound, DamagedJob, StorageUnavailable, OSError):
            return
        if job.version == seen and not job.status.final:
            yield b": still here\n\n"
            continue
        seen = job.version
        name = "end" if job.status.final else "job"
        yield f"id: {seen}\nevent: {name}\ndata: {render(job)}\n\n".encode()
        if job.status.final:
            return
        await asyncio.sleep(0.1)  # no reader needs more than ten snapshots a second
