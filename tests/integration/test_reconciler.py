"""The reconciler's process: a lasting fault is logged once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from csvjobs import wiring
from csvjobs.errors import BRING_BACK
from csvjobs.flow.reconcile import Reconciler
from csvjobs.settings import Settings
from csvjobs.worker.reconciler import attempt


def test_what_is_wrong_for_many_rounds_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder that was deleted, or a disk that is not mounted, would fill the log."""
    caplog.set_level(logging.INFO)
    reconciler = Reconciler(wiring.local(Settings(), tmp_path / "jobs"))
    folder, aside = tmp_path / "jobs", tmp_path / "aside"
    folder.rename(aside)
    told = ""
    for _ in range(3):
        told = attempt(reconciler, told)
    aside.rename(folder)
    assert attempt(reconciler, told) == ""
    away, back = caplog.records
    assert (away.levelname, away.exc_info) == ("WARNING", None)
    assert away.message.startswith(f"The jobs folder {folder} cannot be reached: No such file or directory.")
    assert away.message.endswith(BRING_BACK)
    assert (back.levelname, back.message) == ("INFO", "the jobs folder is there again")


def test_a_fault_of_our_own_ends_no_rounds_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reconciler, told = Reconciler(wiring.local(Settings(), tmp_path)), ""
    with monkeypatch.context() as patch:
        patch.setattr(reconciler, "once", lambda: 1 / 0)
        for _ in range(3):
            told = attempt(reconciler, told)
    assert attempt(reconciler, told) == ""
    failed, well = caplog.records
    assert failed.exc_info
    assert (failed.levelname, well.message) == ("ERROR", "the reconciler works again")


def test_a_queue_that_is_away_for_many_rounds_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    away = wiring.services(Settings(jobs_dir=tmp_path, redis_url="redis://127.0.0.1:1/0"))
    told = ""
    for _ in range(3):
        told = attempt(Reconciler(away), told)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
