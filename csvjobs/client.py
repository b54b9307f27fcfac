"""The Python client: the public API in a few verbs, in constant memory.

client = Client("http://127.0.0.1:8000")
job = client.wait(client.submit("my.csv", pipeline="tidy").job_id)
client.download(job.job_id, "clean.csv")
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from io import FileIO
from itertools import chain
from pathlib import Path
from stat import S_IMODE
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from csvjobs.errors import CsvjobsError, KeyInUse, ServiceError
from csvjobs.jobs.job import Job, Status

if TYPE_CHECKING:
    import httpx

CHUNK = 1024**2
WAIT = 25.0
TRIES = 5
PAUSE = 0.25
"""Half the seconds before a file is sent again, or a download goes on; twice as many before each further try
that brings nothing."""

HINT = "Start one with `csvjobs up`, or give --server."


class Refused(CsvjobsError):
    """The service refused the request."""

    code = "refused"

    def __init__(self, problem: dict[str, Any], status: int) -> None:
        super().__init__(problem.get("detail", f"The service answered {status}."), hint=problem.get("hint"))
        self.problem = problem
        self.http_status = status

    @property
    def passing(self) -> bool:
        """Whether the same request may be taken in a moment."""
        return self.http_status in (502, 503, 504) or self.problem.get("code") == KeyInUse.code


class Unreachable(ServiceError):
    """The service cannot be reached."""

    code = "unreachable"
    status = 503
    passing = False
    """Whether it was there before."""


class Damaged(ServiceError):
    """What arrived is not what was sent."""

    code = "damaged"


class Client:
    """Talks to one service. Raises: Refused for what it refuses, Unreachable when it is not there,
    Damaged when a file does not arrive as it was."""

    def __init__(self, url: str = "http://127.0.0.1:8000") -> None:
        # Only where it is used: commands that talk to no service start sooner without it.
        import httpx

        self.url = url
        try:
            self._http = httpx.Client(base_url=url, timeout=httpx.Timeout(30, read=WAIT + 30))
        except (httpx.InvalidURL, ValueError) as error:
            raise self._unreachable(error) from None

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
        *,
        apply: str = "",
        key: str = "",
        **options: str,
    ) -> Job:
        """Sends a file, or what a pipe holds; a file again when the connection breaks, which makes no second
        job.

        pipeline: a name, or YAML or JSON; apply: the id of a job that has learnt, or the text of its
        fitted.json, to be applied instead of learning; key: for the Idempotency-Key, where the caller itself
        may ask again; options: read options by name, retention, priority; `sent(bytes)` is called after each
        piece of the file, with a negative number when it starts anew. Raises Damaged when the file becomes
        shorter meanwhile."""
        path = Path(path)
        given = {"filename": shown_name(path), "pipeline": pipeline, "apply": apply, **options}
        kind, head, tail = _with_form(given.pop("apply")) if _long(apply) else ("text/csv", b"", b"")
        headers = {"Content-Type": kind, "Idempotency-Key": key or str(uuid.uuid4())}

        def post(sent: Callable[[int], None]) -> Job:
            with path.open("rb", buffering=0) as file:
                size = path.stat().st_size if path.is_file() else None
                if size is not None:
                    headers["Content-Length"] = str(len(head) + size + len(tail))
                pieces = chain([head], _pieces(file, size, sent), [tail])
                return self._job(self._call("POST", "/jobs", params=given, headers=headers, content=pieces))

        return _again(post, sent, TRIES if path.is_file() else 1)

    def rerun(self, job_id: str, pipeline: str = "", *, apply: str = "", **options: str) -> Job:
        """A new job over the file of another one; pipeline and options as for `submit`, apply a job's id;
        what the other job did where nothing is given."""
        given = {"pipeline": pipeline, "apply": apply, **options}
        return self._job(self._call("POST", f"/jobs/{quote(job_id, safe='')}/rerun", params=given))

    def jobs(self, status: Status | None = None) -> Iterator[Job]:
        """All jobs, or those in one status, newest first; asked for a page at a time."""
        asked: dict[str, str] = {"status": status} if status else {}
        while True:
            answer = self._call("GET", "/jobs", params=asked)
            try:
                page = _Page.model_validate_json(answer.content)
            except ValidationError:
                raise self._stranger(answer) from None
            yield from page.jobs
            if page.next_cursor is None:
                return
            asked["cursor"] = page.next_cursor

    def cancel(self, job_id: str) -> Job:
        """Ends the job as cancelled, waiting or running; a second time changes nothing."""
        return self._job(self._call("POST", f"/jobs/{quote(job_id, safe='')}/cancel"))

    def delete(self, job_id: str) -> None:
        """Removes the job with all its files; one that has not ended is cancelled first."""
        self._call("DELETE", f"/jobs/{quote(job_id, safe='')}")

    def job(self, job_id: str, wait: float = 0.0, version: str | None = None) -> Job:
        """The job as it stands; with `wait`, as soon as it is another than `version`, or after so many
        seconds."""
        answer = self._get(job_id, wait, f'W/"{version}"' if version else None)
        return self.job(job_id) if answer.status_code == 304 else self._job(answer)

    def wait(self, job_id: str, seen: Callable[[Job], None] = lambda job: None) -> Job:
        """Follows the job to its end; `seen(job)` is called on each change."""
        answer = self._get(job_id)
        while True:
            if answer.status_code != 304:
                job = self._job(answer)
                seen(job)
                if job.status.final:
                    return job
            # The service's own mark, so that it waits although it may tell more than is known here.
            answer = self._get(job_id, WAIT, answer.headers.get("etag"))

    def download(
        self,
        job_id: str,
        target: Path | str,
        name: str | None = None,
        received: Callable[[int], None] = lambda count: None,
    ) -> Path:
        """Saves a file of the job, by default its output, whole: it is written beside `target`, checked
        against its sha256 and moved there. When the connection breaks, it goes on where it stopped. Raises
        Damaged."""
        name = name or self.job(job_id).output.name
        target = Path(target)
        with closing(self._arriving(job_id, name)) as pieces:
            # What is refused leaves no trace.
            first = next(pieces, b"")
            with drafted(target) as draft, draft.open("wb") as file:
                for piece in chain([first], pieces):
                    file.write(piece)
                    received(len(piece))
        return target

    def _arriving(self, job_id: str, name: str) -> Generator[bytes]:
        """What a file holds, over as many connections as it takes. Raises Damaged, in the end or earlier."""
        path = f"/jobs/{quote(job_id, safe='')}/{quote(name, safe='')}"
        arrived, failures = _Arrived(name), 0
        while True:
            try:
                with self._stream(path, arrived.rest) as answer:
                    arrived.begin(answer)
                    for piece in answer.iter_bytes():
                        arrived.add(piece)
                        failures = 0
                        yield piece
                return arrived.check()
            except (Refused, Unreachable) as error:
                failures += 1
                if not arrived.begun or (isinstance(error, Refused) and not error.passing):
                    raise
                if failures == TRIES or not arrived.etag:
                    said = f"The download broke off. {error.message}"
                    raise Damaged(said, hint="Download it again.") from None
            time.sleep(PAUSE * 2**failures)

    def _get(self, job_id: str, wait: float = 0.0, etag: str | None = None) -> httpx.Response:
        headers = {"If-None-Match": etag} if etag else {}
        return self._call("GET", f"/jobs/{quote(job_id, safe='')}", params={"wait": wait}, headers=headers)

    def _job(self, answer: httpx.Response) -> Job:
        try:
            return Job.model_validate_json(answer.content)
        except ValidationError:
            raise self._stranger(answer) from None

    def _call(self, method: str, path: str, **given: Any) -> httpx.Response:
        import httpx

        try:
            answer = self._http.request(method, path, **given)
        except httpx.RequestError as error:
            raise self._unreachable(error) from None
        return self._checked(answer)

    @contextmanager
    def _stream(self, path: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        import httpx

        # As it is: what a proxy has packed would not have the digest of the file.
        headers = {"Accept-Encoding": "identity", **headers}
        try:
            with self._http.stream("GET", path, headers=headers) as answer:
                if not answer.is_success:
                    answer.read()
                yield self._checked(answer)
        except httpx.RequestError as error:
            raise self._unreachable(error) from None

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_error:
            raise Refused(_problem(answer), answer.status_code)
        if not answer.is_success and answer.status_code != 304:
            raise self._stranger(answer)
        return answer

    def _unreachable(self, error: Exception) -> Unreachable:
        import httpx

        said = re.sub(r"^\[Errno -?\d+\] (\w)", lambda match: match[1].lower(), str(error)).rstrip(".")
        reason = said or type(error).__name__
        unreachable = Unreachable(f"No service answers at {self.url}: {reason}.", hint=HINT)
        unreachable.passing = not isinstance(error, httpx.ConnectError | httpx.InvalidURL | ValueError)
        return unreachable

    def _stranger(self, answer: httpx.Response) -> Unreachable:
        found = f"{answer.status_code} {answer.headers.get('location', '')}".strip()
        return Unreachable(f"What answers at {self.url} is not csvjobs (it said {found}).", hint=HINT)


class _Page(BaseModel):
    """Jobs, and where the next ones begin."""

    jobs: list[Job]
    next_cursor: str | None = None


class _Arrived:
    """What is there of a file that comes in pieces: enough to ask for the rest of the same one."""

    def __init__(self, name: str) -> None:
        self.begun = False
        self.etag = ""
        self._name = name
        self._bytes, self._digest, self._said = 0, hashlib.sha256(), ""

    @property
    def rest(self) -> dict[str, str]:
        """The headers that ask for what is missing (RFC 9110, section 14.2)."""
        return {"Range": f"bytes={self._bytes}-", "If-Range": self.etag} if self._bytes else {}

    def begin(self, answer: httpx.Response) -> None:
        """Raises Damaged where it is not the rest of the same file."""
        span, etag = answer.headers.get("content-range", ""), answer.headers.get("etag", "")
        if self._bytes and (etag != self.etag or not span.startswith(f"bytes {self._bytes}-")):
            changed = f"{self._name} became another file while it was downloaded."
            raise Damaged(changed, hint="Download it again.")
        self.begun, self.etag = True, etag
        self._said = answer.headers.get("repr-digest", "")

    def add(self, piece: bytes) -> None:
        self._bytes += len(piece)
        self._digest.update(piece)

    def check(self) -> None:
        """Raises Damaged where the whole is not what the service said."""
        if self._said not in ("", _field(self._digest)):
            raise Damaged(f"{self._name} arrived damaged.", hint="Download it again.")


class _Counted:
    """Passes on what was sent, and knows how much that is."""

    def __init__(self, sent: Callable[[int], None]) -> None:
        self._sent = sent
        self.bytes = 0

    def __call__(self, count: int) -> None:
        self.bytes += count
        self._sent(count)


def _again(post: Callable[[Callable[[int], None]], Job], sent: Callable[[int], None], tries: int) -> Job:
    """What `post` returns, at one of so many tries. A service that was there may be away for a while."""
    for number in range(1, tries):
        counted = _Counted(sent)
        try:
            return post(counted)
        except (Refused, Unreachable) as error:
            if not error.passing and (number == 1 or isinstance(error, Refused)):
                raise
        sent(-counted.bytes)
        time.sleep(PAUSE * 2**number)
    return post(sent)


@contextmanager
def drafted(target: Path) -> Iterator[Path]:
    """A path to write to: beside `target`, which it replaces when all went well. A link leads to what is
    replaced; a device or a pipe is written to itself."""
    if written_in_place(target):
        yield target
        return
    target = target.resolve()
    draft = target.with_name(f".csvjobs-{uuid.uuid4().hex}.part")
    try:
        if target.exists():
            # Nobody may read it meanwhile who may not read what it replaces.
            draft.touch(0o600)
        yield draft
        put_in_place(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def put_in_place(made: Path, target: Path) -> None:
    """Moves a finished file to its place on the same disk, durably; one that was there is replaced, and the
    new one has its mode."""
    with suppress(FileNotFoundError):
        made.chmod(S_IMODE(target.stat().st_mode))
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.replace(target)


def written_in_place(target: Path) -> bool:
    """Whether it is a device or a pipe, which must not be replaced by a file."""
    return target.exists() and not target.is_file() and not target.is_dir()


def shown_name(path: Path) -> str:
    """The file's name as text, whatever its bytes are."""
    return os.fsencode(path.name).decode("utf-8", "replace")


