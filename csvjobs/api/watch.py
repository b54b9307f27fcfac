"""Watch: one listener a process wakes whoever waits for a job to change."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread

from csvjobs.flow.services import Services
from csvjobs.flow.view import view
from csvjobs.jobs.job import Job

LOOK_EVERY = 2.0
"""Seconds after which a waiter looks by itself: an announcement may be lost, the folder is the truth."""


class Watch:
    """Waiters by job id."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._events: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._closing = asyncio.Event()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Watch]:
        """Hears of changes while the block runs."""
        loop = asyncio.get_running_loop()

        def heard(job_id: str) -> None:
            loop.call_soon_threadsafe(self._wake, job_id)

        stop = await to_thread.run_sync(self.services.index.listen, heard)
        try:
            yield self
        finally:
            self._closing.set()
            for job_id in list(self._events):
                self._wake(job_id)
            await to_thread.run_sync(stop)

    async def changes(self, job_id: str, seen: str | None, seconds: float) -> Job:
        """The job once its version is not `seen`, or as it stands after `seconds`. Raises JobNotFound."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        event = asyncio.Event()
        self._events[job_id].add(event)
        try:
            while True:
                event.clear()
                job = await to_thread.run_sync(view, self.services, job_id)
                left = deadline - loop.time()
                if job.version != seen or job.status.final or left <= 0 or self._closing.is_set():
                    return job
                await self._wait(event, min(left, LOOK_EVERY))
        finally:
            self._forget(job_id, event)

    @property
    def closing(self) -> bool:
        return self._closing.is_set()

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass

    def _wake(self, job_id: str) -> None:
        for event in self._events.get(job_id, ()):
            event.set()

    def _forget(self, job_id: str, event: asyncio.Event) -> None:
        self._events[job_id].discard(event)
        if not self._events[job_id]:
            del self._events[job_id]
