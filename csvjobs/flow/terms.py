"""Terms: the retention, priority and owner of a job, checked against what the service allows."""

from __future__ import annotations

from csvjobs.errors import InvalidOption
from csvjobs.flow.services import Services
from csvjobs.jobs.job import Terms
from csvjobs.priority import Priority
from csvjobs.settings import seconds


def granted(
    services: Services, retention: str | None = None, priority: str | None = None, owner: str = ""
) -> Terms:
    """The terms of a job. retention: how long it is kept after its end, like 12h; priority: normal or high;
    owner: the job's owner. Raises InvalidOption, QueueUnavailable.
    """
    return Terms(
        owner=owner,
        retention=_retention(services, retention) if retention else None,
        priority=_priority(services, priority) if priority else Priority.NORMAL,
    )


def effective_priority(services: Services, asked: Priority) -> Priority:
    """The line in which a job of that priority waits: normal when the service has no priority workers any
    more. Raises QueueUnavailable."""
    high = asked is Priority.HIGH and high_is_served(services)
    return Priority.HIGH if high else Priority.NORMAL


def high_is_served(services: Services) -> bool:
    """Whether there are workers for high priority, on this machine or another. Raises QueueUnavailable."""
    return bool(services.settings.priority_workers or services.queue.workers(Priority.HIGH))


def _retention(services: Services, asked: str) -> int:
    longest = services.settings.retention
    try:
        kept = seconds(asked)
    except ValueError as error:
        raise InvalidOption(f"retention: {asked[:80]!r} is not a valid duration. {error}.") from None
    if longest and kept > longest:
        raise InvalidOption(f"retention: jobs are kept for {longest} seconds at most.", hint="Ask for less.")
    return kept


def _priority(services: Services, asked: str) -> Priority:
    if asked not in list(Priority):
        raise InvalidOption(
            f"priority: {asked[:80]!r} is not a valid priority.", hint=f"It may be {' or '.join(Priority)}."
        )
    if asked == Priority.HIGH and not high_is_served(services):
        said = "priority: this service has no workers for jobs of high priority."
        raise InvalidOption(said, hint="Send it without. CSVJOBS_PRIORITY_WORKERS sets how many there are.")
    return Priority(asked)
