"""The command line: one command a file, put together here."""

from __future__ import annotations

import sys

import typer

import csvjobs
from csvjobs.cli import doctor, download, pipelines, run, serve, status, steps, submit, up, worker
from csvjobs.cli.output import complain
from csvjobs.errors import CsvjobsError, ServiceError

app = typer.Typer(
    name="csvjobs",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="Send a CSV of any size, have it processed outside the request, watch it, download the result.",
    epilog="Start with `csvjobs up`, or without any server: `csvjobs run my.csv -o clean.csv`.",
)

for command in (up, serve, worker, run, submit, status, download, pipelines, steps, doctor):
    name = command.__name__.rpartition(".")[2]
    app.command(name)(getattr(command, name))


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"csvjobs {csvjobs.__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show it."),
) -> None:
    pass


def main() -> None:
    """Exit status: 0 well; 1 the job ended in error; 2 the request cannot be carried out; 3 the service
    failed."""
    try:
        app()
    except CsvjobsError as error:
        complain(error)
        sys.exit(3 if isinstance(error, ServiceError) else 2)
