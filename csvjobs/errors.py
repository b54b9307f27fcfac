"""All error classes of csvjobs.

    CsvjobsError
    ├── RequestError     the request cannot be carried out (4xx); the caller can correct it
    │   ├── ForeignOrigin · UnknownHost
    │   ├── UnknownAddress · WrongMethod · InvalidRequest
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
    │   ├── TimeLimit · MemoryLimit · PipelineTooDeep
    │   └── PreviewTimeout · PreviewTooLarge
    ├── Cancelled        not a fault: a client cancelled the job
    └── ServiceError     the service's own fault (5xx); retried where that can help, always logged
        ├── QueueUnavailable · StorageUnavailable · DiskFull · ServiceBusy · Stopping
        └── DamagedJob · AccountMismatch · WorkerLost · InternalError · BadSetup

The docstring of a class is its title and, below, what to do in general: docs/errors.md and the pages at
/problems/{code} are made of them. `code` never changes once released; the message says what is wrong, where,
and what was found; `hint` says what to do next.
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

    @classmethod
    def help(cls) -> str:
        """What to do about this kind of error, in Markdown without links; empty for a class that is none."""
        return " ".join((cls.__doc__ or "").partition("\n")[2].split())


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
    """The request is not well formed.

    Correct what the message names; docs/http.md describes every request.
    """


class UnknownAddress(RequestError):
    """There is nothing at this address.

    Check the path: docs/http.md and `/docs` list all addresses.
    """

    code = "not-found"
    status = 404


class WrongMethod(RequestError):
    """This address does not take this method.

    Use one of the methods in `Allow`.
    """

    code = "method-not-allowed"
    status = 405


class InvalidRequest(RequestError):
    """The request has an invalid value.

    Correct each of the `errors`: `pointer` tells whether it is in the path, the query or a header, and its
    name.
    """

    code = "invalid-request"
    status = 422


class ForeignOrigin(RequestError):
    """A page from another site tried to change something.

    Use the service's own page, or a program. A proxy in front of the service must pass on the `Host`
    header unchanged.
    """

    code = "foreign-origin"
    status = 403


class UnknownHost(RequestError):
    """The service does not answer under this name.

    Use an IP address or a name without a dot, or add the name to `CSVJOBS_ALLOWED_HOSTS`.
    """

    code = "unknown-host"
    status = 421


class EmptyUpload(RequestError):
    """The upload is empty.

    Send a file with at least a header row. If the file is not empty, the request did not carry it: see
    the name of the form's field, `file`.
    """

    code = "empty-upload"
    status = 422


class InvalidOption(RequestError):
    """An option has an invalid value.

    The message names the option and what was found; send a value that it allows.
    """

    code = "invalid-option"
    status = 422


class InvalidPipeline(RequestError):
    """The pipeline is not valid.

    Correct each of the `errors`: `pointer` tells its place. `GET /steps` and docs/steps.md list all steps
    and options.
    """

    code = "invalid-pipeline"
    status = 422

    def __init__(self, errors: list[CsvjobsError], *, hint: str | None = None) -> None:
        self.errors = errors
        super().__init__("; ".join(e.message for e in errors), hint=hint)


class InvalidFitted(RequestError):
    """The fitted.json cannot be applied.

    Send the fitted.json as the job made it, or let a job learn again.
    """

    code = "invalid-fitted"
    status = 422


class PipelineMismatch(RequestError):
    """The pipeline is not the one that the values were learnt with.

    Leave the pipeline out, as it comes with what was learnt; or let a job learn with the new pipeline.
    """

    code = "pipeline-mismatch"
    status = 422


class PipelineFixed(RequestError):
    """The pipeline cannot be changed over HTTP.

    It is built in, or a file in the service's pipelines folder. Store yours under another name, or change
    the file.
    """

    code = "pipeline-fixed"
    status = 409


class PreconditionFailed(RequestError):
    """The resource has changed since the request was prepared.

    Get the current version and its `ETag`, and repeat the request if it still makes sense.
    """

    code = "precondition-failed"
    status = 412


class TooManyPipelines(RequestError):
    """The service cannot keep more pipelines.

    Delete pipelines that nobody uses.
    """

    code = "too-many-pipelines"
    status = 409


class NothingFitted(RequestError):
    """The job has learnt nothing that could be applied.

    Apply a job that is done, and whose pipeline has a step that learns, such as fill_missing, scale or
    one_hot.
    """

    code = "nothing-fitted"
    status = 409


class JobNotFound(RequestError):
    """There is no such job.

    Check the id: `GET /jobs` lists all jobs. A job that was deleted more than 30 days ago is not known
    any more.
    """

    code = "job-not-found"
    status = 404


class JobGone(JobNotFound):
    """The job was deleted.

    It was deleted on request, or its retention was over. Send the file again.
    """

    code = "job-gone"
    status = 410


class FileNotFound(RequestError):
    """The job has no such file.

    The job's `files` lists what it has. There is a rejected.csv only if rows were rejected, and an output
    only if the job is done.
    """

    code = "file-not-found"
    status = 404


class PipelineNotFound(RequestError):
    """There is no such pipeline.

    `GET /pipelines` lists the names that there are. A pipeline itself, as YAML or JSON, can be sent in
    place of a name.
    """

    code = "pipeline-not-found"
    status = 404


class TableNotFound(RequestError):
    """There is no such lookup table.

    `GET /tables` lists the names that there are. A step can also name a job whose output is the table.
    """

    code = "table-not-found"
    status = 404


class TableInUse(RequestError):
    """The job's output is a table with a name.

    Give the table's name to another job's output, or delete the name; then delete the job.
    """

    code = "table-in-use"
    status = 409


class TooManyTables(RequestError):
    """The service cannot keep more named tables.

    Delete names of tables that nobody uses.
    """

    code = "too-many-tables"
    status = 409


class JobNotFinished(RequestError):
    """The job has not finished yet.

    Wait until the job has ended: `GET /jobs/{job_id}?wait=25`.
    """

    code = "job-not-finished"
    status = 409


class JobAlreadyEnded(RequestError):
    """The job has already ended.

    Nothing is left to cancel. The job's files stay until it is deleted.
    """

    code = "job-already-ended"
    status = 409


class JobHasNoOutput(RequestError):
    """The job ended without an output.

    The job's `error` tells why. Correct the file or the pipeline, and send it again or rerun the job.
    """

    code = "job-has-no-output"
    status = 409


class KeyInUse(RequestError):
    """A request with the same Idempotency-Key is being carried out.

    Wait for the answer to the first request, or repeat this one in a moment.
    """

    code = "idempotency-key-in-use"
    status = 409


class KeyReused(RequestError):
    """The Idempotency-Key was used for another request.

    Use a new key for each new request. Repeat a key only with the same file and options.
    """

    code = "idempotency-key-reused"
    status = 422


class UploadTooLarge(RequestError):
    """The upload is larger than this service accepts.

    Send the file compressed or in parts, or raise `CSVJOBS_MAX_UPLOAD_BYTES`.
    """

    code = "upload-too-large"
    status = 413


class UnsupportedMediaType(RequestError):
    """The body has a media type that this service does not support.

    Send multipart/form-data with a field `file`, or the file itself as text/csv.
    """

    code = "unsupported-media-type"
    status = 415


class UnsupportedCoding(RequestError):
    """The body is compressed in a way that this service does not support.

    Send the body uncompressed, or a raw file with the Content-Encoding gzip or zstd.
    """

    code = "unsupported-coding"
    status = 415


class DigestMismatch(RequestError):
    """The bytes that arrived are not those that were sent.

    The body was changed or cut on its way, or `Content-Digest` is not its digest. Send it again.
    """

    code = "digest-mismatch"


class RangeNotSatisfiable(RequestError):
    """The file has no bytes in the range asked for.

    Ask for a range within the size that `Content-Range` tells, or for the whole file.
    """

    code = "range-not-satisfiable"
    status = 416


class DataError(CsvjobsError):
    """The file cannot be processed as asked."""

    status = 422


class EmptyFile(DataError):
    """The file holds no rows.

    Look at the file: there is no row below the header, or `skip` leaves none.
    """

    code = "empty-file"


class NotCsv(DataError):
    """The file is not text in rows and columns.

    Send CSV, JSON lines, Parquet or XLSX. Of a JSON document, make one object on each line.
    """

    code = "not-csv"


class DamagedArchive(DataError):
    """The packed file is damaged or cut short.

    Make or download the file anew, and send all of it.
    """

    code = "damaged-archive"


class EncryptedArchive(DataError):
    """The packed file is locked with a password.

    Send it without a password.
    """

    code = "encrypted-archive"


class SeveralFiles(DataError):
    """The packed file does not hold exactly one file.

    Send each file as a job of its own.
    """

    code = "several-files"


class UnpackedTooLarge(DataError):
    """The decompressed file is larger than this service accepts.

    Send the file in parts, or raise `CSVJOBS_MAX_UPLOAD_BYTES`. A file that unpacks to a suspicious
    multiple of its size is refused too.
    """

    code = "unpacked-too-large"


class UnknownSheet(DataError):
    """The workbook has no such sheet.

    The hint lists the workbook's sheets; set `sheet` to one of them.
    """

    code = "unknown-sheet"


class BadEncoding(DataError):
    """The file's text encoding cannot be read.

    Set `encoding` to the file's encoding, or save the file as UTF-8.
    """

    code = "bad-encoding"


class TooManyColumns(DataError):
    """The file has more columns than this service accepts.

    Check that `delimiter` is right. A table that is really so wide can be turned into a long one, or
    split.
    """

    code = "too-many-columns"


class TooManyRows(DataError):
    """The table has more rows than the output's format can hold.

    Write csv, jsonl or parquet, or send the file in parts.
    """

    code = "too-many-rows"


class FieldTooLong(DataError):
    """A cell is longer than this service accepts.

    Check that `quote` is right: an unclosed quote swallows what follows it.
    """

    code = "field-too-long"


class BadRow(DataError):
    """A row is bad, and the job is set to fail on bad rows.

    Correct the row, or set `bad_rows` to reject, so that bad rows go to rejected.csv.
    """

    code = "bad-row"


class TooManyBadRows(DataError):
    """More rows are bad than the job allows.

    Look at rejected.csv. If rows are cut wrongly, set `delimiter` and `quote`; if they are bad, correct
    them or raise `max_bad_rows`.
    """

    code = "too-many-bad-rows"


class RuleBroken(DataError):
    """A row breaks a rule that must hold for every row.

    Correct the row, or change the rule that it breaks.
    """

    code = "rule-broken"


class WrongColumns(DataError):
    """The table does not have the required columns.

    Compare the header with what the step or its schema requires; rename, add or drop columns, or set
    `columns_match`.
    """

    code = "wrong-columns"


class NoRowsLeft(DataError):
    """Every row of the file was rejected.

    Look at rejected.csv. If rows are cut wrongly, set `delimiter` and `quote`.
    """

    code = "no-rows-left"


class UnfitPipeline(DataError):
    """Several steps of the pipeline do not fit the file's columns.

    Correct each of the `errors`; no step was run.
    """

    code = "unfit-pipeline"

    def __init__(self, errors: Sequence[DataError]) -> None:
        self.errors = errors
        super().__init__(
            f"The pipeline does not fit the file's columns: {len(errors)} faults.",
            hint="Fix all of these and run the pipeline again. No steps were run.",
        )


def _brief(name: str) -> str:
    """The beginning of a column's name; with escapes where it would do something to a terminal."""
    beginning = name if len(name) <= 80 else f"{name[:80]}…"
    return beginning if beginning.isprintable() else repr(beginning)


