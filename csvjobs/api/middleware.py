"""What wraps every request, as plain ASGI: a name for it, HEAD for every GET, and an end in good order."""

from __future__ import annotations

import asyncio
import re
import uuid
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What a client may call its request; anything else gets an id of ours.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

LINGER = 2.0
"""Seconds for which a refused body is still read, so that its client can read why."""


class RequestId:
    """`X-Request-ID` in and out, and the headers that make browsers careful; the id stands in problems."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        given = Headers(scope=scope).get("x-request-id", "")
        scope["request_id"] = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = scope["request_id"]
                headers.setdefault("X-Content-Type-Options", "nosniff")
                # With no-referrer a form of the page itself would come with the Origin null.
                headers.setdefault("Referrer-Policy", "same-origin")
            await send(message)

        return await self.app(scope, receive, named)


class Head:
    """Routes know GET only; the server leaves the body of a HEAD out. `scope["head"]` says which it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", "head": True}
        return await self.app(scope, receive, send)


class EarlyAnswer:
    """Closes a connection on which an answer comes before the end of the body, once the client can have
    read it (RFC 9112 section 9.6); the server would read the body to its end, however long it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        unread = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"

        async def counted() -> Message:
            nonlocal unread
            message = await receive()
            unread = message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def in_order(message: Message) -> None:
            if message["type"] == "http.response.start" and unread:
                MutableHeaders(scope=message)["Connection"] = "close"
            last = message["type"] == "http.response.body" and not message.get("more_body")
            if last and unread:
                await send({**message, "more_body": True})
                with suppress(TimeoutError):
                    async with asyncio.timeout(LINGER):
                        while unread:
                            await counted()
                message = {"type": "http.response.body"}
            await send(message)

        return await self.app(scope, counted, in_order)
