"""The Python client with a real service: whole files or none, and clear errors."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from stat import filemode
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pytest
from chaos import free_port
from served import Served, lasting

from csvjobs.client import TRIES, Client, Damaged, Refused, Unreachable
from csvjobs.errors import BadRequest
from csvjobs.flow.process import process
from csvjobs.jobs.job import Job, Status

CSV = b"id,name\n00042,Ada\n"
NOBODY = "01890000-0000-7000-8000-000000000000"
LARGE = b"a,b\n" + b"1,2\n" * 4_000_000


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service with a worker, for tests that leave it as it is."""
    with lasting(tmp_path_factory.mktemp("client")) as served:
        yield served


@pytest.fixture
def client(api: Served) -> Iterator[Client]:
    with Client(api.url) as client:
        yield client


@pytest.fixture
def idle(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Served]:
    """A service without a worker."""
    served = Served(tmp_path_factory.mktemp("idle"), redis_url)
    yield served
    served.stop()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_bytes(CSV)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """A file to be replaced; afterwards nothing else lies beside it."""
    folder = tmp_path / "target"
    folder.mkdir()
    path = folder / "out.csv"
    path.write_bytes(b"old")
    yield path
    assert list(folder.iterdir()) == [path]


def test_a_file_is_sent_followed_and_saved(client: Client, file: Path, target: Path) -> None:
    sent: list[int] = []
    seen: list[Job] = []
    received: list[int] = []
    job = client.submit(str(file), "steps: [{step: trim}]", sent.append)
    job = client.wait(job.job_id, seen.append)
    assert (job.status, job.filename, seen[-1]) == (Status.DONE, "in.csv", job)
    assert client.download(job.job_id, target, received=received.append) == target
    assert target.read_bytes() == CSV
    assert (sum(sent), sum(received)) == (len(CSV), len(CSV))


def test_read_options_are_passed_on(client: Client, file: Path, target: Path) -> None:
    job = client.wait(client.submit(file, header="false", encoding="ascii").job_id)
    client.download(job.job_id, target)
    assert target.read_bytes() == b"column_1,column_2\n" + CSV


def test_a_pipeline_too_long_for_a_url_is_sent(client: Client, file: Path) -> None:
    pipeline = f"name: long\nsteps: []\n# {'x' * 100_000}\n"
    assert client.submit(file, pipeline).pipeline.name == "long"


def test_what_a_pipe_holds_is_sent(client: Client, tmp_path: Path, target: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=pipe.write_bytes, args=(LARGE,))
    feeder.start()
    job = client.wait(client.submit(pipe).job_id)
    feeder.join()
    client.download(job.job_id, target)
    assert target.read_bytes() == LARGE


def test_a_job_that_has_not_changed_is_told_after_the_wait(idle: Served, file: Path) -> None:
    with Client(idle.url) as client:
        job = client.submit(file)
        assert client.job(job.job_id, wait=0.1, version=client.job(job.job_id).version) == job


def test_waiting_asks_no_more_often_than_the_job_changes(idle: Served, file: Path) -> None:
    asked: list[str] = []
    with Client(idle.url) as client:
        client._http.event_hooks = {"request": [lambda request: asked.append(request.method)]}
        job_id = client.submit(file).job_id
        runner = threading.Timer(0.5, process, (idle.service.services, job_id))
        runner.start()
        assert client.wait(job_id).status is Status.DONE
        runner.join()
    assert len(asked) <= 6, "it polls instead of waiting"


def test_a_file_of_which_more_is_written_is_sent_as_it_was(client: Client, tmp_path: Path) -> None:
    def more(_: int) -> None:
        with log.open("ab") as file:
            file.write(b"3,4\n")

    log = tmp_path / "log.csv"
    log.write_bytes(LARGE)
    job = client.submit(log, sent=more)
    client.download(job.job_id, log, "input.csv")
    assert log.read_bytes() == LARGE


