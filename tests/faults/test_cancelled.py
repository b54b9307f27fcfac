"""A job cancelled in any stage: the run stops and leaves nothing behind."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from chaos import Service, eventually, valkey

from csvjobs.flow.apply import Processing
from csvjobs.flow.submit import Incoming
from csvjobs.flow.view import view
from csvjobs.jobs.job import Status

ROW = b"Ada Lovelace,42,London,0123456789abcdef\n"
HEADER = b"name,age,city,note\n"

Case = tuple[Callable[[], bytes], str | None, dict[str, str]]

CASES: dict[str, Case] = {
    "unpacking": (lambda: gzip.compress(HEADER + ROW * 6_000_000, 1), None, {}),
    "transcoding": (
        lambda: HEADER + ROW * 3_000_000 + "é,,,\n".encode("cp1252"),
        None,
        {"encoding": "cp1252"},
    ),
    "reading with care": (lambda: HEADER + b"1,2,3,4,5\n" + ROW * 2_000_000, None, {}),
    "sorting": (lambda: HEADER + ROW * 3_000_000, "steps: [{step: sort, by: [note, name]}]", {}),
    "listing changes": (
        lambda: HEADER + ROW * 2_000_000,
        "{steps: [{step: case, columns: [name], to: upper}], report: {changes: true}}",
        {},
    ),
    "packing": (lambda: HEADER + ROW * 2_000_000, "write: {format: jsonl, compression: gzip}", {}),
}


class Running:
    def __init__(self, folder: Path, redis_url: str) -> None:
        self.service = Service(folder, redis_url)
        self.service.start_worker()
        self.service.start_reconciler()
        self.client = httpx.Client(base_url=self.service.start_api(), timeout=60)

    def submit(self, case: Case) -> str:
        make, pipeline, options = case
        content = make()
        with Incoming(self.service.services) as incoming:
            for start in range(0, len(content), 1 << 22):
                incoming.write(content[start : start + (1 << 22)])
            return incoming.submit("x.csv", Processing(pipeline, options)).job_id


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("cancelled")
    with valkey(folder / "valkey") as url:
        running = Running(folder, url)
        yield running
        running.client.close()
        running.service.stop()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_run_lets_go_in_mid_file_and_leaves_nothing(running: Running, case: Case) -> None:
    service, client = running.service, running.client
    job_id = running.submit(case)
    eventually(lambda: view(service.services, job_id).progress)
    for _ in range(2):
        answer = client.post(f"/jobs/{job_id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    eventually(lambda: not service.services.storage.leased(job_id))
    eventually(lambda: list((service.root / ".scratch").iterdir()) == [])
    kept = {path.name for path in (service.root / job_id).iterdir()}
    assert kept <= {"input.csv", "job.json", "report.json", "attempts", "lock"}
    assert view(service.services, job_id).status is Status.CANCELLED
    assert client.get("/jobs", params={"status": "cancelled"}).json()["jobs"][0]["job_id"] == job_id


def test_what_is_left_of_a_killed_run_goes_in_a_moment(running: Running) -> None:
    service = running.service
    job_id = running.submit((lambda: HEADER + ROW, None, {}))
    service.ended(job_id)
    left = service.root / ".scratch" / f"{job_id}.killed"
    left.mkdir()
    (left / "output.csv").write_bytes(ROW)
    eventually(lambda: not left.exists())
