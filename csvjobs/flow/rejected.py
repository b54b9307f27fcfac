"""Rejected: reads a job's rejects from rejected.csv, a page at a time."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from pydantic import BaseModel, Field

from csvjobs.errors import InvalidOption
from csvjobs.flow.deliver import REJECTED, Delivery, deliver
from csvjobs.flow.services import Services
from csvjobs.flow.view import view
from csvjobs.reading.rejects import EXTRA, RejectGroup

SCAN = 8 * 1024**2
"""Bytes of rejected.csv scanned for one page: few rows may match the filter, and records may be long."""

NAMES = [name.removeprefix("_") for name in EXTRA]

# The csv module's limit is process-wide; records are bounded where rejected.csv is written.
csv.field_size_limit(2**31 - 1)


class RejectedRow(BaseModel):
    """A rejected record of the input."""

    line: int = Field(description="Its first physical line.")
    last_line: int
    byte: int = Field(
        description="Offset of its first byte in the file; if compressed or not UTF-8, in its text as UTF-8."
    )
    code: str
    column: str = Field(description="Empty when the fault concerns the whole record.")
    found: str
    message: str
    hint: str
    record: str = Field(description="Its text; empty when its cells are in rejected.csv unchanged.")


class RejectedPage(BaseModel):
    """Rejected records in the order of the file. A page may be short or empty although `next` is set."""

    rows: list[RejectedRow] = []
    next: str | None = Field(None, description="The cursor of the next page.")
    groups: list[RejectGroup] | None = Field(
        None, description="All rejects by kind, the largest groups first; on the first page only."
    )
    others: int | None = Field(None, description="Rejects in groups that are not listed.")


def rejected(
    services: Services, job_id: str, code: str | None, column: str | None, cursor: str | None, limit: int
) -> RejectedPage:
    """At most `limit` rejects with that code and column (None: any), from `cursor` on.

    Raises JobNotFound, JobNotFinished; InvalidOption for a cursor that is not of this file.
    """
    job = view(services, job_id)
    page = RejectedPage()
    if cursor is None and job.rejected:
        page = RejectedPage(groups=job.rejected.groups, others=job.rejected.others)
    if job.status.final and REJECTED not in job.files:
        return page
    delivery = deliver(services, job_id, REJECTED)
    with delivery.file as file:
        file.seek(_offset(delivery, cursor))
        found, end = _scan(file, code, column, limit, skip=cursor is None)
    following = _cursor(delivery, end) if end < delivery.bytes else None
    return page.model_copy(update={"rows": found, "next": following})


def _scan(
    file: BinaryIO, code: str | None, column: str | None, limit: int, *, skip: bool
) -> tuple[list[RejectedRow], int]:
    """The matching records, and the offset where the scan ended. `skip`: skip the header row."""
    found: list[RejectedRow] = []
    start = end = file.tell()
    for end, cells in _records(file):
        bad = _named(cells)
        if not skip and code in (None, bad["code"]) and column in (None, bad["column"]):
            found.append(RejectedRow.model_validate(bad))
        skip = False
        if len(found) == limit or end - start > SCAN:
            break
    return found, end


def _records(file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """Yields each record with the offset after it."""
    for cells in csv.reader(line.decode() for line in file):
        yield file.tell(), cells


def _named(cells: list[str]) -> dict[str, str]:
    """The reject columns by name: always the last ones, even if they had to be renamed."""
    return dict(zip(NAMES, cells[-len(EXTRA) :], strict=True))


def _cursor(delivery: Delivery, offset: int) -> str:
    """A cursor: an offset, with a hash to prove that a record of this file begins there."""
    proof = hashlib.sha256(f"{delivery.sha256} {offset}".encode()).hexdigest()
    return f"{offset}-{proof[:16]}"


def _offset(delivery: Delivery, cursor: str | None) -> int:
    if cursor is None:
        return 0
    digits = cursor.partition("-")[0]
    if not digits.isdecimal() or cursor != _cursor(delivery, int(digits)):
        raise InvalidOption(
            f"The cursor {cursor!r} is not one of this job's.", hint="Take it from `next` of the page before."
        )
    return int(digits)