class UnknownColumn(DataError):
    """A step names a column that the file, or the table that it looks things up in, does not have.

    Name the columns as the header does. A column of an earlier step may have been renamed or dropped
    there.
    """

    code = "unknown-column"
    names: Sequence[str] = ()
    table: str | None = None

    @classmethod
    def among(cls, names: Sequence[str], known: Sequence[str], step: str) -> UnknownColumn:
        """The error for all `names` in `step`, with the nearest of the `known` ones as its hint."""
        several, shown = len(names) > 1, names[:12]
        near = {name: found for name in shown if (found := nearest(name, known))}
        meant = [f"{new!r} for {name!r}" if several else repr(new) for name, new in near.items()]
        here = ", ".join(map(_brief, known[:12])) + (", …" if len(known) > 12 else "")
        listed = ", ".join(map(repr, shown)) + (", …" if len(names) > 12 else "")
        said = f"columns {listed}, which are" if several else f"column {listed}, which is"
        error = cls(
            f"Step {step} names the {said} not there.",
            column=names[0],
            hint=f"Did you mean {', '.join(meant)}?" if meant else f"The columns here are: {here}.",
        )
        error.names = names
        return error


class DuplicateColumn(DataError):
    """A step would make two columns of the same name.

    Rename or drop one of the two beforehand, or give the new one another name.
    """

    code = "duplicate-column"


