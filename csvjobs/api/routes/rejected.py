"""Route to list a job's rejects, a page at a time."""

from __future__ import annotations

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response

from csvjobs.api.problems import responses
from csvjobs.api.routes.deps import Given
from csvjobs.flow.rejected import RejectedPage, rejected

router = APIRouter(tags=["files"])


@router.get(
    "/jobs/{job_id}/errors",
    operation_id="list_errors",
    response_model_exclude_none=True,
    responses=responses(404, 409, 410, 422),
)
async def list_errors(
    job_id: str,
    request: Request,
    response: Response,
    services: Given,
    code: Annotated[str | None, Query(description="Only records rejected with this code.")] = None,
    column: Annotated[str | None, Query(description="Only records rejected for this column.")] = None,
    cursor: Annotated[str | None, Query(max_length=50, description="`next` of the previous page.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> RejectedPage:
    """The job's rejected records, a page of rejected.csv at a time; the first page counts them by kind."""
    page = await to_thread.run_sync(rejected, services, job_id, code, column, cursor, limit)
    if page.next:
        url = request.url.include_query_params(cursor=page.next)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return page
