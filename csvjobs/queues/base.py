"""The seam to the queue: it carries ids, in order; lost ones are put back by the reconciler."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from csvjobs.priority import Priority


@dataclass(frozen=True)
class Census:
    """What the queue holds at one moment. `high`: those of the waiting that wait in that line."""

    waiting: tuple[str, ...]
    in_flight: frozenset[str]
    high: tuple[str, ...] = ()


class JobQueue(ABC):
    """A line for each priority: first in, first out; of several owners who wait, one after the other.

    Raises: QueueUnavailable where the server behind it cannot be reached.
    """

    @abstractmethod
    def put(self, job_id: str, owner: str = "", priority: Priority = Priority.NORMAL) -> None:
        """Lets a job wait; one that is already there stays where it is.

        An owner's n-th waiting job comes behind the n-th of all others, and behind the owner's own. Jobs of
        nobody come at the end, each as if it had an owner of its own.
        """

    @abstractmethod
    def withdraw(self, job_id: str) -> None:
        """Takes a job out, waiting or stale; taking out an unknown one is not an error."""

    @abstractmethod
    def position(self, job_id: str) -> int | None:
        """How many jobs wait before this one in its line, or None when it does not wait."""

    @abstractmethod
    def workers(self, priority: Priority = Priority.NORMAL) -> int:
        """How many take from that line, as far as is known."""

    @abstractmethod
    def census(self) -> Census:
        """All that waits, line by line, in order, and all that is said to be in a worker's hands."""
