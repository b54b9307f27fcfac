"""Run: takes a file through the engine, from look to output: read → fit → check → transform → account."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from csvjobs.engines.base import Engine, ReadFailed, Unsure
from csvjobs.errors import AccountMismatch, DataError, MemoryLimit, NoRowsLeft, TooManyBadRows
from csvjobs.flow.apply import kept
from csvjobs.flow.changes import write_changes
from csvjobs.flow.check import failures
from csvjobs.flow.deliver import CHANGES, FITTED, PROFILE, REJECTED
from csvjobs.flow.digest import GrowingDigest, file_info
from csvjobs.flow.disk_space import check_free
from csvjobs.flow.monitor import Monitor
from csvjobs.flow.services import Services
from csvjobs.flow.tables import opened, relations
from csvjobs.jobs.job import FileInfo, Finding, Request, Rows, StepCounts
from csvjobs.pipelines.fitted import Fitted, write
from csvjobs.pipelines.guard import guard
from csvjobs.pipelines.header import check
from csvjobs.pipelines.plan import ROWS, Counts, Given, Plan, needs_row_numbers, plan
from csvjobs.pipelines.profile import Profiles, profile
from csvjobs.pipelines.rows import ROW
from csvjobs.pipelines.spec import Pipeline, build
from csvjobs.pipelines.step import Column, Columns
from csvjobs.pipelines.typed import typed
from csvjobs.reading.linenumbers import LineNumbers
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.reading import Look, Reading, line_of, look, read, reject
from csvjobs.reading.rejects import UNREADABLE, RejectSummary
from csvjobs.reading.scan import Scan
from csvjobs.reading.source import Source

log = logging.getLogger(__name__)

# Ticks (a few MiB each at most) between two checks: small copies are made even when little space is free.
CHECK_FREE_EVERY = 16

SPARE = (
    "Memory was too short to work on all cores, so the job was done on one; "
    "it is quicker with a larger CSVJOBS_JOB_MEMORY."
)


@dataclass
class Outcome:
    """The results of a run so far; the files are still in scratch."""

    rows: Rows | None = None
    steps: list[StepCounts] = field(default_factory=list)
    rejects: RejectSummary = field(default_factory=RejectSummary)
    detected: dict[str, Finding] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    taken: dict[str, FileInfo] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def rejected(self) -> RejectSummary | None:
        """The summary of rejected rows; None when there are none."""
        return self.rejects if self.rejects.count else None

    def reject(self, rejects: RejectSummary, path: Path) -> None:
        """Sets the rejects so far; `path`: the rejected.csv with them, if there are any."""
        self.rejects, self.files = rejects, {REJECTED: path} if rejects.count else {}

    def infos(self) -> dict[str, FileInfo]:
        """Size and sha256 of each file; the output's were computed while it was written."""
        known = self.taken
        return {name: file_info(made) for name, made in self.files.items() if name not in known} | known


def work(
    services: Services, request: Request, path: Path, scratch: Path, monitor: Monitor, outcome: Outcome
) -> None:
    """Makes the output of the file at `path`, and the other files that the pipeline asks for, in scratch.
    `outcome` gets the results, also when the run ends early.

    Uses the express lane first, then the careful one if the engine finds the file not as expected.
    Raises DataError for a fault of the file, and the errors that `monitor` raises to stop the run.
    """
    pipeline, most = build(request.pipeline), services.settings.max_upload_bytes
    fitted = kept(services, request)
    with monitor.stage("read"):
        tick = _ticker(services, monitor)
        found = look(path, request.facts, pipeline.read, scratch, tick, most_bytes=most)
    outcome.detected, outcome.warnings = _detected(found), found.warnings
    with opened(services, request.tables, scratch, lambda _: monitor.check()) as tables:
        run = Run(services, pipeline, fitted, tables, found, scratch, monitor, outcome)
        try:
            run.lane(careful=False)
        except (ReadFailed, AccountMismatch) as reason:
            log.info("job %s: reading it in the careful lane: %s", request.job_id, reason)
            run.lane(careful=True)


