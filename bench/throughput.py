"""(a) and (b): a job against the bare engine, and against a pandas script."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import curl
from measure import Failed, Run, cpu_seconds, run, settle, watched_children
from report import Row, at_least, at_most, megabytes, seconds
from service import FILL, Service, moment, service

ROUNDS = 3
CLOSE_ROUNDS = 9
"""A goal that is closer than single rounds are to each other takes more of them."""
MEMORY = ("512MB", "768MB", "1GB", "2GB", "4GB")
SIZES = "max_line_size = 2097152, buffer_size = 8388608,"
"""The engine's reading buffers in a job."""


@dataclass(frozen=True)
class JobRun:
    """One job as the service ran it: seconds, CPU seconds of the worker's processes, the peak of the one
    that ran it, and whether the output is what the report says."""

    job: float
    cpu: float
    exact: bool
    upload: float
    whole: float
    stages: dict[str, float]
    peak: int


def bare_engine(source: Path) -> list[Row]:
    """A job's time over that of the same two passes by hand, runs in turn: with DuckDB's own buffers, and
    with those of the job."""
    jobs, bare, tuned = [], [], []
    with service(source.parent) as serving, service(source.parent, worker=False) as waiting:
        memory = _smallest_memory(waiting, source)
        run_job(serving, source, peak=False)
        for _ in range(CLOSE_ROUNDS):
            jobs.append(run_job(serving, source, peak=False))
            bare.append(_scripted("bare_duckdb.py", waiting, source, memory))
            tuned.append(_scripted("bare_duckdb.py", waiting, source, memory, SIZES))
    return list(_against_bare(jobs, bare, tuned, memory))


def pandas_script(source: Path) -> list[Row]:
    """A pandas script's time and memory over those of a job, runs in turn."""
    jobs, scripts = [], []
    for _ in range(ROUNDS):
        with service(source.parent) as serving:
            jobs.append(run_job(serving, source))
        with service(source.parent, worker=False) as waiting:
            scripts.append(_scripted("pandas_script.py", waiting, source))
    return list(_against_pandas(jobs, scripts))


def run_job(serving: Service, source: Path, *, peak: bool = True) -> JobRun:
    """Uploads the file, waits for the end of its job and removes it. To watch the peak of its memory takes
    some of the time of a core."""
    settle()
    assert serving.worker is not None
    with watched_children(serving.worker) if peak else nullcontext({0: 0}) as peaks:
        began = time.time()
        job_id = curl.post_raw(serving.upload_url(FILL), source)["job_id"]
        accepted, cpu = time.time(), cpu_seconds(serving.worker)
        job = serving.wait(job_id)
        ended = time.time()
        cpu = cpu_seconds(serving.worker) - cpu
    exact = serving.sha256(job_id) == job["files"]["output.csv"]["sha256"]
    serving.delete(job_id)
    return JobRun(
        cpu=cpu,
        exact=exact,
        job=moment(job["finished_at"]) - moment(job["started_at"]),
        upload=accepted - began,
        whole=ended - began,
        stages=job["timings"],
        peak=max(peaks.values()),
    )


def _smallest_memory(waiting: Service, source: Path) -> str:
    for memory in MEMORY:
        try:
            _scripted("bare_duckdb.py", waiting, source, memory)
        except Failed:
            continue
        return memory
    raise Failed(f"the bare engine needs more than {MEMORY[-1]}")


def _scripted(script: str, waiting: Service, source: Path, *more: str) -> Run:
    """Runs a script on the file that a service without a worker has just received: what a gigabyte of output
    costs a virtual machine depends on what was done with its memory just before, by up to two seconds."""
    settle()
    job_id = curl.post_raw(waiting.upload_url(), source)["job_id"]
    target = source.parent / "output.csv"
    try:
        return run(script, waiting.jobs / job_id / "input.csv", target, *more)
    finally:
        waiting.delete(job_id)
        target.unlink(missing_ok=True)


def _against_bare(jobs: list[JobRun], bare: list[Run], tuned: list[Run], memory: str) -> Iterator[Row]:
    section = "(a) bare engine"
    job, cpu = median(each.job for each in jobs), median(each.cpu for each in jobs)
    for what, runs in {"bare DuckDB": bare, "the same with the job's buffers": tuned}.items():
        yield at_most(section, f"job ÷ {what}", job / median(run.printed["total"] for run in runs), 1.10)
        yield Row(section, "  in CPU seconds", f"{cpu / median(run.cpu for run in runs):.2f}")
    exact = sum(each.exact for each in jobs)
    yield Row(section, "outputs as reported", f"{exact} of {len(jobs)}", "all", exact == len(jobs))
    yield seconds(section, "POST to done without the upload", median(job.whole - job.upload for job in jobs))
    yield seconds(section, "job", job)
    for stage in jobs[0].stages:
        yield seconds(section, f"  {stage}", median(each.stages[stage] for each in jobs))
    for what, runs in {f"bare DuckDB, memory_limit {memory}": bare, "with the job's buffers": tuned}.items():
        for stage in ("total", "fit", "transform"):
            called = what if stage == "total" else f"  {stage}"
            yield seconds(section, called, median(run.printed[stage] for run in runs))
    yield seconds(section, "upload", median(each.upload for each in jobs))


def _against_pandas(jobs: list[JobRun], scripts: list[Run]) -> Iterator[Row]:
    section = "(b) pandas script"
    job, script = median(each.job for each in jobs), median(each.printed["total"] for each in scripts)
    peak, script_peak = median(each.peak for each in jobs), median(each.peak for each in scripts)
    yield at_least(section, "pandas ÷ job, time", script / job, 4)
    yield at_most(section, "job ÷ pandas, peak memory", peak / script_peak, 0.25)
    yield Row(section, "job", f"{job:.2f} s, {megabytes(peak)}")
    yield Row(section, "pandas", f"{script:.2f} s, {megabytes(script_peak)}")
