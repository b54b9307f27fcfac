"""The seam to the queue: it carries ids, in order; lost ones are put back by the reconciler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True)
class Census:
    """What the queue holds at one moment."""

    waiting: tuple[str, ...]
    in_flight: frozenset[str]


class JobQueue(ABC):
    """First in, first out.

    Raises: QueueUnavailable where the server behind it cannot be reached.
    """

    @abstractmethod
    def put(self, job_id: str) -> None:
        """Appends a job; one that is already there stays where it is."""

    @abstractmethod
    def withdraw(self, job_id: str) -> None:
        """Takes a job out, waiting or stale; taking out an unknown one is not an error."""

    @abstractmethod
    def position(self, job_id: str) -> int | None:
        """How many jobs wait before this one, or None when it does not wait."""

    @abstractmethod
    def census(self) -> Census:
        """All that waits, in order, and all that is said to be in a worker's hands."""
