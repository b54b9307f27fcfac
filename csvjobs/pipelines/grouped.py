"""Statistics of one kept column by group: one query for each, which can spill; results are reproducible.

As in numbers.py, numbers are added as integers, as fractions of their group's reach. The engine's own median
and mode would hold every value in memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from csvjobs.engines.base import Engine
from csvjobs.errors import NotANumber, TooManyCategories
from csvjobs.pipelines.numbers import BITS
from csvjobs.pipelines.step import Group, Need, constant


def grouped(engine: Engine, table: str, need: Need, ref: str, keys: Sequence[str]) -> list[Group]:
    """The need's value for each group of the kept relation that has cells, in the order of the keys.

    ref: the cells, NULL or NaN to be ignored; keys: NULL for rows without a group. Raises TooManyCategories,
    NotANumber.
    """
    if need.by is None:
        return []
    listed = [f"{key} AS g{place}" for place, key in enumerate(keys)]
    there = " AND ".join(f"{name} IS NOT NULL" for name in (ref, *keys))
    there += f" AND NOT isnan({ref})" if need.statistic in NUMERIC else ""
    rows = f"SELECT {', '.join([*listed, f'{ref} AS x'])} FROM ({table}) WHERE {there}"
    by = ", ".join(f"g{place}" for place in range(len(keys)))
    query = QUERIES[need.statistic](rows, by, need.argument)
    found = engine.rows(f"SELECT * FROM ({query}) ORDER BY {by} LIMIT {need.by.most + 1}")
    if len(found) > need.by.most:
        raise TooManyCategories(
            f"There are more than {need.by.most} groups by {', '.join(need.by.columns)}.",
            column=need.by.columns[0],
            hint="Raise max_categories, or choose other columns.",
        )
    return [(list(row[: len(keys)]), _value(need, *row[len(keys) :])) for row in found]


def _counts(rows: str, by: str, _: Any) -> str:
    return f"SELECT {by}, COUNT(*) AS n FROM ({rows}) GROUP BY {by}"


def _modes(rows: str, by: str, _: Any) -> str:
    """The most frequent text; of equally frequent ones, the first in code point order."""
    counted = f"SELECT {by}, x, COUNT(*) AS n FROM ({rows}) GROUP BY {by}, x"
    nth = f"ROW_NUMBER() OVER (PARTITION BY {by} ORDER BY n DESC, x) AS nth"
    return f"SELECT {by}, x FROM (SELECT *, {nth} FROM ({counted})) WHERE nth = 1"


def _quantiles(rows: str, by: str, q: float) -> str:
    """The numbers just below and above the quantile, and how many numbers there are."""
    rank = f"ROW_NUMBER() OVER (PARTITION BY {by} ORDER BY x) - 1 AS nth"
    ranked = f"SELECT *, {rank}, COUNT(*) OVER (PARTITION BY {by}) AS n FROM ({rows})"
    place = f"{constant(q)} * (n - 1)"
    near = f"nth BETWEEN FLOOR({place}) AND CEIL({place})"
    return f"SELECT {by}, MIN(x), MAX(x), MAX(n) FROM ({ranked}) WHERE {near} GROUP BY {by}"


def _moments(rows: str, by: str, _: Any) -> str:
    """Count, centre, scale, and the sums of the distances from the centre and of their squares; the scale
    brings distances to at most 1."""
    centre = "MIN(x) + (MAX(x) / 2 - MIN(x) / 2)"
    bounds = f"SELECT {by}, {centre} AS centre, MAX(x) AS high FROM ({rows}) GROUP BY {by}"
    exponent = "GREATEST(FLOOR(LOG2(high - centre)) + 1, -1000)"
    scale = f"CASE WHEN high > centre THEN POWER(CAST(2 AS DOUBLE), -{exponent}) ELSE 1 END AS scale"
    distance = "((x - centre) * scale)"
    sums = (
        f"SUM(CAST(ROUND({term} * {constant(2.0**BITS)}) AS BIGINT))"
        for term in (distance, f"{distance} * {distance}")
    )
    joined = f"({rows}) JOIN (SELECT {by}, centre, {scale} FROM ({bounds})) USING ({by})"
    made = f"COUNT(*) AS n, centre, scale, {', '.join(sums)}"
    return f"SELECT {by}, {made} FROM {joined} GROUP BY {by}, centre, scale"


def _value(need: Need, *found: Any) -> Any:
    match need.statistic:
        case "mode" | "count" | "size":
            return found[0]
        case "quantile":
            below, above, count = found
            place = need.argument * (count - 1)
            value = below + (above - below) * (place - math.floor(place))
        case _:
            count, centre, scale, *sums = found
            off, squared = (int(total) / (count << BITS) for total in sums)
            if need.statistic == "mean":
                value = centre + off / scale
            else:
                value = math.sqrt(max(squared - off * off, 0.0)) / scale
    if not math.isfinite(value):
        raise NotANumber(
            f"Column {need.column!r} holds numbers too large to compute with.", column=need.column
        )
    return value


NUMERIC = ("count", "quantile", "mean", "deviation")
QUERIES = {
    "count": _counts,
    "size": _counts,
    "mode": _modes,
    "quantile": _quantiles,
    "mean": _moments,
    "deviation": _moments,
}
