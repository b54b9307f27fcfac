"""Preview: runs a pipeline over a file's first rows and shows each step, without making a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from csvjobs.engines.base import Engine, SideTable
from csvjobs.errors import BadRow, DataError, NoRowsLeft, PreviewTooLarge, RuleBroken, TooManyBadRows
from csvjobs.flow.apply import TIDY, Processing
from csvjobs.flow.check import first
from csvjobs.flow.deadline import Deadline
from csvjobs.flow.inspect import glance
from csvjobs.flow.submit import Incoming, base_name
from csvjobs.flow.tables import opened, pinned, relations
from csvjobs.jobs.job import Fault, Finding, Model
from csvjobs.pipelines.fitted import Fitted
from csvjobs.pipelines.header import check
from csvjobs.pipelines.plan import ROWS, Given, Plan, label, plan
from csvjobs.pipelines.rows import ROW
from csvjobs.pipelines.spec import Pipeline
from csvjobs.reading.clean import PLAIN, CleanWriter
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.profile import first_rows
from csvjobs.reading.source import Source
from csvjobs.storage.base import writing

SHOWN_ROWS = 20
SHOWN_CHANGES = 5
SHOWN_CHARACTERS = 1000
MOST_CELLS = 400_000
"""Cells of a table between two steps that are compared: a step may make many rows of one."""

MOST_ROWS = 1_000_000
"""Rows of a table between two steps."""

MOST_CHARACTERS = 64 * 1024**2
"""Characters of such a table, as if all cells of a column were as long as its longest; also of all output."""

LONGEST = 10.0
"""Seconds that a preview may take by default."""

CUT = f"Cut after {SHOWN_CHARACTERS:,} characters, with an ellipsis."

Cell = str | None


class CellChange(Model):
    """A cell that a step changed. `row` counts the sample's rows from 1, in the order of the file."""

    row: int
    column: str
    before: Cell = Field(description=CUT)
    after: Cell = Field(description=CUT)


class RowReject(Model):
    """A row of the sample (counted from 1, in the order of the file) that breaks the rule in `message`."""

    row: int
    code: str
    column: str
    found: str
    message: str


class Table(Model):
    """The first `rows` of a table with `records` rows; null is an empty cell, "" a quoted empty one."""

    columns: list[str] = Field(description=f"Their names. {CUT}")
    records: int
    rows: list[list[Cell]] = Field(description=f"Their cells. {CUT}")


class StepPreview(Model):
    """What one step did to the rows, columns and cells, and the table after it."""

    step: str
    rejected: int = 0
    rejects: list[RowReject] = Field([], description="The first rows that it rejected.")
    dropped: int = 0
    merged: int = 0
    added: int = 0
    new_columns: list[str]
    lost_columns: list[str]
    changed: int = Field(description="Cells with another value, of rows and columns that are still there.")
    changes: list[CellChange] = Field(description="The first changed cells.")
    after: Table


class Preview(Model):
    """The sample as it was read, and after each step; the whole file if `complete`. The first step that fails
    ends the list. `fault`: the error that the job would end with, as far as these rows show: bad rows first,
    if it may have none, then any step that does not fit the columns. `preview-timeout` and
    `preview-too-large` concern only the preview: a job does not have these limits."""

    filename: str
    complete: bool
    detected: dict[str, Finding]
    warnings: list[str]
    faults: dict[str, int] = Field(description="Bad rows in the sample, by code.")
    before: Table
    steps: list[StepPreview]
    fault: Fault | None = None


class _Seen:
    """A table between two steps: its first rows, by their position in the sample."""

    def __init__(self, engine: Engine, planned: Plan) -> None:
        self.columns = planned.columns.names
        self.records, longest = _measured(engine, planned)
        cells = (_bounded(column.sql, most) for column, most in zip(planned.columns, longest, strict=True))
        first = f"ORDER BY {planned.terms} LIMIT {_fetched(self.columns)}"
        found = engine.rows(f"SELECT {', '.join([ROW, *cells])} FROM ({planned.relation}) {first}")
        self.rows: dict[int, Sequence[Cell]] = {place: cells for place, *cells in found}

    def table(self) -> Table:
        rows = [list(map(_shown, row)) for row in list(self.rows.values())[:SHOWN_ROWS]]
        return Table(columns=list(map(_cut, self.columns)), records=self.records, rows=rows)

    def changes(self, before: _Seen) -> Iterator[CellChange]:
        """The cells that differ from the same row and column in `before`."""
        kept = [name for name in self.columns if name in before.columns]
        places = [(name, self.columns.index(name), before.columns.index(name)) for name in kept]
        for row in sorted(self.rows.keys() & before.rows.keys()):
            for name, now, then in places:
                old, new = before.rows[row][then], self.rows[row][now]
                if old != new:
                    yield CellChange(row=row, column=_cut(name), before=_shown(old), after=_shown(new))


