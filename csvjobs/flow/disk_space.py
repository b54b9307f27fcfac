"""Disk space: how much of the disk is left, and who may still take of it."""

from __future__ import annotations

from csvjobs.errors import MAKE_ROOM, DiskFull
from csvjobs.flow.services import Services

LARGE = 64 * 1024**2
"""Bytes of input from which on a run is watched: what a smaller one writes fits into what is left free."""


def check_free(services: Services) -> None:
    """Raises DiskFull when there is less free space than is to be left."""
    _check(services, services.settings.min_free_bytes)


def check_run(services: Services, size: int) -> None:
    """Raises DiskFull when a file of `size` bytes cannot be processed: a small one needs as much room again,
    a large one what is to be left free."""
    _check(services, min(size, services.settings.min_free_bytes))


def _check(services: Services, least: int) -> None:
    free = services.storage.free_bytes()
    if free < least:
        raise DiskFull(f"Only {free} bytes are free where jobs are kept; {least} are needed.", hint=MAKE_ROOM)
