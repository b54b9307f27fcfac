"""Storage in local folders: a rename commits a job, a hard link ends it, a file lock leases it.

    jobs/<id>/            a job
    jobs/.incoming/<id>/  an upload in progress
    jobs/.pending/<id>    an empty marker from just before the commit until just after the end
    jobs/.keys/<sha256>   the id of the job that was made with an idempotency key
    jobs/.scratch/        one folder for each live run
    jobs/.trash/          folders that are being deleted
    jobs/.gone/<id>       the message for requests of a deleted job
    jobs/.spare           reserved space, freed when a job cannot end otherwise

All of it is on one file system, so that moves are renames. It must support flock (local disks and NFSv4 do).
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from csvjobs.errors import (
    BRING_BACK,
    LOOK_WHO,
    BadSetup,
    DamagedJob,
    DiskFull,
    FileNotFound,
    JobGone,
    JobNotFound,
    StorageUnavailable,
)
from csvjobs.storage.base import FULL, KEPT_FOR, REPORT, REQUEST, TOLD_FOR, Slot, Stat, Storage, writing

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LOCK = "lock"
ATTEMPTS = "attempts"

ABANDONED_AFTER = 3600.0
"""Seconds without a byte after which an uncommitted upload is swept."""

SPARE = 1024**2
"""Reserved bytes: on a disk that others have filled, about a hundred jobs can still end."""

DAMAGED = (errno.EISDIR, errno.ELOOP)
"""What is met where somebody has put something else in the place of a job's file."""

# `leased` holds the lock for a moment; a run that wants the lease must not take that for another run.
PROBE_GRACE = 0.2
PROBE_PAUSE = 0.005


