"""The monitor of a run goes on when one of its checks fails."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from chaos import eventually

from csvjobs.errors import TimeLimit
from csvjobs.flow import monitor
from csvjobs.flow.submit import Incoming
from csvjobs.settings import Settings
from csvjobs.wiring import local


def test_a_look_that_fails_is_told_once_and_others_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    services = local(Settings(min_free_bytes=0), tmp_path)
    with Incoming(services) as incoming:
        incoming.write(b"a\n1\n")
        job = incoming.submit("a.csv")
    failures = [OSError(errno.EMFILE, "Too many open files")] * 3

    def ended(job_id: str) -> bool:
        if failures:
            raise failures.pop()
        return False

    monkeypatch.setattr(services.storage, "ended", ended)
    monkeypatch.setattr(monitor, "EVERY", 0.001)

    def out_of_time(running: monitor.Monitor) -> bool:
        try:
            running.check()
        except TimeLimit:
            return True
        return False

    with services.storage.lease(job.job_id), monitor.Monitor(services, job, 0.0, 4) as running:
        eventually(lambda: out_of_time(running))
    assert [record.levelname for record in caplog.records if "a look" in record.getMessage()] == ["ERROR"]
