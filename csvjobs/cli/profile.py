"""csvjobs profile"""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.text import Text

from csvjobs.cli.files import STANDARD, source, workplace
from csvjobs.cli.local import alone
from csvjobs.cli.options import FileArgument, ReadOption, read_options
from csvjobs.cli.output import Screen, clean_end, counted, exit_status, tell
from csvjobs.cli.run import processed, submitted
from csvjobs.cli.tables import SHOWN_COLUMNS, columns_of, print_notes, shown, table
from csvjobs.flow.apply import Processing
from csvjobs.flow.deliver import PROFILE
from csvjobs.pipelines.profile import Profiles, TableProfile

LONG = 24

PIPELINE = json.dumps({"name": "profile", "report": {"profile": True}})


def profile(
    file: FileArgument,
    read: ReadOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show what each column of a file contains, over all its rows.

    Counts, minima, maxima and lengths are exact; distinct values and quartiles of a large file are estimates.

    Example: `csvjobs profile examples/contacts.csv`
    """
    with clean_end(), workplace(STANDARD) as folder:
        services = alone(folder)
        job_id = submitted(services, source(file), Processing(PIPELINE, read_options(read)))
        job = processed(services, job_id)
        if PROFILE not in job.files:
            tell(job)
            raise typer.Exit(exit_status(job))
        found = Profiles.model_validate_json(services.storage.read(job_id, PROFILE)).input
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        _print(found)
        print_notes(Screen(), job.warnings)


def _print(found: TableProfile) -> None:
    to = Screen()
    to.print(f"{counted(found.rows, 'row')}, {columns_of(found.width)}", soft_wrap=True)
    listed = table("column", "looks like", "filled", "empty", "about distinct", "from", "to", "most often")
    for column in found.columns[:SHOWN_COLUMNS]:
        often = next(iter(column.drawn.top.items()), None)
        listed.add_row(
            *(Text(column.name), Text(column.meaning), f"{column.filled:,}", f"{column.empty:,}"),
            *(f"{column.about_distinct:,}", _cell(column.first), _cell(column.last)),
            Text(f"{shown(often[0])[:30]} ({often[1] / column.drawn.filled:.0%})" if often else ""),
        )
    to.print(listed)


def _cell(text: str | None) -> Text:
    """The cell, cut to LONG characters, which is enough for most numbers."""
    return Text(text or "") if len(text or "") <= LONG else Text(f"{text:.{LONG}}…")
