"""Storage in memory: for tests, and a model for an object store.

Files are whole values by (job id, name), written once; code that needs a path gets a temporary copy.
"""

from __future__ import annotations

import builtins
import io
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from csvjobs.errors import FileNotFound, JobGone, JobNotFound
from csvjobs.storage.base import REPORT, REQUEST, Slot, Stat, Storage, writing


class _Object(NamedTuple):
    content: bytes
    modified: float


class _MemorySlot(Slot):
    content = b""

    def read(self) -> bytes:
        return self.content

    def write(self, content: bytes) -> None:
        self.content = content


class MemoryStorage(Storage):
    """Jobs as dictionaries of bytes, lost when the process ends."""

    def __init__(self) -> None:
        self._jobs: dict[str, dict[str, _Object]] = {}
        self._reserved: dict[str, Path] = {}
        self._attempts: dict[str, int] = {}
        self._leases: set[str] = set()
        self._slots: dict[str, _MemorySlot] = {}
        self._claimed: set[str] = set()
        self._gone: dict[str, str] = {}
        self._lock = threading.RLock()
        self._folder = Path(tempfile.mkdtemp(prefix="csvjobs-"))
        weakref.finalize(self, shutil.rmtree, self._folder)

    def identity(self) -> str:
        return self._folder.name.removeprefix("csvjobs-")

    def reserve(self, job_id: str) -> Path:
        self._reserved[job_id] = self._folder / job_id
        self._reserved[job_id].mkdir()
        return self._reserved[job_id]

    def commit(self, job_id: str) -> None:
        if job_id not in self._reserved:
            raise JobNotFound(f"There is no job {job_id!r}.")
        files = {path.name: path.read_bytes() for path in self._reserved[job_id].iterdir()}
        if REQUEST not in files:
            raise FileNotFound(f"The reserved folder of job {job_id} holds no {REQUEST}.")
        with self._lock:
            self._jobs[job_id] = {name: _Object(content, time.time()) for name, content in files.items()}
        self.discard(job_id)

    def discard(self, job_id: str) -> None:
        if folder := self._reserved.pop(job_id, None):
            shutil.rmtree(folder)

    @contextmanager
    def claim(self, key: str) -> Iterator[Slot | None]:
        with self._lock:
            mine = key not in self._claimed
            self._claimed.add(key)
        try:
            yield self._slots.setdefault(key, _MemorySlot()) if mine else None
        finally:
            if mine:
                self._claimed.discard(key)

    @contextmanager
    def lease(self, job_id: str) -> Iterator[bool]:
        with self._lock:
            self._job(job_id)
            mine = job_id not in self._leases
            self._leases.add(job_id)
        try:
            yield mine
        finally:
            if mine:
                self._leases.discard(job_id)

    def leased(self, job_id: str) -> bool:
        return job_id in self._jobs and job_id in self._leases

    def attempt(self, job_id: str) -> int:
        with self._lock:
            self._job(job_id)
            self._attempts[job_id] = self._attempts.get(job_id, 0) + 1
            return self._attempts[job_id]

    def forgive(self, job_id: str) -> None:
        with self._lock:
            self._job(job_id)
            self._attempts[job_id] = max(0, self._attempts.get(job_id, 0) - 1)

    def attempts(self, job_id: str) -> int:
        self._job(job_id)
        return self._attempts.get(job_id, 0)

    @contextmanager
    def scratch(self, job_id: str) -> Iterator[Path]:
        with writing("What the job makes"), tempfile.TemporaryDirectory(prefix="csvjobs-") as folder:
            yield Path(folder)

    @contextmanager
    def fetch(self, job_id: str, name: str) -> Iterator[Path]:
        content = self.read(job_id, name)
        with tempfile.TemporaryDirectory(prefix="csvjobs-") as folder:
            path = Path(folder) / name
            path.write_bytes(content)
            yield path

    def publish(self, job_id: str, name: str, path: Path) -> None:
        with self._lock:
            self._job(job_id)[name] = _Object(path.read_bytes(), time.time())
        path.unlink()

    def withdraw(self, job_id: str, name: str) -> None:
        self._job(job_id).pop(name, None)

    def end(self, job_id: str, report: bytes) -> bool:
        with self._lock:
            files = self._job(job_id)
            first = REPORT not in files
            if first:
                files[REPORT] = _Object(report, time.time())
            return first

    def delete(self, job_id: str, told: str) -> None:
        with self._lock:
            self._job(job_id)
            del self._jobs[job_id]
            self._gone[job_id] = told

    def open(self, job_id: str, name: str) -> BinaryIO:
        return io.BytesIO(self._object(job_id, name).content)

    def stat(self, job_id: str, name: str) -> Stat:
        found = self._object(job_id, name)
        return Stat(bytes=len(found.content), modified=found.modified)

    def list(self) -> builtins.list[str]:
        return sorted(self._jobs)

    def pending(self) -> builtins.list[str]:
        return [job_id for job_id in self.list() if not self.ended(job_id)]

    def remember(self, job_id: str) -> None:
        """Does nothing: what is pending is looked up."""

    def free_bytes(self) -> int:
        return shutil.disk_usage(tempfile.gettempdir()).free

    def sweep_runs(self) -> None:
        """Does nothing: a run always removes its scratch folder."""

    def sweep(self, now: float | None = None) -> None:
        """Does nothing: the memory of a dead process is gone."""

    def _job(self, job_id: str) -> dict[str, _Object]:
        try:
            return self._jobs[job_id]
        except KeyError:
            raise self._missing(job_id) from None

    def _missing(self, job_id: str) -> JobNotFound:
        told = self._gone.get(job_id)
        return JobGone(told) if told else JobNotFound(f"There is no job {job_id!r}.")

    def _object(self, job_id: str, name: str) -> _Object:
        try:
            return self._job(job_id)[name]
        except KeyError:
            raise FileNotFound(f"Job {job_id} has no file {name!r}.") from None
