"""Every error as application/problem+json (RFC 9457), made in one place from errors.py."""

from __future__ import annotations

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

from csvjobs.errors import CsvjobsError, InternalError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}

# Asking again soon can help with some; RFC 9110 section 15.5.16 for what may be packed.
HEADERS = {
    "job-not-finished": {"Retry-After": "1"},
    "idempotency-key-in-use": {"Retry-After": "1"},
    "queue-unavailable": {"Retry-After": "5"},
    "storage-unavailable": {"Retry-After": "5"},
    "disk-full": {"Retry-After": "60"},
    "unsupported-coding": {"Accept-Encoding": "gzip, zstd, identity"},
}


class ProblemError(BaseModel):
    """One fault of several: `pointer` is a JSON pointer (RFC 6901) to where it is."""

    detail: str
    pointer: str | None = None
    hint: str | None = None


class Problem(BaseModel):
    """RFC 9457, with a stable `code`, a `hint` what to do next, and the request's id for our log."""

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
    """The error as a response to the request."""
    return _answer(
        request,
        {**HEADERS.get(error.code, {}), **(headers or {})},
        code=error.code,
        title=error.title(),
        status=error.status,
        detail=error.message,
        hint=error.hint,
        errors=[ProblemError(detail=e.message, pointer=e.pointer, hint=e.hint) for e in error.errors] or None,
    )


def install(app: FastAPI) -> None:
    """Makes every failure of the app a problem."""
    app.add_exception_handler(CsvjobsError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _left)
    app.add_exception_handler(Exception, _unexpected)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says of these failures."""
    return {s: {"description": HTTPStatus(s).phrase, "content": CONTENT} for s in statuses}


def describe(openapi: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with problems in the place of the framework's own validation errors."""
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
        log.warning("%s %s: %s", request.method, request.url.path, error.message)
    return problem(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return _answer(
        request,
        code="invalid-request",
        title="The request has a value that it cannot have.",
        status=422,
        detail="; ".join(f"{_pointer(e)}: {e['msg']}" for e in error.errors()),
        errors=[ProblemError(detail=e["msg"], pointer=_pointer(e)) for e in error.errors()],
    )


async def _http(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself: unknown paths and methods."""
    assert isinstance(error, HTTPException)  # noqa: S101
    phrase = HTTPStatus(error.status_code).phrase
    allow = {"Allow": _allowed(request)} if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED else {}
    return _answer(
        request,
        {**(error.headers or {}), **allow},
        code=phrase.lower().replace(" ", "-"),
        title=phrase,
        status=error.status_code,
        detail=f"{request.method} {request.url.path}: {phrase.lower()}.",
    )


async def _left(request: Request, error: Exception) -> Response:
    log.info("%s %s: the client went away before the end", request.method, request.url.path)
    return Response()  # which nobody reads


async def _unexpected(request: Request, error: Exception) -> Response:
    # The server logs the traceback; a client gets a sentence.
    return problem(request, InternalError())


def _answer(request: Request, headers: Mapping[str, str] | None = None, **members: Any) -> Response:
    request_id = request.scope["request_id"]
    body = Problem(
        type=f"/problems/{members['code']}", instance=request.url.path, request_id=request_id, **members
    )
    # The last resort for unexpected errors stands outside of what names requests, so it is named here.
    named = {"X-Request-ID": request_id, **(headers or {})}
    content = body.model_dump(exclude_none=True)
    return JSONResponse(content, status_code=body.status, headers=named, media_type=MEDIA_TYPE)


def _allowed(request: Request) -> str:
    """The methods of all routes at this path; the framework knows of the first one only. What has no route
    is a file of the page."""
    there = (r for r in request.app.state.routes if r.matches(request.scope)[0] is not Match.NONE)
    methods = {method for route in there for method in route.methods or ()} or {"GET"}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _pointer(error: Any) -> str:
    return "/" + "/".join(str(part) for part in error["loc"])
