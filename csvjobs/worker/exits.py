"""Messages about how processes end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from csvjobs.errors import BadSetup


@contextmanager
def well_set_up() -> Iterator[None]:
    """Ends the program with a one-line message instead of a traceback when the block raises BadSetup."""
    try:
        yield
    except BadSetup as error:
        sys.exit(" ".join(filter(None, (error.message, error.hint))))


def how_it_ended(status: int) -> str:
    """Describes an exit status; a negative one is a signal."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        # Only the first and the last real-time signal have names.
        return f"signal {-status}"
