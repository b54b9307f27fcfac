"""Local storage beyond the contract: the remains of killed processes, full and missing disks."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest
import uuid_utils

from csvjobs import wiring
from csvjobs.errors import BadSetup, DiskFull, JobGone, JobNotFound, StorageUnavailable
from csvjobs.flow import submit
from csvjobs.settings import Settings
from csvjobs.storage import local
from csvjobs.storage.base import INPUT, KEPT_FOR, REPORT, REQUEST, TOLD_FOR
from csvjobs.storage.local import ABANDONED_AFTER, LocalStorage

HOLD = """
import sys
from pathlib import Path
from csvjobs.storage.local import LocalStorage
storage = LocalStorage(Path(sys.argv[1]))
with storage.lease(sys.argv[2]) as mine, storage.scratch(sys.argv[2]) as scratch:
    (scratch / "part").write_bytes(b"x")
    print(mine, flush=True)
    sys.stdin.read()
"""


CLAIM = """
import sys
from pathlib import Path
from csvjobs.storage.local import LocalStorage
with LocalStorage(Path(sys.argv[1])).claim("k") as slot:
    print(slot is not None, flush=True)
    sys.stdin.read()
"""


UPLOAD = """
import sys
from pathlib import Path
from csvjobs.storage.local import LocalStorage
(LocalStorage(Path(sys.argv[1])).reserve(sys.argv[2]) / "input.csv").write_bytes(b"a\\n")
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "jobs")


def test_an_upload_whose_file_cannot_be_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = wiring.local(Settings(min_free_bytes=0), tmp_path)
    before = len(list(Path("/dev/fd").iterdir()))

    def exhausted(*_: object) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(submit, "FileIO", exhausted)
    for _ in range(3):
        with pytest.raises(OSError, match="Too many open files"):
            submit.Incoming(services)
    assert list((tmp_path / ".incoming").iterdir()) == []
    assert len(list(Path("/dev/fd").iterdir())) == before


def reserved(storage: LocalStorage) -> str:
    job_id = str(uuid_utils.uuid7())
    folder = storage.reserve(job_id)
    (folder / INPUT).write_bytes(b"a\n1\n")
    (folder / REQUEST).write_bytes(b"{}")
    return job_id


def committed(storage: LocalStorage) -> str:
    job_id = reserved(storage)
    storage.commit(job_id)
    return job_id


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_killed_run_frees_its_job_and_its_scratch_is_swept(storage: LocalStorage) -> None:
    job_id = committed(storage)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(storage.root), job_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "True\n"
        assert storage.leased(job_id)
        storage.sweep()
        assert len(entries(storage.root / ".scratch")) == 1
        run.kill()
    assert not storage.leased(job_id)
    storage.sweep()
    assert entries(storage.root / ".scratch") == []


