"""Downloads that are interrupted, or whose job is deleted meanwhile: the bytes that arrive are right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from chaos import Service

ROWS = 1_000_000
"""More than what lies in the sockets between a server and a client that does not read."""


@pytest.fixture
def output(service: Service) -> Path:
    """The output of a job that is done."""
    job_id = service.submit(ROWS)
    service.start_worker()
    assert service.ended(job_id).files
    return service.root / job_id / "output.csv"


def read(pieces: Iterator[bytes], into: bytearray) -> None:
    for piece in pieces:
        into += piece


def test_a_download_whose_server_is_killed_breaks_and_goes_on_with_the_next(
    service: Service, output: Path
) -> None:
    path = f"/download_csv/{output.parent.name}/"
    url = service.start_api() + path
    have = bytearray()
    with httpx.stream("GET", url, timeout=60) as answer:
        pieces = answer.iter_bytes()
        have += next(pieces)
        service.processes[-1].kill()
        with pytest.raises(httpx.TransportError):
            read(pieces, have)
    assert 0 < len(have) < output.stat().st_size
    asked = {"Range": f"bytes={len(have)}-", "If-Range": answer.headers["etag"]}
    rest = httpx.get(service.start_api() + path, headers=asked, timeout=60)
    assert rest.status_code == 206
    assert bytes(have) + rest.content == output.read_bytes()


def test_a_download_goes_on_to_its_end_although_the_job_is_deleted(service: Service, output: Path) -> None:
    content, job_id = output.read_bytes(), output.parent.name
    base = service.start_api()
    with httpx.stream("GET", f"{base}/download_csv/{job_id}/", timeout=60) as answer:
        pieces = answer.iter_bytes()
        have = next(pieces)
        assert httpx.delete(f"{base}/jobs/{job_id}", timeout=60).status_code == 204
        assert not output.exists()
        have += b"".join(pieces)
    assert have == content
    assert httpx.get(f"{base}/download_csv/{job_id}/", timeout=60).status_code == 410
    service.jobs.remove(job_id)
    assert service.judge() == []
