"""Process: read → fit → transform → account → publish, and the report last."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from csvjobs.engines.base import Engine, ReadFailed, Unsure
from csvjobs.errors import (
    AccountMismatch,
    Cancelled,
    CsvjobsError,
    DataError,
    DiskFull,
    InternalError,
    NoRowsLeft,
    TooManyBadRows,
    WorkerLost,
)
from csvjobs.flow.apply import kept
from csvjobs.flow.changes import write_changes
from csvjobs.flow.check import failures
from csvjobs.flow.deliver import CHANGES, ERROR_TEXT, FITTED, PROFILE, REJECTED
from csvjobs.flow.digest import GrowingDigest, file_info
from csvjobs.flow.ending import end, publish
from csvjobs.flow.pulse import HandedBack, Pulse
from csvjobs.flow.room import check_free, check_run
from csvjobs.flow.services import Services
from csvjobs.flow.tables import opened, relations
from csvjobs.flow.view import request_of, view
from csvjobs.jobs.job import Fault, FileInfo, Finding, Job, Request, Rows, Status, StepCounts
from csvjobs.pipelines.fitted import Fitted, write
from csvjobs.pipelines.guard import guard
from csvjobs.pipelines.header import check
from csvjobs.pipelines.plan import ROWS, Counts, Plan, needs_row_numbers, plan
from csvjobs.pipelines.profile import Profiles, profile
from csvjobs.pipelines.rows import ROW
from csvjobs.pipelines.spec import Pipeline, build
from csvjobs.pipelines.step import Column, Columns
from csvjobs.pipelines.typed import typed
from csvjobs.reading.linenumbers import LineNumbers
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.reading import Look, Reading, look, read, reject
from csvjobs.reading.rejects import UNREADABLE, RejectSummary
from csvjobs.reading.source import Source
from csvjobs.storage.base import INPUT

log = logging.getLogger(__name__)

# Ticks of reading, each of a few MiB at most: small copies are made also where hardly anything is free.
CHECK_FREE_EVERY = 16


@dataclass
class Outcome:
    """What a run has found out and made so far; the files are still in scratch."""

    rows: Rows | None = None
    steps: list[StepCounts] = field(default_factory=list)
    rejects: RejectSummary = field(default_factory=RejectSummary)
    detected: dict[str, Finding] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    taken: dict[str, FileInfo] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def rejected(self) -> RejectSummary | None:
        """None where no row was rejected."""
        return self.rejects if self.rejects.count else None

    def reject(self, rejects: RejectSummary, path: Path) -> None:
        """What was rejected up to now; `path` has it, if it is anything."""
        self.rejects, self.files = rejects, {REJECTED: path} if rejects.count else {}

    def infos(self) -> dict[str, FileInfo]:
        """Size and sha256 of each file; the output's were taken while it was written."""
        known = self.taken
        return {name: file_info(made) for name, made in self.files.items() if name not in known} | known


def process(services: Services, job_id: str, leave: threading.Event | None = None) -> None:
    """Runs a job to its end. A second delivery, or one of a job that has ended, does nothing.

    leave: set by another thread, it makes the run stop and leave the job to another.
    Raises: HandedBack when it did; what is our own fault and may go better next time. The job has then not
    ended.
    """
    with services.storage.lease(job_id) as mine:
        if mine and not services.storage.ended(job_id):
            _attempt(services, request_of(services, job_id), leave or threading.Event())


def give_up(services: Services, job_id: str, error: CsvjobsError) -> None:
    """Ends as an error a job whose run had to be killed, unless it has ended or runs again."""
    with services.storage.lease(job_id) as mine:
        if mine and not services.storage.ended(job_id):
            known = {"progress": None, "attempts": services.storage.attempts(job_id)}
            _fail(services, view(services, job_id).model_copy(update=known), error)


