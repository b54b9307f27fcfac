"""The command line: one command a file, put together here."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module

import typer

import csvjobs
from csvjobs.cli.output import EXIT_STATUS, INTERRUPTED, SIGNALLED, Failed, complain, remark
from csvjobs.errors import CsvjobsError, InvalidOption

COMMANDS = (
    *("up", "serve", "worker"),
    *("run", "inspect", "preview", "profile"),
    *("submit", "status", "download", "rerun", "jobs", "cancel", "delete"),
    *("pipelines", "schema", "steps", "doctor", "reconcile"),
)


def build(typed: list[str]) -> typer.Typer:
    """The command that was typed, alone: engine, queue and server take a while to import. Else all."""
    app = typer.Typer(
        name="csvjobs",
        callback=_main,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="markdown",
        help="Send a CSV of any size, have it processed outside the request, watch it, download the result.",
        epilog="Start a service with `csvjobs up`, or without one: `csvjobs run my.csv -o clean.csv`.\n\n"
        + EXIT_STATUS,
    )
    for name in [name for name in COMMANDS if [name] == typed[:1]] or COMMANDS:
        command = getattr(import_module(f"csvjobs.cli.{name}"), name)
        app.command(name, epilog=EXIT_STATUS)(command)
    return app


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"csvjobs {csvjobs.__version__}")
        raise typer.Exit


def _main(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show it."),
) -> None:
    pass


def main() -> None:
    """Exit status: see EXIT_STATUS."""
    try:
        status = _run()
    except SystemExit as left:
        if not isinstance(left.code, int):
            raise
        status = left.code
    if status >= SIGNALLED:
        # DuckDB's binding would complain at length about what a query that was cut off keeps.
        _flush()
        os._exit(status)
    sys.exit(status)


def _flush() -> None:
    """Brings out what was printed, unless nobody reads it any more."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()


def _run() -> int:
    try:
        status = build(sys.argv[1:])(prog_name="csvjobs", standalone_mode=False) or 0
    except CsvjobsError as error:
        return complain(error)
    except typer.TyperException as error:
        return _misused(error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return complain(Failed(f"{where}{error.strerror or error}."))
    if status == INTERRUPTED:
        remark("Interrupted.")
    return int(status)


def _misused(error: typer.TyperException) -> int:
    """The command line is none that there is; without any command the help has been shown."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "csvjobs"
    message = error.format_message()
    if message:
        complain(InvalidOption(message, hint=f"See `{path} --help`."))
    return error.exit_code
