"""What all tests share: an environment without settings, and a real Valkey server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from chaos import Service
from redis import Redis

from csvjobs.worker.embedded import Embedded
from csvjobs.worker.tied import tied

for _name in [name for name in os.environ if name.startswith("CSVJOBS_") or name == "REDIS_URL"]:
    del os.environ[_name]


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """A server of its own; yields its address."""
    server = Embedded.under(folder)
    process = subprocess.Popen(tied(server.command()), stdout=subprocess.DEVNULL)
    server.wait_ready(lambda: process.poll() is None)
    yield server.url
    process.terminate()
    process.wait()


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey server for the whole session; tests that kill their server start their own."""
    with valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture(scope="session")
def lasting_redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another one, which no test empties: for services that live as long as the session."""
    with valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture
def redis_url(valkey_url: str) -> str:
    """The same server, empty."""
    with Redis.from_url(valkey_url) as client:
        client.flushall()
    return valkey_url


@pytest.fixture
def service(tmp_path: Path, redis_url: str) -> Iterator[Service]:
    """A service of real processes, none started yet; all end with the test."""
    service = Service(tmp_path, redis_url)
    yield service
    service.stop()
