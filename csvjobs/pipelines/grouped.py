"""Statistics of kept columns by group, some columns in one query, which can spill; results are reproducible.

As in numbers.py, numbers are added as integers, as fractions of their group's reach. The engine's own median
and mode would hold every value in memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from csvjobs.engines.base import Engine
from csvjobs.errors import NotANumber, TooManyCategories
from csvjobs.pipelines.numbers import BITS
from csvjobs.pipelines.step import By, Group, Need, Statistic, constant

MOST_COLUMNS = 64
MOST_CELLS = 4_000_000
MOST_GROUPS = 200_000
"""In one query. With one for each column, a wide table of few rows would take a minute for their plans."""


def grouped(
    engine: Engine, table: str, refs: Mapping[Need, str], keys: Mapping[By, Sequence[str]]
) -> dict[Need, list[Group]]:
    """The value of each need for each group of the kept relation that has cells, in the order of the keys.

    refs: the column with the cells of a need, NULL or NaN to be ignored; keys: the columns that identify a
    group, NULL for rows without one. Raises TooManyCategories, NotANumber.
    """
    alike: dict[tuple[Statistic, Any, By], list[Need]] = {}
    for need in refs:
        if need.by:
            alike.setdefault((need.statistic, need.argument, need.by), []).append(need)
    [(rows,)] = engine.rows(f"SELECT COUNT(*) FROM ({table})") if alike else [(0,)]
    learnt: dict[Need, list[Group]] = {}
    for (_, _, by), needs in alike.items():
        size = max(1, min(MOST_COLUMNS, MOST_CELLS // max(1, rows), MOST_GROUPS // by.most))
        for start in range(0, len(needs), size):
            some = {need: refs[need] for need in needs[start : start + size]}
            learnt |= _together(engine, table, some, by, keys[by])
    return learnt


def _together(
    engine: Engine, table: str, refs: Mapping[Need, str], by: By, keys: Sequence[str]
) -> dict[Need, list[Group]]:
    """The same for needs that differ in their columns alone, each of which counts as one more key."""
    needs = list(refs)
    names = [f"g{place}" for place in range(len(keys))]
    listed = [f"{key} AS {name}" for key, name in zip(keys, names, strict=True)]
    stacked = engine.sql.stacked(list(refs.values()), "place", "x")
    there = " AND ".join(f"{name} IS NOT NULL" for name in (*names, "x"))
    there += " AND NOT isnan(x)" if needs[0].statistic in NUMERIC else ""
    rows = f"SELECT * FROM (SELECT {', '.join([*listed, stacked])} FROM ({table})) WHERE {there}"
    each = ", ".join(["place", *names])
    query = QUERIES[needs[0].statistic](rows, each, needs[0].argument)
    most = len(needs) * (by.most + 1)
    learnt: dict[Need, list[Group]] = {need: [] for need in needs}
    for place, *found in engine.rows(f"SELECT * FROM ({query}) ORDER BY {each} LIMIT {most}"):
        value = _value(needs[place], *found[len(keys) :])
        learnt[needs[place]].append((found[: len(keys)], value))
    if max(map(len, learnt.values())) > by.most:
        raise TooManyCategories(
            f"There are more than {by.most} groups by {', '.join(by.columns)}.",
            column=by.columns[0],
            hint="Raise max_categories, or choose other columns.",
        )
    return learnt


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
