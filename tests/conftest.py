"""Fixtures of all tests: an environment without settings, and a real Valkey server."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos import Service, valkey
from hypothesis import HealthCheck, settings
from redis import Redis

# What is started in the background or by nohup ignores these, and so would all that it starts itself.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long an example takes is the machine's affair.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=15
)
settings.register_profile("fuzz", settings.get_profile("suite"), max_examples=2000)
settings.load_profile("suite")

for _name in [name for name in os.environ if name.startswith("CSVJOBS_") or name == "REDIS_URL"]:
    del os.environ[_name]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes name no test: those of an archive hold the time, and processes must agree on names."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey server for the whole session; tests that kill their server start their own."""
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
