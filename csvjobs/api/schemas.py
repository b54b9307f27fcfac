"""What the API answers with: the job document with its links."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from csvjobs.jobs.job import FileInfo, Job, Status, TableRef


class FileLink(FileInfo):
    """A file of the job, and where to get it."""

    href: str


class JobDocument(Job):
    """The job as it stands; `links` say what can be done with it now."""

    files: dict[str, FileLink] = Field(default_factory=dict)  # type: ignore[assignment]
    links: dict[str, str] = Field(default_factory=dict)


class JobList(BaseModel):
    """A page of jobs, newest first; `next_cursor` asks for the next page."""

    jobs: list[JobDocument]
    next_cursor: str | None = None


class StepInfo(BaseModel):
    """A step of the vocabulary: its options as JSON Schema, and an example that is run as a test."""

    step: str
    summary: str
    description: str
    options: dict[str, Any]
    example: dict[str, Any]


class PipelineInfo(BaseModel):
    """A named pipeline, whole."""

    name: str
    version: int | None = Field(None, description="None where it is built in or a file of the service's own.")
    versions: list[int] = Field(default_factory=list, description="All that can be had, oldest first.")
    description: str
    sha256: str
    pipeline: dict[str, Any]


class TableInfo(TableRef):
    """A table with a name, to look things up in: the output of a job."""

    versions: list[int] = Field(default_factory=list, description="All that can be had, oldest first.")


class Health(BaseModel):
    """The API, as it is asked."""

    status: Literal["ok"]
    version: str


class Readiness(BaseModel):
    """Whether jobs can be accepted, and who runs them: without workers they wait."""

    status: Literal["ok", "no-workers"]
    version: str
    workers: int = Field(description="How many there are, on all machines, but for those of priority=high.")


def document(job: Job) -> JobDocument:
    """The job with its links."""
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
