"""The ten pipelines as csvjobs has them, run as a job runs, in this process."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from csvjobs import wiring
from csvjobs.flow.apply import Processing
from csvjobs.flow.process import process
from csvjobs.flow.submit import Incoming
from csvjobs.flow.view import view
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


def _run(steps: list[Step], source: Path, target: Path) -> float:
    """Seconds between the start and the end of the job, as it tells them; without the upload."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        services = wiring.local(load(), Path(folder))
        with Incoming(services) as incoming:
            with source.open("rb") as content:
                while chunk := content.read(1024**2):
                    incoming.write(chunk)
            job_id = incoming.submit(source.name, Processing(json.dumps({"steps": steps}))).job_id
        process(services, job_id)
        job = view(services, job_id)
        if job.finished_at is None or job.started_at is None or job.error:
            raise RuntimeError(f"the job ended as {job.status}: {job.error}")
        (Path(folder) / job_id / job.output.name).rename(target)
        return (job.finished_at - job.started_at).total_seconds()


RUNS: dict[str, Callable[[Path, Path], float | None]] = {
    name: partial(_run, steps) for name, steps in STEPS.items()
}
