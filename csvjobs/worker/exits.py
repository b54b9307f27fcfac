"""Messages about how processes end."""

from __future__ import annotations

import signal


def how_it_ended(status: int) -> str:
    """Describes an exit status; a negative one is a signal."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        # Only the first and the last real-time signal have names.
        return f"signal {-status}"
