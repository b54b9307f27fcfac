"""A test driver that runs csvjobs commands in a folder, as a user in a terminal does."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from chaos import ROOT
from preloaded import Preloaded

CSVJOBS = [sys.executable, "-m", "csvjobs"]
# Root may read and write everything, unless it is taken from it.
LIKE_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


class Typed(NamedTuple):
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


class Terminal:
    """Every command must end without a traceback, and leave nothing behind that nobody asked for."""

    def __init__(self, folder: Path, preloaded: Preloaded) -> None:
        self.folder, self.preloaded = folder, preloaded
        self.temporary = folder.with_name(f"{folder.name}-tmp")
        folder.mkdir()
        self.temporary.mkdir()

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def read(self, name: str) -> str:
        return (self.folder / name).read_bytes().decode()

    def starts(self, *arguments: str | bytes, **given: Any) -> subprocess.Popen[bytes]:
        """The command in a process of its own, still running. given: environment variables, and what Popen
        takes."""
        variables = {name: given.pop(name) for name in list(given) if name.isupper()}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **given}
        command = [*LIKE_ANYBODY, *CSVJOBS, *arguments]
        return subprocess.Popen(command, cwd=self.folder, env=self._env(variables), **pipes)

    def types(
        self,
        *arguments: str | bytes,
        fed: bytes | None = None,
        stdout: int | None = None,
        **variables: object,
    ) -> Typed:
        """The command at its end, in a process that has its libraries loaded; `fed` comes through a pipe."""
        with ThreadPoolExecutor() as beside, Path(os.devnull).open("rb") as nothing:
            given = nothing.fileno() if fed is None else _feed(fed, beside)
            (out, shown), (err, complained) = _caught(beside), _caught(beside)
            files = [given, out if stdout is None else stdout, err]
            self.preloaded.start(arguments, self.folder, self._env(variables), files)
            for file in (out, err, *([] if fed is None else [given])):
                os.close(file)
            typed = Typed(self.preloaded.status(), shown.result().decode(), complained.result().decode())
        return self._good(typed)

    def ended(self, process: subprocess.Popen[bytes]) -> Typed:
        with process:
            out, err = process.communicate()
        return self._good(Typed(process.returncode, (out or b"").decode(), (err or b"").decode()))

    def watches(self, *arguments: str) -> str:
        """What the command's stderr shows on a real terminal."""
        screen, behind = pty.openpty()
        process = self.starts(*arguments, stderr=behind, TERM="xterm")
        os.close(behind)
        with os.fdopen(screen, "rb", buffering=0) as seen:
            shown = b"".join(_until_hung_up(seen))
        assert self.ended(process).status == 0, shown
        return shown.decode()

    def _good(self, typed: Typed) -> Typed:
        assert "Traceback" not in typed.err, typed.err
        assert self.leftovers() == []
        return typed

    def _env(self, variables: dict[str, Any]) -> dict[str, str]:
        given = {name: str(value) for name, value in variables.items()}
        return {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary), **given}

    def leftovers(self) -> list[Path]:
        hidden = [path for path in self.folder.iterdir() if path.name.startswith(".")]
        return [*hidden, *self.temporary.iterdir()]


def _until_hung_up(screen: IO[bytes]) -> Iterator[bytes]:
    # Linux reports the end of a pseudo-terminal as an error.
    with suppress(OSError):
        while piece := screen.read(65536):
            yield piece


def _feed(fed: bytes, beside: ThreadPoolExecutor) -> int:
    """Where to read what is fed."""
    there, here = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(here, "wb") as pipe:
            pipe.write(fed)

    beside.submit(write)
    return there


def _caught(beside: ThreadPoolExecutor) -> tuple[int, Future[bytes]]:
    """Where to write, and what will have been written there."""
    here, there = os.pipe()

    def read() -> bytes:
        with os.fdopen(here, "rb") as pipe:
            return pipe.read()

    return there, beside.submit(read)
