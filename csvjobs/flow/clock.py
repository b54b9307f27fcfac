"""A clock for what is deleted by time: it does not believe at once that time has jumped."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

BELIEVED_AFTER = 3600.0


class SteadyClock:
    """The wall clock, but a jump forward counts only when it has stood for BELIEVED_AFTER seconds.

    Until then time goes on from before the jump. It sees the jumps between two of its own looks.
    """

    def __init__(
        self, wall: Callable[[], float] = time.time, passing: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._passing = wall, passing
        # How far the wall clock was ahead of the time that really passed, at each look of the last hour.
        self._ahead: deque[tuple[float, float]] = deque()

    def now(self) -> float:
        """Seconds since the epoch."""
        passed = self._passing()
        self._ahead.append((passed, self._wall() - passed))
        while self._ahead[0][0] < passed - BELIEVED_AFTER:
            self._ahead.popleft()
        return passed + min(ahead for _, ahead in self._ahead)
