"""A clock for retention that ignores jumps of the system time at first, so that none deletes jobs."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

BELIEVED_AFTER = 3600.0


class SteadyClock:
    """The wall clock, except that a jump forward counts only after it has lasted for BELIEVED_AFTER seconds.

    Until then time continues from before the jump. Jumps are detected between two calls of `now`.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, passing: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._passing = wall, passing
        # How far the wall clock was ahead of the monotonic clock, at each call within the last hour.
        self._ahead: deque[tuple[float, float]] = deque()

    def now(self) -> float:
        """Seconds since the epoch."""
        passed = self._passing()
        self._ahead.append((passed, self._wall() - passed))
        while self._ahead[0][0] < passed - BELIEVED_AFTER:
            self._ahead.popleft()
        return passed + min(ahead for _, ahead in self._ahead)
