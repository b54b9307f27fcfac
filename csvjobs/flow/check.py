"""Check: which rows break a rule, found before anything is written, and told with their lines in the file."""

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
"""Conditions that a row breaks, beside the first, that are told."""


def failures(
    engine: Engine, checked: Sequence[Checked], scratch: Path
) -> tuple[Counter[str], Iterator[Failed]]:
    """How many rows of the file break a rule, by step, and which, in its order: from a file in scratch, as
    there may be any number.

    Raises RuleBroken for a rule that rows break which are none of the file and may not.
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
    """The first rows that break a rule of one step."""
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