class NoColumnsLeft(DataError):
    """A step would leave a table without columns.

    Leave at least one column.
    """

    code = "no-columns-left"


class NotANumber(DataError):
    """A step needs numbers and found something else.

    Clean or cast the column beforehand, or leave it out of the step.
    """

    code = "not-a-number"


class InvalidCell(DataError):
    """A cell does not have the type that a step requires.

    Clean the column first, describe its cells with the step's options, or set `invalid` to empty or keep.
    """

    code = "invalid-cell"


class AmbiguousFormat(DataError):
    """A column can be read in more than one way, and the step does not say which.

    Set the step's `format`.
    """

    code = "ambiguous-format"


class TooManyCategories(DataError):
    """A column has more different values than a step allows.

    Raise `max_categories`, or choose a column with fewer values.
    """

    code = "too-many-categories"


class UnknownCategory(DataError):
    """A column holds a value that the step does not know.

    Set `unknown`, learn again from a file that has the value, or leave such rows out.
    """

    code = "unknown-category"


class NothingToLearn(DataError):
    """A column has no value that a step could learn from.

    Leave the column out of the step, or fill it with a constant.
    """

    code = "nothing-to-learn"


class NotLearnt(DataError):
    """A step has learnt nothing about a column.

    Name the step's columns, and learn again.
    """

    code = "not-learnt"


