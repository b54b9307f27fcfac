"""Servers that live as long as a block, on free ports of loopback."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOG = Path(__file__).parent / "data" / "servers.log"


@contextmanager
def process(command: list[str], environment: dict[str, str] | None = None) -> Iterator[int]:
    """The id of a process that is asked to end with the block; what it says goes to servers.log."""
    with (
        LOG.open("ab") as log,
        subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log) as running,
    ):
        try:
            yield running.pid
        finally:
            running.terminate()


def until(ready: Callable[[], bool]) -> None:
    """Waits until it is so. Raises TimeoutError after half a minute."""
    deadline = time.monotonic() + 30
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError("a server does not start")
        time.sleep(0.02)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether somebody listens on the port."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0
