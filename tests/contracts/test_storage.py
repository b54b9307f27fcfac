"""The contract of every storage."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import uuid_utils

from csvjobs.errors import FileNotFound, JobGone, JobNotFound
from csvjobs.storage.base import INPUT, REPORT, REQUEST, Storage
from csvjobs.storage.local import LocalStorage
from csvjobs.storage.memory import MemoryStorage


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return LocalStorage(tmp_path / "jobs") if request.param == "local" else MemoryStorage()


def new_id() -> str:
    return str(uuid_utils.uuid7())


def reserved(storage: Storage, content: bytes = b"a\n1\n") -> str:
    job_id = new_id()
    folder = storage.reserve(job_id)
    (folder / INPUT).write_bytes(content)
    (folder / REQUEST).write_bytes(b"{}")
    return job_id


def committed(storage: Storage, content: bytes = b"a\n1\n") -> str:
    job_id = reserved(storage, content)
    storage.commit(job_id)
    return job_id


def publish(storage: Storage, job_id: str, name: str, content: bytes) -> None:
    with storage.scratch(job_id) as scratch:
        (scratch / "made").write_bytes(content)
        storage.publish(job_id, name, scratch / "made")


def test_each_storage_has_an_identity_and_keeps_it(storage: Storage, tmp_path: Path) -> None:
    assert storage.identity() == storage.identity()
    assert storage.identity() not in (LocalStorage(tmp_path / "other").identity(), MemoryStorage().identity())
    assert storage.list() == []


def test_a_reserved_job_is_invisible(storage: Storage) -> None:
    job_id = reserved(storage)
    assert storage.list() == []
    assert storage.pending() == []
    assert not storage.has(job_id, REQUEST)
    with pytest.raises(JobNotFound):
        storage.open(job_id, INPUT)


def test_a_committed_job_has_all_its_files_and_is_pending(storage: Storage) -> None:
    job_id = committed(storage, b"x,y\n")
    assert storage.list() == storage.pending() == [job_id]
    assert storage.read(job_id, INPUT) == b"x,y\n"
    assert storage.stat(job_id, INPUT).bytes == 4
    assert not storage.ended(job_id)


def test_only_a_folder_with_a_request_can_be_committed(storage: Storage) -> None:
    job_id = new_id()
    (storage.reserve(job_id) / INPUT).write_bytes(b"a\n")
    with pytest.raises(FileNotFound):
        storage.commit(job_id)
    assert storage.list() == storage.pending() == []


def test_a_discarded_job_cannot_be_committed(storage: Storage) -> None:
    job_id = reserved(storage)
    storage.discard(job_id)
    with pytest.raises(JobNotFound):
        storage.commit(job_id)


def test_discarding_after_the_commit_leaves_the_job(storage: Storage) -> None:
    job_id = committed(storage)
    storage.discard(job_id)
    assert storage.has(job_id, INPUT)


def test_jobs_are_listed_oldest_first(storage: Storage) -> None:
    ids = [reserved(storage) for _ in range(5)]
    for job_id in reversed(ids):
        storage.commit(job_id)
    assert storage.list() == storage.pending() == ids


def test_one_run_holds_a_job(storage: Storage) -> None:
    job_id = committed(storage)
    assert not storage.leased(job_id)
    with storage.lease(job_id) as mine:
        assert mine
        assert storage.leased(job_id)
        with storage.lease(job_id) as second:
            assert not second
        assert storage.leased(job_id)
    assert not storage.leased(job_id)
    with storage.lease(job_id) as again:
        assert again


def test_the_lease_ends_with_an_error_of_the_run(storage: Storage) -> None:
    job_id = committed(storage)
    with pytest.raises(ZeroDivisionError), storage.lease(job_id):
        raise ZeroDivisionError
    assert not storage.leased(job_id)


def test_asking_whether_a_job_is_leased_does_not_keep_a_run_from_it(storage: Storage) -> None:
    job_id = committed(storage)
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            storage.leased(job_id)

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        for _ in range(50):
            with storage.lease(job_id) as mine:
                assert mine
        done.set()
        for each in asking:
            each.result()


def test_attempts_are_counted_from_one(storage: Storage) -> None:
    job_id, other = committed(storage), committed(storage)
    assert [storage.attempt(job_id) for _ in range(3)] == [1, 2, 3]
    assert storage.attempt(other) == 1
    assert [storage.attempts(each) for each in (job_id, other)] == [3, 1]


def test_a_forgiven_attempt_does_not_count(storage: Storage) -> None:
    job_id = committed(storage)
    storage.forgive(job_id)
    assert storage.attempts(job_id) == 0
    storage.attempt(job_id)
    storage.forgive(job_id)
    assert storage.attempts(job_id) == 0
    assert [storage.attempt(job_id) for _ in range(3)] == [1, 2, 3]
    storage.forgive(job_id)
    assert storage.attempts(job_id) == 2


def test_scratch_is_empty_and_goes_away(storage: Storage) -> None:
    job_id = committed(storage)
    with storage.scratch(job_id) as scratch, storage.scratch(job_id) as other:
        assert scratch != other
        assert list(scratch.iterdir()) == []
        (scratch / "part").write_bytes(b"x")
    assert not scratch.exists()


def test_fetch_gives_a_path_with_the_content(storage: Storage) -> None:
    job_id = committed(storage, b"k\nv\n")
    with storage.fetch(job_id, INPUT) as path:
        assert path.read_bytes() == b"k\nv\n"


def test_publish_moves_a_file_in_and_replaces_an_older_one(storage: Storage) -> None:
    job_id = committed(storage)
    with storage.scratch(job_id) as scratch:
        (scratch / "made").write_bytes(b"first")
        storage.publish(job_id, "output.csv", scratch / "made")
        assert not (scratch / "made").exists()
    assert storage.read(job_id, "output.csv") == b"first"
    publish(storage, job_id, "output.csv", b"second")
    assert storage.read(job_id, "output.csv") == b"second"


def test_a_withdrawn_file_is_gone_and_a_missing_one_is_no_error(storage: Storage) -> None:
    job_id = committed(storage)
    publish(storage, job_id, "output.csv", b"x")
    storage.withdraw(job_id, "output.csv")
    storage.withdraw(job_id, "output.csv")
    assert not storage.has(job_id, "output.csv")
    assert storage.has(job_id, INPUT)


def test_the_first_end_stands(storage: Storage) -> None:
    job_id = committed(storage)
    assert storage.end(job_id, b'{"status": "done"}')
    assert not storage.end(job_id, b'{"status": "cancelled"}')
    assert storage.ended(job_id)
    assert storage.read(job_id, REPORT) == b'{"status": "done"}'
    assert storage.pending() == []
    assert storage.list() == [job_id]


def test_of_many_ends_at_once_exactly_one_stands(storage: Storage) -> None:
    job_id = committed(storage)
    reports = [f"report {i} ".encode() * 1000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda report: storage.end(job_id, report), reports))
    assert won.count(True) == 1
    assert storage.read(job_id, REPORT) == reports[won.index(True)]


def test_a_deleted_job_is_gone(storage: Storage) -> None:
    job_id, other = committed(storage), committed(storage)
    storage.delete(job_id, "deleted")
    assert storage.list() == storage.pending() == [other]
    for verb in (storage.read, storage.stat, storage.delete):
        with pytest.raises(JobGone, match=r"^deleted$"):
            verb(job_id, INPUT)
    with pytest.raises(JobGone), storage.lease(job_id):
        pass
    assert not storage.leased(job_id)
    assert not storage.ended(job_id)


def test_a_run_whose_job_is_deleted_learns_it(storage: Storage) -> None:
    job_id = committed(storage)
    with storage.lease(job_id), storage.scratch(job_id) as scratch:
        (scratch / "made").write_bytes(b"x")
        storage.delete(job_id, "deleted")
        assert not storage.leased(job_id)
        with pytest.raises(JobNotFound):
            storage.publish(job_id, "output.csv", scratch / "made")
        with pytest.raises(JobNotFound):
            storage.end(job_id, b"{}")


def test_what_is_not_there_is_said_exactly(storage: Storage) -> None:
    job_id = committed(storage)
    for look in (storage.open, storage.stat, storage.read):
        with pytest.raises(FileNotFound):
            look(job_id, "output.csv")
        with pytest.raises(JobNotFound):
            look(new_id(), INPUT)
    with pytest.raises(FileNotFound), storage.fetch(job_id, "output.csv"):
        pass
    with pytest.raises(JobNotFound), storage.lease(new_id()):
        pass
    with pytest.raises(JobNotFound):
        storage.attempt(new_id())
    assert not storage.leased(new_id())


@pytest.mark.parametrize("job_id", ["", ".", "..", ".pending", "x/../y", "../jobs", "é", "0" * 36])
def test_no_other_id_names_a_job(storage: Storage, job_id: str) -> None:
    committed(storage)

    def delete(one: str) -> None:
        storage.delete(one, "deleted")

    for verb in (storage.attempt, delete, storage.commit):
        with pytest.raises(JobNotFound):
            verb(job_id)
    with pytest.raises(JobNotFound):
        storage.read(job_id, INPUT)
    assert not storage.has(job_id, INPUT)
    assert not storage.leased(job_id)


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/passwd", ".report.1", "a\0b"])
def test_no_file_name_leaves_the_job(storage: Storage, name: str) -> None:
    job_id = committed(storage)
    with pytest.raises(FileNotFound):
        storage.open(job_id, name)
    assert not storage.has(job_id, name)


def test_a_sweep_touches_nothing_that_lives(storage: Storage) -> None:
    uploading, job_id = reserved(storage), committed(storage)
    with storage.lease(job_id), storage.scratch(job_id) as scratch:
        (scratch / "part").write_bytes(b"x")
        storage.sweep()
        assert (scratch / "part").read_bytes() == b"x"
    storage.commit(uploading)
    assert storage.list() == storage.pending() == sorted([uploading, job_id])


def test_free_space_is_told(storage: Storage) -> None:
    assert storage.free_bytes() > 0


def test_what_is_written_under_a_key_is_there_for_the_next_who_holds_it(storage: Storage) -> None:
    with storage.claim("mine") as slot:
        assert slot is not None
        assert slot.read() == b""
        slot.write(b"a long value")
        slot.write(b"short")
    with storage.claim("mine") as slot, storage.claim("another's") as other:
        assert slot is not None
        assert other is not None
        assert (slot.read(), other.read()) == (b"short", b"")


@pytest.mark.parametrize("key", ["k", "../x", "é/\0", "k" * 5000])
def test_a_key_is_held_by_one_at_a_time(storage: Storage, key: str) -> None:
    with storage.claim(key) as first:
        for _ in range(2):
            with storage.claim(key) as second:
                assert second is None
        assert first is not None
    with pytest.raises(BlockingIOError), storage.claim(key):
        raise BlockingIOError
    with storage.claim(key) as again:
        assert again is not None
    assert storage.list() == []


def test_of_many_who_claim_at_once_each_has_the_key_alone(storage: Storage) -> None:
    held: list[int] = []

    def claim(number: int) -> bool:
        while True:
            with storage.claim("k") as slot:
                if slot:
                    held.append(number)
                    alone = len(held) == 1
                    held.remove(number)
                    return alone

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(claim, range(100)))
