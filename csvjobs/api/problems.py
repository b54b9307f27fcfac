"""Turns every error into application/problem+json (RFC 9457), from the classes in errors.py."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from csvjobs.errors import (
    BadRequest,
    CsvjobsError,
    InternalError,
    InvalidRequest,
    ServiceBusy,
    UnknownAddress,
    WrongMethod,
)

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}

# Retry-After where a retry can help; Accept-Encoding with 415 as in RFC 9110 section 15.5.16.
HEADERS = {
    "job-not-finished": {"Retry-After": "1"},
    "idempotency-key-in-use": {"Retry-After": "1"},
    "queue-unavailable": {"Retry-After": "5"},
    "storage-unavailable": {"Retry-After": "5"},
    "service-busy": {"Retry-After": "5"},
    "service-stopping": {"Retry-After": "5", "Connection": "close"},
    "disk-full": {"Retry-After": "60"},
    "unsupported-coding": {"Accept-Encoding": "gzip, zstd, identity"},
}

OF_FRAMEWORK: dict[int, type[CsvjobsError]] = {400: BadRequest, 404: UnknownAddress, 405: WrongMethod}
"""The framework's own errors that a client can cause."""


class ProblemError(BaseModel):
    """One of several faults; `pointer` is a JSON pointer (RFC 6901) to its place."""

    detail: str
    pointer: str | None = None
    hint: str | None = None


class Problem(BaseModel):
    """A problem (RFC 9457) with a stable `code`, a `hint` on what to do next, and the request id to find it
    in the log."""

    type: str = Field(examples=["/problems/job-not-found"])
    title: str
    status: int
    detail: str
    instance: str
    code: str
    hint: str | None = None
    errors: list[ProblemError] | None = None
    request_id: str


def problem(request: Request, error: CsvjobsError, headers: Mapping[str, str] | None = None) -> Response:
    """The problem response for an error."""
    body = Problem(
        type=f"/problems/{error.code}",
        title=error.title(),
        status=error.status,
        detail=error.message,
        instance=path_of(request.scope),
        code=error.code,
        hint=error.hint,
        errors=[ProblemError(detail=e.message, pointer=e.pointer, hint=e.hint) for e in error.errors] or None,
        request_id=request.scope["request_id"],
    )
    # The handler of unexpected errors runs outside the RequestId middleware, so the header is set here.
    named = {"X-Request-ID": body.request_id, **HEADERS.get(error.code, {}), **(headers or {})}
    content = body.model_dump(exclude_none=True)
    return JSONResponse(content, status_code=body.status, headers=named, media_type=MEDIA_TYPE)


def path_of(scope: Scope) -> str:
    """The path of the request as it was sent. Decoded, it could have line ends, which would forge lines of
    the log, or a question mark."""
    path: bytes = scope["raw_path"]
    return path.decode("ascii", "backslashreplace")


def install(app: FastAPI) -> None:
    """Registers the handlers that turn every failure of the app into a problem."""
    app.add_exception_handler(CsvjobsError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(OSError, _busy)
    app.add_exception_handler(Exception, _unexpected)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI responses for these error statuses."""
    return {s: {"description": HTTPStatus(s).phrase, "content": CONTENT} for s in statuses}


def describe(openapi: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with problems in place of the framework's own validation errors."""
    schemas = openapi["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    _, defined = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
    schemas.update(defined["$defs"])
    for path in openapi["paths"].values():
        for method, operation in path.items():
            told = operation["responses"]
            anywhere = (421, 503) if method == "get" else (403, 421, 503)
            told.update({str(s): r for s, r in responses(*anywhere).items()})
            if "422" in told:
                told["422"] = responses(422)[422]
    return openapi


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, CsvjobsError)  # noqa: S101 (what it is registered for)
    if error.status >= 500:
        log.warning("%s %s: %s", request.method, path_of(request.scope), error.message)
    return problem(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    invalid = InvalidRequest("; ".join(f"{_pointer(e)}: {_said(e)}" for e in error.errors()))
    invalid.errors = [InvalidRequest(_said(e), pointer=_pointer(e)) for e in error.errors()]
    return problem(request, invalid)


async def _http(request: Request, error: Exception) -> Response:
    """The framework's own errors: unknown paths and methods."""
    assert isinstance(error, HTTPException)  # noqa: S101
    kind = OF_FRAMEWORK.get(error.status_code, InternalError)
    allow = {"Allow": _allowed(request)} if kind is WrongMethod else {}
    phrase = HTTPStatus(error.status_code).phrase.lower()
    told = kind(f"{request.method} {path_of(request.scope)}: {phrase}.")
    return problem(request, told, {**(error.headers or {}), **allow})


async def _left(request: Request, error: Exception) -> Response:
    log.info("%s %s: the client disconnected early", request.method, path_of(request.scope))
    return Response()  # nobody reads it


async def _busy(request: Request, error: Exception) -> Response:
    """Too many open files; any other error of the system is unexpected."""
    if not isinstance(error, OSError) or error.errno not in (errno.EMFILE, errno.ENFILE):
        raise error
    return await _ours(request, ServiceBusy(hint=ServiceBusy.help()))


async def _unexpected(request: Request, error: Exception) -> Response:
    # The server logs the traceback and closes the connection; a client gets a sentence.
    return problem(request, InternalError(), {"Connection": "close"})


def _allowed(request: Request) -> str:
    """The methods of all routes at this path; the framework reports only the first one's. A path without a
    route is a static file of the page."""
    there = (r for r in request.app.state.routes if r.matches(request.scope)[0] is not Match.NONE)
    methods = {method for route in there for method in route.methods or ()} or {"GET"}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _said(error: Any) -> str:
    said = str(error["msg"]).removeprefix("Value error, ")
    return said if error["type"] == "missing" else f"{said} (found {str(error['input'])[:80]!r})"


def _pointer(error: Any) -> str:
    return "/" + "/".join(str(part) for part in error["loc"])
