"""Logging of the worker processes: one human-readable line per event."""

from __future__ import annotations

import logging


def start() -> None:
    """Logs csvjobs at level INFO to stderr, and libraries such as RQ at WARNING."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    logging.getLogger("csvjobs").setLevel(logging.INFO)