def _problem(answer: httpx.Response) -> dict[str, Any]:
    """What the service said (RFC 9457); nothing when that was somebody in between."""
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _long(apply: str) -> bool:
    """Whether it is a document rather than a job's id."""
    return apply.lstrip().startswith("{")


def _with_form(apply: str) -> tuple[str, bytes, bytes]:
    """The media type of a form, what stands in it before the file, and what behind it: a URL has no room for
    a document."""
    boundary = uuid.uuid4().hex
    part = f"--{boundary}\r\nContent-Disposition: form-data; name="
    head = f'{part}"apply"\r\n\r\n{apply}\r\n{part}"file"; filename="-"\r\n\r\n'
    return f"multipart/form-data; boundary={boundary}", head.encode(), f"\r\n--{boundary}--\r\n".encode()


def _field(digest: hashlib._Hash) -> str:
    """As RFC 9530 writes it."""
    return f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"


def _pieces(file: FileIO, size: int | None, sent: Callable[[int], None]) -> Iterator[bytes]:
    """The file's bytes up to the size that was announced; what is appended meanwhile stays behind."""
    left = size
    while piece := file.read(CHUNK if left is None else min(CHUNK, left)):
        left = None if left is None else left - len(piece)
        yield piece
        sent(len(piece))
    if left:
        raise Damaged("The file became shorter while it was sent.", hint="Send it again.")
