"""All error classes of csvjobs.

    CsvjobsError
    ├── RequestError     the request cannot be carried out (4xx); the caller can correct it
    │   ├── ForeignOrigin · UnknownHost
    │   ├── BadRequest · EmptyUpload · InvalidPipeline · InvalidOption
    │   ├── InvalidFitted · PipelineMismatch · NothingFitted
    │   ├── PipelineFixed · PreconditionFailed · TooManyPipelines
    │   ├── JobNotFound (JobGone) · FileNotFound · PipelineNotFound
    │   ├── TableNotFound · TableInUse · TooManyTables
    │   ├── JobNotFinished · JobAlreadyEnded · JobHasNoOutput
    │   ├── KeyInUse · KeyReused
    │   ├── UnsupportedMediaType · UnsupportedCoding
    │   └── UploadTooLarge · DigestMismatch · RangeNotSatisfiable
    ├── DataError        the file or the pipeline ends the job as an error; never retried
    │   ├── EmptyFile · NotCsv · BadEncoding · TooManyColumns · FieldTooLong
    │   ├── DamagedArchive · EncryptedArchive · SeveralFiles · UnpackedTooLarge
    │   ├── UnknownSheet
    │   ├── BadRow · TooManyBadRows · NoRowsLeft · RuleBroken · WrongColumns · TooManyRows
    │   ├── UnfitPipeline · UnknownColumn · DuplicateColumn · NoColumnsLeft
    │   ├── NotANumber · InvalidCell · AmbiguousFormat · TooManyCategories · UnknownCategory
    │   ├── NothingToLearn · NotLearnt · BadPattern · NoMaskKey
    │   ├── BadTable · TableGone · DuplicateKey · UnknownKey
    │   ├── TimeLimit · MemoryLimit
    │   └── PreviewTimeout · PreviewTooLarge
    ├── Cancelled        not a fault: a client cancelled the job
    └── ServiceError     the service's own fault (5xx); retried where that can help, always logged
        ├── QueueUnavailable · StorageUnavailable · DiskFull · Stopping
        └── DamagedJob · AccountMismatch · WorkerLost · InternalError · BadSetup

The docstring of a class is its title; `code` never changes once released; the message says what is wrong,
where, and what was found; `hint` says what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import ClassVar, Self


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The most similar of the known names, for hints; one that differs by case only comes first."""
    names = list(known)
    same = (each for each in names if each.casefold() == name.casefold())
    return next(same, None) or next(iter(get_close_matches(name, names, n=1)), None)


class CsvjobsError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal-error"
    status: ClassVar[int] = 500

    errors: Sequence[CsvjobsError] = ()
    """The individual errors when there are several, each with its own message and JSON pointer (RFC 6901)."""

    row: int | None = None
    """The first record in which `column` holds `cell`, counted from 1 over the readable records."""

    def __init__(
        self,
        message: str | None = None,
        *,
        hint: str | None = None,
        line: int | None = None,
        column: str | None = None,
        cell: str | None = None,
        pointer: str | None = None,
    ) -> None:
        self.message = message or self.title()
        self.hint = hint
        self.line = line
        self.column = column
        self.cell = cell
        self.pointer = pointer
        super().__init__(self.message)

    def at(self, pointer: str, step: str = "") -> Self:
        """This error, with its place in the pipeline as a JSON `pointer` and in the message. step: the name
        of the step it belongs to."""
        self.pointer, place, own = pointer, place_of(pointer, step), f"Step {step} "
        if self.message.startswith(own):
            self.message = f"{place.partition(',')[0]} {self.message.removeprefix(own)}"
        elif place:
            self.message = f"{place}: {self.message}"
        self.args = (self.message,)
        return self

    @classmethod
    def title(cls) -> str:
        """The sentence that describes this kind of error, the same for every occurrence."""
        return (cls.__doc__ or "").strip().splitlines()[0]


def place_of(pointer: str, step: str = "") -> str:
    """The place in a pipeline that a JSON pointer names, in words; steps are counted from 1."""
    first, *rest = pointer.removeprefix("/").split("/")
    if first != "steps" or not rest:
        return "/".join([first, *rest])
    called = f"Step {int(rest[0]) + 1} ({step})" if step else f"Step {int(rest[0]) + 1}"
    return ", ".join([called, *filter(None, ["/".join(rest[1:])])])


class RequestError(CsvjobsError):
    """The request cannot be carried out."""

    code = "bad-request"
    status = 400


class BadRequest(RequestError):
    """The request is not well formed."""


class ForeignOrigin(RequestError):
    """A page from another site tried to change something."""

    code = "foreign-origin"
    status = 403


class UnknownHost(RequestError):
    """The service does not answer under this name."""

    code = "unknown-host"
    status = 421


class EmptyUpload(RequestError):
    """The upload is empty."""

    code = "empty-upload"
    status = 422


class InvalidOption(RequestError):
    """An option has an invalid value."""

    code = "invalid-option"
    status = 422


