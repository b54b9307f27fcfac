"""Circuit breaker: once Redis did not answer, others are told so at once, until one finds it back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from csvjobs.errors import QueueUnavailable

OPEN_FOR = 0.5
"""Seconds after a failure before anybody looks whether the server is back."""


class CircuitBreaker:
    """Shared by all in a process who use one server: without it each request would wait for a server that
    hangs, and soon no thread would be left for those that need none."""

    def __init__(self) -> None:
        self._opened: float | None = None
        self._looking = threading.Lock()

    @contextmanager
    def guard(self, what: str) -> Iterator[None]:
        """For a block that talks to the server. Raises QueueUnavailable, about `what`, where it does not
        answer or, but for one at a time, did not a moment ago."""
        # Once: another thread may clear it between two looks.
        opened = self._opened
        if opened is None:
            with self._watching(what):
                yield
            return
        if time.monotonic() < opened + OPEN_FOR or not self._looking.acquire(blocking=False):
            raise QueueUnavailable(f"{what} cannot be reached: the server did not answer a moment ago.")
        try:
            with self._watching(what):
                yield
        finally:
            self._looking.release()

    @contextmanager
    def _watching(self, what: str) -> Iterator[None]:
        try:
            yield
        except RedisError as error:
            if isinstance(error, RedisConnectionError | RedisTimeoutError):
                self._opened = time.monotonic()
            raise QueueUnavailable(f"{what} cannot be reached: {error}") from error
        self._opened = None
