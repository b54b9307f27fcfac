"""For those who watch the service."""

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
    """The API answers."""
    return Health(status="ok", version=csvjobs.__version__)


@router.get("/readyz", operation_id="readyz", responses=responses(503, 507))
async def readyz(services: Given) -> Readiness:
    """Jobs can be accepted: the queue is there, and the jobs folder, which has room. With `no-workers` they
    wait, be it for the moment of a restart."""
    workers = await to_thread.run_sync(_check, services)
    return Readiness(status="ok" if workers else "no-workers", version=csvjobs.__version__, workers=workers)


def _check(services: Services) -> int:
    """How many workers there are. Raises StorageUnavailable, DiskFull, QueueUnavailable."""
    check_free(services)
    return services.queue.workers()
