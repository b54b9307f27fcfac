"""Health checks: liveness and readiness."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter

import csvjobs
from csvjobs.api.problems import responses
from csvjobs.api.routes.deps import Given
from csvjobs.api.schemas import Health, Readiness
from csvjobs.flow.disk_space import check_free
from csvjobs.flow.services import Services

router = APIRouter(tags=["service"])


@router.get("/healthz", operation_id="healthz")
async def healthz() -> Health:
    """Liveness: the API answers."""
    return Health(status="ok", version=csvjobs.__version__)


@router.get("/readyz", operation_id="readyz", responses=responses(503, 507))
async def readyz(services: Given) -> Readiness:
    """Readiness: jobs can be accepted, as the queue and the jobs folder can be reached and the disk has room.
    With `no-workers` they wait, which can be normal during a restart."""
    workers = await to_thread.run_sync(_check, services)
    return Readiness(status="ok" if workers else "no-workers", version=csvjobs.__version__, workers=workers)


def _check(services: Services) -> int:
    """The number of workers. Raises StorageUnavailable, DiskFull, QueueUnavailable."""
    check_free(services)
    services.queue.check()
    return services.queue.workers()
