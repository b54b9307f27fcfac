"""Tied: a process that dies with its parent, so that nothing is left when the parent is killed.

    python -m csvjobs.worker.tied <parent's pid> <command> …

runs the command so. Linux does it by prctl(2), PR_SET_PDEATHSIG, which survives the exec; elsewhere this
process stays between the two and watches.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1
LOOK_EVERY = 0.5


def tied(command: Sequence[str]) -> list[str]:
    """The command that runs `command` tied to this process; to be started from its main thread,
    because the kernel takes the end of the thread that forked for the end of the parent."""
    return [sys.executable, "-m", __name__, str(os.getpid()), *command]


def die_with(parent: int) -> None:
    """From now on this process is killed when `parent`, which started it, ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    # It may have ended before the kernel was asked.
    if os.getppid() != parent:
        os._exit(1)


def stand_between(parent: int, command: Sequence[str]) -> int:
    """Runs `command`, passes signals on to it, kills it when `parent` ends; returns its exit status."""
    with subprocess.Popen(command, close_fds=False) as process:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda received, _: process.send_signal(received))
        while process.poll() is None:
            if os.getppid() != parent:
                process.kill()
            time.sleep(LOOK_EVERY)
    return process.returncode


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY)
    os._exit(1)


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        die_with(parent)
        os.execvp(command[0], command)  # noqa: S606
    sys.exit(stand_between(parent, command))


if __name__ == "__main__":
    main()
