"""The job: the request as it was submitted (Request) and the job's public state (Job)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, ValidationError

from csvjobs.engines.options import WriteOptions
from csvjobs.errors import CsvjobsError
from csvjobs.priority import Priority
from csvjobs.reading.facts import Facts
from csvjobs.reading.rejects import RejectSummary
from csvjobs.reading.source import Found

SHOWN_NAMES = 20
LONG_NAME = 200


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """The time in RFC 3339, in UTC with microseconds: the format of all times in documents."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]


class Status(StrEnum):
    """The status of a job; the last three are final."""

    QUEUED = "queued"
    PROCESSING = "processing"
    DONE = "done"
    ERROR = "error"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (Status.DONE, Status.ERROR, Status.CANCELLED)


MOVES: dict[Status, frozenset[Status]] = {
    # Error without a run: a job whose process died at every attempt is not run again.
    Status.QUEUED: frozenset({Status.PROCESSING, Status.ERROR, Status.CANCELLED}),
    # Back to queued: the service stopped, or the run's process died.
    Status.PROCESSING: frozenset({Status.DONE, Status.ERROR, Status.CANCELLED, Status.QUEUED}),
    Status.DONE: frozenset(),
    Status.ERROR: frozenset(),
    Status.CANCELLED: frozenset(),
}
"""The statuses that may follow each status."""


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PipelineRef(Model):
    """Which pipeline a job runs; `sha256` is of its canonical JSON."""

    name: str
    version: int | None = Field(None, description="The stored version of that name, if it is a stored one.")
    sha256: str


class AppliedRef(Model):
    """The fitted.json that a job applies instead of learning; applied.json is the job's own copy."""

    sha256: str = Field(description="The sha256 that the document states for itself.")


class TableRef(Model):
    """A lookup table of a step: the output of a job, which may have a name."""

    job_id: str
    sha256: str = Field(description="The sha256 of the job's output.")
    name: str | None = None
    version: int | None = Field(None, description="The version of that name.")


class Terms(Model):
    """The options that concern the job, not its file. `payload`: sha256 of everything the client sent."""

    payload: str = ""
    retention: int | None = Field(None, description="In seconds; None: as the service's setting says.")
    owner: str = Field("", description="The job's owner, if the service is told; owners take turns.")
    priority: Priority = Priority.NORMAL


class Request(Model):
    """The request: the content of job.json, written before the upload is acknowledged."""

    job_id: str
    filename: str = Field(description="Base name of the client's file.")
    created_at: Moment
    pipeline: dict[str, Any] = Field(description="The whole pipeline, resolved.")
    pipeline_ref: PipelineRef
    facts: Facts
    applied: AppliedRef | None = None
    tables: dict[str, TableRef] = Field(
        default_factory=dict, description="The lookup tables, by the names that steps use."
    )
    terms: Terms = Terms()


class Progress(Model):
    """The progress of a run. Its stages are read, fit, check, transform, changes, profile, publish, in this
    order; check only if a step checks rows, changes and profile only if the pipeline asks for them."""

    stage: str
    fraction: float = Field(0.0, ge=0.0, le=1.0, description="Fraction of the whole run that is done.")
    bytes_total: int = 0
    bytes_read: int = Field(0, description="Bytes of the input that the current stage has read.")


class Rows(Model):
    """The account of rows: read + added = out + rejected + dropped + merged.

    `read` counts the input's records, without the header row.
    """

    read: int = Field(0, serialization_alias="in", validation_alias="in")
    out: int = 0
    rejected: int = Field(0, description="Bad rows, and rows that broke a rule; all are in rejected.csv.")
    dropped: dict[str, int] = Field(default_factory=dict, description="Rows dropped, by step.")
    merged: dict[str, int] = Field(default_factory=dict, description="Rows that merging removed, by step.")
    added: dict[str, int] = Field(default_factory=dict, description="Rows that copying added, by step.")

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    @property
    def balanced(self) -> bool:
        gone = sum(self.dropped.values()) + sum(self.merged.values())
        return self.read + sum(self.added.values()) == self.out + self.rejected + gone


class ColumnNames(Model):
    """Columns: how many there are, and the names of the first of them; a long name is cut."""

    count: int
    first: list[str]

    @classmethod
    def of(cls, names: Sequence[str]) -> ColumnNames | None:
        """None if there are no columns."""
        cut = [name if len(name) <= LONG_NAME else f"{name[:LONG_NAME]}…" for name in names[:SHOWN_NAMES]]
        return cls(count=len(names), first=cut) if names else None


