"""The circuit breaker for Redis."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from csvjobs import circuit_breaker
from csvjobs.circuit_breaker import CircuitBreaker
from csvjobs.errors import QueueUnavailable


class Server:
    """Counts who comes; answers when it is well."""

    def __init__(self) -> None:
        self.breaker = CircuitBreaker()
        self.error: Exception | None = None
        self.came = 0

    def ask(self) -> bool:
        """Whether it answered."""
        try:
            with self.breaker.guard("It"):
                self.came += 1
                if self.error:
                    raise self.error
        except QueueUnavailable:
            return False
        return True


@pytest.fixture
def server() -> Server:
    return Server()


def test_who_comes_after_a_failure_is_told_at_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_breaker, "OPEN_FOR", 1e9)
    assert server.ask()
    server.error = RedisConnectionError()
    assert not any(server.ask() for _ in range(10))
    assert server.came == 2


def test_one_looks_whether_it_is_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_breaker, "OPEN_FOR", 0.0)
    server.error = RedisConnectionError()
    assert not any(server.ask() for _ in range(3))
    assert server.came == 3
    server.error = None
    assert all(server.ask() for _ in range(3))


def test_while_one_looks_the_others_do_not_wait(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_breaker, "OPEN_FOR", 0.0)
    server.error = RedisConnectionError()
    server.ask()
    looking, enough = threading.Event(), threading.Event()

    def hang() -> None:
        with server.breaker.guard("It"):
            looking.set()
            enough.wait()
            raise RedisConnectionError

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(hang)
        looking.wait()
        assert not any(server.ask() for _ in range(100))
        enough.set()
        with pytest.raises(QueueUnavailable):
            slow.result()
    assert server.came == 1


def test_a_server_that_answers_with_an_error_is_there(server: Server) -> None:
    server.error = ResponseError("MISCONF")
    assert not any(server.ask() for _ in range(3))
    assert server.came == 3


def test_one_that_is_cleared_while_another_looks_at_it_is_clear(server: Server) -> None:
    class Cleared(CircuitBreaker):
        looks = iter([0.0])

        @property
        def _opened(self) -> float | None:  # type: ignore[override]
            return next(self.looks, None)

        @_opened.setter
        def _opened(self, at: float | None) -> None: ...

    server.breaker = Cleared()
    assert server.ask()


def test_it_rests_for_a_moment_only(server: Server) -> None:
    server.error = RedisConnectionError()
    server.ask()
    server.error = None
    deadline = time.monotonic() + 30
    while not server.ask():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert server.came == 2
