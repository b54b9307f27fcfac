"""Fixtures: a real API behind uvicorn, with a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chaos import eventually
from served import Serve, Served, lasting


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The API with a worker, for tests that leave it as it is."""
    with lasting(tmp_path_factory.mktemp("api")) as served:
        yield served


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
