"""The ten pipelines as csvjobs has them, run as a job runs, in this process."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from csvjobs import wiring
from csvjobs.flow.apply import Processing
from csvjobs.flow.process import process
from csvjobs.flow.submit import Incoming
from csvjobs.flow.view import view
from csvjobs.reading.facts import CHUNK
from csvjobs.settings import load

Step = dict[str, Any]

STEPS: dict[str, list[Step]] = {
    "tidy": [],
    "clean": [
        {"step": "trim"},
        {"step": "case", "columns": ["city"], "to": "upper"},
        {"step": "drop_missing", "columns": ["salary"]},
    ],
    "fill": [
        {"step": "fill_missing", "columns": ["salary"], "with": "mean"},
        {"step": "fill_missing", "columns": ["balance"], "with": "median"},
    ],
    "mode": [{"step": "fill_missing", "columns": ["remark"], "with": "mode"}],
    "scale": [{"step": "scale", "columns": ["salary", "age"], "method": "standard"}],
    "encode": [{"step": "one_hot", "columns": ["city"]}, {"step": "label", "columns": ["last_name"]}],
    "filter": [
        {"step": "filter", "column": "age", "at_least": 30, "below": 60},
        {"step": "filter", "column": "city", "one_of": ["Lagos", "Berlin", "Osaka"]},
        {"step": "select", "columns": ["id", "last_name", "city", "salary"]},
    ],
    "dedupe": [{"step": "dedupe", "by": ["last_name", "city", "joined"]}],
    "sort": [{"step": "sort", "by": [{"column": "balance", "as": "number", "order": "descending"}]}],
    "aggregate": [
        {
            "step": "aggregate",
            "by": ["city", "age"],
            "values": {"people": "count", "total": {"sum": "salary"}, "mean": {"mean": "balance"}},
        }
    ],
}


@contextmanager
def uploaded(pipeline: str, source: Path, parent: Path) -> Iterator[Path]:
    """The file as it lies in the folder of a job that waits, below `parent`, while the block runs."""
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        services = wiring.local(load(), Path(folder))
        with Incoming(services) as incoming:
            with source.open("rb") as content:
                while chunk := content.read(CHUNK):
                    incoming.write(chunk)
            steps = json.dumps({"steps": STEPS[pipeline]})
            job_id = incoming.submit(source.name, Processing(steps)).job_id
        yield Path(folder) / job_id / "input.csv"


def _run(source: Path, target: Path) -> float:
    """Runs the job in whose folder the file lies: seconds between its start and its end, as it tells them."""
    job_id, services = source.parent.name, wiring.local(load(), source.parent.parent)
    process(services, job_id)
    job = view(services, job_id)
    if job.finished_at is None or job.started_at is None or job.error:
        raise RuntimeError(f"the job ended as {job.status}: {job.error}")
    (source.parent / job.output.name).rename(target)
    return (job.finished_at - job.started_at).total_seconds()


RUNS: dict[str, Callable[[Path, Path], float | None]] = dict.fromkeys(STEPS, _run)
