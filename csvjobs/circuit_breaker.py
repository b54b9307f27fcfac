"""Circuit breaker for Redis: after a failure, calls fail at once until one finds the server back."""

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
"""Seconds after a failure before a call tries the server again."""


class CircuitBreaker:
    """Shared by all users of one server in a process: without it, every request would wait for a server that
    hangs, and soon no thread would be left for requests that do not need it."""

    def __init__(self) -> None:
        self._opened: float | None = None
        self._looking = threading.Lock()

    @contextmanager
    def guard(self, what: str) -> Iterator[None]:
        """Guards a block that talks to the server. Raises QueueUnavailable, naming `what`, when the server
        does not answer, or did not a moment ago and another call is already trying it again."""
        # Read once: another thread may clear it between two reads.
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
