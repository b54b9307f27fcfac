"""csvjobs run"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from csvjobs import wiring
from csvjobs.cli.options import PipelineOption, ReadOption, pipeline_text, read_options
from csvjobs.cli.output import running, tell, transfer
from csvjobs.flow.deliver import FITTED, OUTPUT, REJECTED
from csvjobs.flow.process import process
from csvjobs.flow.services import Services
from csvjobs.flow.submit import Incoming
from csvjobs.flow.view import view
from csvjobs.jobs.job import Job, Status
from csvjobs.settings import load
from csvjobs.storage.base import REPORT

CHUNK = 1024**2


def run(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The CSV file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the result goes.")],
    pipeline: PipelineOption = "",
    read: ReadOption = None,
    rejected: Annotated[Path | None, typer.Option(help="Where bad rows go, if there are any.")] = None,
    fitted: Annotated[Path | None, typer.Option(help="Where learnt values go, if there are any.")] = None,
    report: Annotated[Path | None, typer.Option(help="Where the job's report goes, as JSON.")] = None,
) -> None:
    """Process a file here, without any server, by the same code.

    Example: `csvjobs run examples/contacts.csv -p crm-clean -o clean.csv`
    """
    # Beside the output, so that the result arrives by a rename, whole or not at all.
    with tempfile.TemporaryDirectory(prefix=".csvjobs-", dir=output.resolve().parent) as folder:
        services = wiring.local(load(), Path(folder))
        job_id = _submit(services, file, pipeline_text(pipeline), read_options(read))
        job = _process(services, job_id)
        wanted = {OUTPUT: output, REJECTED: rejected, FITTED: fitted, REPORT: report}
        for name, target in wanted.items():
            if target and services.storage.has(job_id, name):
                _move(services, job_id, name, target)
    tell(job)
    if job.rows and job.rows.rejected and not rejected:
        typer.echo("      See the rejected rows with --rejected PATH.", err=True)
    raise typer.Exit(0 if job.status is Status.DONE else 1)


def _submit(services: Services, path: Path, pipeline: str, options: dict[str, str]) -> str:
    with Incoming(services) as incoming, path.open("rb") as source:
        with transfer("reading   ", path.stat().st_size) as bar:
            while chunk := source.read(CHUNK):
                incoming.write(chunk)
                bar.advance(len(chunk))
        return incoming.submit(path.name, pipeline, options).job_id


def _process(services: Services, job_id: str) -> Job:
    with running() as bar:

        def heard(_: str) -> None:
            if live := services.index.get(job_id):
                bar.show(live)

        stop = services.index.listen(heard)
        process(services, job_id)
        stop()
    return view(services, job_id)


def _move(services: Services, job_id: str, name: str, target: Path) -> None:
    with services.storage.fetch(job_id, name) as path:
        shutil.move(path, target)
