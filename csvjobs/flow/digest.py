"""Digest: computes size and sha256 of a file while another thread still writes it."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from pathlib import Path
from types import TracebackType

from csvjobs.jobs.job import FileInfo

CHUNK = 256 * 1024
LOOK_EVERY = 0.05


class GrowingDigest:
    """Reads `path` while the block writes it; `info` is ready when the block ends.

    Each byte must be written once, in any order. Bytes not written yet read as NUL, so nothing after a NUL
    is hashed before the end. At 1 GB this hides the cost of hashing behind the engine's work. A compressed
    file has a NUL among its first bytes, so it is hashed after it is complete.
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
        if sys.platform == "linux":
            # For this thread only. At this niceness it gets about a quarter of a core, which keeps up with
            # the engine even without SHA instructions; idle time alone would not, and more would slow it.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
        buffer = bytearray(CHUNK)
        with self._path.open("rb", buffering=0) as file:
            while not self._finished.wait(LOOK_EVERY):
                while size := file.readinto(buffer):
                    hole = buffer.find(0, 0, size)
                    self._add(buffer, size if hole < 0 else hole)
                    if hole >= 0:
                        file.seek(self._bytes)
                        break
            while size := file.readinto(buffer):
                self._add(buffer, size)

    def _add(self, buffer: bytearray, size: int) -> None:
        self._sha256.update(memoryview(buffer)[:size])
        self._bytes += size


def file_info(path: Path) -> FileInfo:
    """Size and sha256 of a file that is complete."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return FileInfo(bytes=path.stat().st_size, sha256=digest.hexdigest())
