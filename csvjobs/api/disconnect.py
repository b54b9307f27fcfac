"""What is done for one client only ends when that client is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request

from csvjobs.flow.deadline import Deadline


@asynccontextmanager
async def stopped_on_disconnect(request: Request, deadline: Deadline) -> AsyncIterator[None]:
    """Stops the deadline when the client disconnects while the block runs. The body must have been read."""
    listening = asyncio.create_task(_stop_on_disconnect(request, deadline))
    try:
        yield
    finally:
        listening.cancel()


async def _stop_on_disconnect(request: Request, deadline: Deadline) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    deadline.stop()
