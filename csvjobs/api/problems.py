"""Every error as application/problem+json (RFC 9457), made in one place from errors.py."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from csvjobs.errors import CsvjobsError, InternalError, InvalidPipeline

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

# Asking again soon can help with these.
RETRY_AFTER = {"job-not-finished": "1", "queue-unavailable": "5", "disk-full": "60"}


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
    request_id: str | None = None


def problem(request: Request, error: CsvjobsError, status: int | None = None) -> Response:
    """The error as a response to the request."""
    body = Problem(
        type=f"/problems/{error.code}",
        title=error.title(),
        status=status or error.status,
        detail=error.message,
        instance=request.url.path,
        code=error.code,
        hint=error.hint,
        errors=_errors(error),
        request_id=request.scope.get("request_id"),
    )
    retry = {"Retry-After": RETRY_AFTER[error.code]} if error.code in RETRY_AFTER else None
    content = body.model_dump(exclude_none=True)
    return JSONResponse(content, status_code=body.status, headers=retry, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Makes every failure of the app a problem."""
    app.add_exception_handler(CsvjobsError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says of these failures."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {s: {"description": HTTPStatus(s).phrase, "model": Problem, "content": content} for s in statuses}


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, CsvjobsError)  # noqa: S101 (what it is registered for)
    if error.status >= 500:
        log.warning("%s %s: %s", request.method, request.url.path, error.message)
    return problem(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    body = Problem(
        type="/problems/invalid-request",
        title="The request has a value that it cannot have.",
        status=422,
        detail="; ".join(f"{_pointer(e)}: {e['msg']}" for e in error.errors()),
        instance=request.url.path,
        code="invalid-request",
        errors=[ProblemError(detail=e["msg"], pointer=_pointer(e)) for e in error.errors()],
        request_id=request.scope.get("request_id"),
    )
    return JSONResponse(body.model_dump(exclude_none=True), status_code=422, media_type=MEDIA_TYPE)


async def _http(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself: unknown paths and methods."""
    assert isinstance(error, HTTPException)  # noqa: S101
    phrase = HTTPStatus(error.status_code).phrase
    code = phrase.lower().replace(" ", "-")
    body = Problem(
        type=f"/problems/{code}",
        title=phrase,
        status=error.status_code,
        detail=f"{request.method} {request.url.path}: {phrase.lower()}.",
        instance=request.url.path,
        code=code,
        request_id=request.scope.get("request_id"),
    )
    content = body.model_dump(exclude_none=True)
    return JSONResponse(content, status_code=error.status_code, headers=error.headers, media_type=MEDIA_TYPE)


async def _unexpected(request: Request, error: Exception) -> Response:
    # The server logs the traceback; a client gets a sentence.
    return problem(request, InternalError())


def _errors(error: CsvjobsError) -> list[ProblemError] | None:
    if not isinstance(error, InvalidPipeline):
        return None
    return [ProblemError(detail=e.message, pointer=e.pointer, hint=e.hint) for e in error.errors]


def _pointer(error: Any) -> str:
    return "/" + "/".join(str(part) for part in error["loc"])
