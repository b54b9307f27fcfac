"""The monitor of a run goes on when one of its checks fails."""

from __future__ import annotations

import errno
import threading
import time
from pathlib import Path

import pytest
from chaos import eventually

from csvjobs.errors import Cancelled, TimeLimit
from csvjobs.flow import monitor
from csvjobs.flow.services import Services
from csvjobs.flow.submit import Incoming
from csvjobs.jobs.job import Job
from csvjobs.settings import Settings
from csvjobs.wiring import local


def submitted(folder: Path) -> tuple[Services, Job]:
    services = local(Settings(min_free_bytes=0), folder)
    with Incoming(services) as incoming:
        incoming.write(b"a\n1\n")
        return services, incoming.submit("a.csv")


def test_a_reason_to_stop_stands_and_the_engine_is_interrupted_until_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, job = submitted(tmp_path)
    ended, interrupts = [True], list[int]()
    monkeypatch.setattr(monitor, "EVERY", 0.001)
    monkeypatch.setattr(services.storage, "ended", lambda _: bool(ended) and ended.pop())
    with (
        services.storage.lease(job.job_id),
        monitor.Monitor(services, job, 100.0, 4) as running,
        running.within(services.engine(tmp_path)) as engine,
    ):
        monkeypatch.setattr(engine, "interrupt", lambda: interrupts.append(1))
        eventually(lambda: len(interrupts) > 2)
        with pytest.raises(Cancelled):
            running.check()


def test_a_look_that_fails_is_told_once_and_others_follow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    services, job = submitted(tmp_path)
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


def test_each_stage_begins_where_the_one_before_ends_and_is_timed_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, job = submitted(tmp_path)
    monkeypatch.setattr(monitor, "EVERY", 0.001)

    def told() -> tuple[str, float]:
        shown = services.index.get(job.job_id)
        assert shown
        assert shown.progress
        return shown.progress.stage, shown.progress.fraction

    with services.storage.lease(job.job_id), monitor.Monitor(services, job, 100.0, 4) as running:
        with running.stage("read"):
            running.check(4)
            eventually(lambda: told() == ("read", 0.3))
        with running.stage("fit"):
            eventually(lambda: told() == ("fit", 0.3))
        once = running.timings["read"]
        with running.stage("read"):
            pass
    assert running.timings["read"] >= once > 0


def test_nothing_is_told_of_a_run_after_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services, job = submitted(tmp_path)
    looks = threading.Event()

    def slowly(_: str) -> bool:
        looks.set()
        time.sleep(0.05)
        return False

    monkeypatch.setattr(monitor, "EVERY", 0.001)
    monkeypatch.setattr(services.storage, "ended", slowly)
    with services.storage.lease(job.job_id), monitor.Monitor(services, job, 100.0, 4):
        assert looks.wait(10)
    assert not [thread for thread in threading.enumerate() if thread.name == f"monitor {job.job_id}"]
