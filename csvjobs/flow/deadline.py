"""Deadline: a time limit for work in an engine, which can also be stopped early."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from csvjobs.engines.base import Engine, Interrupted
from csvjobs.errors import PreviewTimeout

AGAIN = 0.05
"""Seconds between two interrupts: they are repeated, as one between two queries has no effect."""


class Deadline:
    """A deadline in `seconds` from now, or earlier when another thread calls `stop`."""

    def __init__(self, seconds: float = math.inf) -> None:
        self._seconds, self._began = seconds, time.monotonic()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Ends the wait now."""
        self._stopped.set()

    def check(self) -> None:
        """Raises PreviewTimeout once the deadline has passed."""
        if self._left() <= 0:
            said = f"The preview was stopped: it took longer than {self._seconds:g} seconds."
            hint = "The job itself has no such limit. To try fewer rows, put the step limit before this one."
            raise PreviewTimeout(said, hint=hint)

    @contextmanager
    def over(self, engine: Engine) -> Iterator[None]:
        """Interrupts the engine in the block once the deadline has passed; then raises PreviewTimeout."""
        done = threading.Event()
        watch = threading.Thread(target=self._watch, args=(engine, done), name="deadline", daemon=True)
        watch.start()
        try:
            yield
        except Interrupted:
            self.check()
            raise
        finally:
            done.set()
            watch.join()

    def _left(self) -> float:
        return 0.0 if self._stopped.is_set() else self._began + self._seconds - time.monotonic()

    def _watch(self, engine: Engine, done: threading.Event) -> None:
        while not done.wait(AGAIN):
            if self._left() <= 0:
                engine.interrupt()
