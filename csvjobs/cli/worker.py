"""csvjobs worker"""

from __future__ import annotations

from csvjobs.settings import load
from csvjobs.worker import supervisor


def worker() -> None:
    """Run CSVJOBS_WORKERS workers and a reconciler, on the Redis at REDIS_URL.

    Example: `REDIS_URL=redis://10.0.0.5/0 CSVJOBS_WORKERS=4 csvjobs worker`
    """
    settings = load()
    supervisor.work(settings, settings.workers)
