"""Files of several pieces, which the engine reads on any core, guessing where in a piece a record begins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_flow import make, read, run

from csvjobs.flow.deliver import REJECTED
from csvjobs.flow.services import Services
from csvjobs.storage.local import LocalStorage

LIKE_ROWS = '"' + "a,b\n" * 40 + '"'
LIKE_CELLS = '"' + '"",\n' * 40 + '"'


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return make(tmp_path, LocalStorage(tmp_path / "jobs"))


def table(cell: str, bytes_: int = 5_000_000) -> str:
    return "id,text\n" + "".join(f"{n},{cell}\n" for n in range(bytes_ // len(cell)))


@pytest.mark.parametrize(("cell", "bad"), [(LIKE_ROWS, ""), (LIKE_CELLS, "one cell\n")])
def test_a_cell_may_look_like_rows(services: Services, cell: str, bad: str) -> None:
    content = table(cell)
    job = run(services, (content + bad).encode())
    assert (job.error, job.warnings) == (None, [])
    assert read(services, job, "output.csv").decode() == content
    assert (REJECTED in job.files) == bool(bad)


def test_what_is_learnt_from_such_a_file_is_right(services: Services) -> None:
    content = table(LIKE_ROWS)
    steps = [
        {"step": "dedupe", "by": ["id"], "keep": "last"},
        {"step": "fill_missing", "columns": ["id"], "with": "mean", "missing": ["0"]},
    ]
    job = run(services, content.encode(), json.dumps({"steps": steps}))
    count = content.count('"\n')
    assert job.error is None
    assert read(services, job, "output.csv").decode() == content.replace("\n0,", f"\n{count // 2},", 1)


@pytest.mark.parametrize("size", [1_900_000, 3_000_000])
def test_the_last_row_may_be_far_longer_than_the_others(services: Services, size: int) -> None:
    content = table("x" * 93, 5_580_000) + f"last,{'y' * size}\n"
    job = run(services, content.encode())
    assert job.error is None
    assert read(services, job, "output.csv").decode() == content
