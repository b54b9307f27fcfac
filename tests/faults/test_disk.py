"""A disk fills up: each stage ends in a clear error, and all recovers once there is room."""

from __future__ import annotations

import fcntl
import gzip
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from chaos import Service, eventually

from csvjobs.errors import DiskFull, StorageUnavailable
from csvjobs.flow.apply import Processing
from csvjobs.flow.delete import delete
from csvjobs.flow.process import process
from csvjobs.flow.submit import Incoming
from csvjobs.flow.view import view
from csvjobs.jobs.job import Status
from csvjobs.storage.local import SPARE, LocalStorage

MIB = 1024**2
ROW = b"%d,Ada Lovelace,London,0123456789\n"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can only be made by root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small(disk: Path, redis_url: str) -> Iterator[Service]:
    """A service whose jobs lie on it."""
    service = Service(disk, redis_url, min_free_bytes=0)
    yield service
    service.stop()


def fill(folder: Path) -> Path:
    """Somebody else takes all that is left, to the last byte."""
    path = folder / "others"
    with path.open("wb", buffering=0) as file:
        for piece in (MIB, 4096, 1):
            with suppress(OSError):
                while True:
                    file.write(b"x" * piece)
    assert shutil.disk_usage(folder).free == 0
    return path


def table(size: int) -> bytes:
    """Some `size` bytes of rows."""
    lines, number, have = [b"id,name,city,note\n"], 0, 0
    while have < size:
        lines.append(ROW % number)
        have += len(lines[-1])
        number += 1
    return b"".join(lines)


def send(small: Service, content: bytes, pipeline: str | None = None, **options: str) -> str:
    with Incoming(small.services) as incoming:
        for start in range(0, len(content), MIB):
            incoming.write(content[start : start + MIB])
        return incoming.submit("x.csv", Processing(pipeline, options)).job_id


PHASES: dict[str, tuple[Callable[[], bytes], str | None, dict[str, str]]] = {
    "unpack": (lambda: gzip.compress(table(30 * MIB), 1), None, {}),
    "transcode": (lambda: table(10 * MIB) + "é,,,\n".encode("cp1252"), None, {"encoding": "cp1252"}),
    "read with care": (lambda: table(13 * MIB).replace(b"\n", b"\n1,2,3,4,5\n", 1), None, {}),
    "output": (lambda: table(13 * MIB), None, {}),
    "changes": (
        lambda: table(8 * MIB),
        "{steps: [{step: case, columns: [name], to: upper}], report: {changes: true}}",
        {},
    ),
    "other output": (lambda: table(8 * MIB), "write: {format: jsonl}", {}),
}


@pytest.mark.parametrize(("content", "pipeline", "options"), PHASES.values(), ids=PHASES)
def test_a_run_for_which_there_is_no_room_ends_as_such_and_leaves_nothing(
    small: Service, content: Callable[[], bytes], pipeline: str | None, options: dict[str, str]
) -> None:
    small.jobs.append(send(small, content(), pipeline, **options))
    for _ in range(small.settings.job_attempts - 1):
        with pytest.raises(DiskFull):
            process(small.services, small.jobs[0])
    process(small.services, small.jobs[0])
    [job] = small.judge()
    assert job.error is not None
    assert (job.error.code, set(job.files)) == ("disk-full", {"error.txt"})
    assert "tmp" not in job.error.message, "where we keep things is nobody's business"
    assert job.error.hint
    little = send(small, b"a,b\n1,2\n")
    process(small.services, little)
    assert view(small.services, little).status is Status.DONE


def test_an_upload_for_which_there_is_no_room_is_refused_and_leaves_nothing(small: Service) -> None:
    with httpx.Client(base_url=small.start_api(), timeout=60) as client:
        for key in ({}, {"Idempotency-Key": "k"}):
            answer = client.post("/upload_csv", content=b"a,b\n" * 7 * MIB, headers=key)
            assert (answer.status_code, answer.json()["code"]) == (507, "disk-full")
            assert int(answer.headers["retry-after"]) >= 1
        eventually(lambda: list((small.root / ".incoming").iterdir()) == [])
        others = fill(small.root.parent)
        for key in ({}, {"Idempotency-Key": "k"}):
            answer = client.post("/upload_csv", content=b"a,b\n1,2\n", headers=key)
            assert (answer.status_code, answer.json()["code"]) == (507, "disk-full")
        others.unlink()
        assert client.post("/upload_csv", content=b"a,b\n1,2\n", headers=key).status_code == 202
    assert len(small.services.storage.list()) == 1


