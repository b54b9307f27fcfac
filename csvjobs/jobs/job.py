"""The job: what was asked (Request) and what a person sees of it (Job)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from csvjobs.engines.options import WriteOptions
from csvjobs.errors import CsvjobsError
from csvjobs.priority import Priority
from csvjobs.reading.facts import Facts
from csvjobs.reading.rejects import RejectSummary
from csvjobs.reading.source import Found


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """As all moments are written."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]


class Status(StrEnum):
    """Where a job is in its life; the last three are final."""

    QUEUED = "queued"
    PROCESSING = "processing"
    DONE = "done"
    ERROR = "error"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (Status.DONE, Status.ERROR, Status.CANCELLED)


MOVES: dict[Status, frozenset[Status]] = {
    # An error without a run: one whose process died each time before is not run once more.
    Status.QUEUED: frozenset({Status.PROCESSING, Status.ERROR, Status.CANCELLED}),
    # Back: the service stopped, or the run's process died.
    Status.PROCESSING: frozenset({Status.DONE, Status.ERROR, Status.CANCELLED, Status.QUEUED}),
    Status.DONE: frozenset(),
    Status.ERROR: frozenset(),
    Status.CANCELLED: frozenset(),
}
"""What may follow each status."""


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PipelineRef(Model):
    """Which pipeline a job runs; `sha256` is of its canonical JSON."""

    name: str
    version: int | None = Field(None, description="Of those stored under that name, where it is one.")
    sha256: str


class AppliedRef(Model):
    """The fitted.json that a job applies instead of learning; applied.json is the job's own copy."""

    sha256: str = Field(description="That the document says of itself.")


class TableRef(Model):
    """A table that steps look things up in: the output of a job, which may have been given a name."""

    job_id: str
    sha256: str = Field(description="Of the job's output.")
    name: str | None = None
    version: int | None = Field(None, description="Of those that the name has had.")


class Terms(Model):
    """What was asked of the service rather than of the file. `payload`: sha256 of all that was sent."""

    payload: str = ""
    retention: int | None = Field(None, description="Seconds; None is what the service's setting says.")
    owner: str = Field("", description="Whose job it is, where the service is told; owners take turns.")
    priority: Priority = Priority.NORMAL


class Request(Model):
    """What was asked: the content of job.json, written before the upload is acknowledged."""

    job_id: str
    filename: str = Field(description="Base name of the file as the client called it.")
    created_at: Moment
    pipeline: dict[str, Any] = Field(description="The whole pipeline, resolved.")
    pipeline_ref: PipelineRef
    facts: Facts
    applied: AppliedRef | None = None
    tables: dict[str, TableRef] = Field(
        default_factory=dict, description="What steps look things up in, by what they call it."
    )
    terms: Terms = Terms()


class Progress(Model):
    """How far the run is; stages are read, fit, check, transform, changes, profile, publish in this order,
    check only where a step checks rows, changes and profile only where the pipeline asks for them."""

    stage: str
    fraction: float = Field(0.0, ge=0.0, le=1.0, description="Part of the whole run that is done.")
    bytes_total: int = 0
    bytes_read: int = Field(0, description="Bytes of the present stage's pass over the input.")


class Rows(Model):
    """The account: what was read and added is what came out, was rejected, dropped and merged.

    `read` counts the input's records without its header row.
    """

    read: int = Field(0, serialization_alias="in", validation_alias="in")
    out: int = 0
    rejected: int = Field(0, description="Bad rows and those that broke a rule: all in rejected.csv.")
    dropped: dict[str, int] = Field(default_factory=dict, description="Rows dropped, by step.")
    merged: dict[str, int] = Field(
        default_factory=dict, description="By how many rows merging made them fewer, by step."
    )
    added: dict[str, int] = Field(
        default_factory=dict, description="By how many rows copying made them more, by step."
    )

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    @property
    def balanced(self) -> bool:
        gone = sum(self.dropped.values()) + sum(self.merged.values())
        return self.read + sum(self.added.values()) == self.out + self.rejected + gone


class StepCounts(Model):
    """What one step did to rows and cells. A number that was not counted is left out."""

    step: str
    read: int = Field(serialization_alias="in", validation_alias="in", description="Rows before it.")
    out: int = Field(description="Rows behind it.")
    rejected: int = 0
    dropped: int = 0
    merged: int = 0
    added: int = 0
    changed: int | None = Field(
        None, description="Cells that are others now, where row and column are still there."
    )
    unparsed: int | None = Field(
        None, description="Cells that it could not read as the numbers or dates that it takes them for."
    )

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    @classmethod
    def chain(cls, rows: int, counts: Mapping[str, Mapping[Any, int]]) -> list[StepCounts]:
        """The steps one after the other, from what each is known to have done, with the `rows` of the
        first."""
        made = []
        for step, known in counts.items():
            gone = sum(known.get(how, 0) for how in ("rejected", "dropped", "merged"))
            out = rows + known.get("added", 0) - gone
            made.append(cls.model_validate({"step": step, "in": rows, "out": out, **known}))
            rows = out
        return made


