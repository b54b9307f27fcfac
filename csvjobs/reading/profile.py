"""The first records of a table for display: cells, and a profile of each column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from pydantic import BaseModel, ConfigDict, Field

from csvjobs.reading.cells import kind
from csvjobs.reading.corrected import uncorrected
from csvjobs.reading.header import Header
from csvjobs.reading.options import MAX_OPEN_LINES, ReadOptions
from csvjobs.reading.personal import personal
from csvjobs.reading.reading import Look
from csvjobs.reading.records import LineEnds, Tokenizer, decodable

SHOWN_ROWS = 20
SHOWN_VALUES = 5
SHOWN_CHARACTERS = 200
PROFILED_COLUMNS = 1000


class ColumnProfile(BaseModel):
    """A column of the sample; lengths in characters."""

    model_config = ConfigDict(frozen=True)

    name: str
    filled: int
    empty: int = Field(description="Cells that are empty or one of the read option `nulls`.")
    distinct: int = Field(description="Distinct values among the filled cells.")
    kinds: dict[str, int] = Field(description="How many cells look like a number, datetime, address or text.")
    personal: dict[str, int] = Field(
        description="How many cells contain personal data, by kind: email, phone, iban, card, national_id. "
        "Numbers with check digits count only if these are right."
    )
    shortest: int
    longest: int
    top: dict[str, int] = Field(description="The most frequent values, cut to a readable length.")


class Sample(BaseModel):
    """The first records; null is an empty cell, "" a quoted empty one. `faults`: bad records, by code."""

    model_config = ConfigDict(frozen=True)

    records: int
    faults: dict[str, int]
    columns: list[ColumnProfile]
    rows: list[list[str | None]]


def sample(found: Look, options: ReadOptions) -> Sample:
    """The records below the header, from the first lines of a file."""
    rows, faults = first_rows(found, options)
    profiles = profiled(found.header.columns, rows, options.nulls)
    return Sample(records=len(rows), faults=faults, columns=profiles, rows=rows[:SHOWN_ROWS])


def profiled(
    names: Sequence[str], rows: Sequence[Sequence[str | None]], nulls: Sequence[str]
) -> list[ColumnProfile]:
    """Profiles of the first columns."""
    return [
        _profile(name, [row[place] for row in rows], nulls)
        for place, name in enumerate(islice(names, PROFILED_COLUMNS))
    ]


def first_rows(found: Look, options: ReadOptions) -> tuple[list[list[str | None]], Counter[str]]:
    """The good records of the file's first lines, and the number of bad ones by code, without those already
    counted in `found`."""
    header, open_lines = found.header, MAX_OPEN_LINES if found.table else options.max_open_lines
    tokenizer = Tokenizer(found.dialect, open_lines, options.max_record_bytes)
    below = [line for line in found.head if line.number > header.before]
    records = tokenizer.beginning(below, cut=not found.whole)
    faults = Counter[str]()
    rows = []
    for record in records:
        if not record.text and header.width > 1:
            continue
        cells = [] if record.fault else tokenizer.cells(record)
        if options.bad_rows == "pad":
            cells += [b""] * (header.width - len(cells))
        if fault := record.fault or _misfit(cells, tokenizer, header, options):
            faults[fault] += 1
        else:
            rows.append([_said(tokenizer, cell) for cell in cells[: len(header.columns)]])
    return rows, faults


def line_end_doubts(found: Look) -> list[str]:
    """A warning if the file's first rows do not all end alike."""
    ends = LineEnds()
    for record in [] if found.table else Tokenizer(found.dialect).records(found.head):
        ends.add(record.ending, record.last)
    return ends.doubts()


def _said(tokenizer: Tokenizer, cell: bytes) -> str | None:
    return tokenizer.text(cell).decode("utf-8", "replace") if cell else None


def _misfit(cells: Sequence[bytes], tokenizer: Tokenizer, header: Header, options: ReadOptions) -> str | None:
    if options.bad_bytes != "replace" and not all(map(decodable, cells)):
        return "bad-bytes"
    if len(cells) != header.width:
        return "extra-cell" if len(cells) > header.width else "missing-cell"
    return "not-corrected" if header.marks and uncorrected(list(map(tokenizer.text, cells))) else None


def _profile(name: str, cells: Sequence[str | None], nulls: Sequence[str]) -> ColumnProfile:
    filled = [cell for cell in cells if cell and cell not in nulls]
    lengths = list(map(len, filled)) or [0]
    values = Counter(filled)
    return ColumnProfile(
        name=name,
        filled=len(filled),
        empty=len(cells) - len(filled),
        distinct=len(values),
        kinds=Counter(kind(cell.strip().encode()) or "text" for cell in filled),
        personal=personal(values),
        shortest=min(lengths),
        longest=max(lengths),
        top={value[:SHOWN_CHARACTERS]: count for value, count in values.most_common(SHOWN_VALUES)},
    )
