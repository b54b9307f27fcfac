"""The wall clock jumps for all processes (by libfaketime); the monotonic clock goes on."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest
from chaos import Service, eventually, valkey

from csvjobs.jobs.job import Status

ROWS = 1_000_000
JUMPS = ("+100s", "-100s", "+1d", "-1d")

# libfaketime 0.9.10 takes the monotonic clock for a faked one in clock_nanosleep(2) alone.
SLEEP = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds)
"""


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that says how far the clock is off in what is started from now on."""
    found = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "these tests need Debian's package libfaketime, which `make test` installs"
    clock = tmp_path / "clock"
    clock.write_text("+0")
    (tmp_path / "sitecustomize.py").write_text(SLEEP)
    given = {
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        "LD_PRELOAD": found[0],
        "FAKETIME_TIMESTAMP_FILE": clock,
        "FAKETIME_NO_CACHE": 1,
        "FAKETIME_DONT_FAKE_MONOTONIC": 1,
    }
    for name, value in given.items():
        monkeypatch.setenv(name, str(value))
    return clock


def test_a_clock_that_jumps_while_jobs_run_and_wait_changes_nothing(clock: Path, tmp_path: Path) -> None:
    with valkey(tmp_path / "valkey") as url:
        service = Service(tmp_path, url)
        try:
            workers = [service.start_worker() for _ in range(2)]
            service.start_reconciler()
            for jump in JUMPS:
                running, waiting = service.submit(ROWS), [service.submit() for _ in range(3)]
                eventually(lambda job_id=running: service.attempts(job_id))
                clock.write_text(jump)
                assert {service.ended(job_id).status for job_id in (running, *waiting)} == {Status.DONE}
            ends = service.judge()
            assert {(job.status, job.attempts) for job in ends} == {(Status.DONE, 1)}
            moments = [job.finished_at.timestamp() for job in ends[:: len(waiting) + 1] if job.finished_at]
            assert max(abs(after - before) for before, after in pairwise(moments)) > 80_000, "no clock jumped"
            assert [worker.poll() for worker in workers] == [None, None]
        finally:
            service.stop()
