"""csvjobs preview"""

from __future__ import annotations

from typing import Annotated

import typer

from csvjobs.cli.local import beginning, interruptible
from csvjobs.cli.options import FileArgument, PipelineOption, ReadOption, pipeline_text, read_options
from csvjobs.cli.output import ENDED_BADLY, Screen, counted
from csvjobs.cli.tables import bad_ones, print_notes, print_rows, shown
from csvjobs.client import shown_name
from csvjobs.flow.apply import Processing
from csvjobs.flow.deadline import Deadline
from csvjobs.flow.preview import Preview, StepPreview
from csvjobs.flow.preview import preview as try_out
from csvjobs.flow.submit import Incoming


def preview(
    file: FileArgument,
    pipeline: PipelineOption = "tidy",
    read: ReadOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show what each step of a pipeline does to a file's first rows.

    It reads about a thousand rows, and steps learn (a mean, for example) from these only. Nothing is kept.

    Example: `csvjobs preview examples/contacts.csv -p crm-clean`
    """
    with beginning(file) as (incoming, partial):
        processing = Processing(pipeline_text(pipeline), read_options(read))
        found = _tried(incoming, shown_name(file), processing, partial=partial)
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        _print(found)
    if found.fault:
        raise typer.Exit(ENDED_BADLY)


def _tried(incoming: Incoming, filename: str, processing: Processing, *, partial: bool) -> Preview:
    """Runs the preview without a time limit, until a signal comes."""
    deadline = Deadline()
    return interruptible(
        lambda: try_out(incoming, filename, processing, partial=partial, deadline=deadline), deadline.stop
    )


def _print(found: Preview) -> None:
    to = Screen()
    whole = "all" if found.complete else "the first"
    before = f"Before: {whole} {counted(found.before.records, 'row')}{bad_ones(found.faults)}"
    print_rows(to, before, found.before.columns, found.before.rows)
    for step in found.steps:
        to.print(f"{step.step}: {', '.join(_done(step)) or 'nothing'}", markup=False, soft_wrap=True)
        for bad in step.rejects:
            said = f"    row {bad.row}, {bad.column}: {shown(bad.found)}: {bad.code}. {bad.message}"
            to.print(said, markup=False, soft_wrap=True)
        for change in step.changes:
            then, now = shown(change.before or ""), shown(change.after or "")
            to.print(f"    row {change.row}, {change.column}: {then} → {now}", markup=False, soft_wrap=True)
    after = found.steps[-1].after if found.steps else found.before
    print_rows(to, f"After: {counted(after.records, 'row')}", after.columns, after.rows)
    print_notes(to, found.warnings)
    if found.fault:
        to.print("[bold red]error[/] ", end="")
        for line in (found.fault.message, *found.fault.lines):
            to.print(line, markup=False, soft_wrap=True)


def _done(step: StepPreview) -> list[str]:
    """What the step did to rows, cells and columns, in words."""
    counts = {how: getattr(step, how) for how in ("rejected", "dropped", "merged", "added")}
    rows = [f"{counted(count, 'row')} {how}" for how, count in counts.items() if count]
    new = [f"new: {', '.join(step.new_columns)}"] if step.new_columns else []
    lost = [f"gone: {', '.join(step.lost_columns)}"] if step.lost_columns else []
    cells = [f"{counted(step.changed, 'cell')} changed"] if step.changed else []
    return [*rows, *cells, *new, *lost]
