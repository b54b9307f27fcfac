"""Fixtures: a terminal for each test, and one service with a worker for all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos import ROOT
from preloaded import Preloaded
from served import Served, lasting
from terminal import LIKE_ANYBODY, Terminal


@pytest.fixture(scope="session")
def preloaded() -> Iterator[Preloaded]:
    started = Preloaded(LIKE_ANYBODY, {**os.environ, "PYTHONPATH": str(ROOT)})
    yield started
    started.stop()


@pytest.fixture
def terminal(tmp_path: Path, preloaded: Preloaded) -> Terminal:
    return Terminal(tmp_path / "here", preloaded)


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service for tests that leave it as it is."""
    with lasting(tmp_path_factory.mktemp("cli")) as served:
        yield served
