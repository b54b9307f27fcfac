"""How processes end, in words."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from csvjobs.errors import BadSetup


@contextmanager
def well_set_up() -> Iterator[None]:
    """For a program: where it is not, it ends with one line that says why, rather than a traceback."""
    try:
        yield
    except BadSetup as error:
        sys.exit(" ".join(filter(None, (error.message, error.hint))))


def how_it_ended(status: int) -> str:
    """What an exit status says, negative for a signal."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        # Of real-time signals only the first and the last have names.
        return f"signal {-status}"