class InvalidPipeline(RequestError):
    """The pipeline is not valid."""

    code = "invalid-pipeline"
    status = 422

    def __init__(self, errors: list[CsvjobsError], *, hint: str | None = None) -> None:
        self.errors = errors
        super().__init__("; ".join(e.message for e in errors), hint=hint)


class InvalidFitted(RequestError):
    """The fitted.json cannot be applied."""

    code = "invalid-fitted"
    status = 422


class PipelineMismatch(RequestError):
    """The pipeline is not the one that the values were learnt with."""

    code = "pipeline-mismatch"
    status = 422


class PipelineFixed(RequestError):
    """The pipeline cannot be changed over HTTP."""

    code = "pipeline-fixed"
    status = 409


class PreconditionFailed(RequestError):
    """The resource has changed since the request was prepared."""

    code = "precondition-failed"
    status = 412


class TooManyPipelines(RequestError):
    """The service cannot keep more pipelines."""

    code = "too-many-pipelines"
    status = 409


class NothingFitted(RequestError):
    """The job has learnt nothing that could be applied."""

    code = "nothing-fitted"
    status = 409


class JobNotFound(RequestError):
    """There is no such job."""

    code = "job-not-found"
    status = 404


class JobGone(JobNotFound):
    """The job was deleted."""

    code = "job-gone"
    status = 410


class FileNotFound(RequestError):
    """The job has no such file."""

    code = "file-not-found"
    status = 404


class PipelineNotFound(RequestError):
    """There is no such pipeline."""

    code = "pipeline-not-found"
    status = 404


class TableNotFound(RequestError):
    """There is no such lookup table."""

    code = "table-not-found"
    status = 404


class TableInUse(RequestError):
    """The job's output is a table with a name."""

    code = "table-in-use"
    status = 409


class TooManyTables(RequestError):
    """The service cannot keep more named tables."""

    code = "too-many-tables"
    status = 409


class JobNotFinished(RequestError):
    """The job has not finished yet."""

    code = "job-not-finished"
    status = 409


class JobAlreadyEnded(RequestError):
    """The job has already ended."""

    code = "job-already-ended"
    status = 409


class JobHasNoOutput(RequestError):
    """The job ended without an output."""

    code = "job-has-no-output"
    status = 409


class KeyInUse(RequestError):
    """A request with the same Idempotency-Key is being carried out."""

    code = "idempotency-key-in-use"
    status = 409


class KeyReused(RequestError):
    """The Idempotency-Key was used for another request."""

    code = "idempotency-key-reused"
    status = 422


class UploadTooLarge(RequestError):
    """The upload is larger than this service accepts."""

    code = "upload-too-large"
    status = 413


class UnsupportedMediaType(RequestError):
    """The body has a media type that this service does not support."""

    code = "unsupported-media-type"
    status = 415


class UnsupportedCoding(RequestError):
    """The body is compressed in a way that this service does not support."""

    code = "unsupported-coding"
    status = 415


class DigestMismatch(RequestError):
    """The bytes that arrived are not those that were sent."""

    code = "digest-mismatch"


class RangeNotSatisfiable(RequestError):
    """The file has no bytes in the range asked for."""

    code = "range-not-satisfiable"
    status = 416


class DataError(CsvjobsError):
    """The file cannot be processed as asked."""

    code = "data-error"
    status = 422


class EmptyFile(DataError):
    """The file holds no rows."""

    code = "empty-file"


class NotCsv(DataError):
    """The file is not text in rows and columns."""

    code = "not-csv"


class DamagedArchive(DataError):
    """The packed file is damaged or cut short."""

    code = "damaged-archive"


class EncryptedArchive(DataError):
    """The packed file is locked with a password."""

    code = "encrypted-archive"


class SeveralFiles(DataError):
    """The packed file does not hold exactly one file."""

    code = "several-files"


class UnpackedTooLarge(DataError):
    """The decompressed file is larger than this service accepts."""

    code = "unpacked-too-large"


class UnknownSheet(DataError):
    """The workbook has no such sheet."""

    code = "unknown-sheet"


class BadEncoding(DataError):
    """The file's text encoding cannot be read."""

    code = "bad-encoding"


class TooManyColumns(DataError):
    """The file has more columns than this service accepts."""

    code = "too-many-columns"


class TooManyRows(DataError):
    """The table has more rows than the output's format can hold."""

    code = "too-many-rows"


class FieldTooLong(DataError):
    """A cell is longer than this service accepts."""

    code = "field-too-long"


class BadRow(DataError):
    """A row is bad, and the job is set to fail on bad rows."""

    code = "bad-row"


class TooManyBadRows(DataError):
    """More rows are bad than the job allows."""

    code = "too-many-bad-rows"


class RuleBroken(DataError):
    """A row breaks a rule that must hold for every row."""

    code = "rule-broken"


class WrongColumns(DataError):
    """The table does not have the required columns."""

    code = "wrong-columns"


class NoRowsLeft(DataError):
    """Every row of the file was rejected."""

    code = "no-rows-left"


