"""Inspect: what a file looks like to us, without making a job of it."""

from __future__ import annotations

from csvjobs.flow.submit import Incoming, base_name
from csvjobs.jobs.job import Finding, Model
from csvjobs.reading.profile import ColumnProfile, sample
from csvjobs.reading.reading import look


class Inspection(Model):
    """How the file would be read; its first `records` as `rows` and by column. With `complete` these are all
    that it has."""

    filename: str
    bytes: int
    sha256: str
    detected: dict[str, Finding]
    warnings: list[str]
    records: int
    complete: bool
    faults: dict[str, int]
    columns: list[ColumnProfile]
    rows: list[list[str | None]]


def inspect(incoming: Incoming, filename: str, pipeline: str | None, options: dict[str, str]) -> Inspection:
    """Looks at an upload, which is discarded afterwards; arguments as for `Incoming.submit`.

    Raises: EmptyUpload, PipelineNotFound, InvalidPipeline; DataError for what cannot be read.
    """
    read = incoming.resolve(pipeline, options).read
    path, facts = incoming.content()
    most = incoming.services.settings.max_upload_bytes
    found = look(path, facts, read, path.parent, lambda _: None, most_bytes=most)
    first = sample(found.head, found.dialect, found.header, read.nulls, whole=found.whole)
    return Inspection(
        filename=base_name(filename),
        bytes=facts.bytes,
        sha256=facts.sha256,
        detected={name: Finding.of(each) for name, each in found.detected.items()},
        warnings=found.warnings,
        complete=found.whole,
        **dict(first),
    )
