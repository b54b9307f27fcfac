"""Changes: writes changes.csv, a record for each cell that a step changed, with its line in the file."""

from __future__ import annotations

from pathlib import Path

from csvjobs.engines.base import Engine
from csvjobs.pipelines.plan import Plan
from csvjobs.pipelines.rows import ROW
from csvjobs.reading.source import Source

HEADER = ("line", "column", "before", "after", "step")


def write_changes(engine: Engine, planned: Plan, numbers: Source, target: Path) -> None:
    """Writes the changes to `target` as CSV, ordered by row, then by step.
    `numbers`: the line on which each row begins, from LineNumbers."""
    begun = "CAST(c0 AS BIGINT) AS first, CAST(c1 AS BIGINT) AS more"
    lines = f"SELECT {begun} FROM ({engine.relation(numbers, numbered=False)})"
    beside = planned.sql.latest(planned.changes(), ROW, lines, "first")
    listed = f"{ROW} + more AS line, name, before, after, label"
    engine.copy(f"SELECT {listed} FROM {beside} ORDER BY {ROW}, step, place", HEADER, target)
