"""The worker's handle on its child: the process that runs its jobs, one at a time, until it is replaced.

They exchange lines over a pair of sockets. The child sends `ready` once it is warm; then it answers
`run <id>` and `end <id> <code>` with `well`, `worn` (well, but it should be replaced), `left` or `failed`.
`leave` makes it leave its job to another run. When the socket is closed, the child has ended.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Pipe

import psutil

from csvjobs.errors import BadSetup

log = logging.getLogger("csvjobs.worker")

PROGRAM = (sys.executable, "-m", "csvjobs.worker.run_job")

LIFE = 200
"""Jobs after which a child is replaced in any case."""

WARM_WITHIN = 120.0

STARTS = 5
"""Children in a row that may die while warming up: a single one may have been killed by chance."""


class Child:
    """A child process, started by exec, that dies with the worker."""

    def __init__(self, program: Sequence[str]) -> None:
        self._socket, its = Pipe()
        with its:
            self._process = subprocess.Popen(
                [*program, str(its.fileno())], pass_fds=[its.fileno()], stdin=subprocess.DEVNULL
            )
        self._warm = self.worn = False
        self._jobs = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def warm(self) -> bool:
        """Whether it has loaded what jobs need. Raises EOFError, OSError when it has ended."""
        if not self._warm and self._socket.poll():
            self._warm = self._socket.recv_bytes() == b"ready"
        return self._warm

    def tell(self, *words: str) -> None:
        """Sends an order. Raises OSError when it has ended."""
        self._socket.send_bytes(" ".join(words).encode())

    def run(self, job_id: str) -> None:
        self._jobs += 1
        self.worn = self._jobs >= LIFE
        self.tell("run", job_id)

    def answer(self, within: float) -> str | None:
        """Its answer to the order; None if there is none `within` these seconds. Raises EOFError or OSError
        when it has ended."""
        # The socket alone does not tell: a process that the child started may hold it open.
        ended = self._process.poll() is not None
        if not self._socket.poll(0 if ended else within):
            if ended:
                raise EOFError
            return None
        answer = self._socket.recv_bytes().decode()
        self.worn = self.worn or answer != "well"
        return answer

    def memory(self) -> int:
        """Its resident memory in bytes; 0 when it has ended."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> int:
        """Kills it; returns its exit status, negative for a signal."""
        self._process.kill()
        self._socket.close()
        return self._process.wait()


class Children:
    """The current child and, while it warms up, its successor."""

    def __init__(self, program: Sequence[str]) -> None:
        self._program = program
        self._next: Child | None = None
        self._child = Child(program)

    def ready(self) -> Child:
        """A live, warm and idle child. Raises BadSetup when none will start."""
        if self._child.worn:
            if self._next is None or not self._next.alive():
                self._next = Child(self._program)
            with suppress(EOFError, OSError):
                if self._next.warm:
                    self._replace()
        for _ in range(STARTS):
            if _warmed(self._child):
                return self._child
            self._replace()
        raise BadSetup("The process for jobs does not start.", hint="The log above says why.")

    def end(self) -> None:
        for child in (self._child, self._next):
            if child:
                child.kill()

    def _replace(self) -> None:
        self._child.kill()
        self._child, self._next = self._next or Child(self._program), None


def _warmed(child: Child) -> bool:
    """Waits until the child is warm; False when it ends first or takes too long."""
    deadline = time.monotonic() + WARM_WITHIN
    with suppress(EOFError, OSError):
        while child.alive() and time.monotonic() < deadline:
            if child.warm:
                return True
            time.sleep(0.005)
    return False
