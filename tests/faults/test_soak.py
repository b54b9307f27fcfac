"""Random faults for a while; afterwards every acknowledged job has ended well, byte for byte.

SOAK_SECONDS, SOAK_KILLS    the least duration and number of kills (10 s and none in the suite)
SOAK_SEED                   the random seed of an earlier run, which it printed
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
from chaos import Service, children, eventually

from csvjobs.jobs.job import Job, Status
from csvjobs.worker.embedded import Embedded
from csvjobs.worker.process import most_memory
from csvjobs.worker.supervisor import environment
from csvjobs.worker.tied import tied

SEED = int(os.environ.get("SOAK_SEED", time.time_ns()))
SECONDS = float(os.environ.get("SOAK_SECONDS", "10"))
KILLS = int(os.environ.get("SOAK_KILLS", "0"))
FILL = "steps: [{step: scale, columns: [age], method: minmax}, {step: one_hot, columns: [city]}]"
KINDS = [(rows, pipeline) for rows in (1, 1_000, 300_000) for pipeline in ("tidy", FILL)]
MOST_WAITING = 20
PAUSE = 4.0
ENOUGH_TRIES = 10_000
SUPERVISOR = "from csvjobs.worker.supervisor import *; work(load(), workers=2)"


class Nemesis:
    """Kills, stops, restarts parts of a running service, or makes Redis forget."""

    def __init__(self, service: Service, folder: Path, dice: random.Random) -> None:
        self.service, self.dice = service, dice
        self.blows: Counter[str] = Counter()
        self.server = Embedded.under(folder / "valkey")
        self.start_valkey()
        self.start_supervisor()

    @property
    def kills(self) -> int:
        return sum(number for blow, number in self.blows.items() if blow.startswith("kill"))

    def start_valkey(self) -> None:
        self.valkey = subprocess.Popen(tied(self.server.command()), stdout=subprocess.DEVNULL)
        self.service.processes.append(self.valkey)
        self.server.wait_ready(lambda: self.valkey.poll() is None)

    def start_supervisor(self) -> None:
        command = [sys.executable, "-c", SUPERVISOR]
        self.supervisor = subprocess.Popen(
            command, env=environment(self.service.settings), start_new_session=True
        )
        self.service.processes.append(self.supervisor)

    def strike(self) -> None:
        blows = {
            self.kill_child: 50,
            self.kill_process: 12,
            self.kill_all: 2,
            self.kill_valkey: 3,
            self.flush: 3,
            self.freeze_child: 3,
            self.freeze_process: 3,
            self.restart: 2,
        }
        blow = self.dice.choices(list(blows), weights=list(blows.values()))[0]
        with suppress(ProcessLookupError, IndexError):
            blow()
            self.blows[blow.__name__] += 1

    def kill_child(self) -> None:
        os.kill(self._child(), signal.SIGKILL)

    def kill_process(self) -> None:
        os.kill(self._process(), signal.SIGKILL)

    def kill_all(self) -> None:
        self.supervisor.kill()
        self.supervisor.wait()
        self.start_supervisor()

    def kill_valkey(self) -> None:
        self.valkey.kill()
        self.valkey.wait()
        time.sleep(self.dice.uniform(0, 2))
        self.start_valkey()

    def flush(self) -> None:
        self.service.redis.flushall()

    def freeze_child(self) -> None:
        self._freeze(self._child())

    def freeze_process(self) -> None:
        self._freeze(self._process())

    def restart(self) -> None:
        """As a deployment does: a signal, and a new one when the old one has ended."""
        self.supervisor.terminate()
        # One that has only just begun knows no signal yet.
        assert self.supervisor.wait(timeout=60) in (0, -signal.SIGTERM)
        self.start_supervisor()

    def _freeze(self, pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(self.dice.uniform(0.5, 3))
        os.kill(pid, signal.SIGCONT)

    def _process(self) -> int:
        return self.dice.choice(children(self.supervisor.pid))

    def _child(self) -> int:
        return self.dice.choice(
            [child for parent in children(self.supervisor.pid) for child in children(parent)]
        )


def family(service: Service) -> dict[int, int]:
    """The memory of all processes that work on the service's folder, by pid; without Redis's."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("CSVJOBS_JOBS_DIR") == str(service.root):
                found[process.pid] = process.memory_info().rss
    return found


def undisturbed(service: Service) -> dict[tuple[int, str], Job]:
    """What each kind of job is without a nemesis."""
    found = {}
    for rows, pipeline in KINDS:
        found[rows, pipeline] = service.ended(service.submit(rows, pipeline=pipeline))
    return found


def test_whatever_is_struck_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    print(f"SOAK_SEED={SEED}")
    dice = random.Random(SEED)
    # Innocent jobs are killed here too, more often than the usual bound allows.
    url = Embedded.under(tmp_path / "valkey").url
    service = Service(tmp_path, url, job_attempts=ENOUGH_TRIES, drain=1)
    kinds: dict[str, tuple[int, str]] = {}
    most = 0
    try:
        nemesis = Nemesis(service, tmp_path, dice)
        expected = undisturbed(service)
        deadline = time.monotonic() + SECONDS
        next_blow = 0.0
        while time.monotonic() < deadline or nemesis.kills < KILLS:
            if len(service.services.storage.pending()) < MOST_WAITING:
                rows, pipeline = kind = dice.choice(KINDS)
                kinds[service.submit(rows, pipeline=pipeline)] = kind
            time.sleep(dice.uniform(0, 0.2))
            if time.monotonic() > next_blow:
                nemesis.strike()
                # Some time to recover, or hardly a job would be at work when it is struck.
                next_blow = time.monotonic() + dice.uniform(0, PAUSE)
            most = max(most, *family(service).values(), 0)
        calm = time.monotonic()
        ends = service.judge()
        print(
            f"{len(ends)} jobs, {sum(job.attempts for job in ends)} attempts, {dict(nemesis.blows)}, "
            f"{nemesis.kills} kills; all ended {time.monotonic() - calm:.1f} s after the last; "
            f"no process had more than {most // 1024**2} MiB"
        )
        eventually(lambda: service.services.queue.census().waiting == ())
        for job in ends:
            same = expected[kinds[job.job_id]] if job.job_id in kinds else job
            assert (job.status, job.files, job.rows) == (Status.DONE, same.files, same.rows)
        assert most < most_memory(service.settings)
        nemesis.supervisor.terminate()
        assert nemesis.supervisor.wait(timeout=60) == 0
        assert family(service) == {}
    finally:
        service.stop()
