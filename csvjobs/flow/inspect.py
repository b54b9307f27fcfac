"""Inspect: shows how a file would be read, without making a job."""

from __future__ import annotations

from pydantic import Field

from csvjobs.flow.apply import TIDY, Processing
from csvjobs.flow.deadline import Deadline
from csvjobs.flow.submit import Incoming, base_name
from csvjobs.jobs.job import Finding, Model
from csvjobs.reading.facts import Facts
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.personal import KINDS
from csvjobs.reading.profile import ColumnProfile, Sample, line_end_doubts, sample
from csvjobs.reading.reading import Look, few_fit, look
from csvjobs.storage.base import writing

ENOUGH = 64 * 1024**2
"""Bytes of a file that are decompressed or converted to UTF-8 for an inspection."""


class Inspection(Model):
    """How the file would be read, and its first `records`, as `rows` and summarized by column. If `complete`,
    these are all its records."""

    filename: str
    bytes: int = Field(description="Size of what was sent.")
    sha256: str
    partial: bool = Field(description="Whether even the encoding was detected from the beginning only.")
    detected: dict[str, Finding]
    warnings: list[str]
    hints: list[str] = Field(description="Things to consider before sharing the file, like personal data.")
    records: int
    complete: bool
    faults: dict[str, int]
    columns: list[ColumnProfile]
    rows: list[list[str | None]]


def inspect(
    incoming: Incoming,
    filename: str,
    processing: Processing = TIDY,
    *,
    partial: bool = False,
    deadline: Deadline | None = None,
) -> Inspection:
    """Inspects an upload, which is discarded afterwards; arguments as for `Incoming.submit`. `partial`: it is
    only the beginning of the file, cut anywhere.

    Raises the errors of `Incoming.submit`, DataError when the file cannot be read, and PreviewTimeout at the
    deadline.
    """
    read = incoming.resolve(processing).read
    facts, found = glance(incoming, read, deadline or Deadline(), partial=partial)
    first = sample(found, read)
    return Inspection(
        filename=base_name(filename),
        bytes=facts.bytes,
        sha256=facts.sha256,
        partial=found.facts.cut or not (found.native or found.facts.bytes < ENOUGH),
        detected={name: Finding.of(each) for name, each in found.detected.items()},
        warnings=found.warnings + _few_fit(found, first) + line_end_doubts(found),
        hints=[_hides(column, kind) for column in first.columns for kind in column.personal],
        complete=found.whole,
        **dict(first) | {"faults": first.faults | found.faults},
    )


def _few_fit(found: Look, first: Sample) -> list[str]:
    return [] if found.table else few_fit(first.records, sum(first.faults.values()))


def _hides(column: ColumnProfile, kind: str) -> str:
    share = column.personal[kind] / column.filled
    held = f"{share:.0%} of its cells hold {KINDS[kind].called}"
    return f"Column {column.name!r} looks like personal data: {held}. The step mask hides what they say."


def glance(incoming: Incoming, read: ReadOptions, deadline: Deadline, *, partial: bool) -> tuple[Facts, Look]:
    """The facts about an upload, and how it would be read (Look). Raises DataError, DiskFull, PreviewTimeout
    at the deadline."""
    path, facts = incoming.content(cut=partial)
    most = incoming.services.settings.max_upload_bytes
    with writing("What is in the file"):
        found = look(
            path, facts, read, path.parent, lambda _: deadline.check(), most_bytes=most, enough=ENOUGH
        )
    return facts, found
