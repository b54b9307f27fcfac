"""A real API behind uvicorn, with a worker and a Valkey of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chaos import eventually
from served import Serve, Served

from csvjobs.worker.embedded import Embedded
from csvjobs.worker.tied import tied


@pytest.fixture(scope="session")
def api_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey that no other test empties."""
    server = Embedded.under(tmp_path_factory.mktemp("valkey-api"))
    process = subprocess.Popen(tied(server.command()), stdout=subprocess.DEVNULL)
    server.wait_ready(lambda: process.poll() is None)
    yield server.url
    process.terminate()
    process.wait()


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory, api_redis: str) -> Iterator[Served]:
    """The API with a worker, for tests that leave it as it is."""
    served = Served(tmp_path_factory.mktemp("api"), api_redis)
    served.service.start_worker()
    yield served
    served.stop()


@pytest.fixture
def serve(tmp_path: Path, redis_url: str) -> Iterator[Serve]:
    """Starts APIs with settings of their own, without a worker."""
    started: list[Served] = []

    def start(**settings: Any) -> Served:
        started.append(Served(tmp_path / str(len(started)), **{"redis_url": redis_url, **settings}))
        return started[-1]

    yield start
    for served in started:
        served.stop()


@pytest.fixture
def tidy_up(api: Served) -> Iterator[None]:
    """Afterwards nothing is left of uploads that were not accepted."""
    yield
    eventually(lambda: not api.leftovers())
