"""Process: one attempt at a job: run it, publish its files, and write the report last."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from csvjobs.errors import (
    LOOK_WHO,
    Cancelled,
    CsvjobsError,
    DamagedJob,
    DataError,
    DiskFull,
    FileNotFound,
    InternalError,
    InvalidFitted,
    InvalidPipeline,
    JobNotFound,
    WorkerLost,
)
from csvjobs.flow.deliver import ERROR_TEXT, REJECTED, check_length
from csvjobs.flow.digest import file_info
from csvjobs.flow.disk_space import check_run
from csvjobs.flow.ending import end, publish
from csvjobs.flow.monitor import HandedBack, Monitor
from csvjobs.flow.run import Outcome, work
from csvjobs.flow.services import Services
from csvjobs.flow.view import request_of, view
from csvjobs.jobs.job import Fault, Job, Request, Status
from csvjobs.storage.base import INPUT

log = logging.getLogger(__name__)

CHANGED = (DamagedJob, InvalidPipeline, InvalidFitted)
"""Faults of what was checked when the job was accepted: its files, or the steps that are installed, have
changed since, so another attempt would meet them again."""


def process(services: Services, job_id: str, leave: threading.Event | None = None) -> None:
    """Runs a job to its end. Does nothing for a job that another run holds or that has ended.

    leave: when another thread sets it, the run stops and leaves the job to another run.
    Raises HandedBack in that case, and any error of the service that may not recur at the next attempt; the
    job has then not ended.
    """
    try:
        with services.storage.lease(job_id) as mine:
            if mine and not services.storage.ended(job_id):
                _attempt(services, request_of(services, job_id), leave or threading.Event())
    except DamagedJob as error:
        # Not even an attempt can be counted, so there would be no last one.
        _fail(services, _accepted(services, job_id), error)


def give_up(services: Services, job_id: str, error: CsvjobsError) -> None:
    """Ends a job whose run had to be killed with `error`, unless it has ended or runs again."""
    with services.storage.lease(job_id) as mine:
        if mine and not services.storage.ended(job_id):
            known = {"progress": None, "attempts": services.storage.attempts(job_id)}
            _fail(services, view(services, job_id).model_copy(update=known), error)


def _accepted(services: Services, job_id: str) -> Job:
    """The job as it was accepted; from the index if its request cannot be read. Raises DamagedJob if the
    index does not have it either."""
    try:
        return Job.queued(request_of(services, job_id))
    except DamagedJob:
        if known := services.index.get(job_id):
            return known.model_copy(update={"progress": None})
        raise


def _attempt(services: Services, request: Request, leave: threading.Event) -> None:
    number = services.storage.attempt(request.job_id)
    bound = services.settings.job_attempts
    # An attempt beyond the limit only ends the job; it does not count as a try.
    tries = number - 1 if number > bound else number
    job = Job.queued(request).moved(Status.PROCESSING, attempts=tries)
    try:
        if tries < number:
            raise _lost(tries)
        check_run(services, request.facts.bytes)
        _run(services, request, job, leave)
    except Cancelled:
        log.info("job %s stopped: it was cancelled", job.job_id)
    except HandedBack:
        log.info("job %s is handed back: the service stops", job.job_id)
        services.storage.forgive(job.job_id)
        publish(services, job.moved(Status.QUEUED, attempts=number - 1))
        raise
    except FileNotFound as error:
        _fail(services, job, DamagedJob(error.message, hint=LOOK_WHO))
    except (WorkerLost, *CHANGED) as error:
        _fail(services, job, error)
    except Exception as error:
        if _failed(services, job, error, number):
            raise


def _failed(services: Services, job: Job, error: Exception, number: int) -> bool:
    """Whether another attempt is to follow the failed one with this number; else the job is ended, unless it
    was deleted meanwhile."""
    bound = services.settings.job_attempts
    if _is_deleted(services, job.job_id):
        log.info("job %s stopped: it was deleted", job.job_id)
        return False
    log.error("job %s: attempt %d of %d failed", job.job_id, number, bound, exc_info=error)
    if number < bound:
        return True
    _fail(services, job, error if isinstance(error, CsvjobsError) else InternalError())
    return False


def _is_deleted(services: Services, job_id: str) -> bool:
    try:
        request_of(services, job_id)
    except JobNotFound:
        return True
    except CsvjobsError:
        pass
    return False


def _lost(tries: int) -> WorkerLost:
    times = "once" if tries == 1 else f"{tries} times"
    said = f"The job's process died, or could not end it, {times}, so it was given up."
    return WorkerLost(said, hint="The service's log tells more; report it with the file if you can.")


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
    """Runs the pipeline and publishes the files; returns the finished job. Fills `outcome` on the way."""
    storage, limit = services.storage, services.settings.job_timeout
    with (
        storage.fetch(job.job_id, INPUT) as path,
        Monitor(services, job, limit, request.facts.bytes, leave) as monitor,
    ):
        check_length(INPUT, path.stat().st_size, request.facts.bytes)
        work(services, request, path, scratch, monitor, outcome)
        with monitor.stage("publish"):
            files = outcome.infos()
            monitor.check()
            for name, made in outcome.files.items():
                storage.publish(job.job_id, name, made)
    counts = {"rows": outcome.rows, "steps": outcome.steps}
    known = {**_known(outcome), **counts, "files": files, "timings": monitor.timings}
    return job.moved(Status.DONE, **known)


def _fail(services: Services, job: Job, error: CsvjobsError, outcome: Outcome | None = None) -> None:
    """Ends the job as an error, with error.txt for people, and rejected.csv if all bad rows were found."""
    outcome, fault, files = outcome or Outcome(), Fault.of(error), {}
    # On a full disk there is room for the report only; in a damaged folder perhaps a place.
    with suppress(DiskFull, DamagedJob), services.storage.scratch(job.job_id) as scratch:
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
    """The parts of the outcome that the report has however the job ends."""
    return {name: getattr(outcome, name) for name in ("detected", "rejected", "warnings")}


def _end(services: Services, job: Job) -> None:
    """Ends the job, or withdraws its files when it has already ended otherwise."""
    if not end(services, job):
        for name in job.files:
            services.storage.withdraw(job.job_id, name)


def _told(fault: Fault) -> str:
    where = [f"line {fault.line}"] if fault.line else []
    where += [f"column {fault.column}"] if fault.column else []
    place = f" ({', '.join(where)})" if where else ""
    return "\n".join([f"{fault.code}{place}: {fault.message}", *fault.lines, ""])
