"""The Python client of the HTTP API; files are streamed in constant memory.

client = Client("http://127.0.0.1:8000")
job = client.wait(client.submit("my.csv", pipeline="tidy").job_id)
client.download(job.job_id, "clean.csv")
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
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
from urllib.request import getproxies, proxy_bypass

from pydantic import BaseModel, ValidationError

from csvjobs.errors import BadRequest, CsvjobsError, KeyInUse, ServiceError
from csvjobs.jobs.job import Job, Status

if TYPE_CHECKING:
    import httpx

CHUNK = 1024**2
WAIT = 25.0
TRIES = 5
PAUSE = 0.25
"""Backoff before a file is sent again, a download resumed, or a job asked for again: PAUSE * 2**n seconds
before the n-th retry without progress."""

MOST_IN_URL = 500
"""Characters of a pipeline that are sent in the URL; proxies refuse long ones."""

PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")
HINT = "Start one with `csvjobs up`, or give --server."
EXAMPLE = "For example: http://127.0.0.1:8000"
NOT_TLS = "It does not speak TLS: write http:// if that is meant."


class Refused(CsvjobsError):
    """The service refused the request."""

    code = "refused"

    def __init__(self, problem: dict[str, Any], status: int) -> None:
        super().__init__(problem.get("detail", f"The service answered {status}."), hint=problem.get("hint"))
        self.problem = problem
        self.http_status = status

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed in a moment."""
        return self.http_status in (429, 502, 503, 504) or self.problem.get("code") == KeyInUse.code


class Unreachable(ServiceError):
    """The service cannot be reached."""

    code = "unreachable"
    status = 503
    passing = False
    """Whether a connection was made before it broke, so that a retry may succeed."""


class Damaged(ServiceError):
    """What arrived is not what was sent."""

    code = "damaged"


