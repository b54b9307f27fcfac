"""Deliver: opens a file of a job for download, once it is complete."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO

from csvjobs.engines.options import FILENAMES
from csvjobs.errors import FileNotFound, JobHasNoOutput, JobNotFinished
from csvjobs.flow.services import Services
from csvjobs.flow.view import request_of, view
from csvjobs.jobs.job import Job, Output, Status
from csvjobs.reading.charset import charset_of
from csvjobs.storage.base import APPLIED, INPUT, REPORT

REJECTED = "rejected.csv"
FITTED = "fitted.json"
PROFILE = "profile.json"
CHANGES = "changes.csv"
ERROR_TEXT = "error.txt"
FILES = (INPUT, APPLIED, *FILENAMES, REJECTED, FITTED, PROFILE, CHANGES, REPORT, ERROR_TEXT)


@dataclass(frozen=True)
class Delivery:
    """An open file and its metadata. sha256: in hex, if the report or request has it.

    header, encoding: whether the first row names the columns, and the text encoding; None if the file is
    not CSV or they are unknown.
    """

    file: BinaryIO
    name: str
    bytes: int
    modified: float
    sha256: str | None
    download_name: str
    header: bool | None
    encoding: str | None


def deliver(services: Services, job_id: str, name: str | None = None) -> Delivery:
    """Opens a file of the job, by default its output. Raises JobNotFound, FileNotFound, JobNotFinished,
    JobHasNoOutput."""
    if name not in (None, *FILES):
        raise FileNotFound(f"A job has no file {name!r}.", hint=f"It may have: {', '.join(FILES)}.")
    job = view(services, job_id)
    name = name or job.output.name
    if name != INPUT and not job.status.final:
        raise JobNotFinished(
            f"Job {job_id} is still {job.status}.", hint=f"Ask again when GET /jobs/{job_id} says done."
        )
    if name in FILENAMES and job.status is not Status.DONE:
        raise JobHasNoOutput(_why(job), hint=job.error.hint if job.error else None)
    stat = services.storage.stat(job_id, name)
    file = services.storage.open(job_id, name)
    sha256, called = _sha256(services, job, name), _called(job, name)
    return Delivery(file, name, stat.bytes, stat.modified, sha256, called, *_form(job, name))


def _form(job: Job, name: str) -> tuple[bool | None, str | None]:
    """Whether the file has a header, and its encoding; None for what is unknown."""
    if name != INPUT:
        form = job.output if name == job.output.name else Output()
        return form.header, form.encoding
    if "compression" in job.detected:
        return None, None
    found = {what: finding.value for what, finding in job.detected.items()}
    return found.get("header"), charset_of(found["encoding"]) if "encoding" in found else None


def _why(job: Job) -> str:
    reason = f": {job.error.message}" if job.error else "."
    return f"Job {job.job_id} ended as {job.status} and has no output{reason}"


def _sha256(services: Services, job: Job, name: str) -> str | None:
    if name == INPUT:
        return request_of(services, job.job_id).facts.sha256
    info = job.files.get(name)
    return info.sha256 if info else None


def _called(job: Job, name: str) -> str:
    """`cities.csv` is downloaded as cities.csv (input), cities.output.csv, cities.rejected.csv …"""
    return job.filename if name == INPUT else f"{PurePath(job.filename).stem}.{name}"
