"""What can be done to a file: the steps, and the pipelines made of them."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter

from csvjobs.api.problems import responses
from csvjobs.api.routes.deps import Given
from csvjobs.api.schemas import PipelineInfo, StepInfo
from csvjobs.pipelines.catalogue import STEPS, wire_name
from csvjobs.pipelines.spec import Pipeline
from csvjobs.pipelines.step import Step

router = APIRouter(tags=["pipelines"])


@router.get("/pipelines", operation_id="list_pipelines")
async def list_pipelines(services: Given) -> list[PipelineInfo]:
    """The pipelines that can be called by name."""
    return [_pipeline(p) for p in await to_thread.run_sync(services.pipelines.list)]


@router.get("/pipelines/{name}", operation_id="get_pipeline", responses=responses(404, 422))
async def get_pipeline(name: str, services: Given) -> PipelineInfo:
    """One named pipeline."""
    return _pipeline(await to_thread.run_sync(services.pipelines.get, name))


@router.get("/steps", operation_id="list_steps")
async def list_steps() -> list[StepInfo]:
    """The steps, with their options as JSON Schema and an example each."""
    return [_step(step) for step in STEPS]


def _pipeline(pipeline: Pipeline) -> PipelineInfo:
    return PipelineInfo(
        name=pipeline.name,
        description=pipeline.description,
        sha256=pipeline.sha256,
        pipeline=pipeline.document(),
    )


def _step(step: type[Step]) -> StepInfo:
    text = (step.__doc__ or "").strip()
    return StepInfo(
        step=wire_name(step),
        summary=text.splitlines()[0],
        description="\n".join(line.strip() for line in text.splitlines()),
        options=step.model_json_schema(),
        example=step.example.model_dump(),
    )
