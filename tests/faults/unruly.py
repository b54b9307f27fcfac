"""Workers whose children misbehave as no file can make them.

python -m faults.unruly <way>                   a worker
python -m faults.unruly <way> <descriptor>      its child
"""

from __future__ import annotations

import ctypes
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from csvjobs.flow import process
from csvjobs.worker import process as worker
from csvjobs.worker import run_job

MIB = 1024**2
usual = process.work


def segfault() -> None:
    ctypes.string_at(0)


def loop_natively() -> None:
    """Holds the interpreter, as C code without end does: no other thread of the process gets a word in."""
    re.match(r"(a*)*b", "a" * 100)


def devour() -> None:
    """Takes memory outside of the engine, until somebody stops it."""
    taken = []
    while True:
        taken.append(b"x" * (16 * MIB))
        time.sleep(0.01)


def be_deaf() -> None:
    """Does not notice what should stop it."""
    while True:
        time.sleep(1)


def leave_a_thread() -> None:
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()


def fail() -> None:
    raise RuntimeError("a fault of our own")


def exit_early() -> None:
    sys.exit(3)


WAYS: dict[str, Callable[[], None]] = {
    each.__name__: each
    for each in (segfault, loop_natively, devour, be_deaf, leave_a_thread, fail, exit_early)
}


def misbehave(way: str) -> None:
    """Only with files of one row, so that other jobs show whether the service lives on."""

    def work(services: Any, request: Any, path: Path, *rest: Any) -> None:
        if request.facts.bytes < 100:
            WAYS[way]()
        usual(services, request, path, *rest)

    process.work = work


def main() -> None:
    way, *descriptor = sys.argv[1:]
    if descriptor:
        misbehave(way)
        sys.argv[1:] = descriptor
        run_job.main()
    else:
        worker.main((sys.executable, "-m", "faults.unruly", way))


if __name__ == "__main__":
    main()
