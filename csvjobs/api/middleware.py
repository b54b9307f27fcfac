"""ASGI middleware: request ids and security headers, HEAD for every GET, and responses in good order."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csvjobs.api.problems import path_of, problem
from csvjobs.errors import Stopping

log = logging.getLogger(__name__)

# A valid request id from a client; any other is replaced by a generated one.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

LINGER = 2.0
"""Seconds for which a refused body is still read, so that the client gets to read the response."""


class RequestId:
    """Takes or generates `X-Request-ID` and returns it, also in problems; adds security headers."""

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
                # With no-referrer browsers would send `Origin: null` for a form of our own page.
                headers.setdefault("Referrer-Policy", "same-origin")
            await send(message)

        return await self.app(scope, receive, named)


class CutOff:
    """Ends a request that the server cancels because it is told to stop: with 503, or where the response has
    begun by closing the connection. The server itself would take that for a fault of the app."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except asyncio.CancelledError:
            path = path_of(scope)
            log.warning("%s %s: cut off, as the service is being stopped", scope["method"], path)
            if not begun:
                stopping = Stopping(hint="Send the request again when the service is back.")
                await problem(Request(scope), stopping)(scope, receive, send)


class Head:
    """Routes HEAD requests as GET and marks them with `scope["head"]`; the server omits their body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", "head": True}
        return await self.app(scope, receive, send)


class EarlyAnswer:
    """Closes the connection when the response is sent before the request body ends, after giving the client
    time to read it (RFC 9112 section 9.6); otherwise the server would read the whole body, however long."""

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
