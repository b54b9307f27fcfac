"""csvjobs doctor"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Annotated

import httpx
import typer

from csvjobs import wiring
from csvjobs.engines.duckdb import DuckEngine
from csvjobs.errors import (
    BadSetup,
    CsvjobsError,
    DataError,
    DiskFull,
    InvalidPipeline,
    RequestError,
    ServiceError,
    kinds,
)
from csvjobs.pipelines.named import NamedPipelines
from csvjobs.queues.rq import RqQueue
from csvjobs.settings import Settings, load
from csvjobs.worker.embedded import binary
from csvjobs.worker.supervisor import check_port_free


def doctor(
    settings: Annotated[bool, typer.Option("--settings", help="Print a table of all settings.")] = False,
    errors: Annotated[bool, typer.Option("--errors", help="Print a table of all errors.")] = False,
) -> None:
    """Check the setup; print what is wrong and how to fix it.

    Example: `csvjobs doctor`
    """
    if settings:
        typer.echo(settings_table(), nl=False)
        return
    if errors:
        typer.echo(errors_table(), nl=False)
        return
    raise typer.Exit(3 if _find_faults() else 0)


def settings_table() -> str:
    """All settings as one Markdown page."""
    rows = [
        f"| `{Settings.variable(name)}` | {field.description} | {_default(field.default)} |"
        for name, field in Settings.model_fields.items()
    ]
    said = "Made by `csvjobs doctor --settings`. All are environment variables; an empty one is not set."
    table = "\n".join(["| variable | meaning | default |", "|---|---|---|", *rows])
    return f"# Settings\n\n{said}\n\n{table}\n"


def errors_table() -> str:
    """All errors as one Markdown page."""
    said = (
        "Made by `csvjobs doctor --errors`. The code is in the [problem](http.md#errors) that answers a "
        "request, in the\n`error` of a job, or in what a command prints. The service explains each at "
        "`/problems/{code}`."
    )
    return "\n\n".join([f"# Errors\n\n{said}", *map(_section, GROUPS)]) + "\n"


def _section(group: type[CsvjobsError]) -> str:
    rows = [
        f"| `{code}` | {kind.status} | {kind.title()} | {kind.help()} |"
        for code, kind in kinds().items()
        if issubclass(kind, group)
    ]
    return "\n".join(
        [GROUPS[group], "", "| code | status | meaning | what to do |", "|---|---|---|---|", *rows]
    )


def _default(value: object) -> str:
    return "not set" if value is None else f"`{value}`"


def _find_faults() -> bool:
    bad = False
    settings = None
    for name, check in CHECKS.items():
        try:
            settings = settings or load()
            typer.echo(f"ok     {name:<10} {check(settings)}")
        except (CsvjobsError, OSError) as error:
            bad = True
            _tell(name, error)
            if settings is None:
                break
    return bad


def _tell(name: str, error: CsvjobsError | OSError) -> None:
    if isinstance(error, OSError):
        typer.echo(f"WRONG  {name:<10} {error.filename}: {error.strerror}")
        return
    typer.echo(f"WRONG  {name:<10} {error}")
    if error.hint:
        typer.echo(f"{'':<17} {error.hint}")


def _settings(settings: Settings) -> str:
    changed = sorted(Settings.variable(name) for name in settings.model_fields_set)
    return f"{', '.join(changed) or 'all at their defaults'}"


def _python(_: Settings) -> str:
    return f"Python {sys.version.split()[0]}"


def _engine(settings: Settings) -> str:
    with TemporaryDirectory() as folder:
        engine = DuckEngine(Path(folder), settings.engine_memory)
        [(version,)] = engine.rows("SELECT version()")
        engine.close()
    return f"DuckDB {version}, {settings.job_memory // 1024**2} MiB a job, {os.cpu_count()} threads"


def _jobs(settings: Settings) -> str:
    # Checking must leave nothing behind, so a missing folder is not made; its nearest parent is checked.
    folder = settings.jobs_dir.resolve()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    try:
        TemporaryFile(dir=there).close()
    except OSError as error:
        raise BadSetup(
            f"The jobs folder {settings.jobs_dir} cannot be written to: {error.strerror}."
        ) from None
    if free < settings.min_free_bytes:
        raise DiskFull(
            f"Only {free // 1024**2} MiB are free.", hint="Free some space, or set CSVJOBS_JOBS_DIR."
        )
    state = "" if there == folder else " (not there yet)"
    return f"{folder}{state}, {free / 1024**3:.1f} GiB free"


def _queue(settings: Settings) -> str:
    if "redis_url" in settings.model_fields_set:
        with wiring.connect(settings.redis_url) as redis:
            RqQueue(redis, settings.job_timeout).check()
        return "the server at REDIS_URL answers"
    found = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=False)
    if found.returncode:
        raise BadSetup(f"The embedded server does not start: {found.stderr.strip()}.", hint="Set REDIS_URL.")
    return f"embedded: {' '.join(found.stdout.split()[:3])}"


def _port(settings: Settings) -> str:
    try:
        check_port_free(settings)
    except BadSetup:
        if not _runs(settings):
            raise
        return f"{settings.host}:{settings.port} is in use by a running csvjobs"
    return f"{settings.host}:{settings.port} is free"


def _runs(settings: Settings) -> bool:
    """Whether a csvjobs service answers on the port."""
    try:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        answer = httpx.get(f"http://{host}:{settings.port}/healthz", timeout=5, trust_env=False)
        return bool(answer.json().keys() == {"status", "version"})
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError):
        return False


def _pipelines(settings: Settings) -> str:
    named = NamedPipelines(settings.pipelines_dir)
    for name in named.names():
        try:
            named.get(name)
        except InvalidPipeline as error:
            newest = max(named.versions(name), default=None)
            where = f"{name}@{newest}" if newest else settings.pipelines_dir / f"{name}.yaml"
            raise BadSetup(f"{where}: {error}") from None
    return f"{len(named.names())} in {settings.pipelines_dir}"


GROUPS: dict[type[CsvjobsError], str] = {
    RequestError: "## The request cannot be carried out",
    DataError: "## The file or its pipeline ends the job",
    ServiceError: "## The service or this machine failed",
}

CHECKS: dict[str, Callable[[Settings], str]] = {
    "settings": _settings,
    "python": _python,
    "engine": _engine,
    "jobs": _jobs,
    "queue": _queue,
    "port": _port,
    "pipelines": _pipelines,
}
