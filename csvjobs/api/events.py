"""Server-sent events (WHATWG HTML): whole snapshots of a job as it changes, then its end, then no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from csvjobs.api.watch import Watch
from csvjobs.jobs.job import Job

COMMENT_EVERY = 15.0
RETRY_MS = 2000


async def events(
    watch: Watch, job_id: str, seen: str | None, render: Callable[[Job], str]
) -> AsyncIterator[bytes]:
    """Events named `job`, and at last `end`; the id of each is the job's version.

    seen: the Last-Event-ID of a client that comes back, which is then not sent again.
    Raises JobNotFound before the first event when there is no such job.
    """
    yield f"retry: {RETRY_MS}\n\n".encode()
    while not watch.closing:
        job = await watch.changes(job_id, seen, COMMENT_EVERY)
        if job.version == seen and not job.status.final:
            yield b": still here\n\n"
            continue
        seen = job.version
        name = "end" if job.status.final else "job"
        yield f"id: {seen}\nevent: {name}\ndata: {render(job)}\n\n".encode()
        if job.status.final:
            return
        await asyncio.sleep(0.1)  # no reader needs more than ten snapshots a second
