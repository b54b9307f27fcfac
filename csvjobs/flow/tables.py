"""Lookup tables of steps: each is the output of a finished job, referred to by the job's id or by a name.

References are resolved when a job is submitted (`pinned`) and stored in its request with their sha256, so
that every try and rerun uses the same tables. During a run the tables are `opened` and passed to the plan.

For authors of steps: the property `Step.tables` lists the tables a step uses, as the user names them. When
`change` is called, `sql.tables[called]` has the names of the columns, and a relation in which they are c0,
c1, …, each cell text and an empty one NULL, with the row number as `__row` (ROW). Whatever has to be counted,
warned about or refused before rows change goes into `Change.checks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from csvjobs.engines.base import Engine, SideTable
from csvjobs.errors import BadTable, EmptyFile, FileNotFound, JobGone, JobNotFound, TableGone, TableNotFound
from csvjobs.flow.deliver import deliver
from csvjobs.flow.services import Services
from csvjobs.flow.view import view
from csvjobs.jobs.job import Output, TableRef
from csvjobs.pipelines.spec import Pipeline
from csvjobs.reading.facts import facts_of
from csvjobs.reading.options import ReadOptions
from csvjobs.reading.reading import look, read
from csvjobs.reading.scan import Scan
from csvjobs.reading.source import Source

Tick = Callable[[int], None]


def output_of(services: Services, job_id: str) -> TableRef:
    """The job's output as a table. Raises JobNotFound, JobNotFinished, JobHasNoOutput."""
    made = deliver(services, job_id)
    made.file.close()
    return TableRef(job_id=job_id, sha256=made.sha256 or "")


def name_table(services: Services, name: str, job_id: str) -> tuple[TableRef, bool]:
    """Makes a job's output the newest version of a named table; returns whether the version is new.

    Raises the errors of `output_of`, InvalidOption, TooManyTables.
    """
    return services.tables.put(name, job_id, output_of(services, job_id).sha256)


def pinned(services: Services, pipeline: Pipeline) -> dict[str, TableRef]:
    """The tables that the steps name, as they are now. Raises TableNotFound, JobGone, and the errors of
    `output_of`."""
    return {called: _meant(services, called) for step in pipeline.steps for called in step.tables}


def _meant(services: Services, called: str) -> TableRef:
    if named := services.tables.find(called):
        return named
    try:
        return output_of(services, called)
    except JobGone:
        raise
    except JobNotFound:
        hint = (
            "A table is the output of an earlier job: give its id, or a name that GET /tables lists. "
            "For csvjobs run it can also be the path of a file."
        )
        raise TableNotFound(f"There is no table {called[:120]!r}.", hint=hint) from None


@contextmanager
def opened(
    services: Services, tables: Mapping[str, TableRef], scratch: Path, tick: Tick
) -> Iterator[dict[str, Source]]:
    """Opens the tables for an engine; `tick` is called now and then, and may raise to stop. Raises TableGone,
    BadTable."""
    with ExitStack() as stack:
        sources = {}
        for place, (called, ref) in enumerate(tables.items()):
            folder = scratch / f"table{place}"
            folder.mkdir()
            sources[called] = stack.enter_context(_opened(services, called, ref, folder, tick))
        yield sources


@contextmanager
def _opened(services: Services, called: str, ref: TableRef, folder: Path, tick: Tick) -> Iterator[Source]:
    with ExitStack() as stack:
        try:
            output = view(services, ref.job_id).output
            path = stack.enter_context(services.storage.fetch(ref.job_id, output.name))
        except (JobNotFound, FileNotFound):
            raise _gone(called, f"job {ref.job_id}, whose output it is, was deleted") from None
        facts = facts_of(path, tick)
        if facts.sha256 != ref.sha256:
            raise _gone(called, f"its sha256 is {facts.sha256}, and was {ref.sha256}")
        written = _written(output)
        try:
            found = look(path, facts, written, folder, tick)
        except EmptyFile as error:
            hint = "Take a table that has rows, or is CSV with a header row: else it has no columns."
            raise BadTable.called(called, error.message, hint) from None
        yield read(found, folder, Scan(folder / "rejected.csv", tick)).source


def _written(output: Output) -> ReadOptions:
    """The read options for a job's output, complete, so that nothing has to be detected."""
    declared: dict[str, Any] = {"format": output.name.split(".")[1]}
    if declared["format"] == "csv":
        declared |= {"delimiter": output.delimiter, "quote": '"', "header": output.header, "skip": 0}
    return ReadOptions(**declared)


def relations(engine: Engine, sources: Mapping[str, Source]) -> dict[str, SideTable]:
    """The tables in the form that a plan needs."""
    return {
        called: SideTable(source.columns, engine.relation(source, numbered=True))
        for called, source in sources.items()
    }


def _gone(called: str, why: str) -> TableGone:
    said = f"The table {called[:120]!r} has changed since the job was submitted: {why}."
    return TableGone(said, hint="Send the file again with a table that is there.")
