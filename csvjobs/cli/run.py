"""csvjobs run"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from csvjobs.cli.files import STANDARD, place, source, streams, workplace
from csvjobs.cli.local import alone, interruptible, job_learnt, take
from csvjobs.cli.options import (
    JOB_ID,
    ApplyOption,
    FileArgument,
    PipelineOption,
    ReadOption,
    apply_text,
    check_differ,
    pipeline_text,
    read_options,
    target_option,
)
from csvjobs.cli.output import clean_end, exit_status, remark, running, tell
from csvjobs.client import shown_name
from csvjobs.errors import JobAlreadyEnded
from csvjobs.flow.apply import Processing
from csvjobs.flow.cancel import cancel
from csvjobs.flow.deliver import CHANGES, FITTED, PROFILE, REJECTED
from csvjobs.flow.process import process
from csvjobs.flow.services import Services
from csvjobs.flow.submit import Incoming
from csvjobs.flow.view import view
from csvjobs.jobs.job import Job, Status
from csvjobs.storage.base import REPORT


def run(
    file: FileArgument,
    output: Annotated[Path, target_option("--output", "-o", help="File for the result; - is stdout.")],
    pipeline: PipelineOption = "",
    read: ReadOption = None,
    apply: ApplyOption = "",
    rejected: Annotated[
        Path | None,
        target_option(
            "--rejected",
            help="File for rejected rows, by default clean.rejected.csv beside clean.csv. If no row is "
            "rejected, the file of an earlier run stays, with a remark.",
        ),
    ] = None,
    fitted: Annotated[
        Path | None, target_option("--fitted", help="File for the fitted parameters, if there are any.")
    ] = None,
    report: Annotated[
        Path | None, target_option("--report", help="File for the job's report, as JSON.")
    ] = None,
    profile: Annotated[
        Path | None, target_option("--profile", help="File for profile.json, if the pipeline asks for it.")
    ] = None,
    changes: Annotated[
        Path | None, target_option("--changes", help="File for changes.csv, if the pipeline asks for it.")
    ] = None,
) -> None:
    """Process a file locally, without a service.

    Without --pipeline it uses tidy, which changes no value; with --apply, the pipeline that learnt.
    Existing files are replaced, once the new ones are complete.

    Example: `csvjobs run examples/contacts.csv -p crm-clean -o clean.csv`

    In a shell's pipe: `gzip -dc my.csv.gz | csvjobs run - -o - | wc -l`
    """
    rejected = rejected or _beside(output)
    beside = {REJECTED: rejected, FITTED: fitted, REPORT: report, PROFILE: profile, CHANGES: changes}
    check_differ([*beside.values(), output])
    # The output may replace its input, when all went well; what describes it may not.
    check_differ([*beside.values(), file if file != STANDARD else None])
    with clean_end(), workplace(output) as folder:
        services = alone(folder)
        processing = Processing(pipeline_text(pipeline), read_options(read), _learnt(apply))
        job_id = submitted(services, source(file), processing)
        job = processed(services, job_id)
        # The output comes last: when it exists, all files do.
        _place(services, job_id, {**beside, job.output.name: output})
    tell(job)
    if REJECTED in job.files:
        where = "on standard output" if rejected == STANDARD else f"in {rejected}"
        kept = f"The rejected rows are {where}."
        remark(kept if rejected else "Keep the rejected rows with --rejected PATH.")
    elif job.status is Status.DONE and rejected and not streams(rejected) and rejected.exists():
        # Not removed: it may be the input of this run, or be in the middle of manual correction.
        remark(f"{rejected} is from an earlier run: this one has no rejected rows.")
    raise typer.Exit(exit_status(job))


def _place(services: Services, job_id: str, targets: dict[str, Path | None]) -> None:
    for name, target in targets.items():
        if target and services.storage.has(job_id, name):
            with services.storage.fetch(job_id, name) as made:
                place(made, target)


def _beside(output: Path) -> Path | None:
    """The default file for rejected rows, so that no row is lost; None when the output is a stream."""
    return None if streams(output) else output.with_name(f"{output.stem}.{REJECTED}")


def _learnt(apply: str) -> str:
    """The text of the fitted.json to apply; for a job's id, from the jobs folder on this machine."""
    text = apply_text(apply)
    return job_learnt(text) if JOB_ID.fullmatch(text) else text


def submitted(services: Services, path: Path, processing: Processing) -> str:
    """Submits the file as a local job, which is not yet run; returns its id."""
    with Incoming(services) as incoming:
        incoming.resolve(processing)
        take(incoming, path)
        return incoming.submit(shown_name(path), processing).job_id


def processed(services: Services, job_id: str) -> Job:
    """Runs the job, with a progress bar on a terminal, and returns it ended."""
    with running() as bar:

        def heard(_: str) -> None:
            if live := services.index.get(job_id):
                bar.show(live)

        def stop() -> None:
            with suppress(JobAlreadyEnded):
                cancel(services, job_id)

        unheard = services.index.listen(heard)
        interruptible(lambda: process(services, job_id), stop)
        unheard()
    return view(services, job_id)
