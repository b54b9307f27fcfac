"""What the API does for one client only ends with that client's connection."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from select import select
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from chaos import eventually, free_port

from csvjobs.api.app import create_app
from csvjobs.api.routes import submit
from csvjobs.settings import Settings
from csvjobs.wiring import local

DOUBLE = [
    "{step: derive, values: {b: a}}",
    "{step: unpivot, columns: [a, b], value: a}",
    "{step: drop, columns: [name]}",
]
ENDLESS = f"steps: [{', '.join(DOUBLE * 9 + ['{step: sort, by: [a]}', '{step: trim}'] * 40)}]"
ROWS = b"a\n" + b"x\n" * 1500


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of an API on `tmp_path` in which a preview has no end of its own."""
    monkeypatch.setattr(submit, "LONGEST", float("inf"))
    services = local(Settings(min_free_bytes=0, pipelines_dir=tmp_path), tmp_path)
    config = uvicorn.Config(create_app(services), port=free_port(), log_level="warning")
    server = uvicorn.Server(config)
    running = threading.Thread(target=server.run, daemon=True)
    running.start()
    eventually(lambda: server.started)
    yield config.port
    server.should_exit = True
    running.join()


def endless_preview(port: int) -> http.client.HTTPConnection:
    client = http.client.HTTPConnection("127.0.0.1", port)
    client.request("POST", f"/preview?pipeline={quote(ENDLESS)}", ROWS, {"Content-Type": "text/csv"})
    return client


def test_a_preview_ends_when_its_client_goes_away(port: int, tmp_path: Path) -> None:
    client = endless_preview(port)
    eventually(lambda: list(tmp_path.glob(".incoming/*/sample.csv")))
    client.close()
    eventually(lambda: not list(tmp_path.glob(".incoming/*")))


def test_of_many_previews_some_run_at_once_and_the_next_when_one_ends(port: int, tmp_path: Path) -> None:
    quick = http.client.HTTPConnection("127.0.0.1", port)
    with ExitStack() as clients:
        endless = [clients.enter_context(closing(endless_preview(port))) for _ in range(submit.LOOKS_AT_ONCE)]
        eventually(lambda: len(list(tmp_path.glob(".incoming/*/sample.csv"))) == len(endless))
        clients.enter_context(closing(quick)).request("POST", "/preview", ROWS, {"Content-Type": "text/csv"})
        for _ in range(3):
            assert httpx.get(f"http://127.0.0.1:{port}/jobs", timeout=60).json() == {"jobs": []}
        assert not select([quick.sock], [], [], 0)[0], "it waits"
        endless[0].close()
        assert quick.getresponse().status == 200
    eventually(lambda: not list(tmp_path.glob(".incoming/*")))
