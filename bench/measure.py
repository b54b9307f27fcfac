"""What a process costs: time, CPU seconds and peak resident memory, from the kernel's own account."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
LOOK_EVERY = 0.02


@dataclass(frozen=True)
class Run:
    """One finished process: the JSON that it printed, its CPU seconds and its peak in bytes."""

    printed: Any
    cpu: float
    peak: int


class Failed(Exception):
    """A measured process ended with an error."""


def run(script: str, *arguments: str | Path) -> Run:
    """Runs a script of this folder to its end. Raises Failed.

    The peak is of a process of its own: this one stays small, because Linux hands the peak of a
    parent's image on to the child that it starts.
    """
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise Failed(f"{script} ended with {process.returncode}")
    return Run(json.loads(said or "null"), usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a live process and its descendants so far, those that have ended included."""
    return sum(_ticks(each) for each in family(pid)) / TICKS


def peak_bytes(pid: int) -> int:
    """Peak resident memory of a live process; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def family(pid: int) -> list[int]:
    """A process and all its descendants that are alive."""
    members = [pid]
    for member in members:
        members += _children(member)
    return members


@contextmanager
def watched_children(pid: int) -> Iterator[dict[int, int]]:
    """Samples the peak of each descendant of `pid` while the block runs: bytes by process id."""
    peaks: dict[int, int] = {}
    done = threading.Event()

    def look() -> None:
        while True:
            last = done.wait(LOOK_EVERY)
            for child in family(pid)[1:]:
                peaks[child] = max(peaks.get(child, 0), peak_bytes(child))
            if last:
                return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peaks
    finally:
        done.set()
        thread.join()


def settle() -> None:
    """Writes out what earlier runs left in memory, so that each run starts with an idle disk."""
    os.sync()
    time.sleep(0.5)


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(map(int, fields[11:15]))


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, listing.read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