def _attempt(services: Services, request: Request, leave: threading.Event) -> None:
    number = services.storage.attempt(request.job_id)
    bound = services.settings.job_attempts
    job = Job.queued(request).moved(Status.PROCESSING, attempts=number)
    try:
        if number > bound:
            lost = f"The job's process died, or could not end it, {bound} times, so it was given up."
            raise WorkerLost(lost, hint="The service's log tells more; report it with the file if you can.")
        check_run(services, request.facts.bytes)
        _run(services, request, job, leave)
    except Cancelled:
        log.info("job %s stopped: it was cancelled", job.job_id)
    except HandedBack:
        log.info("job %s is handed back: the service stops", job.job_id)
        services.storage.forgive(job.job_id)
        publish(services, job.moved(Status.QUEUED, attempts=number - 1))
        raise
    except WorkerLost as error:
        _fail(services, job, error)
    except Exception as error:
        log.exception("job %s: attempt %d of %d failed", job.job_id, number, bound)
        if number < bound:
            raise
        _fail(services, job, error if isinstance(error, CsvjobsError) else InternalError())


def _run(services: Services, request: Request, job: Job, leave: threading.Event) -> None:
    outcome = Outcome()
    with services.storage.scratch(job.job_id) as scratch:
        try:
            done = _succeed(services, request, job, leave, scratch, outcome)
        except DataError as error:
            _fail(services, job, error, outcome)
        else:
            _end(services, done)


def _succeed(
    services: Services,
    request: Request,
    job: Job,
    leave: threading.Event,
    scratch: Path,
    outcome: Outcome,
) -> Job:
    """The job as it is when all goes well, its files published. `outcome` tells how far that went."""
    storage, limit = services.storage, services.settings.job_timeout
    with (
        storage.fetch(job.job_id, INPUT) as path,
        Pulse(services, job, limit, request.facts.bytes, leave) as pulse,
    ):
        _work(services, request, path, scratch, pulse, outcome)
        with pulse.stage("publish"):
            files = outcome.infos()
            pulse.check()
            for name, made in outcome.files.items():
                storage.publish(job.job_id, name, made)
    counts = {"rows": outcome.rows, "steps": outcome.steps}
    known = {**_known(outcome), **counts, "files": files, "timings": pulse.timings}
    return job.moved(Status.DONE, **known)


def _fail(services: Services, job: Job, error: CsvjobsError, outcome: Outcome | None = None) -> None:
    """Ends the job as an error, with error.txt for people, and the bad rows if all were found."""
    outcome, fault, files = outcome or Outcome(), Fault.of(error), {}
    # A report alone finds room on a disk that is full.
    with suppress(DiskFull), services.storage.scratch(job.job_id) as scratch:
        text = scratch / ERROR_TEXT
        text.write_text(_told(fault), "utf-8")
        made = {name: path for name, path in outcome.files.items() if name == REJECTED} | {ERROR_TEXT: text}
        infos = {name: file_info(path) for name, path in made.items()}
        for name, path in made.items():
            services.storage.publish(job.job_id, name, path)
            files[name] = infos[name]
    known = {**_known(outcome), "error": fault, "files": files}
    _end(services, job.moved(Status.ERROR, **known))


def _known(outcome: Outcome) -> dict[str, Any]:
    """What is told of the file however its job ends."""
    return {name: getattr(outcome, name) for name in ("detected", "rejected", "warnings")}


def _end(services: Services, job: Job) -> None:
    """Ends the job, or takes its files back where it has ended otherwise."""
    if not end(services, job):
        for name in job.files:
            services.storage.withdraw(job.job_id, name)


def _work(
    services: Services, request: Request, path: Path, scratch: Path, pulse: Pulse, outcome: Outcome
) -> None:
    """The express lane first; the careful one where the engine finds the file other than it looked."""
    pipeline, most = build(request.pipeline), services.settings.max_upload_bytes
    fitted = kept(services, request)
    with pulse.stage("read"):
        tick = _ticker(services, pulse)
        found = look(path, request.facts, pipeline.read, scratch, tick, most_bytes=most)
    outcome.detected, outcome.warnings = _detected(found), found.warnings
    with opened(services, request.tables, scratch, lambda _: pulse.check()) as tables:
        try:
            _lane(services, pipeline, fitted, tables, found, scratch, pulse, outcome, careful=False)
        except (ReadFailed, AccountMismatch) as reason:
            log.info("job %s: reading with care: %s", request.job_id, reason)
            _lane(services, pipeline, fitted, tables, found, scratch, pulse, outcome, careful=True)


