"""How the processes beside the API log: a line an event, readable by people."""

from __future__ import annotations

import logging


def start() -> None:
    """Sends the program's own lines to stderr; of RQ and its like only what goes wrong."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    logging.getLogger("csvjobs").setLevel(logging.INFO)
