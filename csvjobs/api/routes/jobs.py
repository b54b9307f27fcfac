"""Routes for a job's state: get, wait, follow, list, cancel, delete."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from starlette.responses import StreamingResponse

from csvjobs.api.conditions import unchanged
from csvjobs.api.events import events
from csvjobs.api.problems import responses
from csvjobs.api.routes.deps import Given, Watching
from csvjobs.api.schemas import JobDocument, JobList, document
from csvjobs.flow.cancel import cancel
from csvjobs.flow.delete import delete
from csvjobs.flow.estimate import look_at
from csvjobs.flow.view import listing, view
from csvjobs.jobs.job import Job, Status

router = APIRouter(tags=["jobs"])

CURSOR = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
"""The id of the last job of the previous page; ids sort by age."""


@router.get(
    "/jobs", operation_id="list_jobs", response_model_exclude_none=True, responses=responses(422, 503)
)
async def list_jobs(
    request: Request,
    response: Response,
    services: Given,
    status: Status | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[
        str | None, Query(description="`next_cursor` of the previous page.", pattern=CURSOR)
    ] = None,
) -> JobList:
    """Jobs, newest first, a page at a time."""
    jobs = await to_thread.run_sync(listing, services, limit, cursor, status)
    following = jobs[-1].job_id if len(jobs) == limit else None
    if following:
        url = request.url.include_query_params(cursor=following)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return JobList(jobs=[document(job) for job in jobs], next_cursor=following)


@router.get(
    "/jobs/{job_id}",
    operation_id="get_job",
    response_model=JobDocument,
    response_model_exclude_none=True,
    responses={304: {"description": "Not Modified"}, **responses(404, 410, 422)},
)
async def get_job(
    job_id: str,
    request: Request,
    response: Response,
    services: Given,
    watch: Watching,
    wait: Annotated[
        float, Query(ge=0, le=60, description="Answer on the next change, or after this many seconds.")
    ] = 0,
    if_none_match: Annotated[str | None, Header()] = None,
) -> JobDocument | Response:
    """The job's current state. With `wait` and `If-None-Match`, as soon as its ETag differs from that."""
    job = await to_thread.run_sync(look_at, services, job_id)
    if wait and (if_none_match is None or unchanged(request.headers, _etag(job))):
        job = await watch.changes(job_id, job.version, wait)
    headers = {"ETag": _etag(job), "Cache-Control": "no-cache"}
    if not job.status.final:
        headers["Retry-After"] = "1"
    if unchanged(request.headers, _etag(job)):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return document(job)


@router.get(
    "/jobs/{job_id}/events",
    operation_id="job_events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}},
        204: {"description": "There are no more events."},
        **responses(404, 410),
    },
)
async def job_events(
    job_id: str,
    request: Request,
    services: Given,
    watch: Watching,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """The job as server-sent events: `job` on each change and `end` at the end, each with the whole document.
    A client whose Last-Event-ID is that of the end gets 204 and stops reconnecting."""
    job = await to_thread.run_sync(view, services, job_id)
    if job.status.final and job.version == last_event_id:
        return Response(status_code=204)
    stream = events(
        watch, job_id, last_event_id, lambda job: document(job).model_dump_json(exclude_none=True)
    )
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    # HEAD too is answered without a length: it would have to be that of the stream (RFC 9110 section 8.6).
    body = iter(()) if "head" in request.scope else stream
    return StreamingResponse(body, media_type="text/event-stream", headers=headers)


@router.post(
    "/jobs/{job_id}/cancel",
    operation_id="cancel_job",
    status_code=202,
    response_model_exclude_none=True,
    responses=responses(404, 409, 410),
)
async def cancel_job(job_id: str, services: Given) -> JobDocument:
    """Cancels the job, waiting or running; a second time changes nothing."""
    return document(await to_thread.run_sync(cancel, services, job_id))


@router.delete(
    "/jobs/{job_id}", operation_id="delete_job", status_code=204, responses=responses(404, 409, 410)
)
async def delete_job(job_id: str, services: Given) -> None:
    """Deletes the job with all its files; a running job is cancelled first. A job whose output is a named
    table cannot be deleted."""
    await to_thread.run_sync(delete, services, job_id)


def _etag(job: Job) -> str:
    return f'W/"{job.version}"'
