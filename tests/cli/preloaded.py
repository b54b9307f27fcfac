"""Processes that begin with csvjobs' libraries loaded, which takes longer than most commands do.

A server loads them and is forked for each command, which has its own files, folder and environment as if it
were started anew. Only `csvjobs.cli` is loaded by each command, as it looks at the environment.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

WHOLE = 1024**2
"""Bytes of a message, arguments and environment."""

FILES = 3

LOADED = (
    *("chardet", "duckdb", "httpx", "rich.markdown", "rich.progress", "rich.table", "typer"),
    *("csvjobs.client", "csvjobs.flow.preview", "csvjobs.flow.process", "csvjobs.flow.reconcile"),
    *("csvjobs.pipelines.schemas", "csvjobs.queues.rq", "csvjobs.wiring"),
)


class Preloaded:
    """`prefix`: the command that runs the server, and so all that it is forked for."""

    def __init__(self, prefix: Sequence[str], env: dict[str, str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = theirs.fileno()
        command = [*prefix, sys.executable, __file__, str(number)]
        self._server = subprocess.Popen(command, env=env, pass_fds=[number], stdin=subprocess.DEVNULL)
        theirs.close()

    def start(
        self, arguments: Sequence[str | bytes], folder: Path, env: dict[str, str], files: list[int]
    ) -> None:
        """Starts `csvjobs` with the arguments, its standard streams being the files. One runs at a time."""
        told = {"argv": ["csvjobs", *map(os.fsdecode, arguments)], "cwd": str(folder), "env": env}
        socket.send_fds(self._socket, [json.dumps(told).encode()], files)

    def status(self) -> int:
        """How the command ended, as `Popen.returncode` has it."""
        return int(self._socket.recv(WHOLE))

    def stop(self) -> None:
        self._socket.close()
        assert self._server.wait() == 0


def serve(requests: socket.socket) -> None:
    """Returns in each process that is to run a command, and exits in the server when nobody asks any more."""
    while True:
        message, files, _, _ = socket.recv_fds(requests, WHOLE, FILES)
        if not message:
            os._exit(0)
        child = os.fork()
        if not child:
            requests.close()
            return become(json.loads(message), files)
        for file in files:
            os.close(file)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        requests.send(str(status).encode())


def become(told: dict[str, Any], files: list[int]) -> None:
    """The process as one that was started so."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["env"])
    time.tzset()
    sys.argv = told["argv"]


if __name__ == "__main__":
    for module in LOADED:
        import_module(module)
    serve(socket.socket(fileno=int(sys.argv[1])))
    from csvjobs.cli import main

    main()