@dataclass(frozen=True)
class Run:
    """One run of a pipeline over an inspected file. fitted: the parameters to apply, if any; tables: the
    lookup tables of the steps."""

    services: Services
    pipeline: Pipeline
    fitted: Fitted | None
    tables: Mapping[str, Source]
    found: Look
    scratch: Path
    monitor: Monitor
    outcome: Outcome

    def lane(self, *, careful: bool) -> None:
        """Runs everything in one lane. Raises ReadFailed, AccountMismatch when the careful lane is needed."""
        numbers = LineNumbers(self.scratch / "lines.csv" if self.pipeline.report.changes else None)
        reading = self._read(numbers, careful=careful)
        columns = reading.source.columns
        self.outcome.warnings = reading.warnings + (self.fitted.notes(columns) if self.fitted else [])
        self.outcome.reject(reading.source.rejects, self.scratch / REJECTED)
        _check_rows(reading.source.rejects, reading.source.records, self.pipeline.read)
        planned = self._tried(reading, numbers)
        if planned.fitted and not self.fitted:
            self._file(FITTED).write_text(write(self.pipeline, columns, planned.fitted), "utf-8")

    def _read(self, numbers: LineNumbers, *, careful: bool) -> Reading:
        tick = _ticker(self.services, self.monitor)
        with self.monitor.stage("read"):
            scan = Scan(self.scratch / REJECTED, tick, numbers=numbers)
            return read(self.found, self.scratch, scan, force_careful=careful)

    def _tried(self, reading: Reading, numbers: LineNumbers) -> Plan:
        """Makes the output: the fastest way first, then without late learning or on one core as needed;
        returns the plan that succeeded."""
        late, spare, warnings = True, False, self.outcome.warnings
        while True:
            try:
                return self._made(reading, numbers, late=late, spare=spare)
            except Unsure:
                late = False
            except (MemoryLimit, ReadFailed, AccountMismatch) as reason:
                if spare:
                    raise
                log.info("job %s: on one core: %s", self.monitor.job.job_id, reason)
                spare = True
                self.outcome.warnings = [*warnings, SPARE] if isinstance(reason, MemoryLimit) else warnings

    def _made(self, reading: Reading, numbers: LineNumbers, *, late: bool, spare: bool) -> Plan:
        """Makes the output and returns its plan. Raises Unsure when `late` but steps have to learn first."""
        report, stage = self.pipeline.report, self.monitor.stage
        with self.monitor.within(self.services.engine(self.scratch)) as engine:
            if spare:
                engine.spare()
            with stage("fit"):
                planned = self._plan(engine, reading.source, late=late)
            if planned.checked:
                with stage("check"):
                    self._check(engine, planned, reading.source)
            with stage("transform"):
                self._transform(engine, planned, reading.source)
            if report.changes:
                with stage("changes"):
                    write_changes(engine, planned, numbers.source(), self._file(CHANGES))
            if report.profile:
                with stage("profile"):
                    profiles = _profiles(engine, planned, reading.source, self.outcome)
                    self._file(PROFILE).write_text(profiles, "utf-8")
        return planned

    def _plan(self, engine: Engine, source: Source, *, late: bool) -> Plan:
        """Plans the run. Raises DataError with the line of the faulty cell, if there is one."""
        numbered = self.pipeline.report.changes or needs_row_numbers(self.pipeline.steps)
        try:
            return self._planned(engine, source, late=late, numbered=numbered)
        except DataError as error:
            if error.cell is not None and error.line is None:
                error.line = self._line(engine, source, error, numbered=numbered)
            raise

    def _line(self, engine: Engine, source: Source, error: DataError, *, numbered: bool) -> int | None:
        """The line of the cell that the error is about. It takes numbered rows, so the plan is repeated with
        them: numbering always would cost time even when nothing is wrong."""
        if not numbered:
            try:
                self._planned(engine, source, late=False, numbered=True)
            except DataError as again:
                error = again
        if error.row is None:
            return None
        tick, scratch = _ticker(self.services, self.monitor), self.scratch / "passed.csv"
        return line_of(self.found, error.row, scratch, tick)

    def _planned(self, engine: Engine, source: Source, *, late: bool, numbered: bool) -> Plan:
        steps, report = self.pipeline.steps, self.pipeline.report
        beside = relations(engine, self.tables)
        check(source.columns, steps, engine.sql, beside, self.found.declared)
        given = Given(
            self.pipeline.read.nulls,
            self.fitted.steps if self.fitted else None,
            beside,
            late=late,
            count_cells=report.counts_cells(source.path.stat().st_size),
            list_cells=report.changes,
        )
        relation = engine.relation(source, numbered=numbered)
        planned = plan(engine, relation, source.columns, steps, numbered, given)
        if self.pipeline.write.formula_guard:
            guard(planned, header=self.pipeline.write.header)
        typed(planned, self.pipeline.write)
        return planned

    def _check(self, engine: Engine, planned: Plan, source: Source) -> None:
        """Rejects the rows that break a rule. Raises RuleBroken, NoRowsLeft, TooManyBadRows."""
        broken, failed = failures(engine, planned.checked, self.scratch)
        if not (count := sum(broken.values())):
            return
        # A separate file: the rejected.csv from reading stays valid until this one is complete.
        both, tick = self.scratch / "both.csv", _ticker(self.services, self.monitor)
        rejects = reject(self.found, Scan(both, tick, failed))
        self.outcome.reject(rejects, both.rename(self.scratch / REJECTED))
        _check_rows(rejects, source.records - count, self.pipeline.read)

    def _transform(self, engine: Engine, planned: Plan, source: Source) -> None:
        write, outcome = self.pipeline.write, self.outcome
        output = self.scratch / write.filename
        engine.counting(planned.counters)
        with GrowingDigest(output) as digest:
            out = engine.copy(planned.query(counting=True), planned.columns.names, output, write)
        outcome.taken[output.name] = digest.info if out else file_info(output)
        counts = planned.count(engine.passed())
        outcome.rows = _account(source, outcome.rejects, counts, out)
        outcome.steps = StepCounts.chain(source.records, counts, planned.named)
        outcome.files[output.name] = output
        outcome.warnings = outcome.warnings + planned.warnings

    def _file(self, name: str) -> Path:
        """The path to write a file of that name to; registers it as a file of the job."""
        self.outcome.files[name] = self.scratch / name
        return self.outcome.files[name]


def _ticker(services: Services, monitor: Monitor) -> Callable[[int], None]:
    """The callback for reading: checks for a reason to stop, and now and then for free disk space."""
    ticks = count(1)

    def tick(bytes_read: int) -> None:
        monitor.check(bytes_read)
        if next(ticks) % CHECK_FREE_EVERY == 0:
            check_free(services)

    return tick


def _profiles(engine: Engine, planned: Plan, source: Source, outcome: Outcome) -> str:
    """The profiles of the input and the output, as JSON."""
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
    """The account of all rows. Raises AccountMismatch when a row is unaccounted for."""
    counted = {how: {step: did[how] for step, did in counts.items() if how in did} for how in ROWS}
    # Rejected rows are counted where rejected.csv is written.
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