def _lane(
    services: Services,
    pipeline: Pipeline,
    fitted: Fitted | None,
    tables: Mapping[str, Source],
    found: Look,
    scratch: Path,
    pulse: Pulse,
    outcome: Outcome,
    *,
    careful: bool,
) -> None:
    rejected = scratch / REJECTED
    numbers = LineNumbers(scratch / "lines.csv" if pipeline.report.changes else None)
    with pulse.stage("read"):
        tick = _ticker(services, pulse)
        reading = read(found, pipeline.read, scratch, rejected, tick, force_careful=careful, numbers=numbers)
    outcome.warnings = reading.warnings + (fitted.notes(reading.source.columns) if fitted else [])
    outcome.reject(reading.source.rejects, rejected)
    _check_rows(reading.source.rejects, reading.source.records, pipeline.read)
    make = partial(
        _made, services, pipeline, fitted, tables, found, reading, numbers, scratch, pulse, outcome
    )
    try:
        planned = make(late=True)
    except Unsure:
        planned = make(late=False)
    if planned.fitted and not fitted:
        outcome.files[FITTED] = scratch / FITTED
        outcome.files[FITTED].write_text(write(pipeline, reading.source.columns, planned.fitted), "utf-8")


def _made(
    services: Services,
    pipeline: Pipeline,
    fitted: Fitted | None,
    tables: Mapping[str, Source],
    found: Look,
    reading: Reading,
    numbers: LineNumbers,
    scratch: Path,
    pulse: Pulse,
    outcome: Outcome,
    *,
    late: bool,
) -> Plan:
    """What made the output. Raises Unsure where it is late."""
    tick = _ticker(services, pulse)
    with pulse.within(services.engine(scratch)) as engine:
        with pulse.stage("fit"):
            planned = _plan(engine, reading, pipeline, fitted, tables, late=late)
        if planned.checked:
            with pulse.stage("check"):
                _check(engine, planned, found, reading, pipeline.read, scratch, tick, outcome)
        _transform(engine, planned, reading, pipeline, scratch, pulse, outcome)
        if pipeline.report.changes:
            with pulse.stage("changes"):
                outcome.files[CHANGES] = scratch / CHANGES
                write_changes(engine, planned, numbers.source(), outcome.files[CHANGES])
        if pipeline.report.profile:
            with pulse.stage("profile"):
                outcome.files[PROFILE] = path = scratch / PROFILE
                path.write_text(_profiles(engine, planned, reading.source, outcome), "utf-8")
    return planned


def _ticker(services: Services, pulse: Pulse) -> Callable[[int], None]:
    """What reading calls while it copies: it stops in time, and before the disk is full."""
    ticks = count(1)

    def tick(bytes_read: int) -> None:
        pulse.check(bytes_read)
        if next(ticks) % CHECK_FREE_EVERY == 0:
            check_free(services)

    return tick


def _plan(
    engine: Engine,
    reading: Reading,
    pipeline: Pipeline,
    fitted: Fitted | None,
    tables: Mapping[str, Source],
    *,
    late: bool,
) -> Plan:
    source, changes = reading.source, pipeline.report.changes
    numbered = changes or needs_row_numbers(pipeline.steps)
    relation = engine.relation(source, numbered=numbered)
    nulls, known = pipeline.read.nulls, fitted.steps if fitted else None
    beside = relations(engine, tables)
    check(source.columns, pipeline.steps, engine.sql, beside)
    cells = pipeline.report.counts_cells(source.path.stat().st_size)
    planned = plan(
        engine,
        relation,
        source.columns,
        pipeline.steps,
        numbered,
        nulls,
        known,
        beside,
        late=late,
        count_cells=cells,
        list_cells=changes,
    )
    if pipeline.write.formula_guard:
        guard(planned, header=pipeline.write.header)
    typed(planned, pipeline.write)
    return planned