class UnfitPipeline(DataError):
    """Several steps of the pipeline do not fit the file's columns."""

    code = "unfit-pipeline"

    def __init__(self, errors: Sequence[DataError]) -> None:
        self.errors = errors
        super().__init__(
            f"The pipeline does not fit the file's columns: {len(errors)} faults.",
            hint="Fix all of these and run the pipeline again. No steps were run.",
        )


class UnknownColumn(DataError):
    """A step names a column that the file does not have, or the `table` that it looks things up in."""

    code = "unknown-column"
    names: Sequence[str] = ()
    table: str | None = None

    @classmethod
    def among(cls, names: Sequence[str], known: Sequence[str], step: str) -> UnknownColumn:
        """The error for all `names` in `step`, with the nearest of the `known` ones as its hint."""
        several, shown = len(names) > 1, names[:12]
        near = {name: found for name in shown if (found := nearest(name, known))}
        meant = [f"{new!r} for {name!r}" if several else repr(new) for name, new in near.items()]
        columns = f"The columns here are: {', '.join(known[:12])}{', …' if len(known) > 12 else ''}."
        listed = ", ".join(map(repr, shown)) + (", …" if len(names) > 12 else "")
        said = f"columns {listed}, which are" if several else f"column {listed}, which is"
        error = cls(
            f"Step {step} names the {said} not there.",
            column=names[0],
            hint=f"Did you mean {', '.join(meant)}?" if meant else columns,
        )
        error.names = names
        return error


class DuplicateColumn(DataError):
    """A step would make two columns of the same name."""

    code = "duplicate-column"


class NoColumnsLeft(DataError):
    """A step would leave a table without columns."""

    code = "no-columns-left"


class NotANumber(DataError):
    """A step needs numbers and found something else."""

    code = "not-a-number"


class InvalidCell(DataError):
    """A cell does not have the type that a step requires."""

    code = "invalid-cell"


class AmbiguousFormat(DataError):
    """A column can be read in more than one way, and the step does not say which."""

    code = "ambiguous-format"


class TooManyCategories(DataError):
    """A column has more different values than a step allows."""

    code = "too-many-categories"


class UnknownCategory(DataError):
    """A column holds a value that the step does not know."""

    code = "unknown-category"


class NothingToLearn(DataError):
    """A column has no value that a step could learn from."""

    code = "nothing-to-learn"


class NotLearnt(DataError):
    """A step has learnt nothing about a column."""

    code = "not-learnt"


class BadPattern(DataError):
    """A step has a regular expression that the engine does not support."""

    code = "bad-pattern"


class NoMaskKey(DataError):
    """A step masks cells with a keyed hash, but the service has no key."""

    code = "no-mask-key"


class BadTable(DataError):
    """A lookup table cannot be read."""

    code = "bad-table"

    @classmethod
    def called(cls, name: str, why: str, hint: str | None) -> BadTable:
        """The error for the lookup table `name`."""
        return cls(f"The table {name[:120]!r} cannot be read: {why}", hint=hint)


class TableGone(DataError):
    """A lookup table has changed since the job was submitted."""

    code = "table-gone"


class DuplicateKey(DataError):
    """A key appears more than once where a step needs it to be unique."""

    code = "duplicate-key"


class UnknownKey(DataError):
    """A row's key is not in the lookup table."""

    code = "unknown-key"


class TimeLimit(DataError):
    """The job took longer than its time limit."""

    code = "time-limit"


class MemoryLimit(DataError):
    """The job needs more memory than its limit."""

    code = "memory-limit"


class PreviewTimeout(DataError):
    """The preview took too long."""

    code = "preview-timeout"


class PreviewTooLarge(DataError):
    """The file's first rows produce more output than a preview can show."""

    code = "preview-too-large"


class Cancelled(CsvjobsError):
    """The job was cancelled."""

    code = "cancelled"
    status = 409


class ServiceError(CsvjobsError):
    """The service failed, not the request."""


class InternalError(ServiceError):
    """An unexpected fault inside the service; the service's log has the details."""


class QueueUnavailable(ServiceError):
    """The queue cannot be reached."""

    code = "queue-unavailable"
    status = 503


BRING_BACK = (
    "Check that its disk is mounted and that the service may write to it; nothing needs to be restarted."
)


class StorageUnavailable(ServiceError):
    """The jobs folder cannot be reached."""

    code = "storage-unavailable"
    status = 503


MAKE_ROOM = "Delete old jobs or give the service a larger disk, then send the file again."


class DiskFull(ServiceError):
    """The service does not have enough free disk space."""

    code = "disk-full"
    status = 507


LOOK_WHO = "Look for what changes files in the jobs folder, and send the file again."


class DamagedJob(ServiceError):
    """The stored files of the job are damaged."""

    code = "job-damaged"
    status = 500


class Stopping(ServiceError):
    """The service is being stopped."""

    code = "service-stopping"
    status = 503


class AccountMismatch(ServiceError):
    """The rows do not add up, so nothing was published."""

    code = "account-mismatch"


class WorkerLost(ServiceError):
    """The job's process died on every attempt."""

    code = "worker-lost"


class BadSetup(ServiceError):
    """The service is not set up correctly."""

    code = "bad-setup"
