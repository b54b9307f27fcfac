"""A nemesis that kills at random for a while; then everything acknowledged has ended well, byte for byte."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from chaos import ROW, Service, children, eventually

from csvjobs.jobs.job import Status
from csvjobs.worker.embedded import Embedded
from csvjobs.worker.supervisor import environment
from csvjobs.worker.tied import tied

SEED = int(os.environ.get("SOAK_SEED", time.time_ns()))
SECONDS = float(os.environ.get("SOAK_SECONDS", "10"))
SIZES = (1, 1_000, 500_000)


class Nemesis:
    """Kills parts of a running service, or makes Redis forget."""

    def __init__(self, service: Service, folder: Path, dice: random.Random) -> None:
        self.service, self.dice = service, dice
        self.server = Embedded.under(folder / "valkey")
        self.start_valkey()
        code = "from csvjobs.worker.supervisor import *; work(load(), workers=2)"
        self.supervisor = subprocess.Popen(
            [sys.executable, "-c", code], env=environment(service.settings), start_new_session=True
        )
        service.processes.append(self.supervisor)

    def start_valkey(self) -> None:
        self.valkey = subprocess.Popen(tied(self.server.command()), stdout=subprocess.DEVNULL)
        self.service.processes.append(self.valkey)
        self.server.wait_ready(lambda: self.valkey.poll() is None)

    def strike(self) -> str:
        blow = self.dice.choices(
            [self.kill_child, self.kill_process, self.flush, self.kill_valkey], weights=[5, 3, 1, 1]
        )[0]
        blow()
        return blow.__name__

    def kill_child(self) -> None:
        self._kill([child for parent in children(self.supervisor.pid) for child in children(parent)])

    def kill_process(self) -> None:
        self._kill(children(self.supervisor.pid))

    def flush(self) -> None:
        self.service.redis.flushall()

    def kill_valkey(self) -> None:
        self.valkey.kill()
        self.valkey.wait()
        time.sleep(self.dice.uniform(0, 2))
        self.start_valkey()

    def _kill(self, pids: list[int]) -> None:
        with suppress(ProcessLookupError, IndexError):
            os.kill(self.dice.choice(pids), signal.SIGKILL)


def test_whatever_is_killed_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    print(f"SOAK_SEED={SEED}")
    dice = random.Random(SEED)
    # Innocent jobs are killed here too, more often than the usual bound allows.
    service = Service(tmp_path, Embedded.under(tmp_path / "valkey").url, job_attempts=1000)
    sizes: dict[str, int] = {}
    try:
        nemesis = Nemesis(service, tmp_path, dice)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            size = dice.choice(SIZES)
            sizes[service.submit(size)] = size
            time.sleep(dice.uniform(0, 0.5))
            if dice.random() < 0.5:
                print(nemesis.strike())
        calm = time.monotonic()
        ends = service.judge()
        print(
            f"{len(ends)} jobs, {sum(job.attempts for job in ends)} attempts, {time.monotonic() - calm:.1f} s"
        )
        eventually(lambda: service.services.queue.census().waiting == ())
        for job in ends:
            assert job.status is Status.DONE
            expected = b"name,age,city\n" + ROW * sizes[job.job_id]
            assert (service.root / job.job_id / "output.csv").read_bytes() == expected
    finally:
        service.stop()
