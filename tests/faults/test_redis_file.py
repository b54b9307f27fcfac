"""The append-only file of Redis is damaged by a crash of the machine, or has no room to grow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from chaos import Service, eventually, free_port, valkey
from redis import Redis
from redis.exceptions import RedisError
from test_disk import fill
from test_killed import start_valkey

from csvjobs.jobs.job import Status
from csvjobs.settings import Settings
from csvjobs.worker.embedded import Embedded
from csvjobs.worker.supervisor import environment

ROWS = 1_000_000
UP = "from csvjobs.worker.supervisor import *; up(load())"
WORK = "from csvjobs.worker.supervisor import *; work(load())"


def supervise(service: Service, how: str, settings: Settings) -> None:
    command = [sys.executable, "-c", how]
    service.processes.append(subprocess.Popen(command, env=environment(settings), start_new_session=True))


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def zeroed(file: Path) -> None:
    """As a file system leaves it whose journal knew the new length, but not yet what was written there."""
    end = file.stat().st_size // 2
    file.write_bytes(file.read_bytes()[:-end] + bytes(end))


@pytest.mark.parametrize("damage", [cut_off, zeroed])
def test_a_queue_whose_file_is_damaged_is_made_anew(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    embedded = Settings(jobs_dir=tmp_path / "jobs", port=free_port(), workers=1)
    data = embedded.jobs_dir / ".valkey"
    with valkey(data) as url:
        service = Service(tmp_path, url)
        for _ in range(5):
            service.submit()
    try:
        [file] = data.rglob("*.incr.aof")
        damage(file)
        supervise(service, UP, embedded)
        assert [job.status for job in service.judge()] == [Status.DONE] * 5
    finally:
        service.stop()


def test_a_redis_without_room_to_write_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "valkey"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can only be made by root")
    service = Service(tmp_path, Embedded.under(folder).url)
    try:
        start_valkey(service, tmp_path)
        supervise(service, WORK, service.settings)
        at_work = service.submit(ROWS)
        service.submit()
        eventually(lambda: service.attempts(at_work))
        others = fill(folder)
        eventually(lambda: not writes(service.redis))
        answer = httpx.post(f"{service.start_api()}/upload_csv", content=b"name,age\nAda,42\n", timeout=60)
        assert answer.status_code == 202
        service.jobs.append(answer.json()["job_id"])
        service.ended(at_work)
        others.unlink()
        eventually(lambda: writes(service.redis))
        ends = service.judge()
        assert [(job.status, job.attempts) for job in ends] == [(Status.DONE, 1)] * 3
    finally:
        service.stop()
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def writes(redis: Redis) -> bool:
    try:
        return bool(redis.set("probe", "x" * 10_000))
    except RedisError:
        return False