def test_on_a_full_disk_jobs_can_be_cancelled_and_deleted(small: Service) -> None:
    cancelled, deleted = send(small, b"a,b\n1,2\n"), send(small, b"a,b\n1,2\n")
    fill(small.root.parent)
    with httpx.Client(base_url=small.start_api(), timeout=60) as client:
        answer = client.post(f"/jobs/{cancelled}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
        assert client.delete(f"/jobs/{deleted}").status_code == 204
    assert small.services.storage.list() == [cancelled]
    assert view(small.services, cancelled).status is Status.CANCELLED


def test_on_a_full_disk_a_job_that_has_ended_can_be_deleted(small: Service) -> None:
    job_id = small.submit()
    process(small.services, job_id)
    fill(small.root.parent)
    delete(small.services, job_id)
    assert small.services.storage.list() == []


def test_room_is_set_aside_for_the_ends_of_jobs_once_there_is_some(disk: Path) -> None:
    storage = LocalStorage(disk / "jobs")
    spare = storage.root / ".spare"
    assert spare.stat().st_size == SPARE
    others = fill(disk)
    spare.unlink()
    storage.sweep()
    assert not spare.exists(), "what is short is left to the jobs"
    others.unlink()
    storage.sweep()
    assert spare.stat().st_size == SPARE


def test_a_run_ends_although_the_disk_is_full(small: Service) -> None:
    job_id = send(small, b"a,b\n1,2\n", "steps: [{step: trim, columns: [nosuch]}]")
    small.services.storage.attempt(job_id)
    with small.services.storage.lease(job_id):
        pass
    fill(small.root.parent)
    process(small.services, job_id)
    job = view(small.services, job_id)
    assert job.error is not None
    assert job.error.code == "unknown-column"


def test_what_waited_for_room_is_done_when_there_is_some(small: Service) -> None:
    job_id = small.submit()
    others = fill(small.root.parent)
    small.start_worker()
    small.start_reconciler()
    eventually(lambda: job_id not in small.services.queue.census().waiting)
    others.unlink()
    [job] = small.judge()
    assert (job.job_id, job.status) == (job_id, Status.DONE)


def test_a_large_run_stops_before_the_disk_is_full(small: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csvjobs.flow.monitor.LARGE", 0)
    monkeypatch.setattr("csvjobs.flow.monitor.EVERY", 0.001)
    job_id = send(small, table(4 * MIB))
    high = small.services.settings.model_copy(update={"min_free_bytes": 20 * MIB, "job_attempts": 1})
    services = replace(small.services, settings=high)
    process(services, job_id)
    job = view(services, job_id)
    assert job.error is not None
    assert job.error.code == "disk-full"
    assert shutil.disk_usage(small.root).free > 15 * MIB


def test_a_disk_that_takes_no_writes_costs_a_job_no_try(small: Service, disk: Path) -> None:
    job_id = small.submit()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        with pytest.raises(StorageUnavailable, match="Read-only"):
            process(small.services, job_id)
        assert view(small.services, job_id).status is Status.QUEUED
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    process(small.services, job_id)
    [job] = small.judge()
    assert (job.status, job.attempts) == (Status.DONE, 1)


class Failing:
    """A disk of which a part stops working: a loop device that is made shorter under its file system."""

    GET, SET = 0x4C05, 0x4C04
    """LOOP_GET_STATUS64 and LOOP_SET_STATUS64 of linux/loop.h."""

    INFO, SIZE_LIMIT = 232, 32
    """How long its struct loop_info64 is, and where in it lo_sizelimit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "failing"
        self.folder.mkdir()
        image = folder / "image"
        with image.open("wb") as file:
            file.truncate(64 * MIB)
        subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
        mount = ["mount", "-o", "loop", image, self.folder]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("a failing disk can only be made by root, where there are loop devices")
        found = subprocess.run(["losetup", "-j", image], capture_output=True, text=True, check=True)
        self._device = Path(found.stdout.partition(":")[0])

    def fail_beyond(self, size: int) -> None:
        """What lies beyond so many bytes can neither be read nor written from now on."""
        os.sync()
        self._limit(size)

    def heal(self) -> None:
        self._limit(0)

    def end(self) -> None:
        self.heal()
        subprocess.run(["umount", self.folder], check=True)

    def _limit(self, size: int) -> None:
        info = bytearray(self.INFO)
        with self._device.open("rb") as device:
            fcntl.ioctl(device, self.GET, info)
            struct.pack_into("Q", info, self.SIZE_LIMIT, size)
            fcntl.ioctl(device, self.SET, info)


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Failing]:
    failing = Failing(tmp_path)
    yield failing
    failing.end()


def test_what_a_failing_disk_did_not_write_is_neither_output_nor_job(
    failing: Failing, redis_url: str
) -> None:
    service = Service(failing.folder, redis_url, min_free_bytes=0)
    try:
        service.jobs.append(send(service, table(13 * MIB)))
        [job_id] = service.jobs
        failing.fail_beyond(18 * MIB)
        with pytest.raises(StorageUnavailable, match="Input/output error"):
            process(service.services, job_id)
        assert view(service.services, job_id).status is Status.QUEUED
        assert not (service.root / job_id / "output.csv").exists()
        url = f"{service.start_api()}/upload_csv"
        answer = httpx.post(url, content=table(13 * MIB), timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (503, "storage-unavailable")
        failing.heal()
        process(service.services, job_id)
        [job] = service.judge()
        assert (job.status, job.attempts) == (Status.DONE, 2)
    finally:
        service.stop()