def _fetched(columns: Sequence[str]) -> int:
    """The number of rows to compare of a table with these columns."""
    return max(SHOWN_ROWS, MOST_CELLS // len(columns))


def _measured(engine: Engine, planned: Plan) -> tuple[int, list[int]]:
    """The number of rows, and the length of the longest cell of each column. Raises PreviewTooLarge."""
    lengths = (f"COALESCE(MAX(CHAR_LENGTH({column.sql})), 0)" for column in planned.columns)
    some = f"SELECT * FROM ({planned.relation}) LIMIT {MOST_ROWS + 1}"
    [(records, *longest)] = engine.rows(f"SELECT COUNT(*), {', '.join(lengths)} FROM ({some})")
    if records > MOST_ROWS:
        raise _too_large(f"{MOST_ROWS:,} rows")
    rows = min(records, _fetched(planned.columns.names))
    if rows * sum(min(length, SHOWN_CHARACTERS) for length in longest) > MOST_CHARACTERS:
        raise _too_large(f"{MOST_CHARACTERS:,} characters")
    return records, longest


def _too_large(most: str) -> PreviewTooLarge:
    said = f"The steps make more than {most} of the first rows; a preview stops there."
    hint = "The job itself has no such limit. To try fewer rows, put the step limit before this one."
    return PreviewTooLarge(said, hint=hint)


def _bounded(cell: str, longest: int) -> str:
    """SQL for the cell; a long one is cut to what is shown, plus a hash to tell it from similar ones."""
    if longest <= SHOWN_CHARACTERS:
        return cell
    most = f"CONCAT(SUBSTRING({cell} FROM 1 FOR {SHOWN_CHARACTERS}), MD5({cell}))"
    return f"CASE WHEN CHAR_LENGTH({cell}) > {SHOWN_CHARACTERS} THEN {most} ELSE {cell} END"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _shown(cell: Cell) -> Cell:
    return cell and _cut(cell)


def preview(
    incoming: Incoming,
    filename: str,
    processing: Processing = TIDY,
    *,
    partial: bool = False,
    deadline: Deadline | None = None,
) -> Preview:
    """Runs a pipeline over the first rows of an upload, which is discarded afterwards; arguments and errors
    as for `inspect`. Steps learn from these rows only, or apply what was learnt before. At the deadline, if
    there is one, the preview ends with the steps that are done."""
    deadline = deadline or Deadline()
    pipeline, fitted = processing.resolve(incoming.services)
    _, found = glance(incoming, pipeline.read, deadline, partial=partial)
    rows, faults = first_rows(found, pipeline.read)
    folder = found.path.parent
    source = _source(folder / "sample.csv", found.header.columns, rows)
    with closing(incoming.services.engine(folder)) as engine:
        # The rows are few and other requests run beside: do not take all cores and memory.
        engine.spare()
        tables = pinned(incoming.services, pipeline)
        with opened(incoming.services, tables, folder, lambda _: deadline.check()) as sources:
            beside = relations(engine, sources)
            trial = _Trial(engine, source, pipeline, fitted, beside, deadline, found.declared)
            tried = trial.run()
    faults += found.faults
    fault = _fault_of_rows(pipeline.read, faults, len(rows), whole=found.whole) or tried["fault"]
    return Preview(
        filename=base_name(filename),
        complete=found.whole,
        detected={name: Finding.of(each) for name, each in found.detected.items()},
        faults=faults,
        **tried | {"warnings": [*found.warnings, *tried["warnings"]], "fault": fault},
    )


def _fault_of_rows(read: ReadOptions, faults: Counter[str], good: int, *, whole: bool) -> Fault | None:
    """The error that a job would end with while reading, as far as these rows show."""
    bad = faults.total()
    some = f"{bad} of {bad + good} rows are bad ({', '.join(f'{n} {code}' for code, n in faults.items())})"
    if option := next(filter(None, map(read.failing, faults)), ""):
        hint = f"Correct them, or set {option}: reject to reject such rows."
        return Fault.of(BadRow(f"{some}: the first one ends the job.", hint=hint))
    if bad and whole and not good:
        return Fault.of(NoRowsLeft(f"{some}.", hint="If rows are cut wrongly, set delimiter and quote."))
    if read.too_many_bad(bad, bad + good if whole else None):
        hint = "Correct them, or allow more."
        return Fault.of(TooManyBadRows(f"{some}; max_bad_rows allows {read.max_bad_rows}.", hint=hint))
    return None


@dataclass(frozen=True)
class _Trial:
    """The sample, and what runs over it until when. declared: as for `check`."""

    engine: Engine
    source: Source
    pipeline: Pipeline
    fitted: Fitted | None
    tables: Mapping[str, SideTable]
    deadline: Deadline
    declared: str

    def run(self) -> dict[str, Any]:
        """The fields of Preview about the table before and the steps. Raises PreviewTimeout when not even
        the first rows are read at the deadline."""
        planned = self._planned()
        with self.deadline.over(self.engine):
            before = _Seen(self.engine, planned)
        steps: list[StepPreview] = []
        fault = self._fault_of_header()
        try:
            with self.deadline.over(self.engine):
                steps.extend(self._steps(planned, before))
        except DataError as error:
            if error.pointer is None:
                error.at(f"/steps/{len(steps)}", self.pipeline.steps[len(steps)].step)
            fault = fault or Fault.of(error)
        return {"before": before.table(), "steps": steps, "warnings": planned.warnings, "fault": fault}

    def _planned(self) -> Plan:
        fitted, columns = self.fitted, self.source.columns
        relation = self.engine.relation(self.source, numbered=True)
        given = Given(self.pipeline.read.nulls, fitted.steps if fitted else None, self.tables)
        planned = plan(self.engine, relation, columns, (), True, given)
        planned.warnings = fitted.notes(columns) if fitted else []
        return planned

    def _steps(self, planned: Plan, before: _Seen) -> Iterator[StepPreview]:
        """Each step, once it is done. Raises DataError."""
        shown = 0
        for place, step in enumerate(self.pipeline.steps):
            self.deadline.check()
            called = label(step, place)
            planned.add(place, step)
            planned.fit()
            rejects = _rejects(self.engine, planned, called)
            after = _Seen(self.engine, planned)
            counts = planned.count()[called]
            rows = {str(how): counts[how] for how in ROWS if how in counts}
            done = _step(called, before, after, rows, rejects)
            shown += sum(len(cell or "") for row in done.after.rows for cell in row)
            if shown > MOST_CHARACTERS:
                raise _too_large(f"{MOST_CHARACTERS:,} characters")
            yield done
            before = after

    def _fault_of_header(self) -> Fault | None:
        """The error that a job would end with before the first step."""
        try:
            check(self.source.columns, self.pipeline.steps, self.engine.sql, self.tables, self.declared)
        except DataError as error:
            return Fault.of(error)
        return None


def _rejects(engine: Engine, planned: Plan, label: str) -> list[RowReject]:
    """The first rows that the step rejects. Raises RuleBroken when such a row would end the job."""
    checked = next((one for one in planned.checked if one.label == label), None)
    found = first(engine, checked, MOST_CELLS) if checked else []
    if ending := next((one for one in found if one.ends), None):
        raise RuleBroken(f"Row {ending.row}: {ending.message} Found: {ending.found!r}.", column=ending.column)
    return [RowReject(**one._asdict()) for one in found[:SHOWN_CHANGES]]


def _step(
    name: str, before: _Seen, after: _Seen, counts: dict[str, int], rejects: list[RowReject]
) -> StepPreview:
    # After merging or copying, row numbers no longer refer to the same rows as before.
    same = not counts.keys() & {"merged", "added"}
    changes = list(after.changes(before)) if same else []
    return StepPreview(
        step=name,
        **counts,
        rejects=rejects,
        new_columns=[_cut(name) for name in after.columns if name not in before.columns],
        lost_columns=[_cut(name) for name in before.columns if name not in after.columns],
        changed=len(changes),
        changes=changes[:SHOWN_CHANGES],
        after=after.table(),
    )


def _source(path: Path, columns: tuple[str, ...], rows: Sequence[Sequence[Cell]]) -> Source:
    """Writes the rows as a clean file, for the engine."""
    with writing("The first rows"), CleanWriter(path) as out:
        for row in rows:
            out.add(row)
    return Source(path, PLAIN, 1, columns, len(rows))
