"""The program of a worker's child: it loads what jobs need once, then runs jobs one by one.

python -m csvjobs.worker.run_job <descriptor>       started by the worker, with its end of a socket
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue

import psutil

from csvjobs.errors import CsvjobsError, JobNotFound, MemoryLimit, TimeLimit
from csvjobs.flow.monitor import HandedBack
from csvjobs.flow.process import give_up, process
from csvjobs.flow.services import Services
from csvjobs.settings import load, well_set_up
from csvjobs.wiring import services
from csvjobs.worker import log as logs
from csvjobs.worker.tied import die_with

log = logging.getLogger(__name__)

GROWN = 128 * 1024**2
"""Bytes by which a child's memory may grow before it counts as worn."""

ENDS = {
    TimeLimit.code: TimeLimit(
        "The job took longer than its time limit, and did not stop by itself.",
        hint="Raise CSVJOBS_JOB_TIMEOUT, or send the file in parts.",
    ),
    MemoryLimit.code: MemoryLimit(
        "The job's process used more memory than a job may.",
        hint="Raise CSVJOBS_JOB_MEMORY, or send the file in parts.",
    ),
}

Run = Callable[[str, threading.Event], None]


def run_job(job_id: str, leave: threading.Event | None = None) -> None:
    """Runs the job to its end. Raises HandedBack, and errors that another attempt may not have."""
    with suppress(JobNotFound):
        process(_services(), job_id, leave)


def end_job(job_id: str, error: CsvjobsError) -> None:
    """Ends a job whose run was killed."""
    with suppress(JobNotFound):
        give_up(_services(), job_id, error)


def serve(socket: Connection, run: Run = run_job) -> None:
    """Carries out the worker's orders until it closes the socket."""
    orders: SimpleQueue[list[str]] = SimpleQueue()
    leave = threading.Event()
    threading.Thread(target=_listen, args=(socket, orders, leave), daemon=True).start()
    threads, memory = threading.active_count(), _memory()
    socket.send_bytes(b"ready")
    while order := orders.get():
        answer = _obey(order, run, leave)
        if answer == "well" and (threading.active_count() > threads or _memory() > memory + GROWN):
            answer = "worn"
        socket.send_bytes(answer.encode())


def _obey(order: list[str], run: Run, leave: threading.Event) -> str:
    match order:
        case ["run", job_id]:
            try:
                run(job_id, leave)
            except HandedBack:
                return "left"
            except Exception as error:  # noqa: BLE001 - told to the worker, which lives on
                log.warning("job %s will be tried again: %r", job_id, error)
                return "failed"
        case ["end", job_id, code]:
            end_job(job_id, ENDS[code])
    return "well"


def _listen(socket: Connection, orders: SimpleQueue[list[str]], leave: threading.Event) -> None:
    """Receives orders, in a thread, so that a run can be told to leave. An empty order means the end."""
    with suppress(EOFError, OSError):
        while order := socket.recv_bytes().decode().split():
            if order == ["leave"]:
                leave.set()
            else:
                orders.put(order)
    orders.put([])


@cache
def _services() -> Services:
    """The services, shared by all jobs of this process."""
    return services(load(), make=False)


def _memory() -> int:
    return int(psutil.Process().memory_info().rss)


def _go_first() -> None:
    """Makes Linux kill this process first when memory runs out, rather than the rest of the service."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _warm_up() -> None:
    """Creates the first database, so that no job has to wait for it. Raises BadSetup."""
    # It spills nothing, so it needs no folder, which would stay behind if this process were killed.
    _services().engine(Path(os.devnull)).close()


def main() -> None:
    die_with(os.getppid())
    # Only the worker ends this process; a terminal or service manager may signal all processes at once.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _go_first()
    logs.start()
    with well_set_up():
        _warm_up()
    # BrokenPipeError: the worker is gone and needs no answer.
    with Connection(int(sys.argv[1])) as socket, suppress(BrokenPipeError):
        serve(socket)
    # Nothing is left to do, and DuckDB's binding would print a long complaint about unclosed objects.
    os._exit(0)


if __name__ == "__main__":
    main()
