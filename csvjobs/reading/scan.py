"""Scan: one pass over all records of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from csvjobs.reading.linenumbers import UNASKED, LineNumbers
from csvjobs.reading.rejects import Failed

Tick = Callable[[int], None]


@dataclass(frozen=True)
class Scan:
    """What happens in the pass beside copying clean records. `rejected`: the file to write if a record is bad
    or has `failed` a check; `tick(bytes read)` is called regularly and may raise to stop; `numbers` gets the
    line of each readable record, if lines are needed."""

    rejected: Path
    tick: Tick
    failed: Iterable[Failed] = ()
    numbers: LineNumbers = UNASKED
