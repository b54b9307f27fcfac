"""For those who watch the service."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter

import csvjobs
from csvjobs.api.problems import responses
from csvjobs.api.routes.deps import Given
from csvjobs.api.schemas import Health
from csvjobs.flow.services import Services

router = APIRouter(tags=["service"])


@router.get("/healthz", operation_id="healthz")
async def healthz() -> Health:
    """The API answers."""
    return Health(status="ok", version=csvjobs.__version__)


@router.get("/readyz", operation_id="readyz", responses=responses(503))
async def readyz(services: Given) -> Health:
    """Jobs can be accepted and will be run: the jobs folder and the queue are there."""
    await to_thread.run_sync(_check, services)
    return Health(status="ok", version=csvjobs.__version__)


def _check(services: Services) -> None:
    services.storage.free_bytes()
    services.queue.census()
