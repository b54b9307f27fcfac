"""(e): peak memory of the API and of the job's process, at growing sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from measure import peak_bytes
from report import Row, megabytes
from service import service
from throughput import run_job

SECTION = "(e) peak memory"
LIMIT = 700e6
FLAT = 1.25


def peaks(sources: Sequence[Path]) -> list[Row]:
    """One fresh service a file; flat means that the largest needs little more than the one before it."""
    measured = [_measured(source) for source in sources]
    sizes = [f"{source.stat().st_size / 1e9:.1f} GB" for source in sources]
    apis, jobs = [api for api, _ in measured], [job for _, job in measured]
    within = [
        Row(SECTION, f"job's process, {size}", megabytes(job), f"under {megabytes(LIMIT)}", job < LIMIT)
        for size, job in zip(sizes, jobs, strict=True)
    ]
    beside = [Row(SECTION, f"API, {size}", megabytes(api)) for size, api in zip(sizes, apis, strict=True)]
    pair = f"{sizes[-1]} ÷ {sizes[-2]}"
    return [*within, _flat(f"job's process, {pair}", jobs), *beside, _flat(f"API, {pair}", apis)]


def _measured(source: Path) -> tuple[int, int]:
    with service(source.parent) as serving:
        job = run_job(serving, source)
        return peak_bytes(serving.api), job.peak


def _flat(what: str, peaks: Sequence[int]) -> Row:
    growth = peaks[-1] / peaks[-2]
    return Row(SECTION, what, f"{growth:.2f}", f"flat (at most {FLAT:g})", growth <= FLAT)
