"""Local processing in this process, without a service."""

from __future__ import annotations

import logging
import signal
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from csvjobs import wiring
from csvjobs.cli.files import size_of, source
from csvjobs.cli.output import clean_end, remark, transfer
from csvjobs.client import shown_name
from csvjobs.engines.options import FILENAMES
from csvjobs.errors import BadTable, CsvjobsError, EmptyUpload, NothingFitted
from csvjobs.flow.apply import Processing
from csvjobs.flow.deliver import FITTED
from csvjobs.flow.inspect import ENOUGH
from csvjobs.flow.named_tables import FOLDER, NamedTables
from csvjobs.flow.process import process
from csvjobs.flow.services import Services
from csvjobs.flow.submit import Incoming
from csvjobs.flow.tables import output_of
from csvjobs.flow.view import view
from csvjobs.jobs.job import TableRef
from csvjobs.reading.facts import CHUNK
from csvjobs.reading.formats import PARQUET
from csvjobs.settings import Settings, load
from csvjobs.storage.base import APPLIED

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
LOOK_EVERY = 0.1
"""Seconds until a signal is noticed."""


def alone(folder: Path) -> Services:
    """Services that keep everything in the folder."""
    # One attempt, as nothing retries here; unexpected faults are printed to the terminal.
    logging.getLogger("csvjobs").addHandler(_Remarks())
    services = wiring.local(load().model_copy(update={"job_attempts": 1}), folder)
    return replace(services, tables=LocalTables(services))


class LocalTables(NamedTables):
    """Lookup tables for local runs: files, and tables of a service on this machine. Each is made the output
    of a local job."""

    def __init__(self, services: Services) -> None:
        super().__init__(services.settings.pipelines_dir / FOLDER)
        self._services, self._made = services, dict[str, TableRef]()

    def find(self, called: str) -> TableRef | None:
        if called not in self._made and (path := self._path(called)):
            self._made[called] = self._job(called, path)
        return self._made.get(called)

    def _path(self, called: str) -> Path | None:
        if (path := Path(called)).is_file():
            return path
        named = super().find(called)
        folder = self._services.settings.jobs_dir / (named.job_id if named else called)
        return next((path for name in FILENAMES if (path := folder / name).is_file()), None)

    def _job(self, called: str, path: Path) -> TableRef:
        """Processes the file as a job, whose output is the table. Raises BadTable."""
        with Incoming(self._services) as incoming:
            take(incoming, path)
            try:
                # Fail on bad rows: rejected ones would be missing from the table without notice.
                job_id = incoming.submit(shown_name(path), Processing(None, {"bad_rows": "fail"})).job_id
            except EmptyUpload as error:
                raise BadTable.called(called, error.message, error.hint) from None
        process(self._services, job_id)
        if fault := view(self._services, job_id).error:
            raise BadTable.called(called, fault.message, fault.hint)
        return output_of(self._services, job_id)


def job_learnt(job_id: str) -> str:
    """The fitted.json of a job of a service on this machine. Raises NothingFitted."""
    folder = load().jobs_dir / job_id
    for path in (folder / APPLIED, folder / FITTED):
        if path.is_file():
            return path.read_text("utf-8")
    hint = f"Set {Settings.variable('jobs_dir')} to the jobs' folder, or give the fitted.json itself."
    raise NothingFitted(f"There are no fitted parameters in {folder}.", hint=hint)


class _Remarks(logging.Handler):
    """Prints unexpected faults, a line each; errors of csvjobs are shown with the job."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error and not isinstance(error, CsvjobsError):
            remark(f"{type(error).__name__}: {' '.join(str(error).split())}")


def interruptible(work: Callable[[], T], stop: Callable[[], None]) -> T:
    """Does the work and returns its result; on a signal `stop` ends it first."""
    # Not in the main thread, which signals interrupt: the engine would report that as its own fault.
    with _noted() as signals, ThreadPoolExecutor(1) as pool:
        run = pool.submit(work)
        while not (run.done() or signals):
            wait([run], LOOK_EVERY)
        if signals:
            stop()
    return run.result()


@contextmanager
def _noted() -> Iterator[list[signal.Signals]]:
    """Yields the signals that come while the block runs; the first is handled at its end. A handler that
    raises at once could do so where the main thread has just taken a lock, for which others then wait for
    ever."""
    came: list[signal.Signals] = []
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    raising = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in raising:
        signal.signal(number, lambda caught, _: came.append(signal.Signals(caught)))
    try:
        yield came
    finally:
        for number, handler in raising.items():
            signal.signal(number, handler)
    if came:
        raising[came[0]](came[0], None)


def take(incoming: Incoming, path: Path, enough: int = sys.maxsize) -> bool:
    """Reads a file or pipe into an upload; returns whether it stopped at `enough` bytes."""
    size = size_of(path)
    # Unbuffered: a buffer would wait for a whole chunk of a slow pipe and delay Ctrl-C.
    with path.open("rb", buffering=0) as content, transfer("reading   ", size and min(size, enough)) as bar:
        while chunk := content.read(CHUNK):
            incoming.write(chunk)
            bar.advance(len(chunk))
            if incoming.bytes >= enough:
                return True
    return False


@contextmanager
def beginning(file: Path) -> Iterator[tuple[Incoming, bool]]:
    """The part of a file, or of stdin, that an inspection needs, and whether it is only a part."""
    with clean_end(), tempfile.TemporaryDirectory(prefix="csvjobs-") as folder:
        path = source(file)
        with Incoming(alone(Path(folder))) as incoming:
            yield incoming, take(incoming, path, _enough(path))


def _enough(path: Path) -> int:
    """Bytes of the file to read: zip files (such as workbooks) and Parquet are read whole, as their index is
    at the end."""
    if not path.is_file():
        return ENOUGH
    with path.open("rb") as file:
        parquet = file.read(4) in PARQUET
    return sys.maxsize if parquet or zipfile.is_zipfile(path) else ENOUGH
