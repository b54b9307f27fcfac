"""Digest: computes size and sha256 of a file while another thread still writes it."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import threading
from pathlib import Path
from types import TracebackType

from csvjobs.jobs.job import FileInfo

log = logging.getLogger(__name__)

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
        self._buffer = bytearray(CHUNK)
        self._failed = False
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="digest", daemon=True)

    def __enter__(self) -> GrowingDigest:
        self._file = self._path.open("w+b", buffering=0)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finished.set()
        self._thread.join()
        self._file.close()

    @property
    def info(self) -> FileInfo:
        """Size and sha256 of what has been hashed: of the whole file, once the block has ended."""
        if self._failed:
            return file_info(self._path)
        return FileInfo(bytes=self._bytes, sha256=self._sha256.hexdigest())

    def look(self) -> None:
        """Hashes what has been written since the last look, up to the first byte that has not been."""
        while size := self._file.readinto(self._buffer):
            hole = self._buffer.find(0, 0, size)
            self._add(size if hole < 0 else hole)
            if hole >= 0:
                self._file.seek(self._bytes)
                return

    def _follow(self) -> None:
        try:
            if sys.platform == "linux":
                # For this thread only. At this niceness it gets about a quarter of a core, which keeps up
                # with the engine even without SHA instructions; idle time alone would not, and more would
                # slow it.
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
            while not self._finished.wait(LOOK_EVERY):
                self.look()
            while size := self._file.readinto(self._buffer):
                self._add(size)
        except OSError as error:
            log.warning("%s could not be hashed while it was written: %s", self._path, error)
            self._failed = True

    def _add(self, size: int) -> None:
        self._sha256.update(memoryview(self._buffer)[:size])
        self._bytes += size


def file_info(path: Path) -> FileInfo:
    """Size and sha256 of a file that is complete."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return FileInfo(bytes=path.stat().st_size, sha256=digest.hexdigest())
