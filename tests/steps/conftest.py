"""One workbench for all tests of steps."""

from collections.abc import Iterator

import pytest
from workbench import Bench

from csvjobs.engines.duckdb import DuckEngine


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("steps")
    engine = DuckEngine(folder, 256 * 1024**2)
    yield Bench(engine, folder)
    engine.close()
