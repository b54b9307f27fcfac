"""Submit: streams an upload into a reserved folder, commits it as a job, then announces the job."""

from __future__ import annotations

import logging
import re
from dataclasses import astuple
from io import FileIO
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import TracebackType

import uuid_utils

from csvjobs.errors import EmptyUpload, QueueUnavailable, UploadTooLarge
from csvjobs.flow.apply import TIDY, Processing
from csvjobs.flow.disk_space import check_free
from csvjobs.flow.idempotency import earlier, payload_of
from csvjobs.flow.services import Services
from csvjobs.flow.tables import pinned
from csvjobs.flow.terms import effective_priority
from csvjobs.jobs.job import AppliedRef, Job, PipelineRef, Request, TableRef, Terms, now
from csvjobs.pipelines.fitted import Fitted
from csvjobs.pipelines.spec import Pipeline
from csvjobs.reading.facts import Facts, FactsCollector
from csvjobs.storage.base import APPLIED, INPUT, REQUEST, Slot, writing

log = logging.getLogger(__name__)

DEFAULT = Terms()

# Bytes between two checks: asking the file system for its free space has a cost.
CHECK_FREE_EVERY = 64 * 1024**2


class Incoming:
    """An upload in progress: invisible until `submit`, gone after `discard`.

    As a context manager it is discarded at the end unless it was submitted. To be used by one thread at a
    time. Raises UploadTooLarge, DiskFull.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.job_id = str(uuid_utils.uuid7())
        check_free(self.services)
        self._folder = services.storage.reserve(self.job_id)
        try:
            with writing("The upload"):
                self._file = FileIO(self._folder / INPUT, "x")
        except BaseException:
            services.storage.discard(self.job_id)
            raise
        self._facts = FactsCollector()
        self.bytes = 0

    def __enter__(self) -> Incoming:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def write(self, chunk: bytes) -> None:
        """Appends bytes of the file. Raises UploadTooLarge, DiskFull."""
        before, self.bytes = self.bytes, self.bytes + len(chunk)
        check_size(self.bytes, self.services.settings.max_upload_bytes)
        if before // CHECK_FREE_EVERY != self.bytes // CHECK_FREE_EVERY:
            check_free(self.services)
        self._append(chunk)
        self._facts.update(chunk)

    def resolve(self, processing: Processing) -> Pipeline:
        """The pipeline that `submit` would run; to refuse a bad one early.

        Raises the errors of `submit` that concern it.
        """
        chosen, _ = processing.resolve(self.services)
        pinned(self.services, chosen)
        return chosen

    def submit(
        self,
        filename: str,
        processing: Processing = TIDY,
        *,
        terms: Terms = DEFAULT,
        slot: Slot | None = None,
    ) -> Job:
        """Makes the upload a job and announces it; or returns the job made earlier with the same key.

        filename: the client's name for the file; terms: retention, priority and owner; slot: of the
        request's idempotency key. A queue that cannot be reached is no error: the job is durable, and the
        reconciler announces it.
        Raises: EmptyUpload, PipelineNotFound, InvalidPipeline; JobNotFound, JobNotFinished, NothingFitted,
        InvalidFitted, PipelineMismatch; TableNotFound; KeyReused.
        """
        path, facts = self.content()
        payload = payload_of(filename, *astuple(processing), terms.model_dump(), facts.sha256)
        if job := earlier(self.services, slot, payload):
            return job
        chosen, fitted = processing.resolve(self.services)
        tables, asked = pinned(self.services, chosen), terms.model_copy(update={"payload": payload})
        made = request(self.job_id, filename, chosen, facts, tables, asked)
        return begin(self.services, path.parent, made, fitted, slot)

    def content(self, *, cut: bool = False) -> tuple[Path, Facts]:
        """Closes the file and returns its path, in a folder of its own, and the facts about it. `cut`: it is
        only the beginning of a file. Raises EmptyUpload.
        """
        if not self.bytes:
            raise EmptyUpload("The file is empty.", hint="Send a CSV file with at least a header row.")
        self._file.close()
        return self._folder / INPUT, self._facts.finish(cut=cut)

    def discard(self) -> None:
        """Deletes the upload; does nothing after a successful `submit`."""
        self._file.close()
        self.services.storage.discard(self.job_id)

    def _append(self, chunk: bytes) -> None:
        """Writes the whole chunk: when a disk fills up, the first write is short, without an error."""
        rest = memoryview(chunk)
        with writing("The upload"):
            while rest:
                rest = rest[self._file.write(rest) :]


def request(
    job_id: str,
    filename: str,
    pipeline: Pipeline,
    facts: Facts,
    tables: dict[str, TableRef],
    terms: Terms,
) -> Request:
    """The request of a new job, created now."""
    return Request(
        job_id=job_id,
        filename=base_name(filename),
        created_at=now(),
        pipeline=pipeline.document(),
        pipeline_ref=PipelineRef(name=pipeline.name, version=pipeline.version, sha256=pipeline.sha256),
        facts=facts,
        tables=tables,
        terms=terms,
    )


def begin(
    services: Services, folder: Path, request: Request, fitted: Fitted | None, slot: Slot | None
) -> Job:
    """Commits a reserved folder, which holds the input, as the job, and announces it.

    fitted: the parameters to apply, if any; slot: of the request's idempotency key.
    """
    with writing("The upload"):
        if fitted:
            (folder / APPLIED).write_bytes(fitted.text.encode())
            request = request.model_copy(update={"applied": AppliedRef(sha256=fitted.sha256)})
        (folder / REQUEST).write_bytes(request.model_dump_json().encode())
    if slot:
        slot.write(request.job_id.encode())
    services.storage.commit(request.job_id)
    job = Job.queued(request)
    announce(services, job, request.terms)
    return job


def check_size(size: int, limit: int) -> None:
    """Raises UploadTooLarge when an upload of `size` bytes is over the limit."""
    if size > limit:
        raise UploadTooLarge(f"The upload is larger than {limit} bytes.", hint="Send it in parts.")


def announce(services: Services, job: Job, terms: Terms) -> None:
    """Puts a committed job into the index and the queue; if these cannot be reached, the reconciler does."""
    try:
        services.index.put(job)
        services.queue.put(job.job_id, terms.owner, effective_priority(services, terms.priority))
    except QueueUnavailable as error:
        log.warning("job %s is stored but not yet queued: %s", job.job_id, error)


def base_name(filename: str) -> str:
    """The last part of a client's file name or path, without control characters; never empty."""
    last = PureWindowsPath(PurePosixPath(filename).name).name
    clean = re.sub(r"[\x00-\x1f\x7f-\x9f]", "", last).strip()
    return clean[:200] or "input.csv"
