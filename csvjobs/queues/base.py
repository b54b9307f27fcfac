"""Interface of the queue: it holds job ids in order; the reconciler puts lost ones back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from csvjobs.priority import Priority


@dataclass(frozen=True)
class Census:
    """A snapshot of the queue. `high`: the waiting jobs of high priority."""

    waiting: tuple[str, ...]
    in_flight: frozenset[str]
    high: tuple[str, ...] = ()


class JobQueue(ABC):
    """A line for each priority: first in, first out, but owners with waiting jobs take turns.

    All methods raise QueueUnavailable when the server behind it cannot be reached.
    """

    @abstractmethod
    def put(self, job_id: str, owner: str = "", priority: Priority = Priority.NORMAL) -> None:
        """Enqueues a job; one that is already in the queue stays where it is.

        An owner's n-th waiting job is placed after the n-th jobs of all others, and after the owner's own. A
        job without an owner goes to the end, and counts as if it had an owner of its own.
        """

    @abstractmethod
    def withdraw(self, job_id: str) -> None:
        """Removes a job, waiting or stale; removing an unknown one is not an error."""

    @abstractmethod
    def position(self, job_id: str) -> int | None:
        """The number of jobs before this one in its line; None when it is not waiting."""

    @abstractmethod
    def workers(self, priority: Priority = Priority.NORMAL) -> int:
        """The number of workers known to take jobs from that line."""

    @abstractmethod
    def check(self) -> None:
        """Raises QueueUnavailable also when the server answers but would refuse a job: one that is full, or
        a replica."""

    @abstractmethod
    def census(self) -> Census:
        """All waiting jobs, line by line, in order, and all that are registered as in flight."""