class Client:
    """A client of one service. Methods raise Refused when it refuses the request, Unreachable when it cannot
    be reached, and Damaged when a file arrives damaged. A proxy that the environment names is asked for all
    hosts but this one. Raises BadRequest for a URL that is none."""

    def __init__(self, url: str = "http://127.0.0.1:8000") -> None:
        # Imported where it is used: commands that need no service start faster without it.
        import httpx

        self.url = url
        try:
            given = httpx.URL(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise BadRequest(f"{url!r} is not a URL: {error}.", hint=EXAMPLE) from None
        if given.scheme not in ("http", "https") or not given.host:
            raise BadRequest(f"{url!r} is not the URL of a service.", hint=EXAMPLE)
        direct = {f"all://{given.netloc.decode()}": None} if _is_local(given.host) else {}
        timeout = httpx.Timeout(30, read=WAIT + 30)
        self._http = httpx.Client(base_url=given, timeout=timeout, mounts=direct)

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
        """Submits a file, or the content of a pipe. When the connection breaks, a file is sent again, which
        makes no second job.

        pipeline: a name, or YAML or JSON; apply: the id of a job, or the text of a fitted.json, whose fitted
        parameters are applied instead of learning; key: the Idempotency-Key, if the caller itself may retry;
        options: read options by name, retention, priority; `sent(bytes)` is called after each piece of the
        file, with a negative number when it starts again. Raises Damaged when the file becomes shorter
        meanwhile, BadRequest for such a key."""
        path = Path(path)
        given = {"filename": shown_name(path), "pipeline": pipeline, "apply": apply, **options}
        long = {name: given.pop(name) for name in ("pipeline", "apply") if _is_long(given[name])}
        kind, head, tail = _with_form(long) if long else ("text/csv", b"", b"")
        headers = {"Content-Type": kind, **_keyed(key)}

        def post(sent: Callable[[int], None]) -> Job:
            with path.open("rb", buffering=0) as file:
                size = path.stat().st_size if path.is_file() else None
                if size is not None:
                    headers["Content-Length"] = str(len(head) + size + len(tail))
                pieces = chain([head], _pieces(file, size, sent), [tail])
                return self._job(self._call("POST", "/jobs", params=given, headers=headers, content=pieces))

        return _again(post, sent, TRIES if path.is_file() else 1)

    def rerun(
        self, job_id: str, pipeline: str = "", *, apply: str = "", key: str = "", **options: str
    ) -> Job:
        """Makes a new job from the file of another one. pipeline, key, options: as for `submit`; apply: a
        job's id; by default pipeline, apply and read options are those of the other job. When the connection
        breaks, it is asked for again, which makes no second job. Raises BadRequest for such a key."""
        given, headers = {"pipeline": pipeline, "apply": apply, **options}, _keyed(key)

        def post(_: Callable[[int], None]) -> Job:
            path = f"/jobs/{quote(job_id, safe='')}/rerun"
            return self._job(self._call("POST", path, data=given, headers=headers))

        return _again(post, lambda count: None, TRIES)

    def jobs(self, status: Status | None = None) -> Iterator[Job]:
        """All jobs, or those in one status, newest first; fetched a page at a time."""
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
        """Cancels the job, waiting or running; a second time changes nothing."""
        return self._job(self._call("POST", f"/jobs/{quote(job_id, safe='')}/cancel"))

    def delete(self, job_id: str) -> None:
        """Deletes the job with all its files; one that has not ended is cancelled first."""
        self._call("DELETE", f"/jobs/{quote(job_id, safe='')}")

    def job(self, job_id: str, wait: float = 0.0, version: str | None = None) -> Job:
        """The job's current state; with `wait`, as soon as its version differs from `version`, or after that
        many seconds."""
        answer = self._get(job_id, wait, f'W/"{version}"' if version else None)
        return self.job(job_id) if answer.status_code == 304 else self._job(answer)

    def wait(self, job_id: str, seen: Callable[[Job], None] = lambda job: None) -> Job:
        """Follows the job to its end, also while the service is started again; `seen(job)` is called on each
        change."""
        answer = self._get(job_id)
        while True:
            if answer.status_code != 304:
                job = self._job(answer)
                seen(job)
                if job.status.final:
                    return job
            asked = time.monotonic()
            # The ETag as the service sent it: a newer service may have fields that change Job.version here.
            answer = self._news(job_id, answer.headers.get("etag"))
            if answer.status_code == 304 and time.monotonic() - asked < PAUSE:
                time.sleep(PAUSE)  # a proxy answered, which does not wait for a change

    def download(
        self,
        job_id: str,
        target: Path | str,
        name: str | None = None,
        received: Callable[[int], None] = lambda count: None,
    ) -> Path:
        """Saves a file of the job, by default its output: it is written beside `target`, checked against its
        sha256, then moved there. A broken download is resumed. `received(bytes)` is called after each piece.
        Raises Damaged."""
        name = name or self.job(job_id).output.name
        target = Path(target)
        with closing(self._arriving(job_id, name)) as pieces:
            # The first piece before the draft: a refused download leaves no file behind.
            first = next(pieces, b"")
            with drafted(target) as draft, draft.open("wb") as file:
                for piece in chain([first], pieces):
                    file.write(piece)
                    received(len(piece))
        return target

    def _arriving(self, job_id: str, name: str) -> Generator[bytes]:
        """A file's content, over as many connections as needed. Raises Damaged, at the end or earlier."""
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

    def _news(self, job_id: str, etag: str | None) -> httpx.Response:
        """The response on the next change of a job that was there before, or after a while."""
        for number in range(1, TRIES):
            try:
                return self._get(job_id, WAIT, etag)
            except Refused as error:
                if not error.passing:
                    raise
            except Unreachable:
                pass
            time.sleep(PAUSE * 2**number)
        return self._get(job_id, WAIT, etag)

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

        # Without a content coding: if a proxy compressed it, the digest would not match.
        headers = {"Accept-Encoding": "identity", **headers}
        try:
            with self._http.stream("GET", path, headers=headers) as answer:
                if not answer.is_success:
                    answer.read()
                if not _is_file(self._checked(answer), headers):
                    raise self._stranger(answer)
                yield answer
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
        hint = NOT_TLS if "WRONG_VERSION_NUMBER" in said else _without_proxy(self._http.base_url) or HINT
        unreachable = Unreachable(f"No service answers at {self.url}: {reason}.", hint=hint)
        unreachable.passing = not isinstance(error, httpx.ConnectError)
        return unreachable

    def _stranger(self, answer: httpx.Response) -> Unreachable:
        found = f"{answer.status_code} {answer.headers.get('location', '')}".strip()
        return Unreachable(f"The server at {self.url} is not csvjobs (it answered {found}).", hint=HINT)


class _Page(BaseModel):
    """A page of jobs, and the cursor of the next page."""

    jobs: list[Job]
    next_cursor: str | None = None


class _Fault(BaseModel):
    detail: str
    hint: str | None = None


class _Problem(BaseModel, extra="allow"):
    """What is read of a problem; if another server's members of these names are otherwise, nothing is."""

    code: str = ""
    detail: str = ""
    hint: str | None = None
    errors: list[_Fault] = []


class _Arrived:
    """The state of a download in pieces: enough to request the rest of the same file."""

    def __init__(self, name: str) -> None:
        self.begun = False
        self.etag = ""
        self._name = name
        self._bytes, self._digest, self._said = 0, hashlib.sha256(), ""

    @property
    def rest(self) -> dict[str, str]:
        """The headers to request the missing rest (RFC 9110, section 14.2)."""
        return {"Range": f"bytes={self._bytes}-", "If-Range": self.etag} if self._bytes else {}

    def begin(self, answer: httpx.Response) -> None:
        """Starts a response. Raises Damaged when it is not the rest of the same file."""
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
        """Raises Damaged when the whole file does not match the service's digest."""
        if self._said not in ("", _field(self._digest)):
            raise Damaged(f"{self._name} arrived damaged.", hint="Download it again.")


class _Counted:
    """Calls `sent`, and counts the bytes."""

    def __init__(self, sent: Callable[[int], None]) -> None:
        self._sent = sent
        self.bytes = 0

    def __call__(self, count: int) -> None:
        self.bytes += count
        self._sent(count)


def _keyed(key: str) -> dict[str, str]:
    """The header with the key, or with a new one. Raises BadRequest."""
    if key and not PRINTABLE.fullmatch(key):
        raise BadRequest("The key is not 1 to 255 printable ASCII characters.", hint="Use a UUID.")
    return {"Idempotency-Key": key or str(uuid.uuid4())}


def _again(post: Callable[[Callable[[int], None]], Job], sent: Callable[[int], None], tries: int) -> Job:
    """Calls `post` up to `tries` times and returns its result. A first attempt is retried only if the service
    was reachable; later ones also if it is not, as it may be restarting."""
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
    """Yields a path beside `target` to write to; it replaces `target` when the block succeeds. If `target` is
    a symbolic link, the file it points to is replaced; a device or pipe is written to directly."""
    if written_in_place(target):
        yield target
        return
    target = target.resolve()
    draft = target.with_name(f".csvjobs-{uuid.uuid4().hex}.part")
    try:
        if target.exists():
            # Private until moved: the existing file may be unreadable to others.
            draft.touch(0o600)
        yield draft
        put_in_place(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def put_in_place(made: Path, target: Path) -> None:
    """Moves a finished file to `target` on the same file system, durably; it takes the mode of the file that
    it replaces."""
    with suppress(FileNotFoundError):
        made.chmod(S_IMODE(target.stat().st_mode))
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.replace(target)


def written_in_place(target: Path) -> bool:
    """Whether the target is a device or a pipe, which must not be replaced by a file."""
    return target.exists() and not target.is_file() and not target.is_dir()


def shown_name(path: Path) -> str:
    """The file's name as valid text, even if its bytes are not UTF-8."""
    return os.fsencode(path.name).decode("utf-8", "replace")


def _problem(answer: httpx.Response) -> dict[str, Any]:
    """The problem (RFC 9457) in the response; empty when it is not one, for example from a proxy."""
    try:
        return _Problem.model_validate_json(answer.content).model_dump(exclude_unset=True)
    except ValidationError:
        return {}


def _is_file(answer: httpx.Response, asked: dict[str, str]) -> bool:
    """Whether the response is a file or the range of it that was asked for, and no page of a proxy."""
    kinds = (200, 206) if "Range" in asked else (200,)
    return answer.status_code in kinds and not answer.headers.get("content-type", "").startswith("text/html")


def _is_local(host: str) -> bool:
    """Whether the host is this machine's loopback, to which no proxy leads."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _without_proxy(url: httpx.URL) -> str:
    """How to do without the proxy that is asked; empty if none is."""
    asked = {url.scheme, "all"} & getproxies().keys()
    if not asked or _is_local(url.host) or proxy_bypass(url.host):
        return ""
    return f"The environment sets a proxy, which was asked; NO_PROXY={url.host} goes without it."


def _is_long(text: str) -> bool:
    """Whether it is a document, or too long for a URL."""
    return text.lstrip().startswith("{") or len(text) > MOST_IN_URL


def _with_form(fields: dict[str, str]) -> tuple[str, bytes, bytes]:
    """A form of these fields around a file: media type, bytes before the file, bytes after."""
    boundary = uuid.uuid4().hex
    part = f"--{boundary}\r\nContent-Disposition: form-data; name="
    told = "".join(f'{part}"{name}"\r\n\r\n{value}\r\n' for name, value in fields.items())
    head = f'{told}{part}"file"; filename="-"\r\n\r\n'
    return f"multipart/form-data; boundary={boundary}", head.encode(), f"\r\n--{boundary}--\r\n".encode()


def _field(digest: hashlib._Hash) -> str:
    """The digest as a field value (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"


def _pieces(file: FileIO, size: int | None, sent: Callable[[int], None]) -> Iterator[bytes]:
    """The file's bytes up to the announced size; bytes appended meanwhile are not sent. Raises Damaged when
    the file becomes shorter."""
    left = size
    while piece := file.read(CHUNK if left is None else min(CHUNK, left)):
        left = None if left is None else left - len(piece)
        yield piece
        sent(len(piece))
    if left:
        raise Damaged("The file became shorter while it was being sent.", hint="Send it again.")
