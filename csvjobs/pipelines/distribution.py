"""Median and standard deviation of each group's numbers: columns beside the rows, and aggregates of these.

The columns are windows, which spill to disk; an engine's own median holds every number in memory. As in
numbers.py, numbers are added as integers, so that no digit depends on which thread adds first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from csvjobs.pipelines.numbers import BITS
from csvjobs.pipelines.step import constant

Layers = tuple[Mapping[str, str], ...]
"""Expressions by name, in layers, each over the one before."""


def ranks(called: str, by: Sequence[str], keys: Sequence[str]) -> Layers:
    """Columns for `middle`: the position of each number in its group, and how many numbers the group has.

    called: a suffix for the names of the columns; keys: the sort keys, of which the first is the number, NULL
    if there is none.
    """
    order = ", ".join(f"{key} NULLS LAST" for key in keys)
    return (
        {
            f"__nth{called}": f"ROW_NUMBER() OVER ({_among(by)} ORDER BY {order})",
            f"__of{called}": f"COUNT({keys[0]}) OVER ({_among(by)})",
        },
    )


def middle(called: str, cell: str, *, upper: bool) -> str:
    """An aggregate: the cell of the middle row; for an even count the lower or the upper of the two."""
    place = f"__of{called} // 2 + 1" if upper else f"(__of{called} + 1) // 2"
    return f"MAX(CASE WHEN __nth{called} = {place} THEN {cell} END)"


def distances(called: str, by: Sequence[str], number: str) -> Layers:
    """Columns for `deviation`: half of each double's distance from the least of its group, scaled to between
    0 and 1 by a power of two."""
    low, half, scale = f"__low{called}", f"__half{called}", f"__scale{called}"
    over = f"OVER ({_among(by)})"
    exponent = f"GREATEST(FLOOR(LOG2({half})) + 1, -1000)"
    power = f"POWER(CAST(2 AS DOUBLE), -{exponent})"
    return (
        {low: f"MIN({number}) {over}", half: f"MAX({number}) {over} / 2 - MIN({number}) {over} / 2"},
        {scale: f"CASE WHEN {half} > 0 THEN {power} ELSE CAST(1 AS DOUBLE) END"},
        {f"__distance{called}": f"({number} / 2 - {low} / 2) * {scale}"},
    )


def deviation(called: str, ddof: int) -> str:
    """An aggregate: the standard deviation, a double; NULL if there are no more than `ddof` numbers."""
    distance, count = f"__distance{called}", f"COUNT(__distance{called})"
    off, squared = (
        f"SUM(CAST(ROUND({term} * {constant(2.0**BITS)}) AS BIGINT))"
        for term in (distance, f"{distance} * {distance}")
    )
    # The mean of the squares less the square of the mean, as integers where they cancel out.
    whole = f"({squared} // {count}) * CAST('{2**BITS}' AS HUGEINT) - ({off} // {count}) * ({off} // {count})"
    rest = (
        f"CAST({squared} % {count} AS DOUBLE) / {count} * {constant(2.0**BITS)} "
        f"- 2 * CAST({off} // {count} AS DOUBLE) * (CAST({off} % {count} AS DOUBLE) / {count})"
    )
    variance = f"GREATEST(CAST({whole} AS DOUBLE) + ({rest}), 0) / {constant(4.0**BITS)}"
    free = f"CAST({count} - {ddof} AS DOUBLE)"
    made = f"SQRT({variance} * ({count} / {free})) / MAX(__scale{called}) * 2"
    return f"CASE WHEN {count} > {ddof} THEN {made} END"


def together(several: Sequence[Layers]) -> Layers:
    """Merges several lists of layers into one, level by level."""
    depth = max(map(len, several), default=0)
    return tuple(
        {name: sql for layers in several for name, sql in (*layers, *[{}] * depth)[place].items()}
        for place in range(depth)
    )


def _among(by: Sequence[str]) -> str:
    return f"PARTITION BY {', '.join(by)}" if by else ""
