"""The supervisor with real processes: one command starts all, one signal ends all, none is left over."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from chaos import Service, children, eventually, free_port, gone

from csvjobs.errors import BadSetup
from csvjobs.jobs.job import Status
from csvjobs.priority import Priority
from csvjobs.settings import Settings
from csvjobs.worker import supervisor
from csvjobs.worker.embedded import Embedded
from csvjobs.worker.supervisor import Program, Supervised, check_port_free, environment, only_one, say

ROOT = Path(__file__).parents[2]
UP = [sys.executable, "-c", "from csvjobs.worker.supervisor import *; up(load())"]
SERVE = [sys.executable, "-m", "csvjobs", "serve"]
WORKER = [sys.executable, str(ROOT / "worker.py")]


STRUCK_IN_A_FINALIZER = """
import os, signal
from csvjobs.worker.supervisor import Supervisor

class Struck:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        sum(range(10))

with Supervisor() as supervisor:
    Struck()
    supervisor.tend()
    print("went on")
"""


class Run:
    """A command under test; what it prints is in `printed`."""

    def __init__(self, command: list[str], settings: Settings, folder: Path) -> None:
        self.out = folder / "out.txt"
        with self.out.open("ab") as out:
            self.process = subprocess.Popen(
                command, env=environment(settings), cwd=folder, stdout=out, stderr=out, start_new_session=True
            )

    @property
    def printed(self) -> str:
        return self.out.read_text()

    def family(self) -> dict[int, str]:
        """What it has started and runs now, by pid."""
        listed = subprocess.run(
            ["ps", "-eww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        )
        rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
        return {int(pid): args for pid, parent, args in rows if int(parent) == self.process.pid}

    def members(self, name: str) -> list[int]:
        return [pid for pid, args in self.family().items() if name in args]


@pytest.fixture
def embedded(tmp_path: Path) -> Settings:
    """Settings without a REDIS_URL."""
    return Settings(jobs_dir=tmp_path / "jobs", port=free_port(), workers=2)


@pytest.fixture
def up(embedded: Settings, tmp_path: Path) -> Iterator[Run]:
    run = Run(UP, embedded, tmp_path)
    yield run
    run.process.kill()
    run.process.wait()


@pytest.fixture
def client(embedded: Settings, tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, Embedded.under(embedded.jobs_dir / ".valkey").url)
    yield service
    service.stop()


def ready(run: Run) -> None:
    eventually(lambda: "ready: " in run.printed)
    eventually(lambda: run.printed.count("waits for jobs") >= 2)


def test_up_runs_everything_and_one_interrupt_ends_it(up: Run, client: Service) -> None:
    ready(up)
    assert "curl -F file=@" in up.printed
    parts = ("valkey-server", "uvicorn", "worker.reconciler", "worker.process")
    assert [len(up.members(part)) for part in parts] == [1, 1, 1, 2]
    assert len(up.family()) == 5
    runs = [run for worker in up.members("worker.process") for run in children(worker)]
    # When memory runs out, a run shall end, not the service.
    assert [Path(f"/proc/{run}/oom_score_adj").read_text() for run in runs] == ["500\n"] * 2
    client.submit()
    [job] = client.judge()
    assert job.status is Status.DONE
    family = list(up.family())
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(timeout=15) == 0
    assert all(map(gone, family))


@pytest.mark.parametrize("of_up", [True, False])
def test_a_client_that_offers_an_upgrade_to_http_2_can_send_a_file(
    redis_url: str, tmp_path: Path, of_up: bool
) -> None:
    settings = Settings(redis_url=redis_url, jobs_dir=tmp_path / "jobs", port=free_port())
    api = Run(supervisor._api(settings) if of_up else SERVE, settings, tmp_path)
    try:
        eventually(lambda: supervisor._listens(settings))
        offer = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"}
        address = f"http://127.0.0.1:{settings.port}/upload_csv"
        answer = httpx.post(address, files={"file": b"a,b\n1,2\n"}, headers=offer, timeout=30)
    finally:
        api.process.kill()
        api.process.wait()
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_up_ends_in_time_although_a_job_runs_which_ends_at_the_next_start(
    up: Run, client: Service, embedded: Settings, tmp_path: Path, number: int
) -> None:
    ready(up)
    job_id = client.submit(5_000_000)
    eventually(lambda: client.services.storage.leased(job_id))
    runs = [child for worker in up.members("worker.process") for child in children(worker)]
    everybody = [*up.family(), *runs]
    up.process.send_signal(number)
    assert up.process.wait(timeout=15) == 0
    assert all(map(gone, everybody))
    again = Run(UP, embedded, tmp_path)
    try:
        [job] = client.judge()
        assert (job.status, job.attempts) == (Status.DONE, 1)
    finally:
        again.process.terminate()
        again.process.wait()


def test_a_signal_is_not_lost_whatever_it_falls_into() -> None:
    ran = subprocess.run([sys.executable, "-c", STRUCK_IN_A_FINALIZER], capture_output=True, check=True)
    assert (ran.stdout, b"Exception ignored" in ran.stderr) == (b"", True)


def test_a_killed_supervisor_leaves_nothing_and_can_be_started_again(
    up: Run, embedded: Settings, tmp_path: Path
) -> None:
    ready(up)
    family = list(up.family())
    up.process.kill()
    up.process.wait()
    eventually(lambda: all(map(gone, family)))
    again = Run(UP, embedded, tmp_path)
    try:
        eventually(lambda: again.printed.count("ready: ") == 2)
    finally:
        again.process.terminate()
        assert again.process.wait() == 0


@pytest.mark.parametrize(
    ("victim", "number", "told"),
    [
        # One that has no name.
        ("worker.process", signal.SIGRTMIN + 6, f"signal {signal.SIGRTMIN + 6}"),
        ("worker.reconciler", signal.SIGKILL, "SIGKILL"),
        ("valkey-server", signal.SIGKILL, "SIGKILL"),
    ],
)
def test_what_dies_is_started_again(up: Run, client: Service, victim: str, number: int, told: str) -> None:
    ready(up)
    [dead, *_] = up.members(victim)
    os.kill(dead, number)
    eventually(lambda: f"ended ({told})" in up.printed)
    eventually(lambda: dead not in up.members(victim) and up.members(victim))
    for _ in range(3):
        client.submit()
    assert {job.status for job in client.judge()} == {Status.DONE}


def test_what_cannot_be_started_for_a_while_is_started_later(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    starts = tmp_path / "starts"
    with supervisor.Supervisor() as running:
        child = running.start(Program("brief", ["sh", "-c", f"echo >> {starts}"]), dict(os.environ))
        child.process.wait()
        with monkeypatch.context() as replaced:
            replaced.setattr(sys, "executable", str(tmp_path / "python"))
            told = "brief cannot be started (No such file or directory); again in 0.5 s"
            eventually(lambda: running.tend() or told in capsys.readouterr().err)
        eventually(lambda: running.tend() or starts.read_text() == "\n\n")


def test_what_cannot_be_started_is_tried_again_however_long_that_lasts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def short_of_memory(_: Supervised) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    tries = 1500  # over four hours
    with supervisor.Supervisor() as running:
        child = running.start(Program("brief", ["true"]), dict(os.environ))
        child.process.wait()
        with monkeypatch.context() as replaced:
            replaced.setattr(Supervised, "start", short_of_memory)
            for _ in range(tries):
                running.tend()
                child.due = sys.float_info.min
    assert capsys.readouterr().err.count("; again in 10 s") == tries - 6


def test_the_queue_outlives_who_uses_it_and_what_is_printed_may_be_no_text(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    env, ends = dict(os.environ), tmp_path / "ends"
    loop = "while true; do sleep 0.01; done"
    with supervisor.Supervisor() as running:
        for name, last in (("queue", True), ("user", False)):
            trap = f"trap 'sleep 0.{0 if last else 2}; echo {name} >> {ends}; exit' TERM"
            script = rf"{trap}; printf '\377\n'; echo {name} is up; {loop}"
            running.start(Program(name, ["sh", "-c", script], last=last), env)
        printed = list[str]()
        eventually(lambda: printed.append(capsys.readouterr().err) or "".join(printed).count(" is up") == 2)
    assert ends.read_text() == "user\nqueue\n"


def test_who_started_it_with_nohup_wants_no_hangup_to_end_it() -> None:
    before, went_on = signal.signal(signal.SIGHUP, signal.SIG_IGN), False
    try:
        with supervisor.Supervisor() as running:
            os.kill(os.getpid(), signal.SIGHUP)
            running.tend()
            went_on = True
        assert went_on
    finally:
        signal.signal(signal.SIGHUP, before)


def test_nobody_who_reads_what_it_says_is_no_end_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as unread:
        monkeypatch.setattr(sys, "stderr", unread)
        say("csvjobs", "hello")
        # Closed at the end, it would be flushed once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), unread.fileno())


def test_an_address_with_an_option_that_there_is_not_is_told(embedded: Settings) -> None:
    for address in ("redis://127.0.0.1:1/0?foo=bar", "redis://127.0.0.1:1/0?socket_timeout=x"):
        with pytest.raises(BadSetup, match=r"^REDIS_URL has an option that cannot be used"):
            supervisor.up(embedded.model_copy(update={"redis_url": address}))


def test_priority_workers_are_started_beside_the_others(redis_url: str, tmp_path: Path) -> None:
    service = Service(tmp_path, redis_url, priority_workers=1)
    run = Run(WORKER, service.settings, tmp_path)
    try:
        eventually(lambda: len(run.members("worker.process high")) == 1)
        eventually(lambda: len(run.members("worker.process")) == 2)
        eventually(lambda: service.services.queue.workers(Priority.HIGH) == 1)
        eventually(lambda: service.services.queue.workers() == 1)
    finally:
        run.process.terminate()
        assert run.process.wait(timeout=30) == 0
        service.stop()


def test_a_folder_has_one_supervisor(up: Run, embedded: Settings) -> None:
    ready(up)
    other = embedded.model_copy(update={"port": free_port()})
    second = subprocess.run(UP, env=environment(other), capture_output=True, text=True, check=False)
    assert second.returncode != 0
    assert "Another `csvjobs up` uses the jobs folder" in second.stderr


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    for _ in range(2):
        with only_one(tmp_path / "jobs"):
            pass


def test_a_port_in_use_is_told(embedded: Settings) -> None:
    with socket.socket() as taken:
        taken.bind((embedded.host, embedded.port))
        taken.listen()
        with pytest.raises(BadSetup, match=str(embedded.port)) as told:
            check_port_free(embedded)
        assert told.value.hint == "Set CSVJOBS_PORT to another port."
    check_port_free(embedded)


def test_an_address_of_another_machine_is_told(embedded: Settings) -> None:
    with pytest.raises(BadSetup, match=r"198\.51\.100\.1") as told:
        check_port_free(embedded.model_copy(update={"host": "198.51.100.1"}))
    assert told.value.hint == "Set CSVJOBS_HOST to an address of this machine."


def test_a_jobs_folder_that_is_none_is_told(embedded: Settings, tmp_path: Path) -> None:
    (tmp_path / "jobs").touch()
    with pytest.raises(BadSetup, match=r"^The jobs folder .*/jobs cannot be written to"):
        supervisor.up(embedded)


def test_worker_py_processes_jobs_and_ends_at_sigterm(service: Service, tmp_path: Path) -> None:
    run = Run(WORKER, service.settings, tmp_path)
    try:
        service.submit()
        [job] = service.judge()
        assert job.status is Status.DONE
        family = list(run.family())
        run.process.terminate()
        assert run.process.wait(timeout=15) == 0
        assert all(map(gone, family))
    finally:
        run.process.kill()
        run.process.wait()


def test_worker_py_says_what_it_waits_for(tmp_path: Path) -> None:
    nowhere = Settings(redis_url=f"redis://:secret@127.0.0.1:{free_port()}/0", jobs_dir=tmp_path / "jobs")
    run = Run(WORKER, nowhere, tmp_path)
    try:
        eventually(lambda: "waiting for Redis at 127.0.0.1:" in run.printed)
        assert "secret" not in run.printed
        assert run.process.poll() is None
    finally:
        run.process.terminate()
        assert run.process.wait(timeout=15) == 0


def test_worker_py_tells_a_wrong_setting(tmp_path: Path) -> None:
    env = {**os.environ, "CSVJOBS_WORKRES": "3"}
    run = subprocess.run(WORKER, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith("Unknown setting CSVJOBS_WORKRES.")
