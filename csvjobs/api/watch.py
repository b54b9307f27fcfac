"""Watch: one listener per process wakes the requests that wait for a job to change."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

from anyio import to_thread

from csvjobs.flow.estimate import look_at
from csvjobs.flow.services import Services
from csvjobs.jobs.job import Job

LOOK_EVERY = 2.0
"""Seconds after which a waiting request checks by itself: notifications can be lost; the folder cannot."""


class Watch:
    """The requests that wait for a change, by job id."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._events: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._closing = asyncio.Event()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Watch]:
        """Listens for changes while the block runs."""
        loop = asyncio.get_running_loop()

        def heard(job_id: str) -> None:
            loop.call_soon_threadsafe(self._wake, job_id)

        stop = await to_thread.run_sync(self.services.index.listen, heard)
        try:
            with _told_of_the_end(lambda: loop.call_soon_threadsafe(self._close)):
                yield self
        finally:
            self._close()
            await to_thread.run_sync(stop)

    async def changes(self, job_id: str, seen: str | None, seconds: float) -> Job:
        """The job as soon as its version differs from `seen`, at the latest after `seconds`. Raises
        JobNotFound."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        event = asyncio.Event()
        self._events[job_id].add(event)
        try:
            while True:
                event.clear()
                left = deadline - loop.time()
                job = await to_thread.run_sync(look_at, self.services, job_id, seen if left > 0 else None)
                if job.version != seen or job.status.final or left <= 0 or self._closing.is_set():
                    return job
                await self._wait(event, min(left, LOOK_EVERY))
        finally:
            self._forget(job_id, event)

    @property
    def closing(self) -> bool:
        return self._closing.is_set()

    def _close(self) -> None:
        self._closing.set()
        for job_id in list(self._events):
            self._wake(job_id)

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


@contextmanager
def _told_of_the_end(tell: Callable[[], object]) -> Iterator[None]:
    """Calls `tell` on SIGINT and SIGTERM, then the server's own handler.

    The server waits for open responses before it shuts the app down, and those wait for a change of a job.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, frame: FrameType | None) -> None:
        tell()
        earlier = before[signal.Signals(number)]
        if callable(earlier):
            earlier(number, frame)

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
