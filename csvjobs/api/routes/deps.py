"""Dependencies of the routes: the app's services and watch, the request's owner and idempotency key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Header, Request

from csvjobs.api.watch import Watch
from csvjobs.errors import BadRequest
from csvjobs.flow.idempotency import claimed
from csvjobs.flow.services import Services
from csvjobs.storage.base import Slot


# Functions that do not wait are async too: the framework would call others in threads, which can be busy.
async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _watch(request: Request) -> Watch:
    watch: Watch = request.app.state.watch
    return watch


Given = Annotated[Services, Depends(_services)]


MAX_OWNER = 200
KEY = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"|([\x21\x23-\x7e][\x21-\x7e]{0,254})')


async def _owner(request: Request, services: Given) -> str:
    """The owner of the request, from the header a proxy sets; empty when no such header is configured."""
    header = services.settings.owner_header
    return request.headers.get(header, "").strip()[:MAX_OWNER] if header else ""


Owner = Annotated[str, Depends(_owner)]


def _slot(
    services: Given,
    owner: Owner,
    idempotency_key: Annotated[
        str | None, Header(description="A key you choose; a repeated request with it makes no second job.")
    ] = None,
) -> Iterator[Slot | None]:
    if idempotency_key is None:
        yield None
        return
    match = KEY.fullmatch(idempotency_key.strip())
    if not match:
        raise BadRequest("Idempotency-Key is not 1 to 255 printable ASCII characters.", hint="Use a UUID.")
    key = re.sub(r"\\(.)", r"\1", match[1]) if match[1] else match[2]
    with claimed(services, owner, key) as slot:
        yield slot


# Released before the response is sent: the client may repeat the request right after it.
Held = Annotated[Slot | None, Depends(_slot, scope="function")]
Watching = Annotated[Watch, Depends(_watch)]
