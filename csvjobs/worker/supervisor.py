"""The supervisor: starts the processes of the service, restarts those that die, and ends all together."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType

from pydantic import SecretStr

import csvjobs
from csvjobs.errors import BadSetup
from csvjobs.priority import Priority
from csvjobs.settings import Settings, load, well_set_up
from csvjobs.wiring import connect, storage
from csvjobs.worker.embedded import Embedded
from csvjobs.worker.exits import how_it_ended
from csvjobs.worker.tied import tied

LOOK_EVERY = 0.1
STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 3.0
"""Seconds that processes have to end after the first signal, in addition to the drain time of jobs."""

LAST_GRACE = 2.0
STEADY_AFTER = 30.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.25, 10.0
LOCK_WITHIN = 5.0


@dataclass(frozen=True)
class Program:
    """A command to run. `keep`: file descriptors that it inherits; `last`: it is ended after the others."""

    name: str
    command: list[str]
    keep: tuple[int, ...] = ()
    last: bool = False


@dataclass
class Supervised:
    """A program's process, restarted when it ends by itself, with backoff if it keeps ending."""

    program: Program
    env: dict[str, str]
    pause: float = SHORTEST_PAUSE
    due: float = 0.0
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.began = time.monotonic()
        # A session of its own: Ctrl-C reaches only the supervisor, which ends the processes in order.
        self.process = subprocess.Popen(
            tied(self.program.command),
            env=self.env,
            pass_fds=self.program.keep,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        relay = threading.Thread(target=_relay, args=(self.program.name, self.process), daemon=True)
        relay.start()

    def alive(self) -> bool:
        return self.process.poll() is None

    def tend(self) -> None:
        """Restarts it when it has ended and its pause is over."""
        if self.alive():
            return
        if not self.due:
            if time.monotonic() - self.began > STEADY_AFTER:
                self.pause = SHORTEST_PAUSE
            self._pause(f"ended ({how_it_ended(self.process.returncode)})")
        elif time.monotonic() > self.due:
            self.due = 0.0
            try:
                self.start()
            except OSError as error:
                # Processes or memory are short, or the installation is being replaced.
                self._pause(f"cannot be started ({error.strerror})")

    def _pause(self, why: str) -> None:
        self.due = time.monotonic() + self.pause
        say("csvjobs", f"{self.program.name} {why}; again in {self.pause:g} s")
        self.pause = min(2 * self.pause, LONGEST_PAUSE)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Supervisor:
    """Starts, restarts and ends the children.

    A context manager: inside, SIGTERM and SIGHUP act like Ctrl-C; leaving it ends all children. drain:
    seconds that they may take to finish their work.
    """

    def __init__(self, drain: float = 0.0) -> None:
        self._children: list[Supervised] = []
        self._grace = drain + GRACE
        self._stopped = False

    def __enter__(self) -> Supervisor:
        # A program that nohup started ignores SIGHUP, and shall.
        self._before = {number: signal.getsignal(number) for number in STOPS}
        for number, handler in self._before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        try:
            if self._children:
                say("csvjobs", "stopping; once more to stop at once")
            self._end([child for child in self._children if not child.program.last], self._grace)
            self._end([child for child in self._children if child.program.last], LAST_GRACE)
        except KeyboardInterrupt:
            pass
        finally:
            for child in self._children:
                child.kill()
            for number, handler in self._before.items():
                signal.signal(number, handler)
        return kind is KeyboardInterrupt

    def start(self, program: Program, env: dict[str, str]) -> Supervised:
        child = Supervised(program, env)
        self._children.append(child)
        return child

    def tend(self) -> None:
        """Checks all children once and restarts those that are due. Raises KeyboardInterrupt once it is to
        stop."""
        if self._stopped:
            raise KeyboardInterrupt
        for child in self._children:
            child.tend()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        # A flag too, as Python drops exceptions raised in a finalizer.
        self._stopped = True
        raise KeyboardInterrupt

    def _end(self, children: list[Supervised], grace: float) -> None:
        for child in children:
            child.process.terminate()
        deadline = time.monotonic() + grace
        while any(child.alive() for child in children) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)


def up(settings: Settings) -> None:
    """Runs the whole service until Ctrl-C or SIGTERM: queue (unless REDIS_URL is set), API, workers,
    reconciler. Raises BadSetup when the jobs folder or the port is in use, no queue can be started, or
    REDIS_URL cannot be used."""
    connect(settings.redis_url).close()
    storage(settings)
    with only_one(settings.jobs_dir) as lock, Supervisor(settings.drain) as supervisor:
        check_port_free(settings)
        if "redis_url" not in settings.model_fields_set:
            settings = settings.model_copy(update={"redis_url": _start_queue(supervisor, settings, lock)})
        env = environment(settings)
        supervisor.start(Program("api", _api(settings)), env)
        _start_workers(supervisor, env, settings.workers, settings.priority_workers)
        told = False
        while True:
            supervisor.tend()
            if not told and _listens(settings):
                told = True
                _tell(settings)
            time.sleep(LOOK_EVERY)


