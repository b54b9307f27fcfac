"""What the commands print: one line an error, one block a job, one bar for progress."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
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

from csvjobs.errors import CsvjobsError, InvalidPipeline
from csvjobs.jobs.job import Job, Status

# Progress and remarks go to stderr, so that what a command makes can be piped on.
console = Console(stderr=True, highlight=False)


def complain(error: CsvjobsError) -> None:
    """One line for the error, one for each part of it, one that says what to do."""
    many = error.errors if isinstance(error, InvalidPipeline) else [error]
    for one in many:
        console.print(f"[bold red]error[/] {one.code}: ", end="")
        console.print(one.message, markup=False, soft_wrap=True)
        if one.hint:
            console.print(f"      {one.hint}", markup=False, soft_wrap=True)


def tell(job: Job) -> None:
    """The job in a few lines."""
    colour = {Status.DONE: "green", Status.ERROR: "red"}.get(job.status, "yellow")
    console.print(f"[bold {colour}]{job.status}[/] ", end="")
    console.print(
        f"{job.filename}, pipeline {job.pipeline.name}, job {job.job_id}", markup=False, soft_wrap=True
    )
    if job.rows:
        console.print(_account(job), markup=False, soft_wrap=True)
    for warning in job.warnings:
        console.print("[yellow]note[/]  ", end="")
        console.print(warning, markup=False, soft_wrap=True)
    if job.error:
        place = f" (line {job.error.line})" if job.error.line else ""
        console.print(f"      {job.error.code}{place}: {job.error.message}", markup=False, soft_wrap=True)
        if job.error.hint:
            console.print(f"      {job.error.hint}", markup=False, soft_wrap=True)


def _account(job: Job) -> str:
    assert job.rows is not None  # noqa: S101 (the caller looked)
    parts = [f"{job.rows.read:,} rows in", f"{job.rows.out:,} out", f"{job.rows.rejected:,} rejected"]
    parts += [f"{count:,} dropped by {label}" for label, count in job.rows.dropped.items()]
    return "      " + ", ".join(parts)


class Bar:
    """A bar that is told where it is, on a terminal; silence elsewhere."""

    def __init__(self, progress: Progress, text: str, total: float) -> None:
        self._progress = progress
        self._task = progress.add_task(text, total=total)

    def advance(self, by: float) -> None:
        self._progress.advance(self._task, by)

    def show(self, job: Job) -> None:
        """The progress of a job that runs."""
        if job.progress:
            self._progress.update(
                self._task, completed=job.progress.fraction, description=f"{job.progress.stage:<10}"
            )


@contextmanager
def transfer(text: str, size: int) -> Iterator[Bar]:
    """A bar for bytes that move."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with _progress(*columns) as progress:
        yield Bar(progress, text, size)


@contextmanager
def running() -> Iterator[Bar]:
    """A bar for a job."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with _progress(*columns) as progress:
        yield Bar(progress, f"{'queued':<10}", 1.0)


def _progress(*columns: ProgressColumn) -> Progress:
    return Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())
