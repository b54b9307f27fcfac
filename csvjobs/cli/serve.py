"""csvjobs serve"""

from __future__ import annotations

import uvicorn

from csvjobs.settings import load


def serve() -> None:
    """Run the API and the page alone, on the Redis at REDIS_URL.

    Example: `REDIS_URL=redis://10.0.0.5/0 CSVJOBS_HOST=0.0.0.0 csvjobs serve`
    """
    settings = load()
    uvicorn.run(
        "csvjobs.api.app:app",
        host=settings.host,
        port=settings.port,
        timeout_graceful_shutdown=5,
        access_log=False,
    )