def test_a_job_that_cannot_be_reached_keeps_no_others_scratch(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = sorted([committed(storage), committed(storage)])
    for job_id in jobs:
        (storage.root / ".scratch" / f"{job_id}.x").mkdir()

    def leased(job_id: str) -> bool:
        if job_id == jobs[0]:
            raise StorageUnavailable("The job cannot be read or written: Permission denied.")
        return False

    monkeypatch.setattr(storage, "leased", leased)
    storage.sweep_runs()
    assert entries(storage.root / ".scratch") == [f"{jobs[0]}.x"]


def test_an_upload_whose_process_died_is_swept_an_hour_after_its_last_byte(storage: LocalStorage) -> None:
    dead, slow = str(uuid_utils.uuid7()), reserved(storage)
    with subprocess.Popen(
        [sys.executable, "-c", UPLOAD, str(storage.root), dead], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as upload:
        assert upload.stdout is not None
        assert upload.stdout.readline()
        storage.sweep(time.time() + ABANDONED_AFTER + 1)
        upload.kill()
    both = sorted([dead, slow])
    assert entries(storage.root / ".incoming") == both
    storage.sweep(time.time() + ABANDONED_AFTER - 1)
    assert entries(storage.root / ".incoming") == both
    storage.sweep(time.time() + ABANDONED_AFTER + 1)
    assert entries(storage.root / ".incoming") == [slow]
    storage.commit(slow)


def test_a_delete_killed_before_the_job_was_gone_has_changed_nothing(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = committed(storage)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            storage.delete(job_id, "deleted")
    assert storage.list() == storage.pending() == [job_id]
    assert storage.read(job_id, INPUT) == b"a\n1\n"
    storage.delete(job_id, "deleted")
    assert storage.list() == storage.pending() == []


def test_a_delete_killed_before_the_files_were_gone_is_finished(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = committed(storage)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(local.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            storage.delete(job_id, "deleted")
    with pytest.raises(JobGone):
        storage.open(job_id, INPUT)
    storage.sweep()
    assert entries(storage.root / ".trash") == []


def test_it_is_told_for_a_month_that_a_job_was_deleted(storage: LocalStorage) -> None:
    job_id = committed(storage)
    storage.delete(job_id, "deleted")
    storage.sweep(time.time() + TOLD_FOR - 60)
    with pytest.raises(JobGone):
        storage.open(job_id, INPUT)
    storage.sweep(time.time() + TOLD_FOR + 60)
    with pytest.raises(JobNotFound, match="There is no job") as caught:
        storage.open(job_id, INPUT)
    assert "30 days" in (caught.value.hint or "")


def test_a_marker_whose_commit_never_came_is_swept_but_not_during_a_commit(storage: LocalStorage) -> None:
    dead, under_way = str(uuid_utils.uuid7()), reserved(storage)
    alive = committed(storage)
    for job_id in (dead, under_way):
        (storage.root / ".pending" / job_id).touch()
    storage.sweep()
    assert storage.pending() == sorted([under_way, alive])


def test_an_end_after_the_first_writes_nothing_not_even_for_a_moment(storage: LocalStorage) -> None:
    job_id = committed(storage)
    storage.end(job_id, b"{}")
    changed = (storage.root / job_id).stat().st_mtime_ns
    assert not storage.end(job_id, b"{}")
    assert (storage.root / job_id).stat().st_mtime_ns == changed


def test_an_end_killed_before_it_removed_the_marker_can_be_finished(storage: LocalStorage) -> None:
    job_id = committed(storage)
    folder = storage.root / job_id
    (folder / ".report.1").write_bytes(b"{}")
    (folder / REPORT).hardlink_to(folder / ".report.1")
    assert storage.pending() == [job_id]
    assert not storage.end(job_id, storage.read(job_id, REPORT))
    assert storage.pending() == []
    assert entries(folder) == [INPUT, REQUEST, REPORT]


def test_the_trash_is_emptied(storage: LocalStorage) -> None:
    (storage.root / ".trash" / "half" / "deep").mkdir(parents=True)
    storage.sweep()
    assert entries(storage.root / ".trash") == []


def test_other_things_in_the_folder_are_no_jobs(storage: LocalStorage) -> None:
    (storage.root / "notes").mkdir()
    (storage.root / ".git").mkdir()
    assert storage.list() == []


def test_a_full_disk_has_its_own_error(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, waiting = committed(storage), reserved(storage)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(local.os, "fsync", full)
    with pytest.raises(DiskFull):
        storage.commit(waiting)
    with pytest.raises(DiskFull):
        storage.attempt(job_id)
    with storage.scratch(job_id) as scratch:
        (scratch / "made").write_bytes(b"a\n")
        with pytest.raises(DiskFull):
            storage.publish(job_id, "output.csv", scratch / "made")
    assert not storage.has(job_id, "output.csv")
    with pytest.raises(DiskFull):
        storage.end(job_id, b"{}")
    assert storage.list() == [job_id]
    assert not storage.ended(job_id)
    monkeypatch.undo()
    storage.commit(waiting)
    assert storage.end(job_id, b"{}")


def test_everything_is_on_disk_before_it_is_said_to_be_kept(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def told() -> list[int]:
        told = list(synced)
        synced.clear()
        return told

    def of(*paths: Path) -> list[int]:
        return [path.stat().st_ino for path in paths]

    monkeypatch.setattr(local.os, "fsync", record)
    storage.identity()
    assert told() == of(storage.root / ".id")
    job_id = committed(storage)
    folder = storage.root / job_id
    begun = told()
    assert set(begun[:2]) == set(of(folder / INPUT, folder / REQUEST))
    assert begun[2:] == of(folder, storage.root / ".pending", storage.root)
    storage.attempt(job_id)
    storage.forgive(job_id)
    assert told() == of(folder / "attempts", folder / "attempts")
    with storage.scratch(job_id) as scratch:
        (scratch / "made").write_bytes(b"a\n")
        storage.publish(job_id, "output.csv", scratch / "made")
    assert told() == of(folder / "output.csv", folder)
    storage.end(job_id, b"{}")
    assert told() == of(folder / REPORT, folder)
    with storage.claim("k") as slot:
        assert slot is not None
        slot.write(job_id.encode())
    [key] = (storage.root / ".keys").iterdir()
    assert told() == of(key, key.parent)


@pytest.mark.parametrize("why", [errno.ENOSPC, errno.EDQUOT])
def test_a_job_for_whose_report_there_is_no_room_ends_in_that_of_the_spare(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch, why: int
) -> None:
    job_id, spare, fsync = committed(storage), storage.root / ".spare", os.fsync

    def full(descriptor: int) -> None:
        if spare.exists():
            raise OSError(why, os.strerror(why))
        fsync(descriptor)

    monkeypatch.setattr(local.os, "fsync", full)
    assert storage.end(job_id, b"{}")
    assert storage.read(job_id, REPORT) == b"{}"
    assert storage.pending() == []


def test_what_fails_for_another_reason_leaves_the_spare(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = committed(storage)

    def failing(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(local.os, "fsync", failing)
    with pytest.raises(StorageUnavailable):
        storage.end(job_id, b"{}")
    assert not storage.ended(job_id)
    assert (storage.root / ".spare").exists()


def test_a_commit_leaves_no_file_open(storage: LocalStorage) -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    committed(storage)
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_what_cannot_be_opened_for_now_is_not_taken_for_missing(storage: LocalStorage) -> None:
    job_id = committed(storage)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            storage.open(job_id, INPUT)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_look_at_a_job_does_not_keep_a_run_from_it(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = committed(storage)
    with (storage.root / job_id / "lock").open("w") as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        assert not storage.leased(job_id), "two who look are no run"
        monkeypatch.setattr(local.time, "sleep", lambda _: fcntl.flock(look, fcntl.LOCK_UN))
        with storage.lease(job_id) as mine:
            assert mine


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSetup, match="cannot be written"):
        LocalStorage(tmp_path / "file" / "jobs")


def test_all_who_use_a_folder_agree_on_its_identity(tmp_path: Path) -> None:
    storages = [LocalStorage(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(LocalStorage.identity, storages))) == 1
    assert [path.name for path in tmp_path.glob(".id*")] == [".id"]


def test_keys_are_swept_when_they_are_old_unless_they_are_held(storage: LocalStorage) -> None:
    for key in ("old", "held", "new", "unused"):
        with storage.claim(key) as slot:
            assert slot is not None
            if key != "unused":
                slot.write(key.encode())
    keys = {path.read_bytes(): path for path in (storage.root / ".keys").iterdir()}
    assert sorted(keys) == [b"held", b"new", b"old"]
    past = time.time() - KEPT_FOR - 1
    for old in (b"old", b"held"):
        os.utime(keys[old], (past, past))
    with storage.claim("held"):
        storage.sweep()
    assert set((storage.root / ".keys").iterdir()) == {keys[b"held"], keys[b"new"]}


def test_a_key_that_its_last_holder_gave_up_meanwhile_is_held_anew(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock

    def late(descriptor: int, how: int) -> None:
        monkeypatch.undo()
        for key in (storage.root / ".keys").iterdir():
            key.unlink()
        flock(descriptor, how)

    monkeypatch.setattr(local.fcntl, "flock", late)
    with storage.claim("k") as first, storage.claim("k") as second:
        assert first is not None
        assert second is None


def test_a_killed_holder_frees_its_key(storage: LocalStorage) -> None:
    command = [sys.executable, "-c", CLAIM, str(storage.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with storage.claim("k") as slot:
            assert slot is None
        holder.kill()
    with storage.claim("k") as slot:
        assert slot is not None
