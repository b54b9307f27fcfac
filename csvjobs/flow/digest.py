"""Digest: size and sha256 of a file, taken while another thread still writes it."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from types import TracebackType

from csvjobs.jobs.job import FileInfo

CHUNK = 1024**2
LOOK_EVERY = 0.05


class GrowingDigest:
    """Reads what is appended to `path` while the block runs; `info` is ready when it ends.

    The file must only grow at its end. At 1 GB this hides the cost of hashing behind the engine's work.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sha256 = hashlib.sha256()
        self._bytes = 0
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="digest", daemon=True)

    def __enter__(self) -> GrowingDigest:
        self._path.touch()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finished.set()
        self._thread.join()

    @property
    def info(self) -> FileInfo:
        return FileInfo(bytes=self._bytes, sha256=self._sha256.hexdigest())

    def _follow(self) -> None:
        with self._path.open("rb", buffering=0) as file:
            last = False
            while not last:
                last = self._finished.wait(LOOK_EVERY)
                while chunk := file.read(CHUNK):
                    self._sha256.update(chunk)
                    self._bytes += len(chunk)


def file_info(path: Path) -> FileInfo:
    """Size and sha256 of a file that is complete."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return FileInfo(bytes=path.stat().st_size, sha256=digest.hexdigest())
