"""Reconcile: re-enqueues jobs that have not ended by their folders, but that the queue has lost."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from csvjobs.errors import DamagedJob, JobNotFound, StorageUnavailable
from csvjobs.flow.clock import SteadyClock
from csvjobs.flow.expire import Expiry
from csvjobs.flow.isolation import Isolation
from csvjobs.flow.services import Services
from csvjobs.flow.terms import effective_priority, high_is_served
from csvjobs.flow.view import request_of, view
from csvjobs.jobs.job import Status
from csvjobs.storage.base import REPORT, REQUEST

log = logging.getLogger(__name__)

UNKNOWN_ROUNDS = 2
"""Rounds for which the queue must lack a job: one round may fall between commit and announcement."""

IN_FLIGHT_ROUNDS = 3
"""Rounds for which no run may hold a job in flight: a worker takes a moment from dequeue to lease."""

BACK_OFF_ROUNDS = 2
"""Additional rounds for each attempt after the first: a failure may recur if retried at once."""

SWEEP_EVERY = 60.0
SHOWN_AT_ONCE = 2000
"""Jobs corrected in the index in one round at most; the rest follow in the next rounds."""


@dataclass(frozen=True)
class Mended:
    """The result of a round: how many jobs have not ended, and the ids of the jobs that it changed. `more`:
    whether it left wrong entries of the list for the next round, as they were many."""

    unfinished: int
    put_back: list[str]
    listed: list[str]
    deleted: list[str]
    more: bool


class Reconciler:
    """Finds and repairs jobs that died or were lost. Any number may run at once.

    The work of a round is proportional to the number of jobs that have not ended. What is to be done to
    others, which can be many, is done some in a round: jobs that died must not wait for it.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._missed: Counter[str] = Counter()
        self._swept = float("-inf")
        self._clock = SteadyClock()
        self._isolation = Isolation()
        self._expiry = Expiry(services, self._isolation)
        self._witness: str | None = None
        self._index_behind = False

    def once(self) -> Mended:
        """One round; call it about once a second. Raises QueueUnavailable."""
        self._services.storage.sweep_runs()
        due = time.monotonic() - self._swept > SWEEP_EVERY
        if due:
            self._swept = time.monotonic()
            self._services.storage.sweep(self._clock.now())
        deleted = self._expiry.once(self._clock.now()) if due or self._expiry.behind else []
        unfinished, put_back = self._restore_queue()
        listed = self._refresh_index() if due or self._index_behind or self._index_lost() else []
        return Mended(unfinished, put_back, listed, deleted, more=self._index_behind)

    def _restore_queue(self) -> tuple[int, list[str]]:
        """The number of jobs that have not ended, and the ids of those put back."""
        # The folders first: jobs committed after this look are left to the next round.
        pending = self._services.storage.pending()
        census = self._services.queue.census()
        if census.high and not high_is_served(self._services):
            self._change_lines(census.high)
        waiting = set(census.waiting)
        self._missed = Counter(
            {
                job_id: self._missed[job_id] + 1
                for job_id in pending
                if job_id not in waiting and self._in_nobodys_hands(job_id)
            }
        )
        put_back = []
        for job_id, rounds in self._missed.items():
            if rounds >= self._patience(job_id, in_flight=job_id in census.in_flight):
                self._missed[job_id] = 0
                if self._put(job_id):
                    log.warning("job %s was in no queue and with no worker: queued again", job_id)
                    put_back.append(job_id)
        return len(pending), put_back

    def _change_lines(self, waiting: Iterable[str]) -> None:
        """Moves jobs that wait for priority workers, of which there are none any more, to the normal line."""
        for job_id in waiting:
            self._put(job_id)

    def _put(self, job_id: str) -> bool:
        """Puts the job at its place in its line; returns whether its files could be read."""
        with self._isolation.of(job_id):
            self._services.queue.withdraw(job_id)
            terms = request_of(self._services, job_id).terms
            self._services.queue.put(job_id, terms.owner, effective_priority(self._services, terms.priority))
            return True
        return False

    def _in_nobodys_hands(self, job_id: str) -> bool:
        """Whether the job has begun, has not ended, and no live run holds it."""
        storage = self._services.storage
        with self._isolation.of(job_id):
            if not storage.ended(job_id):
                # Without a request its commit is under way, or it has been deleted.
                return not storage.leased(job_id) and storage.has(job_id, REQUEST)
            self._settle(job_id)
        return False

    def _patience(self, job_id: str, *, in_flight: bool) -> int:
        """Rounds for which the job must be missing before it is put back."""
        tries = 0
        with suppress(JobNotFound, DamagedJob, StorageUnavailable):
            tries = self._services.storage.attempts(job_id)
        return (IN_FLIGHT_ROUNDS if in_flight else UNKNOWN_ROUNDS) + BACK_OFF_ROUNDS * max(0, tries - 1)

    def _settle(self, job_id: str) -> None:
        """Completes the ending of a job whose process was killed right after it wrote the report."""
        self._services.index.put(view(self._services, job_id))
        self._services.storage.end(job_id, self._services.storage.read(job_id, REPORT))

    def _index_lost(self) -> bool:
        """Whether the index lacks a job that it used to have: it has lost them all."""
        index = self._services.index
        if self._witness and index.get(self._witness):
            return False
        if self._witness and self._deleted(self._witness):
            # Deleted, not lost: any other job that the index has will do.
            self._witness = next(iter(index.ids()), None)
            return False
        return True

    def _refresh_index(self) -> list[str]:
        """Corrects the index where it was lost, or missed updates while Redis was away: jobs that it lacks,
        that were deleted, or that it shows as unfinished though they have ended. The newest first, some per
        round."""
        storage, index = self._services.storage, self._services.index
        pending, there, shown = set(storage.pending()), set(storage.list()), set(index.ids())
        wrong = sorted((self._living() - pending) | (there ^ shown), reverse=True)
        listed = [job_id for job_id in wrong[:SHOWN_AT_ONCE] if self._show(job_id)]
        self._find_again(self._living() - pending)
        self._index_behind = len(wrong) > SHOWN_AT_ONCE and bool(listed)
        # The oldest: it does not change, so only a refresh lists it again once it is lost.
        self._witness = min({*listed, *(shown & there)}, default=None)
        return listed

    def _living(self) -> set[str]:
        """The jobs that the index shows as unfinished."""
        index = self._services.index
        return {*index.ids(Status.QUEUED), *index.ids(Status.PROCESSING)}

    def _find_again(self, unknown: Iterable[str]) -> None:
        """Makes jobs pending again that have not ended: somebody deleted their markers, or copied the jobs
        folder while they were accepted."""
        for job_id in unknown:
            with self._isolation.of(job_id):
                if self._services.storage.has(job_id, REQUEST) and not self._services.storage.ended(job_id):
                    self._services.storage.remember(job_id)

    def _show(self, job_id: str) -> bool:
        """Publishes the job's current state to the index; returns whether the job exists and is readable."""
        services, shown = self._services, False
        with self._isolation.of(job_id):
            services.index.put(view(services, job_id))
            shown = True
        # It may be deleted at this moment; nobody else would remove it from the index.
        if self._deleted(job_id):
            services.index.remove(job_id)
            return False
        return shown

    def _deleted(self, job_id: str) -> bool:
        with self._isolation.of(job_id):
            return not self._services.storage.has(job_id, REQUEST)
        return False
