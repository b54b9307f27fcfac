"""The reconciler with storage, queue and index in memory: every way in which they can disagree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from csvjobs.errors import QueueUnavailable, StorageUnavailable
from csvjobs.flow import reconcile
from csvjobs.flow.delete import delete
from csvjobs.flow.ending import end
from csvjobs.flow.named_tables import NamedTables
from csvjobs.flow.reconcile import Reconciler
from csvjobs.flow.services import Services
from csvjobs.flow.submit import DEFAULT, Incoming
from csvjobs.flow.view import view
from csvjobs.jobs.job import Job, Status, Terms
from csvjobs.jobs.memory import MemoryIndex
from csvjobs.pipelines.named import NamedPipelines
from csvjobs.priority import Priority
from csvjobs.queues.inline import InlineQueue
from csvjobs.settings import Settings
from csvjobs.storage.base import REQUEST
from csvjobs.storage.local import LocalStorage
from csvjobs.storage.memory import MemoryStorage


class Parts:
    """A service in memory whose parts can be lost one by one."""

    def __init__(self) -> None:
        self.storage, self.queue, self.index = MemoryStorage(), InlineQueue(), MemoryIndex()
        self.reconciler = Reconciler(self.services)

    @classmethod
    def on_disk(cls, folder: Path) -> Parts:
        """The same with its jobs in a folder."""
        parts = cls()
        parts.storage = LocalStorage(folder)  # type: ignore[assignment]
        parts.reconciler = Reconciler(parts.services)
        return parts

    @property
    def services(self) -> Services:
        return Services(
            settings=Settings(),
            storage=self.storage,
            index=self.index,
            queue=self.queue,
            pipelines=NamedPipelines(Path("none")),
            tables=NamedTables(Path("none")),
            engine=no_engine,
        )

    def having(self, **changed: int) -> Services:
        return replace(self.services, settings=Settings(**changed))  # type: ignore[arg-type]

    def submit(self, terms: Terms = DEFAULT, **changed: int) -> str:
        incoming = Incoming(self.having(**changed))
        incoming.write(b"a,b\n1,2\n")
        return incoming.submit("x.csv", terms=terms).job_id

    def lose_queue_and_index(self) -> None:
        for job_id in self.storage.list():
            self.queue.withdraw(job_id)
            self.index.remove(job_id)

    def rounds(self, number: int) -> None:
        for _ in range(number):
            self.reconciler.once()

    def waiting(self) -> list[str]:
        return list(self.queue.census().waiting)

    def finish(self, job_id: str) -> Job:
        done = view(self.services, job_id).model_copy(update={"status": Status.DONE})
        end(self.services, done)
        return done


def no_engine(scratch: Path) -> NoReturn:
    raise AssertionError("the reconciler runs nothing")


def untouched(job_id: str) -> NoReturn:
    raise AssertionError("the queue is in order")


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_what_waits_is_left_alone(parts: Parts) -> None:
    jobs = [parts.submit() for _ in range(3)]
    parts.rounds(5)
    assert parts.waiting() == jobs


def test_lost_jobs_are_put_back_in_the_order_of_their_age(parts: Parts) -> None:
    jobs = [parts.submit() for _ in range(4)]
    parts.lose_queue_and_index()
    parts.rounds(reconcile.UNKNOWN_ROUNDS)
    assert parts.waiting() == jobs
    assert [job.job_id for job in parts.index.list(10)] == jobs[::-1]


def test_a_job_between_commit_and_announcement_is_given_a_moment(parts: Parts) -> None:
    job_id = parts.submit()
    parts.queue.withdraw(job_id)
    parts.rounds(reconcile.UNKNOWN_ROUNDS - 1)
    assert parts.waiting() == []
    parts.queue.put(job_id)
    parts.rounds(1)
    parts.queue.withdraw(job_id)
    parts.rounds(reconcile.UNKNOWN_ROUNDS - 1)
    assert parts.waiting() == []


def test_a_held_job_is_left_alone_however_long(parts: Parts) -> None:
    job_id = parts.submit()
    parts.queue.take()
    with parts.storage.lease(job_id):
        parts.queue.withdraw(job_id)
        parts.rounds(10)
        assert parts.waiting() == []
    parts.rounds(reconcile.UNKNOWN_ROUNDS)
    assert parts.waiting() == [job_id]


def test_a_job_said_to_be_in_flight_but_in_nobodys_hands_is_put_back(parts: Parts) -> None:
    job_id = parts.submit()
    parts.queue.take()
    parts.rounds(reconcile.IN_FLIGHT_ROUNDS - 1)
    assert parts.waiting() == []
    parts.rounds(1)
    assert parts.waiting() == [job_id]


def test_a_job_that_was_put_back_is_given_its_time_again(parts: Parts) -> None:
    job_id = parts.submit()
    parts.lose_queue_and_index()
    parts.rounds(reconcile.UNKNOWN_ROUNDS)
    assert parts.queue.take() == job_id
    parts.rounds(reconcile.IN_FLIGHT_ROUNDS - 1)
    assert parts.waiting() == []


def test_a_job_that_was_tried_before_is_given_longer(parts: Parts) -> None:
    tried, fresh = parts.submit(), parts.submit()
    for _ in range(2):
        parts.storage.attempt(tried)
    parts.lose_queue_and_index()
    parts.rounds(reconcile.UNKNOWN_ROUNDS)
    assert parts.waiting() == [fresh]
    parts.rounds(reconcile.BACK_OFF_ROUNDS)
    assert parts.waiting() == [fresh, tried]


def test_what_waits_for_workers_that_there_are_no_longer_waits_for_others(parts: Parts) -> None:
    job_id = parts.submit(Terms(priority=Priority.HIGH), priority_workers=1)
    assert parts.queue.take() is None
    parts.rounds(1)
    assert parts.waiting() == [job_id]
    assert parts.queue.take() == job_id


def test_workers_of_another_machine_are_waited_for(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = parts.submit(Terms(priority=Priority.HIGH), priority_workers=1)
    with monkeypatch.context() as patch:
        patch.setattr(parts.queue, "workers", lambda asked: asked is Priority.HIGH)
        # A job that is withdrawn while a worker takes it is taken for lost.
        patch.setattr(parts.queue, "withdraw", untouched)
        parts.rounds(2)
        assert parts.queue.census().high == (job_id,)
    parts.rounds(1)
    assert parts.queue.take() == job_id


def test_what_waits_for_others_is_put_back_where_it_was(parts: Parts) -> None:
    job_id = parts.submit(Terms(priority=Priority.HIGH), priority_workers=1)
    parts.reconciler = Reconciler(parts.having(priority_workers=1))
    parts.lose_queue_and_index()
    parts.rounds(reconcile.UNKNOWN_ROUNDS)
    assert parts.queue.take() is None
    assert parts.queue.take(Priority.HIGH) == job_id


def test_an_end_that_was_killed_before_it_was_told_is_told(parts: Parts) -> None:
    job_id = parts.submit()
    done = view(parts.services, job_id).model_copy(update={"status": Status.DONE})
    parts.storage.end(job_id, done.to_json())
    parts.rounds(1)
    assert parts.index.get(job_id) == done


def test_an_end_that_was_killed_before_its_marker_was_removed_is_completed(tmp_path: Path) -> None:
    parts = Parts.on_disk(tmp_path)
    job_id = parts.submit()
    parts.rounds(1)
    done = view(parts.services, job_id).model_copy(update={"status": Status.DONE})
    parts.storage.end(job_id, done.to_json())
    (tmp_path / ".pending" / job_id).touch()
    parts.queue.withdraw(job_id)
    parts.rounds(1)
    assert parts.storage.pending() == []
    assert parts.index.get(job_id) == done
    parts.rounds(5)
    assert parts.waiting() == []


def test_a_job_in_whose_folder_something_is_in_the_way_keeps_no_other_waiting(tmp_path: Path) -> None:
    parts = Parts.on_disk(tmp_path)
    jobs = [parts.submit() for _ in range(2)]
    (tmp_path / jobs[0] / "attempts").mkdir()
    parts.lose_queue_and_index()
    parts.rounds(reconcile.UNKNOWN_ROUNDS)
    assert parts.waiting() == jobs


def test_what_killed_runs_and_deletions_leave_is_swept(tmp_path: Path) -> None:
    parts = Parts.on_disk(tmp_path)
    job_id = parts.submit()
    scratch, trash = tmp_path / ".scratch" / f"{job_id}.killed", tmp_path / ".trash" / "killed"
    trash.mkdir()
    parts.rounds(1)
    assert not trash.exists()
    scratch.mkdir()
    parts.rounds(1)
    assert not scratch.exists(), "a run's scratch may be large: it goes at once"


def test_what_ended_is_never_put_back(parts: Parts) -> None:
    job_id = parts.submit()
    parts.finish(job_id)
    parts.lose_queue_and_index()
    parts.rounds(5)
    assert parts.waiting() == []
    assert [job.status for job in parts.index.list(10)] == [Status.DONE]


def test_an_index_that_is_lost_again_is_restored_again(parts: Parts) -> None:
    jobs = [parts.submit() for _ in range(3)]
    parts.rounds(1)
    parts.lose_queue_and_index()
    parts.finish(jobs[1])
    parts.rounds(1)
    found = {job.job_id: job.status for job in parts.index.list(10)}
    assert found == {jobs[0]: Status.QUEUED, jobs[1]: Status.DONE, jobs[2]: Status.QUEUED}


def test_a_lost_index_is_noticed_although_a_job_was_deleted_before(parts: Parts) -> None:
    deleted, kept = parts.submit(), parts.submit()
    parts.rounds(1)
    delete(parts.services, deleted)
    parts.rounds(1)
    parts.lose_queue_and_index()
    parts.rounds(1)
    assert [job.job_id for job in parts.index.list(10)] == [kept]


def test_a_deleted_job_does_not_linger_in_the_index(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, ended, kept = (parts.submit() for _ in range(3))
    parts.finish(ended)
    parts.rounds(1)
    for job_id in (waiting, ended):
        parts.storage.delete(job_id, "deleted")
    monkeypatch.setattr(reconcile, "SWEEP_EVERY", -1.0)
    parts.rounds(1)
    assert [job.job_id for job in parts.index.list(10)] == [kept]


def test_what_was_not_told_while_the_index_was_away_is_told(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, deleted, cancelled, done = (parts.submit() for _ in range(4))
    parts.rounds(1)
    parts.storage.delete(deleted, "deleted")
    parts.finish(cancelled)
    parts.index.remove(cancelled)
    parts.storage.end(done, view(parts.services, done).moved(Status.CANCELLED).to_json())
    monkeypatch.setattr(reconcile, "SWEEP_EVERY", -1.0)
    assert parts.reconciler.once().listed == [done, cancelled]
    found = {job.job_id: job.status for job in parts.index.list(10)}
    assert found == {kept: Status.QUEUED, cancelled: Status.DONE, done: Status.CANCELLED}
    assert parts.reconciler.once().listed == []


def test_some_jobs_are_corrected_in_a_round(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    _, *deleted = (parts.submit() for _ in range(4))
    parts.rounds(1)
    for job_id in deleted:
        parts.storage.delete(job_id, "deleted")
    monkeypatch.setattr(reconcile, "SWEEP_EVERY", -1.0)
    monkeypatch.setattr(reconcile, "SHOWN_AT_ONCE", 2)
    left = []
    for _ in range(2):
        parts.rounds(1)
        left.append(len(parts.index.list(10)))
    assert left == [2, 1]


def test_a_lost_index_is_restored_some_jobs_in_a_round_the_newest_first(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [parts.submit() for _ in range(5)]
    parts.rounds(1)
    parts.lose_queue_and_index()
    monkeypatch.setattr(reconcile, "SHOWN_AT_ONCE", 2)
    rounds = [parts.reconciler.once() for _ in range(4)]
    assert [mended.listed for mended in rounds] == [jobs[:2:-1], jobs[2:0:-1], jobs[:1], []]
    assert [mended.more for mended in rounds] == [True, True, False, False]
    assert parts.waiting() == jobs, "what has to run does not wait for the list"


@pytest.mark.parametrize("when", ["at the first look", "later"])
def test_a_job_whose_files_are_damaged_is_told_once_and_the_others_go_on(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    monkeypatch.setattr(reconcile, "SWEEP_EVERY", -1.0)
    lost, damaged = parts.submit(), parts.submit()
    if when == "later":
        parts.rounds(1)
    parts.storage.end(damaged, b"")
    parts.lose_queue_and_index()
    parts.rounds(reconcile.UNKNOWN_ROUNDS + 3)
    assert parts.waiting() == [lost]
    assert [job.job_id for job in parts.index.list(10)] == [lost]
    assert len([record for record in caplog.records if damaged in record.getMessage()]) == 1


def damage(parts: Parts, job_id: str, name: str, content: bytes) -> None:
    files = parts.storage._job(job_id)
    files[name] = files[name]._replace(content=content)


def test_a_waiting_job_that_cannot_be_read_is_told_once_and_not_put_back(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = parts.submit()
    damage(parts, damaged, REQUEST, b'{"job_id"')
    parts.lose_queue_and_index()
    put_back = [job_id for _ in range(10) for job_id in parts.reconciler.once().put_back]
    assert (put_back, parts.waiting()) == ([], [])
    assert [record.getMessage() for record in caplog.records if "queued again" in record.getMessage()] == []
    assert len(caplog.records) == 1


@pytest.mark.parametrize("why", [StorageUnavailable("Permission denied."), OSError("Too many open files")])
def test_a_job_whose_folder_may_not_be_entered_is_told_once_and_the_others_go_on(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, why: Exception
) -> None:
    monkeypatch.setattr(reconcile, "SWEEP_EVERY", -1.0)
    closed = parts.submit()
    parts.rounds(1)
    lost, has = parts.submit(), parts.storage.has

    def denied(job_id: str, name: str) -> bool:
        if job_id == closed:
            raise why
        return has(job_id, name)

    parts.lose_queue_and_index()
    monkeypatch.setattr(parts.storage, "has", denied)
    monkeypatch.setattr(parts.storage, "pending", parts.storage.list)
    parts.rounds(reconcile.UNKNOWN_ROUNDS + 3)
    assert parts.waiting() == [lost]
    assert [job.job_id for job in parts.index.list(10)] == [lost]
    assert len([record for record in caplog.records if closed in record.getMessage()]) == 1


def test_a_folder_without_a_request_is_no_job(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "SWEEP_EVERY", -1.0)
    stray, lost = parts.submit(), parts.submit()
    del parts.storage._job(stray)[REQUEST]
    parts.lose_queue_and_index()
    parts.rounds(reconcile.UNKNOWN_ROUNDS)
    assert parts.waiting() == [lost]
    assert [job.job_id for job in parts.index.list(10)] == [lost]


@pytest.mark.parametrize("readable", [True, False])
def test_a_round_without_a_loss_does_not_look_at_all_jobs(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    jobs = [parts.submit() for _ in range(20)]
    if not readable:
        damage(parts, jobs[0], REQUEST, b"")
        parts.index.remove(jobs[0])
    parts.rounds(1)
    looks, get = [], parts.index.get
    monkeypatch.setattr(parts.index, "get", lambda job_id: looks.append(job_id) or get(job_id))
    parts.rounds(1)
    parts.storage.delete(looks[0], "deleted")
    parts.index.remove(looks[0])
    parts.rounds(3)
    assert len(looks) <= 5


def test_a_lost_job_of_high_priority_waits_for_the_workers_of_another_machine(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = parts.submit(Terms(priority=Priority.HIGH), priority_workers=1)
    parts.lose_queue_and_index()
    monkeypatch.setattr(parts.queue, "workers", lambda asked: asked is Priority.HIGH)
    parts.rounds(reconcile.UNKNOWN_ROUNDS)
    assert parts.queue.census().high == (job_id,)


def test_a_queue_that_is_away_is_no_end_of_it(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = parts.submit()
    parts.queue.withdraw(job_id)
    parts.rounds(1)

    def away() -> NoReturn:
        raise QueueUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(parts.queue, "census", away)
        with pytest.raises(QueueUnavailable):
            parts.rounds(1)
    parts.rounds(reconcile.UNKNOWN_ROUNDS)
    assert parts.waiting() == [job_id]


def test_a_job_whose_marker_was_deleted_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "SWEEP_EVERY", -1.0)
    parts = Parts.on_disk(tmp_path)
    ended, lost = parts.submit(), parts.submit()
    parts.finish(ended)
    (tmp_path / ".pending" / lost).unlink()
    parts.lose_queue_and_index()
    parts.rounds(1 + reconcile.UNKNOWN_ROUNDS)
    assert parts.waiting() == [lost]
    assert parts.storage.pending() == [lost]