def work(settings: Settings, workers: int = 1) -> None:
    """Runs workers and a reconciler on the Redis at `redis_url` until Ctrl-C or SIGTERM. Raises BadSetup if
    that or the jobs folder cannot be used."""
    connect(settings.redis_url).close()
    storage(settings)
    with Supervisor(settings.drain) as supervisor:
        _start_workers(supervisor, environment(settings), workers, settings.priority_workers)
        while True:
            supervisor.tend()
            time.sleep(LOOK_EVERY)


def main() -> None:
    """The program of `python worker.py`: runs one worker and a reconciler."""
    with well_set_up():
        work(load())


@contextmanager
def only_one(folder: Path) -> Iterator[int]:
    """Locks the jobs folder for this supervisor; yields the lock's descriptor. Raises BadSetup.

    The queue's server inherits the descriptor: while it lives, no second one can take over its data.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + LOCK_WITHIN
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # The server of a killed supervisor may take a moment to end too.
                if time.monotonic() > deadline:
                    raise BadSetup(
                        f"Another `csvjobs up` uses the jobs folder {folder.resolve()}.",
                        hint="End it, or set CSVJOBS_JOBS_DIR to another folder.",
                    ) from None
                time.sleep(LOOK_EVERY)
        yield descriptor
    finally:
        os.close(descriptor)


def check_port_free(settings: Settings) -> None:
    """Raises BadSetup when the API cannot listen on its address and port."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            other_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
            what = "PORT to another port" if other_port else "HOST to an address of this machine"
            raise BadSetup(
                f"The API cannot listen on {settings.host}:{settings.port}: {error.strerror}.",
                hint=f"Set CSVJOBS_{what}.",
            ) from None


def environment(settings: Settings) -> dict[str, str]:
    """The environment for a child, with these settings and this package on PYTHONPATH."""
    root = str(Path(csvjobs.__file__).parent.parent)
    path = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        env[Settings.variable(name)] = (
            value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        )
    return env


def say(name: str, line: str) -> None:
    """Prints a line of the process `name` to stderr, unless nobody reads it any more."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{name:<10} {line}\n")
        sys.stderr.flush()


def _start_queue(supervisor: Supervisor, settings: Settings, lock: int) -> str:
    server = Embedded.under(settings.jobs_dir / ".valkey")
    child = supervisor.start(
        Program("queue", server.command(), keep=(lock,), last=True), environment(settings)
    )
    try:
        server.wait_ready(child.alive)
    except BadSetup:
        # A crash of the machine may leave a file that the server cannot read; the folders can restore it.
        if child.alive() or not (aside := server.set_aside()):
            raise
        say(
            "csvjobs",
            f"the queue could not be read, and is made anew from the jobs; the old one is in {aside}",
        )
        child.start()
        server.wait_ready(child.alive)
    return server.url


def _start_workers(supervisor: Supervisor, env: dict[str, str], number: int, priority: int) -> None:
    supervisor.start(Program("reconciler", [sys.executable, "-m", "csvjobs.worker.reconciler"]), env)
    command = [sys.executable, "-m", "csvjobs.worker.process"]
    for place in range(1, number + 1):
        supervisor.start(Program(f"worker-{place}", command), env)
    for place in range(1, priority + 1):
        supervisor.start(Program(f"high-{place}", [*command, Priority.HIGH]), env)


def _api(settings: Settings) -> list[str]:
    return [
        *(sys.executable, "-m", "uvicorn", "--factory", "csvjobs.api.app:served"),
        *("--host", settings.host, "--port", str(settings.port)),
        # httptools loses the body of a request that offers an upgrade, as those of Java's own client do.
        *("--http", "h11"),
        # Without a limit, open event streams would keep it running for ever.
        *("--timeout-graceful-shutdown", "5"),
        *("--no-access-log", "--log-level", "warning"),
    ]


def _listens(settings: Settings) -> bool:
    try:
        socket.create_connection((_reachable(settings.host), settings.port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _tell(settings: Settings) -> None:
    host = _reachable(settings.host)
    base = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    example = next(iter(sorted(Path("examples").glob("*.csv"))), Path("your.csv"))
    say("csvjobs", f"ready: {base}/ (API: {base}/docs), jobs in {settings.jobs_dir.resolve()}")
    say("csvjobs", f"try:   curl -F file=@{example} {base}/upload_csv")


def _relay(name: str, process: subprocess.Popen[bytes]) -> None:
    with process.stdout or nullcontext(()) as output:
        for line in output:
            say(name, line.decode(errors="replace").rstrip())
