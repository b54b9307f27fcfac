"""The priority of a job: which workers take it."""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """Each priority has its own line, and each worker takes jobs from one line only, so jobs of high priority
    never wait for the others."""

    NORMAL = "normal"
    HIGH = "high"
