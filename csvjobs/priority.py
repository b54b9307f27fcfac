"""Priority: which workers take a job."""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """A line each. Workers take from one only: those for high priority leave the others alone, and never
    wait behind them."""

    NORMAL = "normal"
    HIGH = "high"
