"""Statistics of one kept column of numbers: accurate to the rounding of one difference, in little memory,
reproducible.

An engine's own sums depend on which thread adds first, and its exact quantiles hold every value. Here numbers
are added as integers, and order statistics are found by narrowing down their range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from csvjobs.engines.base import Engine
from csvjobs.pipelines.step import constant

BITS = 62
"""Bits of the integers that are added, which are fractions of the column's reach: their rounding is below a
double's."""

BINS = 4096
SPAN = 40
"""The most binary digits by which the numbers of one span differ."""

FEW = 100_000
"""Up to so many numbers are sorted; more are narrowed down first."""


class Bin(NamedTuple):
    """Bounds and count of adjacent numbers."""

    low: float
    high: float
    size: int


class Span(NamedTuple):
    """The smallest and the largest of some positive numbers."""

    low: float
    high: float


class Numbers:
    """The numbers of the column `ref` of a kept relation, bounded by `low` and `high`. NULL is ignored, and
    so is NaN, which marks a cell that is neither missing nor a number: `odd` counts those.

    With a `count` of 0 there are no statistics.
    """

    def __init__(self, engine: Engine, table: str, ref: str, count: int, low: float, high: float) -> None:
        self._engine, self._table, self._ref = engine, table, ref
        self.count, self.odd, self.low, self.high = count, 0, low, high
        # NaN is above all numbers.
        if count and math.isnan(high):
            self._table = f"SELECT {ref} FROM ({table}) WHERE NOT isnan({ref})"
            [(self.count, self.low, self.high)] = self._rows(_bounds(ref))
            self.odd = count - self.count

    @classmethod
    def of(cls, engine: Engine, table: str, refs: Sequence[str]) -> dict[str, Numbers]:
        """The numbers of each of these columns, counted in one scan."""
        if not refs:
            return {}
        [found] = engine.rows(f"SELECT {', '.join(map(_bounds, refs))} FROM ({table})")
        return {ref: cls(engine, table, ref, *found[3 * i : 3 * i + 3]) for i, ref in enumerate(refs)}

    @cached_property
    def mean(self) -> float:
        centre = self.low + (self.high / 2 - self.low / 2)
        scale = self._scale(centre)
        [off] = self._averages(f"({self._ref} - {constant(centre)}) * {constant(scale)}")
        return centre + off / scale

    def deviation(self) -> float:
        """The population standard deviation (ddof 0); infinite if a distance from the mean is no double."""
        mean = self.mean
        if math.isinf(max(self.high - mean, mean - self.low)):
            return math.inf
        scale = self._scale(mean)
        distance = f"(({self._ref} - {constant(mean)}) * {constant(scale)})"
        # The mean of many large, close numbers is not a double: subtract the rounding of the mean.
        off, squared = self._averages(distance, f"{distance} * {distance}")
        return math.sqrt(squared - off * off) / scale

    def reach(self) -> list[Span]:
        """The absolute values, without 0, as spans: in ascending order, with no value outside them."""
        size = f"ABS({self._ref})"
        within = f"WHERE {self._ref} <> 0 GROUP BY FLOOR(LOG2({size}) / {SPAN}) ORDER BY 1"
        return [Span(*row) for row in self._rows(f"MIN({size}), MAX({size})", within)]

    def quantile(self, q: float) -> float:
        """The quantile by linear interpolation, numpy's default: type 7 of Hyndman and Fan (1996)."""
        place = q * (self.count - 1)
        rank = math.floor(place)
        below, above = self._ranked(rank)
        return below + (above - below) * (place - rank)

    def _scale(self, centre: float) -> float:
        """A power of two that brings all distances from `centre` to at most 1."""
        _, exponent = math.frexp(max(self.high - centre, centre - self.low))
        return math.ldexp(1.0, -max(exponent, -1000))

    def _averages(self, *terms: str) -> list[float]:
        """The averages of terms between -1 and 1."""
        sums = (f"SUM(CAST(ROUND({term} * {constant(2.0**BITS)}) AS BIGINT))" for term in terms)
        [totals] = self._rows(", ".join(sums))
        return [int(total) / (self.count << BITS) for total in totals]

    def _ranked(self, rank: int) -> tuple[float, float]:
        """The number at that rank in sorted order, from 0, and the next one."""
        low, high, count, before, after = self.low, self.high, self.count, 0, self.high
        while low < high and count > FEW:
            bins = self._bins(low, high)
            while rank >= before + bins[0].size:
                before += bins.pop(0).size
            low, high, count = bins[0]
            after = bins[1].low if len(bins) > 1 else after
        if low == high:
            return low, low if rank + 1 < before + count else after
        within = f"{self._ref} BETWEEN {constant(low)} AND {constant(high)}"
        pair = f"WHERE {within} ORDER BY {self._ref} LIMIT 2 OFFSET {rank - before}"
        found = [float(number) for (number,) in self._rows(self._ref, pair)]
        return found[0], found[1] if len(found) > 1 else after

    def _bins(self, low: float, high: float) -> list[Bin]:
        """The numbers from `low` to `high`, in bins of equal width, in order."""
        half = 1.0 if math.isfinite(high - low) else 0.5
        distance = f"({self._ref} * {constant(half)} - {constant(low * half)})"
        place = f"FLOOR({distance} / {constant(high * half - low * half)} * {BINS})"
        bounds = f"MIN({self._ref}) AS first, MAX({self._ref}), COUNT(*)"
        within = f"WHERE {self._ref} BETWEEN {constant(low)} AND {constant(high)}"
        return [Bin(*row) for row in self._rows(bounds, f"{within} GROUP BY {place} ORDER BY first")]

    def _rows(self, select: str, rest: str = "") -> list[tuple[Any, ...]]:
        return self._engine.rows(f"SELECT {select} FROM ({self._table}) {rest}")


def _bounds(ref: str) -> str:
    return f"COUNT({ref}), MIN({ref}), MAX({ref})"