def test_a_file_that_becomes_shorter_is_not_accepted(client: Client, api: Served, tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_bytes(LARGE)
    with pytest.raises(Damaged, match="shorter"):
        client.submit(path, sent=lambda _: os.truncate(path, 2 * 1024**2))
    listed = api.client.get("/jobs").json()["jobs"]
    assert "short.csv" not in [job["filename"] for job in listed]


def test_what_is_refused_says_why(client: Client, file: Path, target: Path) -> None:
    with pytest.raises(Refused, match="There is no pipeline 'tidi'") as refused:
        client.submit(file, "tidi")
    assert (refused.value.http_status, refused.value.problem["code"]) == (404, "pipeline-not-found")
    assert refused.value.hint == "Did you mean 'tidy'?"
    for ask in (client.job, client.wait):
        with pytest.raises(Refused) as refused:
            ask(NOBODY)
        assert refused.value.problem["code"] == "job-not-found"
    with pytest.raises(Refused):
        client.download(NOBODY, target)
    assert target.read_bytes() == b"old"


def test_a_service_that_is_not_there_is_unreachable_at_once(
    file: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("csvjobs.client.time.sleep", pauses.append)
    with Client(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(Unreachable):
            client.submit(file)
        with pytest.raises(Unreachable):
            client.wait(NOBODY)
        with pytest.raises(Unreachable):
            client.download(NOBODY, target)
    assert pauses == []
    with pytest.raises(BadRequest, match="Invalid port"):
        Client("http://127.0.0.1:port")


def test_a_service_that_goes_away_meanwhile_is_unreachable(
    idle: Served, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csvjobs.client.PAUSE", 0.0)
    with Client(idle.url) as client, pytest.raises(Unreachable):
        client.wait(client.submit(file).job_id, lambda _: idle.service.processes[0].kill())


class Lossy:
    """A way to a service on which the first answers get lost: what was asked is done all the same. Of each
    other answer at most so many bytes come through."""

    def __init__(self, url: str, lost: int = 0, most: int = sys.maxsize) -> None:
        self._to = (urlsplit(url).hostname, urlsplit(url).port)
        self._lost, self._most = lost, most
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Lossy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with client, socket.create_connection(self._to) as service:
                inwards = threading.Thread(target=self._pass_on, args=(client, service))
                inwards.start()
                if not self._lost:
                    self._pass_on(service, client, self._most)
                elif service.recv(1):
                    self._lost -= 1
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
                inwards.join()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket, most: int = sys.maxsize) -> None:
        with suppress(OSError):
            while most and (piece := source.recv(min(65536, most))):
                target.sendall(piece)
                most -= len(piece)
            target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("lost", [1, 2])
def test_a_file_whose_answer_is_lost_is_sent_again_and_makes_one_job(
    idle: Served, file: Path, lost: int
) -> None:
    sent: list[int] = []
    with Lossy(idle.url, lost) as lossy, Client(lossy.url) as client:
        job = client.submit(file, sent=sent.append)
    assert idle.service.services.storage.list() == [job.job_id]
    assert sum(sent) == len(CSV)


def test_a_rerun_whose_answer_is_lost_is_asked_for_again_and_makes_one_job(idle: Served, file: Path) -> None:
    with Client(idle.url) as client:
        first = client.submit(file)
    with Lossy(idle.url, 1) as lossy, Client(lossy.url) as client:
        again = client.rerun(first.job_id)
    assert idle.service.services.storage.list() == [first.job_id, again.job_id]


def test_a_file_is_sent_again_to_a_service_that_is_started_again(
    idle: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = tmp_path / "large.csv"
    large.write_bytes(LARGE)
    sent: list[int] = []
    pauses: list[float] = []

    def stop(count: int) -> None:
        sent.append(count)
        if len(sent) == 3:
            idle.service.processes[0].kill()
            idle.service.processes[0].wait()

    def start(pause: float) -> None:
        pauses.append(pause)
        if len(pauses) == 2:
            idle.service.start_api(urlsplit(idle.url).port)

    monkeypatch.setattr("csvjobs.client.time", SimpleNamespace(sleep=start))
    with Client(idle.url) as client:
        job = client.submit(large, sent=stop)
    assert idle.service.services.storage.list() == [job.job_id]
    assert (sum(sent), len(pauses)) == (len(LARGE), 2)


def test_a_job_is_followed_over_a_restart_of_the_service(
    idle: Served, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Job] = []
    pauses: list[float] = []

    def stop(job: Job) -> None:
        seen.append(job)
        if not job.status.final:
            idle.service.processes[0].kill()
            idle.service.processes[0].wait()

    def start(pause: float) -> None:
        pauses.append(pause)
        if len(pauses) == 2:
            idle.service.start_api(urlsplit(idle.url).port)
            process(idle.service.services, seen[0].job_id)

    monkeypatch.setattr("csvjobs.client.time", SimpleNamespace(monotonic=time.monotonic, sleep=start))
    with Client(idle.url) as client:
        assert client.wait(client.submit(file).job_id, stop).status is Status.DONE
    assert [job.status for job in seen] == [Status.QUEUED, Status.DONE]
    assert len(pauses) == 2


def test_a_caller_may_ask_again_with_its_own_key(idle: Served, file: Path) -> None:
    with Client(idle.url) as client:
        first, second = (client.submit(file, key="mine").job_id for _ in range(2))
        assert first == second
        file.write_bytes(CSV * 2)
        with pytest.raises(Refused, match=first) as refused:
            client.submit(file, key="mine")
    assert refused.value.problem["code"] == "idempotency-key-reused"


@pytest.mark.parametrize("key", ["é", "a\nb", "x" * 256])
def test_what_is_no_key_is_refused_before_anything_is_sent(file: Path, key: str) -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(BadRequest, match="1 to 255"):
        client.submit(file, key=key)


class Elsewhere(SimpleHTTPRequestHandler):
    """A web server that answers everything, in its own way."""

    def do_GET(self) -> None:
        self.send_response(301 if "output.csv" in self.path else 200)
        self.send_header("Location", "/login")
        self.end_headers()
        self.wfile.write(b"<html>")

    def do_POST(self) -> None:
        self.send_error(502)

    def do_DELETE(self) -> None:
        self.send_error(308)

    def log_message(self, *_: object) -> None:
        pass


def test_jobs_are_listed_over_all_pages_and_can_be_cancelled_and_deleted(idle: Served) -> None:
    made = [idle.post(CSV)["job_id"] for _ in range(51)]
    with Client(idle.url) as client:
        assert [job.job_id for job in client.jobs()] == made[::-1]
        assert client.cancel(made[0]).status is Status.CANCELLED
        assert [job.job_id for job in client.jobs(Status.CANCELLED)] == made[:1]
        assert [job.job_id for job in client.jobs(Status.QUEUED)] == made[:0:-1]
        client.delete(made[0])
        assert [job.job_id for job in client.jobs(Status.CANCELLED)] == []
        with pytest.raises(Refused, match="deleted"):
            client.cancel(made[0])


def test_a_file_that_is_replaced_keeps_its_mode(client: Client, api: Served, target: Path) -> None:
    job_id = api.done(CSV)["job_id"]
    target.chmod(0o644)
    drafts: list[str] = []

    def look(count: int) -> None:
        drafts.extend(filemode(path.stat().st_mode) for path in target.parent.iterdir() if path != target)

    client.download(job_id, target, received=look)
    assert (target.read_bytes(), filemode(target.stat().st_mode)) == (CSV, "-rw-r--r--")
    # Nobody else may read what is not yet there.
    assert drafts == ["-rw-------"]


@contextmanager
def serving(handler: type[SimpleHTTPRequestHandler]) -> Iterator[Client]:
    """A client of such a server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            with Client(f"http://127.0.0.1:{server.server_port}") as client:
                yield client
        finally:
            server.shutdown()


def test_what_is_not_csvjobs_is_not_taken_for_it(
    file: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csvjobs.client.PAUSE", 0.0)
    with serving(Elsewhere) as elsewhere:
        with pytest.raises(Unreachable, match="is not csvjobs"):
            elsewhere.job(NOBODY)
        with pytest.raises(Unreachable, match="it answered 308"):
            elsewhere.delete(NOBODY)
        with pytest.raises(Unreachable, match="it answered 301 /login"):
            elsewhere.download(NOBODY, target, "output.csv")
        with pytest.raises(Refused, match="answered 502"):
            elsewhere.submit(file)


@pytest.mark.parametrize(
    "answer", [(200, "text/html"), (204, "text/csv"), (206, "text/csv"), (304, "text/csv")]
)
def test_what_is_no_file_is_not_saved_as_one(target: Path, answer: tuple[int, str]) -> None:
    class Login(Elsewhere):
        def do_GET(self) -> None:
            self.send_response(answer[0])
            self.send_header("Content-Type", answer[1])
            self.end_headers()

    with serving(Login) as login, pytest.raises(Unreachable, match=f"it answered {answer[0]}"):
        login.download(NOBODY, target, "report.json")
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize(
    "body", [b'{"errors": {"a": ["b"]}}', b'{"detail": [{"msg": "no"}]}', b'{"hint": 5}', b"[" * 200_000]
)
def test_a_problem_of_another_kind_is_told_by_its_status(body: bytes) -> None:
    class Other(Elsewhere):
        def do_GET(self) -> None:
            self.send_response(422)
            self.end_headers()
            self.wfile.write(body)

    with serving(Other) as other, pytest.raises(Refused, match="answered 422") as refused:
        other.job(NOBODY)
    assert (refused.value.hint, refused.value.problem) == (None, {})


@pytest.mark.parametrize(
    ("status", "problem"),
    [(429, b""), (502, b""), (503, b""), (504, b""), (409, b'{"code": "idempotency-key-in-use"}')],
)
def test_a_file_is_sent_again_to_who_asks_for_patience(
    file: Path, monkeypatch: pytest.MonkeyPatch, api: Served, status: int, problem: bytes
) -> None:
    monkeypatch.setattr("csvjobs.client.PAUSE", 0.0)
    job = httpx.post(f"{api.url}/jobs", content=CSV).content

    class Busy(Elsewhere):
        asked = count()

        def do_POST(self) -> None:
            self.rfile.read(len(CSV))
            busy = next(self.asked) == 0
            self.send_response(status if busy else 202)
            self.end_headers()
            self.wfile.write(problem if busy else job)

    with serving(Busy) as busy:
        assert busy.submit(file).filename == "input.csv"


def test_a_file_that_is_refused_the_second_time_is_not_sent_a_third(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csvjobs.client.PAUSE", 0.0)

    class Refusing(Elsewhere):
        asked = count()

        def do_POST(self) -> None:
            self.rfile.read(len(CSV))
            self.send_error(413 if next(self.asked) else 503)

    with serving(Refusing) as refusing, pytest.raises(Refused, match="413"):
        refusing.submit(file)
    assert next(Refusing.asked) == 2


def test_what_a_pipe_held_is_not_sent_again_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csvjobs.client.PAUSE", 0.0)
    reader, writer = os.pipe()
    os.write(writer, CSV)
    os.close(writer)

    class Busy(Elsewhere):
        asked = count()

        def do_POST(self) -> None:
            next(self.asked)
            self.send_error(503)

    with serving(Busy) as busy, pytest.raises(Refused, match="503"):
        busy.submit(f"/dev/fd/{reader}")
    os.close(reader)
    assert next(Busy.asked) == 1


def test_what_is_no_id_asks_for_nothing_else() -> None:
    asked: list[str] = []

    class Listening(Elsewhere):
        def do_GET(self) -> None:
            asked.append(self.path.partition("?")[0])
            self.send_error(404)

        do_POST = do_DELETE = do_GET  # noqa: N815 (as the base class calls them)

    with serving(Listening) as client:
        for method in (client.job, client.cancel, client.rerun, client.delete):
            with pytest.raises(Refused):
                method("../tables/x?y")
    job = "/jobs/..%2Ftables%2Fx%3Fy"
    assert asked == [job, f"{job}/cancel", f"{job}/rerun", job]


def test_a_proxy_that_does_not_wait_is_asked_with_pauses(
    monkeypatch: pytest.MonkeyPatch, api: Served
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("csvjobs.client.time.sleep", pauses.append)
    monkeypatch.setattr("csvjobs.client.PAUSE", 60.0)
    ended = httpx.get(f"{api.url}/jobs/{api.done(CSV)['job_id']}").content

    class Cached(Elsewhere):
        asked = count()

        def do_GET(self) -> None:
            old = next(self.asked) < 3
            self.send_response(304 if old else 200)
            self.end_headers()
            self.wfile.write(b"" if old else ended)

    with serving(Cached) as cached:
        assert cached.wait(NOBODY).status is Status.DONE
    assert pauses == [60.0, 60.0]


@pytest.mark.parametrize(
    ("altered", "error"),
    [(CSV.replace(b"42", b"43"), Damaged), (CSV[:-4], Refused), (CSV + b"1,2\n", Refused), (b"", Refused)],
)
def test_a_damaged_file_is_not_saved(
    client: Client, api: Served, target: Path, altered: bytes, error: type[Exception]
) -> None:
    job_id = api.done(CSV)["job_id"]
    (api.root / job_id / "output.csv").write_bytes(altered)
    with pytest.raises(error):
        client.download(job_id, target)
    assert target.read_bytes() == b"old"


def test_a_download_that_breaks_off_goes_on_where_it_stopped(
    api: Served, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csvjobs.client.PAUSE", 0.0)
    job_id = api.done(LARGE)["job_id"]
    received: list[int] = []
    # Whoever began anew would never come to the end.
    with Lossy(api.url, most=len(LARGE) // 8) as lossy, Client(lossy.url) as client:
        client.download(job_id, target, received=received.append)
    assert target.read_bytes() == LARGE
    assert sum(received) == len(LARGE)
    assert lossy.connections > TRIES + 1


def test_a_download_goes_on_with_a_service_that_is_started_again(idle: Served, target: Path) -> None:
    job_id = idle.post(LARGE)["job_id"]

    def restart(count: int) -> None:
        if count and len(idle.service.processes) == 1:
            idle.service.processes[0].kill()
            idle.service.processes[0].wait()
            idle.service.start_api(urlsplit(idle.url).port)

    with Client(idle.url) as client:
        client.download(job_id, target, "input.csv", restart)
    assert target.read_bytes() == LARGE
    assert len(idle.service.processes) == 2


def test_a_download_that_cannot_go_on_is_damaged(
    idle: Served, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csvjobs.client.PAUSE", 0.0)
    job_id = idle.post(LARGE)["job_id"]
    with Client(idle.url) as client, pytest.raises(Damaged, match="broke off"):
        client.download(job_id, target, "input.csv", lambda _: idle.service.processes[0].kill())
    assert target.read_bytes() == b"old"


class Breaking(Elsewhere):
    """A server that breaks off after the first three bytes of six, and answers the second request otherwise:
    status, ETag, Content-Range."""

    second: tuple[int, str, str]
    asked: list[dict[str, str]]

    def do_GET(self) -> None:
        self.asked.append(dict(self.headers))
        status, tag, span = self.second if len(self.asked) > 1 else (200, self.second[1] and '"1"', "")
        self.send_response(status)
        self.send_header("ETag", tag)
        self.send_header("Content-Range", span)
        self.send_header("Content-Length", "3" if len(self.asked) > 1 else "6")
        self.end_headers()
        self.wfile.write(b"a,b")


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> type[Breaking]:
    monkeypatch.setattr("csvjobs.client.PAUSE", 0.0)
    return type("Breaking", (Breaking,), {"asked": []})


def test_the_rest_of_the_same_file_is_asked_for(target: Path, breaking: type[Breaking]) -> None:
    breaking.second = (206, '"1"', "bytes 3-5/6")
    with serving(breaking) as client:
        client.download(NOBODY, target, "output.csv")
    assert target.read_bytes() == b"a,ba,b"
    target.write_bytes(b"old")
    _, asked = breaking.asked
    assert (asked["Range"], asked["If-Range"]) == ("bytes=3-", '"1"')
    # The range would be one of what a proxy packed.
    assert asked["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("second", "error", "said"),
    [
        ((206, '"2"', "bytes 3-5/6"), Damaged, "became another file"),
        ((206, '"1"', "bytes 0-2/6"), Damaged, "became another file"),
        ((200, '"2"', ""), Damaged, "became another file"),
        ((206, "", "bytes 3-5/6"), Damaged, "broke off"),
        ((410, '"1"', ""), Refused, "answered 410"),
    ],
)
def test_two_files_are_never_mixed(
    target: Path, breaking: type[Breaking], second: tuple[int, str, str], error: type[Exception], said: str
) -> None:
    breaking.second = second
    with serving(breaking) as client, pytest.raises(error, match=said):
        client.download(NOBODY, target, "output.csv")
    assert target.read_bytes() == b"old"


def test_a_download_is_there_only_when_it_is_whole(client: Client, api: Served, target: Path) -> None:
    job_id = api.done(LARGE)["job_id"]
    meanwhile: set[bytes] = set()
    client.download(job_id, target, received=lambda _: meanwhile.add(target.read_bytes()))
    assert meanwhile == {b"old"}
    assert target.read_bytes() == LARGE


def test_a_download_that_is_stopped_leaves_nothing(client: Client, api: Served, target: Path) -> None:
    def stop(count: int) -> None:
        raise KeyboardInterrupt

    job_id = api.done(CSV)["job_id"]
    with pytest.raises(KeyboardInterrupt):
        client.download(job_id, target, received=stop)
    assert target.read_bytes() == b"old"


def test_two_downloads_to_one_place_do_not_mix(client: Client, api: Served, target: Path) -> None:
    large, small = api.done(LARGE)["job_id"], api.done(CSV)["job_id"]
    client.download(large, target, received=lambda _: client.download(small, target) and None)
    assert target.read_bytes() == LARGE


def test_a_pipe_is_filled_and_a_link_followed(client: Client, api: Served, tmp_path: Path) -> None:
    job_id = api.done(CSV)["job_id"]
    pipe, link, real = tmp_path / "pipe", tmp_path / "link.csv", tmp_path / "real.csv"
    os.mkfifo(pipe)
    link.symlink_to(real)
    downloading = threading.Thread(target=client.download, args=(job_id, pipe))
    downloading.start()
    assert pipe.read_bytes() == CSV
    downloading.join()
    client.download(job_id, link)
    assert (link.is_symlink(), real.read_bytes(), pipe.is_fifo()) == (True, CSV, True)
