"""csvjobs serve"""

from __future__ import annotations

import uvicorn

from csvjobs.api.app import create_app
from csvjobs.settings import load
from csvjobs.wiring import services


def serve() -> None:
    """Run only the API and the web page, with the Redis at REDIS_URL.

    Example: `REDIS_URL=redis://10.0.0.5/0 CSVJOBS_HOST=0.0.0.0 csvjobs serve`
    """
    settings = load()
    uvicorn.run(
        create_app(services(settings)),
        host=settings.host,
        port=settings.port,
        http="h11",
        timeout_graceful_shutdown=5,
        access_log=False,
    )
