"""Routes for the catalogue: the steps, and the named pipelines made of them."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import PlainTextResponse

from csvjobs.api.accept import preferred
from csvjobs.api.conditions import tags, unchanged
from csvjobs.api.problems import responses
from csvjobs.api.routes.deps import Given
from csvjobs.api.schemas import PipelineInfo, StepInfo
from csvjobs.api.uploads import check_length
from csvjobs.errors import BadRequest
from csvjobs.flow.submit import check_size
from csvjobs.pipelines.catalogue import BY_NAME, paragraphs, wire_name
from csvjobs.pipelines.named import NamedPipelines
from csvjobs.pipelines.plain import MAX_TEXT
from csvjobs.pipelines.schemas import from_schema, to_schema
from csvjobs.pipelines.spec import Pipeline
from csvjobs.pipelines.step import Step
from csvjobs.pipelines.stored import Fits, whatever
from csvjobs.storage.base import writing

router = APIRouter(tags=["pipelines"])

YAML = "application/yaml"
YAMLS = (YAML, "application/x-yaml", "text/yaml")
MAX_BYTES = 4 * MAX_TEXT


@router.get("/pipelines", operation_id="list_pipelines")
async def list_pipelines(services: Given) -> list[PipelineInfo]:
    """The named pipelines, each in its newest version."""
    known = services.pipelines
    return await to_thread.run_sync(lambda: [_info(known, pipeline) for pipeline in known.list()])


@router.get(
    "/pipelines/{name}",
    operation_id="get_pipeline",
    response_model=PipelineInfo,
    responses={
        200: {"content": {YAML: {"schema": {"type": "string"}}}},
        304: {"description": "Not Modified"},
        **responses(404, 422),
    },
)
async def get_pipeline(
    name: str,
    request: Request,
    services: Given,
    response: Response,
    version: Annotated[int | None, Query(ge=1, description="The newest when left out.")] = None,
    accept: Annotated[str, Header()] = "",
    if_none_match: Annotated[str | None, Header()] = None,
) -> PipelineInfo | Response:
    """One named pipeline; as YAML alone with `Accept: application/yaml`."""
    known = services.pipelines
    info, pipeline = await to_thread.run_sync(_read, known, name, version)
    as_json = preferred(accept, ("application/json", *YAMLS)) not in YAMLS
    etag = _etag(info) if as_json else f'"{info.sha256}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept"}
    if unchanged(request.headers, etag):
        return Response(status_code=304, headers=headers)
    if not as_json:
        return Response(pipeline.yaml(), media_type=YAML, headers=headers)
    response.headers.update(headers)
    return info


@router.get(
    "/pipelines/{name}/diff",
    operation_id="diff_pipelines",
    response_class=PlainTextResponse,
    responses=responses(404, 422),
)
async def diff_pipelines(
    name: str,
    services: Given,
    then: Annotated[int, Query(alias="from", ge=1, description="The version to compare from.")],
    to: Annotated[int | None, Query(ge=1, description="The newest when left out.")] = None,
) -> str:
    """The difference between two versions of a pipeline: a unified diff of their YAML, empty if they are
    the same."""
    other = name if to is None else f"{name}@{to}"
    return await to_thread.run_sync(services.pipelines.diff, f"{name}@{then}", other)


@router.put(
    "/pipelines/{name}",
    operation_id="put_pipeline",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                YAML: {"schema": {"type": "string"}, "example": "steps:\n- step: trim\n"},
                "application/json": {"schema": {}, "example": {"steps": [{"step": "trim"}]}},
            },
        }
    },
    responses={201: {"model": PipelineInfo}, **responses(400, 409, 412, 413, 422, 507)},
)
async def put_pipeline(
    name: str,
    request: Request,
    response: Response,
    services: Given,
    if_match: Annotated[str | None, Header(description="The ETag that the newest version must have.")] = None,
    if_none_match: Annotated[
        str | None,
        Header(description="* if no version may exist yet, or ETags that the newest one must not have."),
    ] = None,
) -> PipelineInfo:
    """Stores a pipeline, sent as YAML or JSON, as the newest version of that name. Versions never change; a
    pipeline that equals the newest version adds none."""

    def fits(sha256: str) -> bool:
        matched = if_match is None or _means(if_match, sha256, strong=True)
        return matched and not (if_none_match is not None and _means(if_none_match, sha256))

    known = services.pipelines
    text = await _text(request, known, name, fits)
    return await _stored(known, name, text, fits, response)


@router.delete(
    "/pipelines/{name}", operation_id="delete_pipeline", status_code=204, responses=responses(404, 409)
)
async def delete_pipeline(name: str, services: Given) -> None:
    """Deletes all versions stored under that name; jobs keep the pipelines that they were submitted with."""
    await to_thread.run_sync(services.pipelines.delete, name)


@router.get("/pipelines/{name}/schema", operation_id="get_schema", responses=responses(404, 422))
async def get_schema(
    name: str,
    services: Given,
    version: Annotated[int | None, Query(ge=1, description="The newest when left out.")] = None,
) -> dict[str, Any]:
    """The Table Schema (datapackage.org) of a pipeline that checks rows."""
    _, pipeline = await to_thread.run_sync(_read, services.pipelines, name, version)
    return to_schema(pipeline)


@router.put(
    "/pipelines/{name}/schema",
    operation_id="put_schema",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {},
                    "example": {"fields": [{"name": "id", "constraints": {"required": True}}]},
                }
            },
        }
    },
    responses={201: {"model": PipelineInfo}, **responses(400, 409, 413, 422, 507)},
)
async def put_schema(
    name: str,
    request: Request,
    response: Response,
    services: Given,
    resource: Annotated[str | None, Query(description="The resource to use of a Data Package.")] = None,
) -> PipelineInfo:
    """Stores a pipeline that checks rows against a Table Schema (datapackage.org), also one of a resource
    in a Data Package, as the newest version of that name. A schema that cannot be checked is refused."""
    known = services.pipelines
    text = await _text(request, known, name)
    made = (await to_thread.run_sync(from_schema, text, name, resource)).yaml()
    return await _stored(known, name, made, whatever, response)


@router.get("/steps", operation_id="list_steps")
async def list_steps() -> list[StepInfo]:
    """All steps, each with its options as JSON Schema and an example."""
    return [_step(step) for step in BY_NAME.values()]


def _info(known: NamedPipelines, pipeline: Pipeline) -> PipelineInfo:
    return PipelineInfo(
        name=pipeline.name,
        version=pipeline.version,
        versions=known.versions(pipeline.name),
        description=pipeline.description,
        sha256=pipeline.sha256,
        pipeline=pipeline.document(),
    )


def _read(known: NamedPipelines, name: str, version: int | None) -> tuple[PipelineInfo, Pipeline]:
    pipeline = known.get(name, version)
    return _info(known, pipeline), pipeline


async def _stored(
    known: NamedPipelines, name: str, text: str, fits: Fits, response: Response
) -> PipelineInfo:
    pipeline, new = await to_thread.run_sync(_put, known, name, text, fits)
    info = await to_thread.run_sync(_info, known, pipeline)
    response.status_code = 201 if new else 200
    response.headers["ETag"] = _etag(info)
    response.headers["Location"] = f"/pipelines/{name}?version={pipeline.version}"
    return info


def _put(known: NamedPipelines, name: str, text: str, fits: Fits) -> tuple[Pipeline, bool]:
    with writing("The pipeline"):
        return known.put(name, text, fits)


def _etag(info: PipelineInfo) -> str:
    """The ETag of the JSON, which also lists the versions; the ETag of the YAML is the sha256 alone."""
    ends = "-".join(map(str, info.versions[:1] + info.versions[-1:]))
    return f'"{info.sha256}-{ends}"'


def _means(header: str, sha256: str, *, strong: bool = False) -> bool:
    """Whether one of the header's entity tags belongs to that pipeline, as JSON or as YAML; sha256: empty
    when there is no pipeline."""
    found = [tag for tag in tags(header) if not (strong and tag.startswith("W/"))]
    named = {tag.removeprefix("W/").strip('"').partition("-")[0] for tag in found}
    return sha256 != "" and bool({"*", sha256} & named)


async def _text(request: Request, known: NamedPipelines, name: str, fits: Fits = whatever) -> str:
    """The body, which is not asked for if it would be refused anyway. Raises UploadTooLarge, BadRequest, and
    the errors of `NamedPipelines.check`."""
    check_length(request, MAX_BYTES)
    await to_thread.run_sync(known.check, name, fits)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        check_size(len(body), MAX_BYTES)
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise BadRequest("The pipeline is not UTF-8 text.") from None


def _step(step: type[Step]) -> StepInfo:
    told = paragraphs(step)
    return StepInfo(
        step=wire_name(step),
        summary=told[0],
        description="\n\n".join(told),
        options=step.model_json_schema(),
        example=step.example.model_dump(),
    )
