"""Response models of the API: the job document with its links, pipelines, steps, tables, health."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from csvjobs.jobs.job import FileInfo, Job, Status, TableRef


class FileLink(FileInfo):
    """A file of the job, and its URL path."""

    href: str


class JobDocument(Job):
    """The job's current state; `links` lists what can be done with it now."""

    files: dict[str, FileLink] = Field(default_factory=dict)  # type: ignore[assignment]
    links: dict[str, str] = Field(default_factory=dict)


class JobList(BaseModel):
    """A page of jobs, newest first; pass `next_cursor` as `cursor` to get the next page."""

    jobs: list[JobDocument]
    next_cursor: str | None = None


class StepInfo(BaseModel):
    """A kind of step: its options as JSON Schema, and an example that the tests run."""

    step: str
    summary: str
    description: str
    options: dict[str, Any]
    example: dict[str, Any]


class PipelineInfo(BaseModel):
    """A named pipeline with its full definition."""

    name: str
    version: int | None = Field(None, description="None for built-in pipelines and files of the service.")
    versions: list[int] = Field(default_factory=list, description="All available versions, oldest first.")
    description: str
    sha256: str
    pipeline: dict[str, Any]


class TableInfo(TableRef):
    """A named lookup table: the output of a job."""

    versions: list[int] = Field(default_factory=list, description="All available versions, oldest first.")


class Health(BaseModel):
    """Liveness of the API process."""

    status: Literal["ok"]
    version: str


class Readiness(BaseModel):
    """Whether jobs can be accepted, and whether workers run them; without workers they wait."""

    status: Literal["ok", "no-workers"]
    version: str
    workers: int = Field(description="Workers on all machines, without those for priority=high only.")


def document(job: Job) -> JobDocument:
    """The job document: the job with links and file URLs."""
    base = f"/jobs/{job.job_id}"
    links = {"self": base, "events": f"{base}/events", "input": f"{base}/input.csv"}
    links["rerun"] = f"{base}/rerun"
    if job.status is Status.DONE:
        links["download"] = f"/download_csv/{job.job_id}/"
    if job.rejected:
        links["errors"] = f"{base}/errors"
    if not job.status.final:
        links["cancel"] = f"{base}/cancel"
    files = {
        name: FileLink(bytes=f.bytes, sha256=f.sha256, href=f"{base}/{name}") for name, f in job.files.items()
    }
    given = job.model_dump(exclude={"files"}, by_alias=False)
    return JobDocument(**given, files=files, links=links)
