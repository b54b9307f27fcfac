"""Replies of Redis are lost, so that commands that succeeded look failed and are repeated."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from select import select

import pytest
from chaos import Service, eventually, valkey

from csvjobs.jobs.job import Status


class Thief:
    """A proxy before Redis. It steals one answer: the server has done what it was asked, and the client sees
    its connection break."""

    def __init__(self, path: Path, server: str) -> None:
        self.url = f"unix://{path}?db=0"
        self._server = server
        self._wanted: bytes | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def steal(self, wanted: bytes) -> None:
        """From now on it waits for a request in which this is, and steals the answer to it."""
        self._wanted = wanted

    @property
    def done(self) -> bool:
        return self._wanted is None

    def close(self) -> None:
        # A thread that waits for a connection is not woken by a close.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        robbing = False
        with suppress(OSError), client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._server)
            while True:
                for end in select([client, server], [], [])[0]:
                    if not (data := end.recv(65536)):
                        return
                    if end is client:
                        robbing = robbing or (self._wanted is not None and self._wanted in data)
                        server.sendall(data)
                    elif robbing:
                        self._wanted = None
                        return
                    else:
                        client.sendall(data)


@pytest.fixture
def thief(tmp_path: Path) -> Iterator[Thief]:
    with valkey(tmp_path / "valkey"):
        thief = Thief(tmp_path / "thief.sock", str(tmp_path / "valkey" / "q.sock"))
        yield thief
        thief.close()


@pytest.fixture
def robbed(tmp_path: Path, thief: Thief) -> Iterator[Service]:
    service = Service(tmp_path, thief.url)
    # Scripts that the server does not know yet are sent twice.
    service.submit()
    yield service
    service.stop()


# What is asked in the request whose answer is lost.
ANSWERS = {
    "a worker takes a job": b"MOVE",
    "it tells that it has begun": b"PERSIST",
    "it tells how it went": b"finished",
}


@pytest.mark.parametrize("wanted", ANSWERS.values(), ids=ANSWERS)
def test_a_worker_that_does_not_hear_that_redis_has_done_it_loses_and_doubles_nothing(
    robbed: Service, thief: Thief, wanted: bytes
) -> None:
    robbed.submit()
    thief.steal(wanted)
    worker = robbed.start_worker()
    robbed.start_reconciler()
    ends = robbed.judge()
    assert thief.done
    assert [(job.status, job.attempts) for job in ends] == [(Status.DONE, 1)] * 2
    assert [robbed.attempts(job_id) for job_id in robbed.jobs] == [1, 1]
    assert worker.poll() is None
    eventually(lambda: robbed.services.queue.census().waiting == ())
    eventually(lambda: not robbed.services.queue.census().in_flight)


def test_a_job_that_was_put_although_it_is_said_to_have_failed_is_there_once(
    robbed: Service, thief: Thief
) -> None:
    thief.steal(b"EVALSHA")
    robbed.submit()
    assert thief.done
    assert robbed.services.queue.census().waiting == tuple(robbed.jobs)
    robbed.start_worker()
    ends = robbed.judge()
    assert [(job.status, job.attempts) for job in ends] == [(Status.DONE, 1)] * 2


def test_a_job_that_was_put_back_although_it_is_said_to_have_failed_is_there_once(
    robbed: Service, thief: Thief
) -> None:
    robbed.redis.flushall()
    thief.steal(b"EVALSHA")
    robbed.start_reconciler()
    eventually(lambda: robbed.services.queue.census().waiting == tuple(robbed.jobs))
    robbed.start_worker()
    [job] = robbed.judge()
    assert thief.done
    assert (job.status, job.attempts) == (Status.DONE, 1)
