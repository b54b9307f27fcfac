"""One engine for all tests of reading."""

from collections.abc import Iterator

import pytest
from readbench import ReadBench

from csvjobs.engines.duckdb import DuckEngine


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadBench]:
    folder = tmp_path_factory.mktemp("reading")
    engine = DuckEngine(folder, 256 * 1024**2)
    yield ReadBench(engine, folder)
    engine.close()
