"""Ties a process to its parent, so that it dies when the parent is killed and nothing is left over.

    python -m csvjobs.worker.tied <parent's pid> <command> …

runs the command tied. On Linux this uses prctl(2), PR_SET_PDEATHSIG, which survives the exec; elsewhere this
process stays between the two and watches the parent.
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
    """The command that runs `command` tied to this process. Start it from the main thread: the kernel treats
    the end of the forking thread as the end of the parent."""
    return [sys.executable, "-m", __name__, str(os.getpid()), *command]


def die_with(parent: int) -> None:
    """Makes this process die when its parent process, `parent`, ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    # The parent may have ended before the call above.
    if os.getppid() != parent:
        os._exit(1)


def stand_between(parent: int, command: Sequence[str]) -> int:
    """Runs `command`, forwards signals to it, kills it when `parent` ends; returns its exit status."""
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
