"""Process: read → fit → transform → account → publish, and the report last."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from csvjobs.engines.base import Engine, ReadFailed
from csvjobs.errors import (
    AccountMismatch,
    Cancelled,
    CsvjobsError,
    DataError,
    InternalError,
    NoRowsLeft,
    WorkerLost,
)
from csvjobs.flow.deliver import ERROR_TEXT, FITTED, OUTPUT, REJECTED
from csvjobs.flow.digest import GrowingDigest, file_info
from csvjobs.flow.ending import end
from csvjobs.flow.pulse import Pulse
from csvjobs.flow.services import Services
from csvjobs.flow.view import request_of
from csvjobs.jobs.job import Fault, FileInfo, Finding, Job, Request, Rows, Status, now
from csvjobs.pipelines.plan import Plan, needs_row_numbers, plan
from csvjobs.pipelines.spec import Pipeline, build
from csvjobs.reading.reading import Reading, read
from csvjobs.storage.base import INPUT

log = logging.getLogger(__name__)


@dataclass
class Outcome:
    """What a run has made, still in scratch."""

    rows: Rows
    detected: dict[str, Finding]
    warnings: list[str]
    output: FileInfo
    files: dict[str, Path] = field(default_factory=dict)


def process(services: Services, job_id: str) -> None:
    """Runs a job to its end. A second delivery, or one of a job that has ended, does nothing.

    Raises: what is our own fault and may go better next time; the job has then not ended.
    """
    with services.storage.lease(job_id) as mine:
        if mine and not services.storage.ended(job_id):
            _attempt(services, request_of(services, job_id))


def _attempt(services: Services, request: Request) -> None:
    number = services.storage.attempt(request.job_id)
    bound = services.settings.job_attempts
    job = Job.queued(request).model_copy(
        update={"status": Status.PROCESSING, "started_at": now(), "attempts": number}
    )
    try:
        if number > bound:
            lost = f"The job's process died {bound} times, so it was given up."
            raise WorkerLost(lost, hint="The service's log tells more; report it with the file if you can.")
        _run(services, request, job)
    except Cancelled:
        log.info("job %s stopped: it was cancelled", job.job_id)
    except (DataError, WorkerLost) as error:
        _fail(services, job, error)
    except Exception as error:
        log.exception("job %s: attempt %d of %d failed", job.job_id, number, bound)
        if number < bound:
            raise
        _fail(services, job, error if isinstance(error, CsvjobsError) else InternalError())


def _run(services: Services, request: Request, job: Job) -> None:
    storage, limit = services.storage, services.settings.job_timeout
    with (
        storage.scratch(job.job_id) as scratch,
        storage.fetch(job.job_id, INPUT) as path,
        Pulse(services, job, limit, request.facts.bytes) as pulse,
    ):
        outcome = _work(services, request, path, scratch, pulse)
        with pulse.stage("publish"):
            files = {n: file_info(made) for n, made in outcome.files.items() if n != OUTPUT}
            files[OUTPUT] = outcome.output
            pulse.check()
            for name, made in outcome.files.items():
                storage.publish(job.job_id, name, made)
    done = job.model_copy(
        update={
            "status": Status.DONE,
            "finished_at": now(),
            "rows": outcome.rows,
            "detected": outcome.detected,
            "warnings": outcome.warnings,
            "files": files,
            "timings": pulse.timings,
        }
    )
    if not end(services, done):
        for name in files:
            storage.withdraw(job.job_id, name)


def _fail(services: Services, job: Job, error: CsvjobsError) -> None:
    """Ends the job as an error, with error.txt for people."""
    fault = Fault.of(error)
    with services.storage.scratch(job.job_id) as scratch:
        text = scratch / ERROR_TEXT
        text.write_text(_told(fault), "utf-8")
        files = {ERROR_TEXT: file_info(text)}
        services.storage.publish(job.job_id, ERROR_TEXT, text)
    update = {"status": Status.ERROR, "finished_at": now(), "error": fault, "files": files}
    end(services, job.model_copy(update=update))


def _work(services: Services, request: Request, path: Path, scratch: Path, pulse: Pulse) -> Outcome:
    """The express lane first; the careful one where the engine finds the file other than it looked."""
    try:
        return _lane(services, request, path, scratch, pulse, careful=False)
    except (ReadFailed, AccountMismatch) as reason:
        log.info("job %s: reading with care: %s", request.job_id, reason)
        return _lane(services, request, path, scratch, pulse, careful=True)


def _lane(
    services: Services, request: Request, path: Path, scratch: Path, pulse: Pulse, *, careful: bool
) -> Outcome:
    pipeline = build(request.pipeline)
    rejected = scratch / REJECTED
    with pulse.stage("read"):
        reading = read(
            path,
            request.facts,
            pipeline.read,
            scratch,
            rejected,
            pulse.check,
            force_careful=careful,
            most_bytes=services.settings.max_upload_bytes,
        )
    _check_any_row(reading)
    with pulse.within(services.engine(scratch)) as engine:
        return _transform(engine, reading, pipeline, scratch, pulse)


def _transform(engine: Engine, reading: Reading, pipeline: Pipeline, scratch: Path, pulse: Pulse) -> Outcome:
    source, numbered = reading.source, needs_row_numbers(pipeline.steps)
    with pulse.stage("fit"):
        relation = engine.relation(source, numbered=numbered)
        planned = plan(engine, relation, source.columns, pipeline.steps, numbered)
    with pulse.stage("transform"):
        with GrowingDigest(scratch / OUTPUT) as digest:
            out = engine.copy(planned.query(), planned.columns.names, scratch / OUTPUT)
        output = digest.info if out else file_info(scratch / OUTPUT)
        rows = _account(engine, planned, reading, out)
    files = {OUTPUT: scratch / OUTPUT}
    if source.rejected:
        files[REJECTED] = scratch / REJECTED
    if planned.fitted:
        files[FITTED] = _write_fitted(scratch / FITTED, planned, pipeline)
    return Outcome(rows, _detected(reading), reading.warnings + planned.warnings, output, files)


def _account(engine: Engine, planned: Plan, reading: Reading, out: int) -> Rows:
    """The sum over all rows. Raises AccountMismatch when a row is unaccounted for."""
    source = reading.source
    dropped = dict(source.dropped)
    for loss in planned.losses:
        [(_, lost)] = engine.rows(loss.query)
        dropped[loss.label] = int(lost)
    read_rows = source.records + source.rejected + sum(source.dropped.values())
    rows = Rows(read=read_rows, out=out, rejected=source.rejected, dropped=dropped)
    if not rows.balanced:
        raise AccountMismatch(f"{rows.read} rows came in, but the account is {rows.model_dump()}.")
    return rows


def _check_any_row(reading: Reading) -> None:
    source = reading.source
    if source.rejected and not source.records:
        raise NoRowsLeft(
            f"All {source.rejected} rows were rejected.",
            hint="Check the delimiter and quote options; POST the file again with them set.",
        )


def _write_fitted(path: Path, planned: Plan, pipeline: Pipeline) -> Path:
    document: dict[str, Any] = {
        "format": 1,
        "pipeline": {"name": pipeline.name, "sha256": pipeline.sha256},
        "steps": [fitted.document() for fitted in planned.fitted],
    }
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return path


def _detected(reading: Reading) -> dict[str, Finding]:
    return {name: Finding.of(found) for name, found in reading.detected.items()}


def _told(fault: Fault) -> str:
    where = [f"line {fault.line}"] if fault.line else []
    where += [f"column {fault.column}"] if fault.column else []
    place = f" ({', '.join(where)})" if where else ""
    hint = f"\n{fault.hint}" if fault.hint else ""
    return f"{fault.code}{place}: {fault.message}{hint}\n"