def _check(
    engine: Engine,
    planned: Plan,
    found: Look,
    reading: Reading,
    options: ReadOptions,
    scratch: Path,
    tick: Callable[[int], None],
    outcome: Outcome,
) -> None:
    """Sets aside the rows that break a rule. Raises RuleBroken, NoRowsLeft, TooManyBadRows."""
    broken, failed = failures(engine, planned.checked, scratch)
    if not (count := sum(broken.values())):
        return
    # Beside the one that reading has made, which is there if this one is not finished.
    both = scratch / "both.csv"
    rejects = reject(found, options, failed, both, tick)
    outcome.reject(rejects, both.rename(scratch / REJECTED))
    _check_rows(rejects, reading.source.records - count, options)


def _transform(
    engine: Engine,
    planned: Plan,
    reading: Reading,
    pipeline: Pipeline,
    scratch: Path,
    pulse: Pulse,
    outcome: Outcome,
) -> None:
    with pulse.stage("transform"):
        output = scratch / pipeline.write.filename
        engine.counting(planned.counters)
        with GrowingDigest(output) as digest:
            out = engine.copy(planned.query(counting=True), planned.columns.names, output, pipeline.write)
        outcome.taken[output.name] = digest.info if out else file_info(output)
        counts = planned.count(engine.passed())
        outcome.rows = _account(reading.source, outcome.rejects, counts, out)
        outcome.steps = StepCounts.chain(reading.source.records, counts)
    outcome.files[output.name] = output
    outcome.warnings = outcome.warnings + planned.warnings


def _profiles(engine: Engine, planned: Plan, source: Source, outcome: Outcome) -> str:
    """What stood in the file and what stands in the output, as JSON."""
    columns = Columns(Column(name, f"c{place}") for place, name in enumerate(source.columns))
    given = engine.relation(source, numbered=True)
    made = Columns(Column(column.name, f"c{place}") for place, column in enumerate(planned.columns))
    listed = ", ".join(f"{then.sql} AS {now.sql}" for then, now in zip(planned.columns, made, strict=True))
    result = f"SELECT {listed}, ROW_NUMBER() OVER () AS {ROW} FROM ({planned.relation})"
    assert outcome.rows is not None  # noqa: S101 (the output is there)
    both = Profiles(
        input=profile(engine, planned.sql, given, columns, source.records),
        output=profile(engine, planned.sql, result, made, outcome.rows.out),
    )
    return both.model_dump_json()


def _account(source: Source, rejects: RejectSummary, counts: Mapping[str, Counts], out: int) -> Rows:
    """The sum over all rows. Raises AccountMismatch when a row is unaccounted for."""
    counted = {how: {step: did[how] for step, did in counts.items() if how in did} for how in ROWS}
    # What was rejected is counted where it was written.
    counted |= {"dropped": source.dropped | counted["dropped"]}
    del counted["rejected"]
    read_rows = source.records + source.rejected + sum(source.dropped.values())
    rows = Rows(read=read_rows, out=out, rejected=rejects.count, **counted)
    if not rows.balanced:
        raise AccountMismatch(f"{rows.read} rows came in, but the account is {rows.model_dump()}.")
    return rows


def _check_rows(rejects: RejectSummary, good: int, options: ReadOptions) -> None:
    """Raises NoRowsLeft, TooManyBadRows."""
    bad = rejects.count
    if bad and not good:
        commonest = rejects.groups[0]
        cut = "; if rows are cut wrongly, set delimiter and quote" if commonest.code in UNREADABLE else ""
        raise NoRowsLeft(
            f"All {bad} rows were rejected. {commonest.message}",
            hint=f"{commonest.hint} See rejected.csv{cut}.",
        )
    if options.too_many_bad(bad, bad + good):
        raise TooManyBadRows(
            f"{bad} of {bad + good} rows are bad; max_bad_rows allows {options.max_bad_rows}. "
            f"The first is on {rejects.first}",
            hint="rejected.csv has them all: correct them, or allow more.",
        )


def _detected(found: Look) -> dict[str, Finding]:
    return {name: Finding.of(each) for name, each in found.detected.items()}


def _told(fault: Fault) -> str:
    where = [f"line {fault.line}"] if fault.line else []
    where += [f"column {fault.column}"] if fault.column else []
    place = f" ({', '.join(where)})" if where else ""
    return "\n".join([f"{fault.code}{place}: {fault.message}", *fault.lines, ""])
