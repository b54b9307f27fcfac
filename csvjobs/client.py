"""The Python client: the public API in a few verbs, in constant memory.

client = Client("http://127.0.0.1:8000")
job = client.wait(client.submit("my.csv", pipeline="tidy").job_id)
client.download(job.job_id, "clean.csv")
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import httpx

from csvjobs.errors import CsvjobsError, ServiceError
from csvjobs.jobs.job import Job

CHUNK = 1024**2
WAIT = 25.0


class Refused(CsvjobsError):
    """The service refused the request."""

    code = "refused"

    def __init__(self, problem: dict[str, Any], status: int) -> None:
        super().__init__(problem.get("detail", f"The service answered {status}."), hint=problem.get("hint"))
        self.problem = problem
        self.http_status = status


class Unreachable(ServiceError):
    """The service cannot be reached."""

    code = "unreachable"
    status = 503


class Damaged(ServiceError):
    """What arrived is not what was sent."""

    code = "damaged"


class Client:
    """Talks to one service. Raises: Refused for what it refuses, Unreachable when it is not there."""

    def __init__(self, url: str = "http://127.0.0.1:8000") -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=httpx.Timeout(30, read=WAIT + 30))

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def submit(
        self,
        path: Path | str,
        pipeline: str = "",
        sent: Callable[[int], None] = lambda count: None,
        **options: str,
    ) -> Job:
        """Sends a file. pipeline: a name, or YAML or JSON; options: read options by name; `sent(bytes)`
        is called after each piece of the file."""
        path = Path(path)
        given = {"filename": path.name, "pipeline": pipeline, **options}
        headers = {"Content-Type": "text/csv", "Content-Length": str(path.stat().st_size)}
        with path.open("rb") as file:
            answer = self._call("POST", "/jobs", params=given, headers=headers, content=_pieces(file, sent))
        return Job.model_validate(answer.json())

    def job(self, job_id: str, wait: float = 0.0, version: str | None = None) -> Job:
        """The job as it stands; with `wait`, as soon as it is another than `version`, or after so many
        seconds."""
        headers = {"If-None-Match": f'W/"{version}"'} if version else {}
        answer = self._call("GET", f"/jobs/{job_id}", params={"wait": wait}, headers=headers)
        if answer.status_code == 304:
            return self.job(job_id)
        return Job.model_validate(answer.json())

    def wait(self, job_id: str, seen: Callable[[Job], None] = lambda job: None) -> Job:
        """Follows the job to its end; `seen(job)` is called on each change."""
        job = self.job(job_id)
        while True:
            seen(job)
            if job.status.final:
                return job
            answer = self._call(
                "GET", f"/jobs/{job_id}", params={"wait": WAIT}, headers={"If-None-Match": f'"{job.version}"'}
            )
            if answer.status_code == 200:
                job = Job.model_validate(answer.json())

    def download(
        self,
        job_id: str,
        target: Path | str,
        name: str = "output.csv",
        received: Callable[[int], None] = lambda count: None,
    ) -> Path:
        """Saves a file of the job, whole: it is written beside `target`, checked against its sha256 and
        moved there. Raises Damaged."""
        target = Path(target)
        draft = target.with_name(f".{target.name}.part")
        digest = hashlib.sha256()
        with self._stream(f"/jobs/{job_id}/{name}") as answer, draft.open("wb") as file:
            for piece in answer.iter_bytes(CHUNK):
                file.write(piece)
                digest.update(piece)
                received(len(piece))
        expected = answer.headers.get("etag", "").strip('"')
        if expected and expected != digest.hexdigest():
            draft.unlink()
            raise Damaged(f"{name} arrived damaged.", hint="Download it again.")
        draft.replace(target)
        return target

    def _call(self, method: str, path: str, **given: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **given)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        return _checked(answer)

    @contextmanager
    def _stream(self, path: str) -> Iterator[httpx.Response]:
        try:
            with self._http.stream("GET", path) as answer:
                if answer.is_error:
                    answer.read()
                yield _checked(answer)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(
            f"No service answers at {self.url}: {error}.",
            hint="Start one with `csvjobs up`, or give --server.",
        )


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        is_problem = answer.headers.get("content-type", "").endswith("json")
        raise Refused(answer.json() if is_problem else {}, answer.status_code)
    return answer


def _pieces(file: BinaryIO, sent: Callable[[int], None]) -> Iterator[bytes]:
    while piece := file.read(CHUNK):
        yield piece
        sent(len(piece))
