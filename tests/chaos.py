"""A service of real processes that tests can kill, and the invariants that must hold afterwards."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from invariants import check
from redis import Redis

from csvjobs import wiring
from csvjobs.flow.apply import Processing
from csvjobs.flow.services import Services
from csvjobs.flow.submit import Incoming
from csvjobs.jobs.job import Job
from csvjobs.priority import Priority
from csvjobs.settings import Settings
from csvjobs.storage.base import REPORT
from csvjobs.worker.embedded import Embedded
from csvjobs.worker.supervisor import environment
from csvjobs.worker.tied import tied

ROOT = Path(__file__).parents[1]
WITHIN = 60.0
ROW = b"Ada Lovelace,42,London\n"


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A server of its own; yields its address."""
    server = Embedded.under(folder)
    process = subprocess.Popen(tied(server.command()), stdout=subprocess.DEVNULL)
    server.wait_ready(lambda: process.poll() is None)
    try:
        yield server.url
    finally:
        process.terminate()
        process.wait()


class Service:
    """Folders, queue and processes of one test."""

    def __init__(self, folder: Path, redis_url: str, **settings: Any) -> None:
        given = {"jobs_dir": folder / "jobs", "pipelines_dir": folder / "pipelines", **settings}
        self.settings = Settings(redis_url=redis_url, **given)
        self.services: Services = wiring.services(self.settings)
        self.redis = Redis.from_url(redis_url)
        self.name = wiring.shared_name(self.services.storage)
        self.jobs: list[str] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def root(self) -> Path:
        return self.settings.jobs_dir

    # what a client does

    def submit(self, rows: int = 1, services: Services | None = None, **asked: str) -> str:
        """A job with so many rows; with 1,000,000 it runs long enough to be caught at it."""
        incoming = Incoming(services or self.services)
        incoming.write(b"name,age,city\n")
        for start in range(0, rows, 100_000):
            incoming.write(ROW * min(100_000, rows - start))
        self.jobs.append(
            incoming.submit("people.csv", Processing(asked.get("pipeline"), {}, asked.get("apply"))).job_id
        )
        return self.jobs[-1]

    # what a supervisor does

    def start_worker(self, unruly: str | None = None) -> subprocess.Popen[bytes]:
        """unruly: how its children misbehave, of faults/unruly.py."""
        return self._start("faults.unruly", unruly) if unruly else self._start("csvjobs.worker.process")

    def start_priority_worker(self) -> subprocess.Popen[bytes]:
        return self._start("csvjobs.worker.process", Priority.HIGH)

    def start_reconciler(self) -> subprocess.Popen[bytes]:
        return self._start("csvjobs.worker.reconciler")

    def start_api(self, port: int | None = None, *options: str) -> str:
        """Starts the API as the inherited contract says, with uvicorn's `options`; returns its address."""
        port = port or free_port()
        self._start("uvicorn", "main:app", "--port", str(port), "--log-level", "warning", *options)
        eventually(lambda: _listens(port))
        return f"http://127.0.0.1:{port}"

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = tied([sys.executable, "-m", module, *arguments])
        env = environment(self.settings)
        env["PYTHONPATH"] += f"{os.pathsep}{Path(__file__).parent}"
        process = subprocess.Popen(command, env=env, cwd=ROOT, start_new_session=True)
        self.processes.append(process)
        return process

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.redis.close()

    # what a nemesis does

    def kill_child_at_work(self, worker: subprocess.Popen[bytes], job_id: str) -> int:
        """Kills the child that runs the job, once that counts as an attempt; returns its pid."""
        eventually(lambda: self.attempts(job_id) and self.services.storage.leased(job_id))
        # Its successor may be warming up beside it.
        [child] = set(children(worker.pid)) & holders(self.root / job_id / "lock")
        os.kill(child, signal.SIGKILL)
        return child

    # what a judge does

    def ended(self, job_id: str) -> Job:
        """The job's report, which comes in time."""
        eventually(lambda: self.services.storage.ended(job_id))
        return Job.model_validate_json(self.services.storage.read(job_id, REPORT))

    def attempts(self, job_id: str) -> int:
        with suppress(FileNotFoundError):
            return (self.root / job_id / "attempts").stat().st_size
        return 0

    def judge(self) -> list[Job]:
        """Every acknowledged job has ended once and whole, and nothing is left over. Returns the ends."""
        ends = [self.ended(job_id) for job_id in self.jobs]
        eventually(lambda: self.services.storage.pending() == [])
        eventually(lambda: not any(map(self.services.storage.leased, self.jobs)))
        self.services.storage.sweep()
        check(self.root, self.jobs)
        return ends


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def children(pid: int) -> list[int]:
    """The pids of a process's children."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def eventually(true: Callable[[], object], within: float = WITHIN) -> None:
    """Waits until it is true."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.005)


def holders(file: Path) -> set[int]:
    """The pids of the processes that have the file locked; see proc_locks(5)."""
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return {int(pid) for *_, pid, place, _, _ in locks if place.endswith(f":{file.stat().st_ino}")}


def gone(pid: int) -> bool:
    """Whether the process has ended; a zombie has."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return state.stdout.strip()[:1] in ("", "Z")