class BadPattern(DataError):
    """A step has a regular expression that the engine does not support.

    Patterns are in RE2 syntax, which has no look-around and no back references.
    """

    code = "bad-pattern"


class NoMaskKey(DataError):
    """A step masks cells with a keyed hash, but the service has no key.

    Set `CSVJOBS_MASK_KEY`, to the same text for API and workers.
    """

    code = "no-mask-key"


class BadTable(DataError):
    """A lookup table cannot be read.

    Name a table that can be read as it is: the output of a job that is done, with a header row.
    """

    code = "bad-table"

    @classmethod
    def called(cls, name: str, why: str, hint: str | None) -> BadTable:
        """The error for the lookup table `name`."""
        return cls(f"The table {name[:120]!r} cannot be read: {why}", hint=hint)


class TableGone(DataError):
    """A lookup table has changed since the job was submitted.

    Send the file again, with a table that is there.
    """

    code = "table-gone"


class DuplicateKey(DataError):
    """A key appears more than once where a step needs it to be unique.

    Keep one row for each key, with `dedupe` for example, or use the step's option for several.
    """

    code = "duplicate-key"


class UnknownKey(DataError):
    """A row's key is not in the lookup table.

    Add the key to the lookup table, or set `missing` to keep or drop.
    """

    code = "unknown-key"


