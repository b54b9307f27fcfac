"""Jobs are kept for their retention, then deleted completely."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from csvjobs.errors import InvalidOption, JobGone, JobNotFound
from csvjobs.flow import expire
from csvjobs.flow.cancel import cancel
from csvjobs.flow.clock import SteadyClock
from csvjobs.flow.delete import delete
from csvjobs.flow.deliver import deliver
from csvjobs.flow.expire import Expiry
from csvjobs.flow.process import process
from csvjobs.flow.reconcile import Reconciler
from csvjobs.flow.rerun import rerun
from csvjobs.flow.services import Services
from csvjobs.flow.submit import Incoming
from csvjobs.flow.tables import name_table
from csvjobs.flow.terms import granted
from csvjobs.flow.view import listing, view
from csvjobs.jobs.job import Job, now
from csvjobs.settings import Settings, seconds
from csvjobs.wiring import local

HOUR = 3600


def make(folder: Path, **changed: object) -> Services:
    settings = Settings(jobs_dir=folder / "jobs", pipelines_dir=folder, min_free_bytes=0, **changed)  # type: ignore[arg-type]
    return local(settings, settings.jobs_dir)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return make(tmp_path, retention="2h")


def submit(services: Services, retention: str | None = None) -> str:
    with Incoming(services) as incoming:
        incoming.write(b"a,b\n1,2\n")
        terms = granted(services, retention)
        return incoming.submit("given.csv", terms=terms).job_id


def ended(services: Services, retention: str | None = None) -> Job:
    job_id = submit(services, retention)
    process(services, job_id)
    return view(services, job_id)


def end_of(job: Job) -> float:
    assert job.finished_at is not None
    return job.finished_at.timestamp()


def test_the_job_tells_until_when_it_is_kept(services: Services) -> None:
    by_default, less = ended(services), ended(services, "30m")
    assert by_default.expires_at == by_default.finished_at + timedelta(hours=2)
    assert less.expires_at == less.finished_at + timedelta(minutes=30)
    assert {job.job_id: job.expires_at for job in listing(services, 10)} == {
        job.job_id: job.expires_at for job in (by_default, less)
    }
    waiting = view(services, submit(services, "30m"))
    assert (waiting.expires_at, waiting.retention) == (None, 1800)
    cancelled = cancel(services, waiting.job_id)
    assert cancelled.expires_at == cancelled.finished_at + timedelta(minutes=30)
    assert cancelled == view(services, waiting.job_id)
    assert view(services, submit(services, "2h")).retention == 7200


def test_without_a_setting_jobs_are_kept_unless_an_upload_says_otherwise(tmp_path: Path) -> None:
    services = make(tmp_path)
    kept, asked = ended(services), ended(services, "7d")
    assert kept.expires_at is None
    Expiry(services).once(end_of(asked) + 8 * 24 * HOUR)
    assert services.storage.list() == [kept.job_id]


def test_what_is_due_goes_whole_and_nothing_else(services: Services) -> None:
    due, later, waiting = ended(services, "1h"), ended(services), submit(services)
    expiry = Expiry(services)
    expiry.once(end_of(due) + HOUR - 1)
    assert len(services.storage.list()) == 3
    expiry.once(end_of(due) + HOUR + 1)
    assert services.storage.list() == [later.job_id, waiting]
    with pytest.raises(JobGone, match=f"Job {due.job_id} ended as done at .*; its retention is over"):
        deliver(services, due.job_id)
    with pytest.raises(JobGone):
        view(services, due.job_id)
    with pytest.raises(JobGone):
        rerun(services, due.job_id)
    assert [job.job_id for job in listing(services, 10)] == [waiting, later.job_id]
    expiry.once(end_of(later) + 100 * 24 * HOUR)
    assert services.storage.list() == [waiting], "a job that has not ended has no end to be kept from"


@pytest.mark.parametrize("marked", [True, False])
def test_a_job_that_was_looked_at_before_its_end_goes_in_time(services: Services, marked: bool) -> None:
    """Its marker is missing too where it was committed between the looks at the markers and at the jobs."""
    job_id, expiry = submit(services), Expiry(services)
    marker = services.settings.jobs_dir / ".pending" / job_id
    if not marked:
        marker.unlink()
    expiry.once(now().timestamp())
    process(services, job_id)
    expiry.once(end_of(view(services, job_id)) + 3 * HOUR)
    assert services.storage.list() == []


def test_a_job_whose_output_has_a_name_is_kept_and_the_others_go(services: Services) -> None:
    named, other = ended(services), ended(services)
    name_table(services, "codes", named.job_id)
    expiry = Expiry(services)
    for _ in range(2):
        expiry.once(end_of(other) + 3 * HOUR)
    assert services.storage.list() == [named.job_id]
    services.tables.delete("codes")
    assert expiry.once(end_of(other) + 3 * HOUR) == [named.job_id]


def test_a_job_that_is_deleted_meanwhile_by_another_is_no_trouble(services: Services) -> None:
    job = ended(services)
    first, second = Expiry(services), Expiry(services)
    first.once(end_of(job))
    second.once(end_of(job))
    first.once(end_of(job) + 3 * HOUR)
    second.once(end_of(job) + 3 * HOUR)
    assert services.storage.list() == []


@pytest.mark.parametrize("name", ["report.json", "job.json"])
def test_a_job_whose_files_are_damaged_is_told_once_and_the_others_go(
    services: Services, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    due, damaged = ended(services, "1h"), ended(services, "1h")
    folder = services.settings.jobs_dir / damaged.job_id
    (folder / "report.json").unlink()
    (folder / name).write_bytes(b"")
    expiry = Expiry(services)
    for _ in range(3):
        expiry.once(end_of(due) + 2 * HOUR)
    assert services.storage.list() == [damaged.job_id]
    assert len([record for record in caplog.records if damaged.job_id in record.getMessage()]) == 1
    delete(services, damaged.job_id)
    assert services.storage.list() == []


def test_a_changed_setting_counts_for_jobs_that_there_are(tmp_path: Path) -> None:
    job = ended(make(tmp_path))
    changed = make(tmp_path, retention=60)
    assert view(changed, job.job_id).expires_at == job.finished_at + timedelta(minutes=1)
    Expiry(changed).once(end_of(job) + 61)
    assert changed.storage.list() == []


def test_many_jobs_are_looked_at_some_at_a_time(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expire, "READ_AT_ONCE", 2)
    last = [ended(services) for _ in range(5)][-1]
    expiry = Expiry(services)
    left = []
    for _ in range(3):
        expiry.once(end_of(last) + 3 * HOUR)
        left.append(len(services.storage.list()))
    assert left == [3, 1, 0]


def test_many_jobs_are_deleted_some_in_a_round_and_the_rest_in_the_next_ones(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = [ended(services) for _ in range(5)][-1]
    monkeypatch.setattr(expire, "DELETED_AT_ONCE", 2)
    monkeypatch.setattr(SteadyClock, "now", lambda _: end_of(last) + 3 * HOUR)
    reconciler = Reconciler(services)
    rounds = [reconciler.once() for _ in range(4)]
    assert [len(mended.deleted) for mended in rounds] == [2, 2, 1, 0]
    assert services.storage.list() == []


def test_what_many_jobs_are_deleted_for_is_looked_up_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [ended(services) for _ in range(4)]
    name_table(services, "kept", jobs[0].job_id)
    looks, newest = [], services.tables.newest
    monkeypatch.setattr(services.tables, "newest", lambda: looks.append(1) or newest())
    expiry = Expiry(services)
    assert expiry.once(end_of(jobs[-1]) + 3 * HOUR) == [job.job_id for job in jobs[1:]]
    assert len(looks) == 1
    services.tables.delete("kept")
    assert expiry.once(end_of(jobs[-1]) + 3 * HOUR) == [jobs[0].job_id]


def test_a_round_of_the_reconciler_deletes_what_is_due(tmp_path: Path) -> None:
    services = make(tmp_path)
    due, kept = ended(services, "1s"), ended(services)
    while True:
        Reconciler(services).once()
        try:
            view(services, due.job_id)
        except JobNotFound:
            break
    assert services.storage.list() == [kept.job_id]
    assert list((tmp_path / "jobs" / ".trash").iterdir()) == []


@pytest.mark.parametrize("asked", ["3h", "0", "-1", "1 week", "1w", "soon", "1.5h", "9" * 30, "٣"])
def test_no_other_time_can_be_asked_for(services: Services, asked: str) -> None:
    with pytest.raises(InvalidOption, match="retention"):
        submit(services, asked)
    assert services.storage.list() == []


@pytest.mark.parametrize("asked", ["0", "0h", "9999999d"])
def test_a_time_out_of_bounds_is_told_the_bounds(services: Services, asked: str) -> None:
    with pytest.raises(InvalidOption, match="longer than 0 s and at most 100 years"):
        submit(services, asked)


@pytest.mark.parametrize(
    ("text", "meant"), [("90", 90), ("90s", 90), ("30m", 1800), (" 12 h ", 43200), ("7d", 604800)]
)
def test_times_have_units(text: str, meant: int) -> None:
    assert seconds(text) == meant