class StepCounts(Model):
    """What one step did to rows, cells and columns. What was not counted is omitted."""

    step: str
    read: int = Field(serialization_alias="in", validation_alias="in", description="Rows before it.")
    out: int = Field(description="Rows after it.")
    rejected: int = 0
    dropped: int = 0
    merged: int = 0
    added: int = 0
    changed: int | None = Field(
        None, description="Cells with another value, of rows and columns that are still there."
    )
    unparsed: int | None = Field(
        None, description="Cells that it expected to be numbers or dates but could not read."
    )
    new_columns: ColumnNames | None = Field(None, description="Columns that were not there before it.")
    lost_columns: ColumnNames | None = Field(None, description="Columns that are not there after it.")

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    @classmethod
    def chain(
        cls,
        rows: int,
        counts: Mapping[str, Mapping[Any, int]],
        columns: Mapping[str, tuple[Sequence[str], Sequence[str]]],
    ) -> list[StepCounts]:
        """The counts of all steps in order, from what each step did. rows: rows before the first step;
        columns: the names of those that each step made and removed."""
        made = []
        for step, known in counts.items():
            gone = sum(known.get(how, 0) for how in ("rejected", "dropped", "merged"))
            out = rows + known.get("added", 0) - gone
            new, lost = map(ColumnNames.of, columns[step])
            named = {"new_columns": new, "lost_columns": lost}
            made.append(cls.model_validate({"step": step, "in": rows, "out": out, **known, **named}))
            rows = out
        return made


class Finding(Model):
    """A property of the file: its value, the confidence (0 to 1) in its detection, and alternatives."""

    value: Any
    confidence: float = 1.0
    alternatives: list[Any] = Field(default_factory=list)
    declared: bool = Field(
        False, description="Whether the request or its pipeline declared it; then it was not detected."
    )

    @classmethod
    def of(cls, found: Found) -> Finding:
        return cls(
            value=found.value,
            confidence=found.confidence,
            alternatives=list(found.alternatives),
            declared=found.declared,
        )


class Fault(Model):
    """Why a job ended in error: what is wrong, where, and what to do next."""

    code: str
    message: str
    line: int | None = None
    column: str | None = None
    pointer: str | None = Field(None, description="A JSON pointer (RFC 6901) into the pipeline.")
    hint: str | None = None
    errors: list[Fault] | None = Field(None, description="The individual faults, if there are several.")

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
        """The lines to show below the message: the individual faults, and what to do next."""
        each = [" ".join(filter(None, (e.message, e.hint))) for e in self.errors or []]
        return [*each, self.hint] if self.hint else each


class FileInfo(Model):
    bytes: int
    sha256: str


class Output(Model):
    """The name of the output file and, for CSV, how to parse it."""

    name: str = "output.csv"
    delimiter: str = ","
    header: bool = True
    encoding: str = "utf-8"

    @classmethod
    def of(cls, pipeline: dict[str, Any]) -> Output:
        try:
            write = WriteOptions.model_validate(pipeline.get("write", {}))
        except ValidationError:
            # Changed by hand, or from another version of csvjobs: the run tells what is wrong.
            return cls()
        form = {name: getattr(write, name) for name in ("delimiter", "header", "encoding")}
        return cls(name=write.filename, **form)


class Job(Model):
    """The public state of a job; report.json holds the final one."""

    job_id: str
    status: Status
    filename: str
    created_at: Moment
    started_at: Moment | None = None
    finished_at: Moment | None = None
    retention: int | None = Field(
        None, description="Seconds for which it is kept after its end, if the upload set this."
    )
    expires_at: Moment | None = Field(None, description="When it may be deleted with its files.")
    priority: Priority = Priority.NORMAL
    position: int | None = Field(None, description="How many jobs wait before this one.")
    workers: int | None = Field(
        None,
        description="While it waits: how many workers take jobs from its line. With 0 it waits until one "
        "starts; absent if the queue cannot be reached.",
    )
    estimated_start_at: Moment | None = Field(
        None,
        description="An estimate from the durations of recent jobs; absent if there are none.",
    )
    attempts: int = 0
    pipeline: PipelineRef
    applied: AppliedRef | None = Field(None, description="What the job applies, if it does not learn.")
    tables: dict[str, TableRef] = Field(
        default_factory=dict, description="The lookup tables, by the names that its steps use."
    )
    progress: Progress | None = None
    rows: Rows | None = None
    steps: list[StepCounts] = Field(
        default_factory=list, description="What each step of the pipeline did, once all are done."
    )
    rejected: RejectSummary | None = Field(
        None, description="Rejected rows by kind, if there are any; rejected.csv has them all."
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
        """The job moved to another status, with the time of the move; `known`: further fields to set.

        Raises ValueError for a move that MOVES does not allow.
        """
        if status not in MOVES[self.status]:
            raise ValueError(f"a job that is {self.status} cannot become {status}")
        # Never earlier than the previous move, even if the clock was set back meanwhile.
        at = max(now(), self.started_at or self.created_at)
        times: dict[str, Any] = {"finished_at": at} if status.final else {"started_at": at}
        if status is Status.QUEUED:
            times = {"started_at": None}
        return self.model_copy(update={**times, **known, "status": status})

    @property
    def version(self) -> str:
        """A hash that changes whenever the document does, except for the estimated start."""
        told = self.model_dump_json(exclude_none=True, exclude={"estimated_start_at"})
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def to_json(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()
