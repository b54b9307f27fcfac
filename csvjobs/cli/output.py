"""Output of the commands: errors, job summaries, progress bars, exit statuses."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.segment import Segment

from csvjobs.client import Refused
from csvjobs.errors import CsvjobsError, InvalidPipeline, ServiceError
from csvjobs.jobs.job import Job, Status
from csvjobs.reading.rejects import RejectGroup

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Screen(Console):
    """A console on which the text of a file cannot do anything: control characters are shown as \ufffd."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else CONTROLS.sub("\ufffd", text), style, control)


# Progress and remarks go to stderr, so that the output of a command can be piped.
console = Screen(stderr=True)

WELL, ENDED_BADLY, IMPOSSIBLE, FAILED, INTERRUPTED = 0, 1, 2, 3, 130
SIGNALLED = 128
"""Exit statuses above this one are this plus the number of a signal."""

UNREAD = SIGNALLED + signal.SIGPIPE
"""As if SIGPIPE had ended it, which is how other programs end whose output nobody reads any more."""

QUEUED, WORKERLESS = "queued", "queued, but no worker is running"

CELLS = {"changed": "cells changed", "unparsed": "cells that could not be read"}
KINDS = 5
"""Kinds of rejects that are listed; rejected.csv has them all."""

EXIT_STATUS = """Exit status: 0 success; 1 the job failed or was cancelled; 2 the request cannot be carried
out; 3 the service or this machine failed; 130 interrupted; 141 its output was not read to the end."""


class Failed(ServiceError):
    """This machine failed."""

    code = "system-error"


def complain(error: CsvjobsError) -> int:
    """Prints an error, or each of its parts, with its hint; returns the exit status."""
    for code, message, hint in _parts(error):
        console.print(f"[bold red]error[/] {code}: ", end="")
        console.print(message, markup=False, soft_wrap=True)
        if hint:
            console.print(f"      {hint}", markup=False, soft_wrap=True)
    status = error.http_status if isinstance(error, Refused) else error.status
    return FAILED if status >= 500 else IMPOSSIBLE


def counted(number: int, name: str) -> str:
    """A number with a noun: `1 row`, `1,200 rows`."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def remark(text: str) -> None:
    """Prints an indented line to stderr."""
    console.print(f"      {text}", markup=False, soft_wrap=True)


def _parts(error: CsvjobsError) -> list[tuple[str, str, str | None]]:
    if isinstance(error, InvalidPipeline):
        return [(one.code, one.message, one.hint) for one in error.errors]
    if isinstance(error, Refused):
        code = str(error.problem.get("code", error.code))
        parts: list[dict[str, Any]] = error.problem.get("errors") or []
        return [(code, one["detail"], one.get("hint")) for one in parts] or [
            (code, error.message, error.hint)
        ]
    return [(error.code, error.message, error.hint)]


def tell(job: Job, to: Console = console) -> None:
    """Prints a summary of the job in a few lines."""
    colour = {Status.DONE: "green", Status.ERROR: "red"}.get(job.status, "yellow")
    to.print(f"[bold {colour}]{job.status}[/] ", end="")
    to.print(f"{job.filename}, pipeline {job.pipeline.name}, job {job.job_id}", markup=False, soft_wrap=True)
    if job.position is not None:
        to.print(_waiting(job), markup=False, soft_wrap=True)
    if job.rows:
        to.print(_account(job), markup=False, soft_wrap=True)
    for what in ("changed", "unparsed"):
        if by := [f"{n:,} by {step.step}" for step in job.steps if (n := getattr(step, what))]:
            to.print(f"      {CELLS[what]}: {', '.join(by)}", markup=False, soft_wrap=True)
    for group in job.rejected.groups[:KINDS] if job.rejected else []:
        to.print(_kind(group), markup=False, soft_wrap=True)
    for warning in job.warnings:
        to.print("[yellow]note[/]  ", end="")
        to.print(warning, markup=False, soft_wrap=True)
    if job.expires_at:
        to.print(f"      kept until {job.expires_at:%Y-%m-%d %H:%M} UTC", markup=False, soft_wrap=True)
    if job.error:
        place = f" (line {job.error.line})" if job.error.line else ""
        to.print(f"      {job.error.code}{place}: {job.error.message}", markup=False, soft_wrap=True)
        for line in job.error.lines:
            to.print(f"      {line}", markup=False, soft_wrap=True)


def exit_status(job: Job) -> int:
    """The exit status of a command that shows the job."""
    return ENDED_BADLY if job.status.final and job.status is not Status.DONE else WELL


@contextmanager
def clean_end() -> Iterator[None]:
    """Makes SIGTERM, SIGHUP and SIGQUIT clean up before the exit, as Ctrl-C does."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _leave)
    yield


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(SIGNALLED + number)


def _waiting(job: Job) -> str:
    before = f"      {'1 job waits' if job.position == 1 else f'{job.position:,} jobs wait'} before it"
    if job.workers == 0:
        return f"{before}; no worker is running, so it waits until one starts: csvjobs worker"
    start = job.estimated_start_at
    return f"{before}; estimated start {start.astimezone():%H:%M:%S}" if start else before


def _account(job: Job) -> str:
    assert job.rows is not None  # noqa: S101 (the caller looked)
    parts = [
        f"{counted(job.rows.read, 'row')} in",
        f"{job.rows.out:,} out",
        f"{job.rows.rejected:,} rejected",
    ]
    for how in ("dropped", "merged", "added"):
        parts += [f"{count:,} {how} by {label}" for label, count in getattr(job.rows, how).items()]
    return "      " + ", ".join(parts)


def _kind(group: RejectGroup) -> str:
    """A line about the rejects of one kind: how many, why, and the first line numbers."""
    column = f" in column {group.column}" if group.column else ""
    more = ", …" if group.count > len(group.lines) else ""
    lines = ", ".join(map(str, group.lines))
    return f"      {group.count:,} × {group.code}{column}: line {lines}{more}. {group.message}"


class Bar:
    """A progress bar; shown on a terminal only."""

    def __init__(self, progress: Progress, text: str, total: float | None) -> None:
        self._progress = progress
        self._task = progress.add_task(text, total=total)

    def advance(self, by: float) -> None:
        self._progress.advance(self._task, by)

    def show(self, job: Job) -> None:
        """Shows the progress of a running job, or what one that is not running waits for."""
        if job.progress:
            self._progress.update(self._task, completed=job.progress.fraction)
        stage = job.progress.stage if job.progress else WORKERLESS if job.workers == 0 else QUEUED
        self._progress.update(self._task, description=f"{stage:<10}")


@contextmanager
def transfer(text: str, size: int | None) -> Iterator[Bar]:
    """A progress bar for a transfer of `size` bytes, if that is known."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with _progress(*columns) as progress:
        yield Bar(progress, text, size)


@contextmanager
def running() -> Iterator[Bar]:
    """A progress bar for a job."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with _progress(*columns) as progress:
        yield Bar(progress, f"{QUEUED:<10}", 1.0)


def _progress(*columns: ProgressColumn) -> Progress:
    return Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())