class TimeLimit(DataError):
    """The job took longer than its time limit.

    Raise `CSVJOBS_JOB_TIMEOUT`, or send the file in parts.
    """

    code = "time-limit"


class MemoryLimit(DataError):
    """The job needs more memory than its limit.

    Raise `CSVJOBS_JOB_MEMORY`, or send the file in parts.
    """

    code = "memory-limit"


class PipelineTooDeep(DataError):
    """The steps together are more than the engine can plan at once.

    Divide the pipeline, and run one part on the output of the other; or give one step many rules or values
    instead of many steps one each.
    """

    code = "pipeline-too-deep"


class PreviewTimeout(DataError):
    """The preview took too long.

    The job itself has no such limit. To try fewer rows, begin with the step `limit`.
    """

    code = "preview-timeout"


class PreviewTooLarge(DataError):
    """The file's first rows produce more output than a preview can show.

    The job itself has no such limit. To try fewer rows, begin with the step `limit`.
    """

    code = "preview-too-large"


class Cancelled(CsvjobsError):
    """The job was cancelled."""

    code = "cancelled"
    status = 409


class ServiceError(CsvjobsError):
    """The service failed, not the request."""


class InternalError(ServiceError):
    """An unexpected fault inside the service; the service's log has the details.

    Report it with the request id, if there is one, and the file if you can.
    """


class QueueUnavailable(ServiceError):
    """The queue cannot be reached.

    Try again in a moment. If it lasts, check that Redis runs and that `REDIS_URL` is right; accepted jobs
    wait and are not lost.
    """

    code = "queue-unavailable"
    status = 503


BRING_BACK = (
    "Check that its disk is mounted and that the service may write to it; nothing needs to be restarted."
)


class StorageUnavailable(ServiceError):
    """The jobs folder cannot be reached.

    Try again in a moment. If it lasts, check that the disk is mounted and that the service may write to
    it; nothing needs to be restarted.
    """

    code = "storage-unavailable"
    status = 503


MAKE_ROOM = "Delete old jobs or give the service a larger disk, then send the file again."


class DiskFull(ServiceError):
    """The service does not have enough free disk space.

    Delete old jobs, set `CSVJOBS_RETENTION`, or give the service a larger disk; then send the file again.
    """

    code = "disk-full"
    status = 507


LOOK_WHO = "Look for what changes files in the jobs folder, and send the file again."


class DamagedJob(ServiceError):
    """The stored files of the job are damaged.

    Look for what changes files in the jobs folder. Restore the job's folder from a backup, or send the
    file again.
    """

    code = "job-damaged"
    status = 500


class ServiceBusy(ServiceError):
    """The service has as many connections and files open as its system allows.

    Try again in a moment. If it lasts, raise the limit of open files (`ulimit -n`) of the service.
    """

    code = "service-busy"
    status = 503


class Stopping(ServiceError):
    """The service is being stopped.

    Send the request again when the service is back.
    """

    code = "service-stopping"
    status = 503


class AccountMismatch(ServiceError):
    """The rows do not add up, so nothing was published.

    This is a fault of csvjobs: report it, with the file if you can.
    """

    code = "account-mismatch"


class WorkerLost(ServiceError):
    """The job's process died on every attempt.

    The service's log tells how it died. Often memory ran out on the machine: run fewer workers. Otherwise
    report it, with the file if you can.
    """

    code = "worker-lost"


class BadSetup(ServiceError):
    """The service is not set up correctly.

    The message names the setting; `csvjobs doctor` checks them all.
    """

    code = "bad-setup"


def kinds() -> dict[str, type[CsvjobsError]]:
    """All kinds of errors by their codes, in the order of this file."""
    known = [each for each in globals().values() if isinstance(each, type) and issubclass(each, CsvjobsError)]
    return {each.code: each for each in known if each.help()}
