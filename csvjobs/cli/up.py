"""csvjobs up"""

from __future__ import annotations

from csvjobs.settings import load
from csvjobs.worker import supervisor


def up() -> None:
    """Run the whole service in this terminal: queue, API with the page, workers. Ctrl-C ends it.

    Without REDIS_URL it starts an embedded Valkey server and keeps its data beside the jobs.

    Example: `CSVJOBS_PORT=9000 csvjobs up`
    """
    supervisor.up(load())
