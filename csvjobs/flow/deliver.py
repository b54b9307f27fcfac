"""Deliver: opens a file of a job for download, once it is complete."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO

from csvjobs.engines.options import FILENAMES
from csvjobs.errors import LOOK_WHO, DamagedJob, FileNotFound, JobHasNoOutput, JobNotFinished
from csvjobs.flow.services import Services
from csvjobs.flow.view import request_of, view
from csvjobs.jobs.job import FileInfo, Job, Output, Status
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
    JobHasNoOutput; DamagedJob for a file that is not as long as the job says."""
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
    stat, known = services.storage.stat(job_id, name), _known(services, job, name)
    if known:
        check_length(name, stat.bytes, known.bytes)
    file, sha256 = services.storage.open(job_id, name), known.sha256 if known else None
    return Delivery(file, name, stat.bytes, stat.modified, sha256, _called(job, name), *_form(job, name))


def check_length(name: str, found: int, known: int) -> None:
    """Raises DamagedJob if a stored file is not as long as it was."""
    if found != known:
        said = f"The stored {name} has {found} bytes, but had {known}."
        raise DamagedJob(said, hint=LOOK_WHO)


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


def _known(services: Services, job: Job, name: str) -> FileInfo | None:
    """Size and sha256 of the file, if the request or the report has them."""
    if name == INPUT:
        facts = request_of(services, job.job_id).facts
        return FileInfo(bytes=facts.bytes, sha256=facts.sha256)
    return job.files.get(name)


def _called(job: Job, name: str) -> str:
    """`cities.csv` is downloaded as cities.csv (input), cities.output.csv, cities.rejected.csv …"""
    return job.filename if name == INPUT else f"{PurePath(job.filename).stem}.{name}"
