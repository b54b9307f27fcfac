"""Routes that take a file: submit it as a job, rerun a job, inspect a file, preview a pipeline."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial as bind
from typing import Annotated, Any, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response

from csvjobs.api.disconnect import stopped_on_disconnect
from csvjobs.api.problems import responses
from csvjobs.api.routes.deps import Given, Held, Owner
from csvjobs.api.schemas import JobDocument, document
from csvjobs.api.uploads import asked, received
from csvjobs.flow.deadline import Deadline
from csvjobs.flow.estimate import with_estimate
from csvjobs.flow.inspect import Inspection, inspect
from csvjobs.flow.preview import LONGEST, Preview, preview
from csvjobs.flow.rerun import rerun
from csvjobs.flow.services import Services
from csvjobs.flow.view import request_of
from csvjobs.jobs.job import Job
from csvjobs.priority import Priority
from csvjobs.reading.options import ReadOptions

router = APIRouter(tags=["jobs"])

T = TypeVar("T")

LOOKS_AT_ONCE = 4
"""Inspections and previews that run at once; others wait for their turn. Each holds a thread and memory: were
they many, uploads and questions about jobs would wait for them."""

Partial = Annotated[
    bool, Query(description="Whether only the beginning of the file is sent, about 256 KB, cut anywhere.")
]
_PIPELINE: dict[str, Any] = {
    "type": "string",
    "description": "A pipeline's name, or the pipeline as YAML or JSON.",
}

_APPLY: dict[str, Any] = {
    "type": "string",
    "description": "A job's id: its fitted parameters are applied instead of learning. In a form also the "
    "text of a fitted.json. Its pipeline is used if none is given.",
}

_TERMS: dict[str, Any] = {
    "retention": {
        "type": "string",
        "description": "How long the job is kept after its end: in seconds, or like 30m, 12h, 7d. At most "
        "the service's own retention.",
    },
    "priority": {
        "type": "string",
        "enum": list(Priority),
        "description": "Which workers take the job; high only if the service has workers for it.",
    },
}


_FILENAME: dict[str, Any] = {
    "type": "string",
    "description": "The file's name; in a form, it replaces the part's own name.",
}


def _upload() -> dict[str, Any]:
    """The OpenAPI of a streamed file and its options, which are no parameters of the function. With a raw
    file the options are query parameters; with a form they can be."""
    csv = {"contentMediaType": "text/csv", "minLength": 1}
    file = {**csv, "type": "string", "description": "The file: CSV, JSON lines, Parquet or XLSX."}
    fields = {"filename": _FILENAME, **_fields()}
    form = _form({"file": file, **fields}, "file")
    content = {"multipart/form-data": form, "text/csv": {"schema": csv}}
    return {"requestBody": {"required": True, "content": content}, "parameters": _query(fields)}


def _rerun() -> dict[str, Any]:
    """The OpenAPI of the options without a file."""
    form = _form(_fields())
    content = {"multipart/form-data": form, "application/x-www-form-urlencoded": form}
    return {"requestBody": {"content": content}, "parameters": _query(_fields())}


def _fields() -> dict[str, Any]:
    options = ReadOptions.model_json_schema()["properties"]
    return {
        "pipeline": _PIPELINE,
        "apply": _APPLY,
        **_TERMS,
        **{name: _asked(options[name]) for name in options},
    }


def _asked(option: dict[str, Any]) -> dict[str, Any]:
    """A read option in a request: it has no null, and no default, as what is left out is as the pipeline
    says."""
    kinds = [kind for kind in option.get("anyOf", ()) if kind != {"type": "null"}]
    told = {name: value for name, value in option.items() if name not in ("anyOf", "default")}
    return {**told, "anyOf": kinds} if len(kinds) > 1 else {**told, **dict(*kinds)}


def _may_be_empty(field: dict[str, Any]) -> dict[str, Any]:
    """A field of a form, where an empty one is as one that is left out."""
    told: dict[str, Any] = {name: field[name] for name in ("title", "description") if name in field}
    rest = {name: field[name] for name in field if name not in told}
    if rest == {"type": "string"}:
        return {**field, "default": ""}
    return {**told, "anyOf": [*rest.get("anyOf", [rest]), {"const": ""}], "default": ""}


def _form(fields: dict[str, Any], *required: str) -> dict[str, Any]:
    properties = {name: field if name in required else _may_be_empty(field) for name, field in fields.items()}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"schema": {**schema, "required": list(required)} if required else schema}


def _query(fields: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": schema} for name, schema in fields.items()]


DESCRIPTION = """Send a file of any size (CSV in any dialect, JSON Lines, Parquet or XLSX) as the multipart
field `file`, or as the raw body with `Content-Type: text/csv` and the options as query parameters. The
response is sent once the file is safe on disk; processing happens afterwards. Follow the job at `Location`.
With an `Idempotency-Key` that you choose, the request can be repeated safely: for 24 hours the same key and
file make no second job."""


async def submit(
    request: Request, response: Response, services: Given, owner: Owner, slot: Held
) -> JobDocument:
    async with received(request, services) as (incoming, form):

        def finish() -> Job:
            return incoming.submit(form.called, form.processing, terms=form.terms(services, owner), slot=slot)

        job = await to_thread.run_sync(finish)
    return await _accepted(job, response, services)


async def _accepted(job: Job, response: Response, services: Services) -> JobDocument:
    response.headers["Location"] = f"/jobs/{job.job_id}"
    response.headers["Retry-After"] = "1"
    return document(await to_thread.run_sync(with_estimate, services, job))


for _path, _name in (("/upload_csv", "upload_csv"), ("/upload", "upload"), ("/jobs", "create_job")):
    router.add_api_route(
        _path,
        submit,
        methods=["POST"],
        status_code=202,
        operation_id=_name,
        summary="Submit a file",
        description=DESCRIPTION,
        response_model_exclude_none=True,
        openapi_extra=_upload(),
        responses=responses(400, 404, 409, 410, 413, 415, 422, 507),
    )


@router.post(
    "/jobs/{job_id}/rerun",
    operation_id="rerun_job",
    summary="Process a job's file again",
    status_code=202,
    response_model_exclude_none=True,
    openapi_extra=_rerun(),
    responses=responses(400, 404, 409, 410, 413, 415, 422, 507),
)
async def run_again(
    job_id: str, request: Request, response: Response, services: Given, owner: Owner, slot: Held
) -> JobDocument:
    """Makes a new job from the stored file, without another upload: with the same pipeline or `pipeline`,
    with the fitted parameters that the old job applied or those of `apply`, and with the given read options
    in place of those declared or detected before. Send them as a form or as query parameters."""
    # Before the body, which a client may hold back until it is asked for it (RFC 9110 section 10.1.1).
    await to_thread.run_sync(request_of, services, job_id)
    form = await asked(request)

    def ask() -> Job:
        terms = form.terms(services, owner)
        return rerun(services, job_id, form.processing, terms=terms, slot=slot)

    job = await to_thread.run_sync(ask)
    return await _accepted(job, response, services)


@router.post(
    "/inspect",
    operation_id="inspect",
    summary="Look at a file",
    openapi_extra=_upload(),
    responses=responses(400, 404, 409, 410, 413, 415, 422, 507),
)
async def look_at(request: Request, services: Given, partial: Partial = False) -> Inspection:
    """How the file would be read: what was detected, with which confidence and alternatives; its first
    records, and a profile of its columns. Send it as to `/upload_csv`; nothing is kept."""
    return await _looked(request, services, bind(inspect, partial=partial))


@router.post(
    "/preview",
    operation_id="preview",
    summary="Try a pipeline on the first rows of a file",
    openapi_extra=_upload(),
    responses=responses(400, 404, 409, 410, 413, 415, 422, 507),
)
async def try_out(request: Request, services: Given, partial: Partial = False) -> Preview:
    """What each step of the pipeline does to the first rows, about a thousand: rows removed, columns added,
    cells changed, and the rows after it. Steps learn (a mean, for example) from these rows only. Send it as
    to `/upload_csv`; nothing is kept."""
    return await _looked(request, services, bind(preview, partial=partial), LONGEST)


async def _looked(
    request: Request, services: Services, look: Callable[..., T], seconds: float = math.inf
) -> T:
    """What a look at an upload finds within so many seconds from its turn; it ends early when the client goes
    away."""
    async with received(request, services, aside=("partial",)) as (incoming, form), request.app.state.looks:
        deadline = Deadline(seconds)

        def looked() -> T:
            return look(incoming, form.called, form.processing, deadline=deadline)

        async with stopped_on_disconnect(request, deadline):
            return await to_thread.run_sync(looked)
