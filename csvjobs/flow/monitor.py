"""Monitor: a thread beside a run that publishes its progress and stops it when necessary."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType

from csvjobs.engines.base import Engine, Interrupted
from csvjobs.errors import Cancelled, CsvjobsError, DiskFull, JobNotFound, StorageUnavailable, TimeLimit
from csvjobs.flow.disk_space import LARGE, check_free
from csvjobs.flow.ending import publish
from csvjobs.flow.services import Services
from csvjobs.jobs.job import Job, Progress

log = logging.getLogger(__name__)

EVERY = 0.5

# Begin and end of each stage, as fractions of the whole run.
STAGES = {
    "read": (0.0, 0.3),
    "fit": (0.3, 0.45),
    "check": (0.45, 0.55),
    "transform": (0.55, 0.9),
    "changes": (0.9, 0.92),
    "profile": (0.92, 0.95),
    "publish": (0.95, 1.0),
}


class HandedBack(Exception):
    """The run was told to leave its job to another run."""


@dataclass
class Monitor:
    """A thread that publishes `job` with its progress, and stops the run when it was cancelled or
    deleted, has taken longer than `limit` seconds, fills the disk or is told to `leave`.

    The run calls `check` where it can stop, and `within(engine)` while an engine works for it.
    """

    services: Services
    job: Job
    limit: float
    bytes_total: int
    leave: threading.Event = field(default_factory=threading.Event)
    timings: dict[str, float] = field(default_factory=dict)
    _stage: str = "read"
    _part: float = 0.0
    _engine: Engine | None = None
    _stop: CsvjobsError | HandedBack | None = None

    def __enter__(self) -> Monitor:
        self._began = time.monotonic()
        self._done = threading.Event()
        self._lock = threading.Lock()
        publish(self.services, self._snapshot())
        self._thread = threading.Thread(target=self._beat, name=f"monitor {self.job.job_id}", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Names the stage that runs inside, and times it."""
        self._stage, self._part = name, 0.0
        began = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - began
            self.timings[name] = round(self.timings.get(name, 0.0) + took, 6)

    @contextmanager
    def within(self, engine: Engine) -> Iterator[Engine]:
        """Watches an engine and interrupts it when the run must stop; raises the reason, and closes it."""
        with self._lock:
            self._engine = engine
        try:
            yield engine
        except Interrupted:
            raise self._stop or Cancelled() from None
        finally:
            with self._lock:
                self._engine = None
            engine.close()

    def check(self, bytes_read: int = 0) -> None:
        """Sets the progress of the current stage. Raises Cancelled, TimeLimit, DiskFull or HandedBack when
        the run must stop."""
        if self.bytes_total:
            self._part = min(1.0, bytes_read / self.bytes_total)
        if self._stop:
            raise self._stop

    def _beat(self) -> None:
        told = False
        while not self._done.wait(EVERY):
            try:
                self._look()
            except Exception:
                # Descriptors or disk space may be short for a while; only this thread can stop the run.
                if not told:
                    log.exception("job %s: a look at its run failed; the next follows", self.job.job_id)
                told = True

    def _look(self) -> None:
        self._stop = self._stop or self._reason()
        if self._stop:
            self._interrupt()
        else:
            publish(self.services, self._snapshot())

    def _reason(self) -> CsvjobsError | HandedBack | None:
        if self._ended_elsewhere():
            return Cancelled()
        if self.leave.is_set():
            return HandedBack()
        if time.monotonic() - self._began > self.limit:
            return TimeLimit(
                f"The job took longer than {self.limit:g} seconds.",
                hint="Raise CSVJOBS_JOB_TIMEOUT, or send the file in parts.",
            )
        return self._no_room()

    def _no_room(self) -> CsvjobsError | None:
        """DiskFull when a large run must stop, as other jobs need the rest of the disk to end."""
        try:
            if self.bytes_total > LARGE:
                check_free(self.services)
        except DiskFull as error:
            return error
        return None

    def _ended_elsewhere(self) -> bool:
        """Whether the job was cancelled, or deleted with its folder."""
        try:
            return self.services.storage.ended(self.job.job_id) or not self.services.storage.leased(
                self.job.job_id
            )
        except (JobNotFound, StorageUnavailable):
            return True

    def _interrupt(self) -> None:
        with self._lock:
            if self._engine:
                self._engine.interrupt()

    def _snapshot(self) -> Job:
        with self._lock:
            part = self._engine.progress() if self._engine else self._part
        low, high = STAGES[self._stage]
        progress = Progress(
            stage=self._stage,
            fraction=round(low + (high - low) * part, 4),
            bytes_total=self.bytes_total,
            bytes_read=round(self.bytes_total * part),
        )
        return self.job.model_copy(update={"progress": progress})
