"""Runs steps on small tables through the real parser, plan and engine."""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csvjobs.engines.base import SideTable, Unsure
from csvjobs.engines.duckdb import DuckEngine
from csvjobs.jobs.job import StepCounts
from csvjobs.pipelines.fitted import read, write
from csvjobs.pipelines.header import check
from csvjobs.pipelines.learnt import LearntStep, counted
from csvjobs.pipelines.plan import Given, needs_row_numbers, plan
from csvjobs.pipelines.spec import Pipeline, parse
from csvjobs.reading.source import Dialect, Source

Cell = str | None
Row = Sequence[Cell]


@dataclass(frozen=True)
class Output:
    """The CSV text that came out, and what was warned of; `changes`, where they were to be listed: number of
    the row, label of the step, column, cell before and after."""

    text: str
    warnings: list[str]
    steps: list[StepCounts]
    changes: list[tuple[Any, ...]]

    @property
    def header(self) -> list[str]:
        return self.table[0]

    @property
    def rows(self) -> list[list[str]]:
        return self.table[1:]

    @property
    def table(self) -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.text, newline="")))


class Bench:
    """One engine for many small runs. `unsure`: whether steps had to learn before the last one."""

    def __init__(self, engine: DuckEngine, folder: Path) -> None:
        self._engine, self._folder = engine, folder
        self.fitted: Sequence[LearntStep] = ()
        self.unsure = False

    def text(
        self,
        steps: list[dict[str, Any]],
        before: str,
        nulls: Sequence[str] = (),
        tables: Mapping[str, str] | None = None,
        *,
        listed: bool = False,
    ) -> Output:
        """Runs the steps on CSV text with a header row; `nulls` mean missing in all of it; `tables` are CSV
        texts to look things up in; `listed`: whether to list what they change."""
        reader = csv.reader(io.StringIO(before, newline=""))
        names = next(reader)
        records = before.splitlines(keepends=True)[reader.line_num :]
        return self._run(
            steps, names, "".join(records), len(list(reader)), nulls, tables=tables, listed=listed
        )

    def table(
        self,
        steps: list[dict[str, Any]],
        names: Sequence[str],
        rows: Sequence[Row],
        nulls: Sequence[str] = (),
        known: Sequence[LearntStep] | None = None,
        tables: Mapping[str, str] | None = None,
        *,
        listed: bool = False,
    ) -> Output:
        """Runs the steps on cells; None is an empty cell, "" a quoted empty one. known: learnt before."""
        return self._run(steps, names, "".join(map(_record, rows)), len(rows), nulls, known, tables, listed)

    def column(self, step: dict[str, Any], cells: Sequence[Cell]) -> list[list[str]]:
        """The rows that a step makes of one column `x` beside a row number, the number left out."""
        rows = [(str(place), cell) for place, cell in enumerate(cells)]
        return [row[1:] for row in self.table([step], ("place", "x"), rows).rows]

    def applied(
        self,
        steps: list[dict[str, Any]],
        learnt_from: tuple[Sequence[str], Sequence[Row]],
        names: Sequence[str],
        rows: Sequence[Row],
        nulls: Sequence[str] = (),
        tables: Mapping[str, str] | None = None,
    ) -> Output:
        """Runs the steps on one table, with what they have learnt from another one, through its document."""
        fit_names, fit_rows = learnt_from
        self.table(steps, fit_names, fit_rows, nulls, tables=tables)
        known = read(write(parse(json.dumps({"steps": steps})), fit_names, self.fitted)).steps
        return self.table(steps, names, rows, nulls, known, tables)

    def _beside(self, called: str, text: str) -> SideTable:
        path = self._folder / f"{called}.csv"
        file = io.StringIO(text, newline="")
        names, records = next(csv.reader(file)), file.read()
        path.write_bytes(f"-\n{records}".encode())
        count = len(list(csv.reader(io.StringIO(records, newline=""))))
        source = Source(path, Dialect(), 1, tuple(names), count)
        return SideTable(source.columns, self._engine.relation(source, numbered=True))

    def _run(
        self,
        steps: list[dict[str, Any]],
        names: Sequence[str],
        records: str,
        count: int,
        nulls: Sequence[str] = (),
        known: Sequence[LearntStep] | None = None,
        tables: Mapping[str, str] | None = None,
        listed: bool = False,
    ) -> Output:
        """Both ways where a step can learn late (there is one else): the same must come of them."""
        pipeline = parse(json.dumps({"read": {"nulls": nulls}, "steps": steps}))
        made = self._planned(pipeline, names, records, count, known, tables, listed, late=False)
        self.unsure = any(step.learns_late for step in pipeline.steps)
        if self.unsure:
            with suppress(Unsure):
                again = self._planned(pipeline, names, records, count, known, tables, listed, late=True)
                assert made == again
                self.unsure = False
        return made

    def _planned(
        self,
        pipeline: Pipeline,
        names: Sequence[str],
        records: str,
        count: int,
        known: Sequence[LearntStep] | None,
        tables: Mapping[str, str] | None,
        listed: bool,
        *,
        late: bool,
    ) -> Output:
        path, out = self._folder / "in.csv", self._folder / "out.csv"
        path.write_bytes(f"-\n{records}".encode())
        numbered = listed or needs_row_numbers(pipeline.steps)
        source = Source(path, Dialect(), 1, tuple(names), count)
        relation = self._engine.relation(source, numbered=numbered)
        beside = {called: self._beside(called, text) for called, text in (tables or {}).items()}
        check(names, pipeline.steps, self._engine.sql, beside)
        planned = plan(
            self._engine,
            relation,
            names,
            pipeline.steps,
            numbered,
            Given(pipeline.read.nulls, known, beside, late=late, count_cells=True, list_cells=listed),
        )
        self.fitted = planned.fitted
        self._engine.counting(planned.counters)
        written = self._engine.copy(planned.query(counting=True), planned.columns.names, out)
        passed, tallies = self._engine.passed(), list(planned.tallies)
        for each in planned.doubted:
            met = any(cells for cells, _ in counted(self._engine, each.relation, each.doubts))
            assert met == bool(passed[each.counter]), "cells in doubt were not met where they are counted"
        counts_of = planned.count()
        told: Counter[tuple[str, Any]] = Counter()
        for tally in tallies:
            told[tally.label, tally.counts] += tally.rows(passed) if tally.counts else 0
        assert all(counts_of[label][counts] == rows for (label, counts), rows in told.items() if counts)
        counts = StepCounts.chain(count, counts_of, planned.named)
        assert written == (counts[-1].out if counts else count), "the account does not add up"
        changes = f"SELECT __row, label, name, before, after FROM ({planned.changes()})"
        found = self._engine.rows(f"{changes} ORDER BY __row, step, place") if listed else []
        return Output(out.read_bytes().decode(), planned.warnings, counts, found)


def _record(row: Row) -> str:
    return ",".join("" if cell is None else f'"{_doubled(cell)}"' for cell in row) + "\n"


def _doubled(cell: str) -> str:
    return cell.replace('"', '""')
