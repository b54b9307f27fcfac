"""Somebody at a terminal, in a folder, who types csvjobs commands."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from chaos import ROOT

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

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
        """The command, still running. given: environment variables, and what Popen takes."""
        variables = {name: str(given.pop(name)) for name in list(given) if name.isupper()}
        env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary), **variables}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **given}
        return subprocess.Popen([*LIKE_ANYBODY, *CSVJOBS, *arguments], cwd=self.folder, env=env, **pipes)

    def types(self, *arguments: str | bytes, fed: bytes | None = None, **given: Any) -> Typed:
        """The command at its end; `fed` comes through a pipe."""
        if fed is not None:
            given["stdin"] = subprocess.PIPE
        return self.ended(self.starts(*arguments, **given), fed)

    def ended(self, process: subprocess.Popen[bytes], fed: bytes | None = None) -> Typed:
        with process:
            out, err = process.communicate(fed)
        typed = Typed(process.returncode, (out or b"").decode(), (err or b"").decode())
        assert "Traceback" not in typed.err, typed.err
        assert self.leftovers() == []
        return typed

    def watches(self, *arguments: str) -> str:
        """What the command's stderr shows on a real terminal."""
        screen, behind = pty.openpty()
        process = self.starts(*arguments, stderr=behind, TERM="xterm")
        os.close(behind)
        with os.fdopen(screen, "rb", buffering=0) as seen:
            shown = b"".join(_until_hung_up(seen))
        assert self.ended(process).status == 0, shown
        return shown.decode()

    def leftovers(self) -> list[Path]:
        hidden = [path for path in self.folder.iterdir() if path.name.startswith(".")]
        return [*hidden, *self.temporary.iterdir()]


def _until_hung_up(screen: IO[bytes]) -> Iterator[bytes]:
    # Linux reports the end of a pseudo-terminal as an error.
    with suppress(OSError):
        while piece := screen.read(65536):
            yield piece
