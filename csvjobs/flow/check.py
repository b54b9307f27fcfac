"""Check: finds the rows that break a rule, before any output is written, and where they are in the file."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from csvjobs.engines.base import Engine
from csvjobs.errors import RuleBroken
from csvjobs.pipelines.plan import Checked
from csvjobs.pipelines.rows import FOUND
from csvjobs.reading.rejects import UNSOUND, Failed

ALSO = 5
"""Broken conditions of a row that are listed after the first one."""


def failures(
    engine: Engine, checked: Sequence[Checked], scratch: Path
) -> tuple[Counter[str], Iterator[Failed]]:
    """Counts the rows that break a rule, by step, and lists them in the order of the file. The list is kept
    in a file in scratch, as it may have any length.

    Raises RuleBroken when a rule is broken by rows that are not rows of the file (merged or copied ones).
    """
    for one in checked:
        if not one.of_file and (found := first(engine, one, 1)):
            where = f"{one.label}: {found[0].message} Found: {found[0].found!r}."
            hint = UNSOUND[found[0].code].hint
            raise RuleBroken(where, column=found[0].column or None, hint=hint)
    if not any(one.of_file for one in checked):
        return Counter(), iter(())
    path = scratch / "failed.csv"
    queries = " UNION ALL ".join(one.query for one in checked if one.of_file)
    engine.copy(f"SELECT * FROM ({queries}) ORDER BY __at", ("at", "step", "places", "found"), path)
    counts = Counter(checked[int(step)].label for _, step, *_ in _records(path))
    return counts, _read(path, checked)


def first(engine: Engine, checked: Checked, most: int) -> list[Failed]:
    """The first rows, `most` of them, that break a rule of one step."""
    rows = engine.rows(f"{checked.query} ORDER BY __at LIMIT {most}")
    return [_failed(checked, *row) for row in rows]


def _read(path: Path, checked: Sequence[Checked]) -> Iterator[Failed]:
    for at, step, places, found in _records(path):
        yield _failed(checked[int(step)], at, step, places, found)


def _records(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from islice(csv.reader(file), 1, None)


def _failed(checked: Checked, at: int | str, _: int | str, places: str, found: str) -> Failed:
    worst, *others = (checked.conditions[int(place)] for place in places.split(","))
    also = [f"{one.column} ({one.code})" for one in others[:ALSO]] + ["…"] * (len(others) > ALSO)
    message = f"{worst.message} Wrong as well: {', '.join(also)}." if also else worst.message
    shown = found if len(found) <= FOUND else f"{found[:FOUND]}…"
    return Failed(int(at), worst.code, worst.column, shown, message, worst.on_fail == "fail")
