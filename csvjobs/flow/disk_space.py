"""Disk space: checks before an upload or a run takes more of the disk."""

from __future__ import annotations

from csvjobs.errors import MAKE_ROOM, DiskFull
from csvjobs.flow.services import Services

LARGE = 64 * 1024**2
"""Bytes of input above which a run's disk use is monitored: a smaller run fits into the space kept free."""


def check_free(services: Services) -> None:
    """Raises DiskFull when less than `min_free_bytes` is free."""
    _check(services, services.settings.min_free_bytes)


def check_run(services: Services, size: int) -> None:
    """Raises DiskFull when there is no room to process a file of `size` bytes: a small one needs its own size
    again, a large one `min_free_bytes`."""
    _check(services, min(size, services.settings.min_free_bytes))


def _check(services: Services, least: int) -> None:
    free = services.storage.free_bytes()
    if free < least:
        raise DiskFull(f"Only {free} bytes are free where jobs are kept; {least} are needed.", hint=MAKE_ROOM)