class Finding(Model):
    """What was found out about the file: a value, how sure (0 to 1), and what else it might be."""

    value: Any
    confidence: float = 1.0
    alternatives: list[Any] = Field(default_factory=list)

    @classmethod
    def of(cls, found: Found) -> Finding:
        return cls(value=found.value, confidence=found.confidence, alternatives=list(found.alternatives))


class Fault(Model):
    """Why a job ended in error, for a person: what, where, what to do next."""

    code: str
    message: str
    line: int | None = None
    column: str | None = None
    pointer: str | None = Field(None, description="A JSON pointer (RFC 6901) into the pipeline.")
    hint: str | None = None
    errors: list[Fault] | None = Field(None, description="Where it is several faults, each of them.")

    @classmethod
    def of(cls, error: CsvjobsError) -> Fault:
        return cls(
            code=error.code,
            message=error.message,
            line=error.line,
            column=error.column,
            pointer=error.pointer,
            hint=error.hint,
            errors=[cls.of(each) for each in error.errors] or None,
        )

    @property
    def lines(self) -> list[str]:
        """What to say below the message: each of several faults, and what to do next."""
        each = [" ".join(filter(None, (e.message, e.hint))) for e in self.errors or []]
        return [*each, self.hint] if self.hint else each


class FileInfo(Model):
    bytes: int
    sha256: str


class Output(Model):
    """What the output file is called; for CSV, what its first rows can be shown by."""

    name: str = "output.csv"
    delimiter: str = ","
    header: bool = True
    encoding: str = "utf-8"

    @classmethod
    def of(cls, pipeline: dict[str, Any]) -> Output:
        write = WriteOptions.model_validate(pipeline.get("write", {}))
        form = {name: getattr(write, name) for name in ("delimiter", "header", "encoding")}
        return cls(name=write.filename, **form)


class Job(Model):
    """A job as a person sees it; report.json holds the last one."""

    job_id: str
    status: Status
    filename: str
    created_at: Moment
    started_at: Moment | None = None
    finished_at: Moment | None = None
    retention: int | None = Field(
        None, description="Seconds for which it is kept after its end, where the upload said so."
    )
    expires_at: Moment | None = Field(None, description="From when on it may be deleted with its files.")
    priority: Priority = Priority.NORMAL
    position: int | None = Field(None, description="How many jobs wait before this one.")
    estimated_start_at: Moment | None = Field(
        None,
        description="An estimate from how long the last jobs took; absent where nothing is known.",
    )
    attempts: int = 0
    pipeline: PipelineRef
    applied: AppliedRef | None = Field(None, description="What the job applies, where it does not learn.")
    tables: dict[str, TableRef] = Field(
        default_factory=dict, description="What its steps look things up in, by what they call it."
    )
    progress: Progress | None = None
    rows: Rows | None = None
    steps: list[StepCounts] = Field(
        default_factory=list, description="What each step of the pipeline did, once all are done."
    )
    rejected: RejectSummary | None = Field(
        None, description="Rejected rows by kind, where there are any; rejected.csv has them all."
    )
    detected: dict[str, Finding] = Field(default_factory=dict)
    error: Fault | None = None
    warnings: list[str] = Field(default_factory=list)
    output: Output = Output()
    files: dict[str, FileInfo] = Field(default_factory=dict)
    timings: dict[str, float] = Field(
        default_factory=dict, description="Seconds spent in each stage of the run."
    )

    @classmethod
    def queued(cls, request: Request) -> Job:
        return cls(
            job_id=request.job_id,
            status=Status.QUEUED,
            filename=request.filename,
            created_at=request.created_at,
            retention=request.terms.retention,
            priority=request.terms.priority,
            pipeline=request.pipeline_ref,
            applied=request.applied,
            tables=request.tables,
            output=Output.of(request.pipeline),
        )

    def moved(self, status: Status, **known: Any) -> Job:
        """The job after a move to another status, with the time of that and all else that is known then.

        Raises ValueError for a move that there is not.
        """
        if status not in MOVES[self.status]:
            raise ValueError(f"a job that is {self.status} cannot become {status}")
        # Not before what came before it, even if the clock was set back meanwhile.
        at = max(now(), self.started_at or self.created_at)
        times: dict[str, Any] = {"finished_at": at} if status.final else {"started_at": at}
        if status is Status.QUEUED:
            times = {"started_at": None, "progress": None}
        return self.model_copy(update={**times, **known, "status": status})

    @property
    def version(self) -> str:
        """Changes whenever the document does; an estimate alone is no change."""
        told = self.model_dump_json(exclude_none=True, exclude={"estimated_start_at"})
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def to_json(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()