class LocalStorage(Storage):
    """Jobs as folders under `root`. make: whether to make what is missing there; else that is an error.
    Raises BadSetup for it, and when `root` is not writable."""

    def __init__(self, root: Path, *, make: bool = True) -> None:
        self.root = root
        self._incoming, self._pending, self._keys, self._scratch, self._trash, self._gone = folders = tuple(
            root / name for name in (".incoming", ".pending", ".keys", ".scratch", ".trash", ".gone")
        )
        self._spare = root / ".spare"
        self._uploads: dict[str, int] = {}
        if not make and not self._incoming.is_dir():
            raise BadSetup(
                f"{root} is no jobs folder: it has no folder {self._incoming.name}.",
                hint="Check CSVJOBS_JOBS_DIR, and that its disk is mounted.",
            )
        try:
            root.mkdir(parents=True, exist_ok=True)
            for folder in folders:
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise BadSetup(f"The jobs folder {root} cannot be written to: {error.strerror}.") from error
        self._keep_spare()

    def identity(self) -> str:
        path, draft = self.root / ".id", self.root / f".id.{uuid.uuid4().hex}"
        if not path.exists():
            draft.write_text(uuid.uuid4().hex[:12])
            _sync(draft)
            with suppress(FileExistsError):
                path.hardlink_to(draft)
            draft.unlink()
        return path.read_text()

    # a job begins

    def reserve(self, job_id: str) -> Path:
        folder = self._incoming / _checked(job_id)
        with self._translated(job_id):
            folder.mkdir()
            # Locked while this process lives: time alone cannot tell a slow upload from an abandoned one.
            self._uploads[job_id] = os.open(folder, os.O_RDONLY)
            fcntl.flock(self._uploads[job_id], fcntl.LOCK_EX)
        return folder

    def commit(self, job_id: str) -> None:
        folder = self._incoming / _checked(job_id)
        with self._translated(job_id):
            files = list(folder.iterdir())
            if folder / REQUEST not in files:
                raise FileNotFound(f"The reserved folder of job {job_id} holds no {REQUEST}.")
            for file in files:
                _sync(file)
            _sync(folder)
            # The marker comes first: without it the reconciler would not see the job.
            (self._pending / job_id).touch()
            _sync(self._pending)
            folder.rename(self._folder(job_id))
            _sync(self.root)
        self._release(job_id)

    def discard(self, job_id: str) -> None:
        shutil.rmtree(self._incoming / _checked(job_id), ignore_errors=True)
        self._release(job_id)

    @contextmanager
    def claim(self, key: str) -> Iterator[Slot | None]:
        path = self._keys / hashlib.sha256(key.encode()).hexdigest()
        with _held(path) as descriptor:
            yield None if descriptor is None else _LocalSlot(descriptor, self._keys)

    # a job runs

    @contextmanager
    def lease(self, job_id: str) -> Iterator[bool]:
        with self._translated(job_id):
            lock = os.open(self._folder(job_id) / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield _lock(lock)
        finally:
            os.close(lock)

    def leased(self, job_id: str) -> bool:
        # A lock that is no file is held by nobody.
        with suppress(JobNotFound, DamagedJob), self._translated(job_id):
            return _is_locked(self._folder(job_id) / LOCK)
        return False

    def attempt(self, job_id: str) -> int:
        with self._translated(job_id), (self._folder(job_id) / ATTEMPTS).open("ab", buffering=0) as file:
            file.write(b".")
            os.fsync(file.fileno())
            return file.tell()

    def forgive(self, job_id: str) -> None:
        with self._translated(job_id), (self._folder(job_id) / ATTEMPTS).open("a+b", buffering=0) as file:
            file.truncate(max(0, file.seek(0, os.SEEK_END) - 1))
            os.fsync(file.fileno())

    def attempts(self, job_id: str) -> int:
        with suppress(FileNotFound):
            return len(self.read(job_id, ATTEMPTS))
        return 0

    @contextmanager
    def scratch(self, job_id: str) -> Iterator[Path]:
        with self._reaching(), writing("What the job makes"):
            folder = tempfile.mkdtemp(prefix=f"{_checked(job_id)}.", dir=self._scratch)
        try:
            with writing("What the job makes"):
                yield Path(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def fetch(self, job_id: str, name: str) -> Iterator[Path]:
        self.stat(job_id, name)
        yield self._file(job_id, name)

    def publish(self, job_id: str, name: str, path: Path) -> None:
        with self._translated(job_id):
            _sync(path)
            path.replace(self._file(job_id, name))
            _sync(self._folder(job_id))

    def withdraw(self, job_id: str, name: str) -> None:
        with self._translated(job_id):
            self._file(job_id, name).unlink(missing_ok=True)

    # a job ends

    def end(self, job_id: str, report: bytes) -> bool:
        folder = self._folder(job_id)
        with self._translated(job_id):
            try:
                first = _write_once(folder / REPORT, report)
            except OSError as error:
                if error.errno not in FULL:
                    raise
                self._spare.unlink(missing_ok=True)
                first = _write_once(folder / REPORT, report)
            _sync(folder)
        # Drafts of this call, of one that lost the race, or of a process that was killed.
        for draft in folder.glob(".report.*"):
            draft.unlink(missing_ok=True)
        (self._pending / job_id).unlink(missing_ok=True)
        return first

    def delete(self, job_id: str, told: str) -> None:
        trash = self._trash / f"{_checked(job_id)}.{time.time_ns()}"
        if self._folder(job_id).exists():
            # On a full disk, freeing space matters more than the note.
            with suppress(DiskFull), writing("A note"):
                (self._gone / job_id).write_text(told, "utf-8")
        with self._translated(job_id):
            self._folder(job_id).rename(trash)
        (self._pending / job_id).unlink(missing_ok=True)
        shutil.rmtree(trash, ignore_errors=True)

    # looking

    def open(self, job_id: str, name: str) -> BinaryIO:
        with self._translated(job_id):
            return self._file(job_id, name).open("rb")

    def stat(self, job_id: str, name: str) -> Stat:
        with self._translated(job_id):
            found = self._file(job_id, name).stat()
        return Stat(bytes=found.st_size, modified=found.st_mtime)

    def list(self) -> builtins.list[str]:
        return self._ids(self.root)

    def pending(self) -> builtins.list[str]:
        return self._ids(self._pending)

    def remember(self, job_id: str) -> None:
        with self._reaching(), writing("The job"):
            (self._pending / _checked(job_id)).touch()

    def free_bytes(self) -> int:
        with self._reaching():
            # Not the root: if the disk is not mounted, its mount point exists, but is empty.
            return shutil.disk_usage(self._incoming).free

    def sweep_runs(self) -> None:
        for folder in self._there(self._scratch):
            # Of this one job: all others can be reached.
            with suppress(StorageUnavailable):
                if not self.leased(folder.name.partition(".")[0]):
                    shutil.rmtree(folder, ignore_errors=True)

    def sweep(self, now: float | None = None) -> None:
        self._keep_spare()
        self._sweep_the_dead(time.time() if now is None else now)
        self._sweep_the_old(time.time() if now is None else now)

    # within

    def _keep_spare(self) -> None:
        with suppress(OSError):
            if not self._spare.exists() and self.free_bytes() > 4 * SPARE:
                self._spare.write_bytes(bytes(SPARE))

    def _release(self, job_id: str) -> None:
        if job_id in self._uploads:
            os.close(self._uploads.pop(job_id))

    def _sweep_the_dead(self, now: float) -> None:
        for folder in self._there(self._incoming):
            if now - _last_change(folder) > ABANDONED_AFTER and not _is_locked(folder):
                shutil.rmtree(folder, ignore_errors=True)
        self.sweep_runs()
        for folder in self._there(self._trash):
            shutil.rmtree(folder, ignore_errors=True)
        for job_id in self.pending():
            # In this order, as a commit under way moves the folder from the first place to the second.
            if not (self._incoming / job_id).exists() and not self._folder(job_id).exists():
                (self._pending / job_id).unlink(missing_ok=True)

    def _sweep_the_old(self, now: float) -> None:
        for key in self._there(self._keys):
            with _held(key) as descriptor:
                if descriptor is not None and now - os.fstat(descriptor).st_mtime > KEPT_FOR:
                    key.unlink()
        for note in self._there(self._gone):
            with suppress(FileNotFoundError):
                if now - note.stat().st_mtime > TOLD_FOR:
                    note.unlink()

    def _ids(self, folder: Path) -> builtins.list[str]:
        with self._reaching():
            return sorted(entry.name for entry in os.scandir(folder) if UUID.fullmatch(entry.name))

    def _there(self, folder: Path) -> builtins.list[Path]:
        with self._reaching():
            return list(folder.iterdir())

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """For a block about folders that are always there. Raises StorageUnavailable."""
        try:
            yield
        except OSError as error:
            raise _away(self.root, error) from error

    def _folder(self, job_id: str) -> Path:
        return self.root / _checked(job_id)

    def _file(self, job_id: str, name: str) -> Path:
        if not name or name.startswith(".") or "/" in name or "\0" in name:
            raise FileNotFound(f"A job has no file {name!r}.")
        return self._folder(job_id) / name

    @contextmanager
    def _translated(self, job_id: str) -> Iterator[None]:
        try:
            with writing("The job"):
                yield
        except OSError as error:
            if error.errno in DAMAGED:
                name = Path(error.filename2 or error.filename).name
                said = f"The file {name} of job {job_id} cannot be used: {error.strerror}."
                raise DamagedJob(said, hint=LOOK_WHO) from error
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise
            if self._folder(job_id).is_dir():
                said = f"Job {job_id} has no file {Path(error.filename).name!r}."
                raise FileNotFound(said, hint=FileNotFound.help()) from None
            raise self._missing(job_id) from None

    def _missing(self, job_id: str) -> JobNotFound:
        try:
            return JobGone((self._gone / job_id).read_text("utf-8"))
        except FileNotFoundError as error:
            if not self._gone.is_dir():
                raise _away(self.root, error) from error
            return _not_found(job_id)


class _LocalSlot(Slot):
    def __init__(self, descriptor: int, folder: Path) -> None:
        self._descriptor, self._folder = descriptor, folder

    def read(self) -> bytes:
        return os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)

    def write(self, content: bytes) -> None:
        with writing("The key"):
            os.truncate(self._descriptor, 0)
            os.pwrite(self._descriptor, content, 0)
            os.fsync(self._descriptor)
            _sync(self._folder)


@contextmanager
def _held(path: Path) -> Iterator[int | None]:
    """Locks the file and yields its descriptor; None when it is already locked. The file is made if missing,
    and removed again if it is still empty at the end."""
    descriptor = _open_locked(path)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            if not os.fstat(descriptor).st_size:
                path.unlink(missing_ok=True)
            os.close(descriptor)


def _open_locked(path: Path) -> int | None:
    while True:
        with writing("The key"):
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            except FileNotFoundError as error:
                raise _away(path.parent.parent, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if os.fstat(descriptor).st_nlink:
            return descriptor
        # The previous holder has removed the file meanwhile.
        os.close(descriptor)


def _checked(job_id: str) -> str:
    """Returns a valid job id; nothing else may become part of a path. Raises JobNotFound."""
    if not UUID.fullmatch(job_id):
        raise _not_found(job_id)
    return job_id


def _not_found(job_id: str) -> JobNotFound:
    return JobNotFound(f"There is no job {job_id!r}.", hint=JobNotFound.help())


def _away(root: Path, error: OSError) -> StorageUnavailable:
    return StorageUnavailable(f"The jobs folder {root} cannot be reached: {error.strerror}.", hint=BRING_BACK)


def _lock(descriptor: int) -> bool:
    """Takes the lock; False when another run holds it."""
    deadline = time.monotonic() + PROBE_GRACE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(PROBE_PAUSE)
        else:
            return True


def _is_locked(path: Path) -> bool:
    """Whether another process, or another holder in this one, has the lock; False for a missing file."""
    try:
        lock = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        # A shared lock, so that two checks at once do not take each other for a holder.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _write_once(path: Path, content: bytes) -> bool:
    """Writes the file atomically and durably, unless it exists; returns whether this call wrote it."""
    if path.exists():
        # Mostly an end that is completed later: whoever looks into the folder meanwhile must find no draft.
        return False
    draft = path.with_name(f".report.{uuid.uuid4().hex}")
    try:
        draft.write_bytes(content)
        _sync(draft)
        path.hardlink_to(draft)
    except (FileExistsError, FileNotFoundError):
        # FileNotFoundError: the call that was first has removed this draft.
        if not path.exists():
            raise
        return False
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _last_change(folder: Path) -> float:
    """The latest change in the folder, in seconds since the epoch; now if it is just being removed."""
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except FileNotFoundError:
        return time.time()
