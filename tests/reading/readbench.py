"""Reads files from bytes to cells, through either lane and the real engine."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from csvjobs.engines.base import ReadFailed
from csvjobs.engines.duckdb import DuckEngine
from csvjobs.reading.facts import Facts, FactsCollector
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.reading import Look, Reading, look, read
from csvjobs.reading.scan import Scan


def facts_of(*chunks: bytes) -> Facts:
    collector = FactsCollector()
    for chunk in chunks:
        collector.update(chunk)
    return collector.finish()


@dataclass(frozen=True)
class Table:
    """What came out: the engine's rows, rejected.csv by its names, and what reading said of it all."""

    reading: Reading
    express: bool
    rows: list[tuple[str | None, ...]]
    rejects: list[dict[str, str]]

    @property
    def columns(self) -> tuple[str, ...]:
        return self.reading.source.columns

    @property
    def counts(self) -> tuple[int, int, dict[str, int]]:
        source = self.reading.source
        return source.records, source.rejected, source.dropped

    @property
    def seen(self) -> int:
        """Every record below the header, whatever became of it, and the blank lines above it."""
        records, rejected, dropped = self.counts
        return records + rejected + sum(dropped.values())


@dataclass
class ReadBench:
    """One engine for many small files."""

    engine: DuckEngine
    folder: Path
    lanes: Counter[str] = field(default_factory=Counter)

    def look(self, content: bytes, options: ReadOptions) -> Look:
        """Raises what looking raises."""
        path = self.folder / "input.csv"
        path.write_bytes(content)
        return look(path, facts_of(content), options, self.folder, lambda _: None)

    def read(self, content: bytes, *, careful: bool = False, **options: Any) -> Reading:
        """Raises what reading raises."""
        rejected, given = self.folder / "rejected.csv", ReadOptions(**options)
        rejected.unlink(missing_ok=True)
        found = self.look(content, given)
        return read(found, self.folder, Scan(rejected, lambda _: None), force_careful=careful)

    def table(self, content: bytes, *, careful: bool = False, **options: Any) -> Table:
        """As a job does it: with care where the engine finds the file other than it looked."""
        reading = self.read(content, careful=careful, **options)
        express = reading.source.path.name != "clean.csv"
        try:
            rows = self._rows(reading)
        except ReadFailed:
            if not express:
                raise
            rows = None
        if express and (rows is None or len(rows) != reading.source.records):
            self.lanes["turned back"] += 1
            return self.table(content, careful=True, **options)
        self.lanes["express" if express else "careful"] += 1
        return Table(reading, express, rows or [], self._rejects())

    def _rows(self, reading: Reading) -> list[tuple[str | None, ...]]:
        relation = self.engine.relation(reading.source, numbered=True)
        return [row[:-1] for row in self.engine.rows(f"{relation} ORDER BY __row")]

    def _rejects(self) -> list[dict[str, str]]:
        path = self.folder / "rejected.csv"
        if not path.exists():
            return []
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        return [dict(zip(header, row, strict=True)) for row in rows]
