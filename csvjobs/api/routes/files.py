"""Routes to download a job's files."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request
from starlette.responses import Response

from csvjobs.api.downloads import MEDIA_TYPES, download
from csvjobs.api.problems import responses
from csvjobs.api.routes.catalogue import YAML
from csvjobs.api.routes.deps import Given
from csvjobs.flow.deliver import deliver
from csvjobs.flow.services import Services
from csvjobs.flow.view import request_of
from csvjobs.pipelines.spec import build

router = APIRouter(tags=["files"])


def _schema(kind: str) -> dict[str, str]:
    if kind == "application/json":
        return {"type": "object"}
    binary = kind.startswith("application/") and kind != MEDIA_TYPES["jsonl"]
    return {"type": "string", "format": "binary"} if binary else {"type": "string"}


_KINDS = [kind.partition(";")[0] for kind in MEDIA_TYPES.values()]
_CONTENT = {kind: {"schema": _schema(kind)} for kind in _KINDS}
_OUTPUT = {
    kind: schema for kind, schema in _CONTENT.items() if kind not in ("application/json", "text/plain")
}


def _answers(content: dict[str, dict[str, dict[str, str]]]) -> dict[int | str, dict[str, object]]:
    return {
        200: {"description": "The file", "content": content},
        206: {"description": "The requested range", "content": content},
        304: {"description": "Not Modified"},
        **responses(404, 409, 410, 412, 416),
    }


async def _send(request: Request, services: Services, job_id: str, name: str | None = None) -> Response:
    return download(request, await to_thread.run_sync(deliver, services, job_id, name))


@router.get(
    "/download_csv/{job_id}/",
    operation_id="download_csv",
    response_class=Response,
    responses=_answers(_OUTPUT),
)
@router.get("/download_csv/{job_id}", include_in_schema=False)
async def download_csv(job_id: str, request: Request, services: Given) -> Response:
    """The processed file, once the job is done; CSV unless the pipeline's write options say otherwise."""
    return await _send(request, services, job_id)


@router.get(
    "/jobs/{job_id}/pipeline.yaml",
    operation_id="get_job_pipeline",
    response_class=Response,
    responses={200: {"content": {YAML: {"schema": {"type": "string"}}}}, **responses(404, 410)},
)
async def get_job_pipeline(job_id: str, services: Given) -> Response:
    """The pipeline that the job was submitted with, as YAML, to edit and submit again."""
    asked = await to_thread.run_sync(request_of, services, job_id)
    return Response(build(asked.pipeline).yaml(), media_type=YAML)


@router.get(
    "/jobs/{job_id}/{name}",
    operation_id="get_file",
    response_class=Response,
    responses=_answers(_CONTENT),
)
async def get_file(job_id: str, name: str, request: Request, services: Given) -> Response:
    """One file of the job: input.csv, applied.json, its output, rejected.csv, fitted.json, profile.json,
    changes.csv, report.json or error.txt."""
    return await _send(request, services, job_id, name)
