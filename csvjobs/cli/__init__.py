"""The command line: builds the app from the commands, one per file."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper

import typer

import csvjobs
from csvjobs.cli.output import EXIT_STATUS, INTERRUPTED, SIGNALLED, UNREAD, Failed, complain, remark
from csvjobs.errors import CsvjobsError, InternalError, InvalidOption

COMMANDS = (
    *("up", "serve", "worker"),
    *("run", "inspect", "preview", "profile"),
    *("submit", "status", "download", "rerun", "jobs", "cancel", "delete"),
    *("pipelines", "schema", "steps", "doctor", "reconcile"),
)


def build(typed: list[str]) -> typer.Typer:
    """The app with only the command that was typed, as importing engine, queue and server takes a while: with
    none for the version, with all for the help."""
    app = typer.Typer(
        name="csvjobs",
        callback=_main,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="markdown",
        help="Process CSV files of any size in the background: submit a file, follow its job, download the "
        "result.",
        epilog="Start a service with `csvjobs up`, or go without: `csvjobs run my.csv -o clean.csv`.\n\n"
        + EXIT_STATUS,
    )
    wanted = set(typed[:1]) & {*COMMANDS, "--version"} or COMMANDS
    for name in [name for name in COMMANDS if name in wanted]:
        command = getattr(import_module(f"csvjobs.cli.{name}"), name)
        app.command(name, epilog=EXIT_STATUS)(command)
    return app


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"csvjobs {csvjobs.__version__}")
        raise typer.Exit


def _main(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass


def main() -> None:
    """Runs the command line and exits; for the exit status see EXIT_STATUS."""
    _stand_in()
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.encoding.lower() != "utf-8":
        # What the terminal's encoding lacks is written as its code, as on stderr.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = _run()
    except SystemExit as left:
        if not isinstance(left.code, int):
            raise
        # The reader of the output is gone; what click and rich make of that would say that the job failed.
        status = UNREAD if isinstance(left.__context__, BrokenPipeError) else left.code
    if status >= SIGNALLED:
        # Skip cleanup: DuckDB's binding would print a long complaint about the interrupted query.
        _flush()
        os._exit(status)
    sys.exit(status)


def _stand_in() -> None:
    """Opens the null device for each standard stream that is closed: no file that is opened later shall get
    its number, and be taken for it. sys.stdout stays None, which tells that it was closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (kept to the end)


def _flush() -> None:
    """Flushes stdout and stderr, unless their reader is gone."""
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
    except Exception as error:  # noqa: BLE001 - a fault of ours is one line here too
        said = f"{InternalError.title()} {type(error).__name__}: {' '.join(str(error).split())}"
        return complain(InternalError(said, hint="Please report it, with what you typed and the file."))
    if status == INTERRUPTED:
        remark("Interrupted.")
    return int(status)


def _misused(error: typer.TyperException) -> int:
    """Reports a wrong command line; returns the exit status. Without any command there is no message, as the
    help has been shown."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "csvjobs"
    # Pydantic's own prefix says nothing to a person.
    message = error.format_message().replace("Value error, ", "")
    if message:
        complain(InvalidOption(message, hint=f"See `{path} --help`."))
    return error.exit_code
