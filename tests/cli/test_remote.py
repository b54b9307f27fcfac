"""csvjobs submit, status, download, rerun, jobs, cancel, delete with a service."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from chaos import eventually, free_port
from rich.progress import Progress
from served import Served
from terminal import Terminal

from csvjobs.cli.follow import findable
from csvjobs.cli.output import Bar
from csvjobs.client import Client, Refused

CSV = "id,name\n00042,Ada\n"
RAGGED = "a,b\n1,2\n3\n4,5\n6,7\n"
NOBODY = "01890000-0000-7000-8000-000000000000"
ONE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n")


@pytest.fixture
def at(terminal: Terminal) -> Terminal:
    terminal.write("in.csv", CSV)
    terminal.write("ragged.csv", RAGGED)
    return terminal


@pytest.fixture
def idle(tmp_path: Path, redis_url: str) -> Iterator[Served]:
    """A service without a worker."""
    served = Served(tmp_path / "idle", redis_url)
    yield served
    served.stop()


@pytest.fixture
def stranger(at: Terminal) -> Iterator[str]:
    """An HTTP server that is not csvjobs."""
    handler = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_submit_prints_the_id_and_leaves(at: Terminal, api: Served) -> None:
    typed = at.types("submit", "in.csv", "-s", api.url)
    assert (typed.status, typed.err) == (0, "")
    assert ONE_ID.fullmatch(typed.out)
    assert api.job(typed.out.strip())["filename"] == "in.csv"


def test_submit_follows_the_job_and_saves_its_result(at: Terminal, api: Served) -> None:
    typed = at.types("submit", "in.csv", "-o", "out.csv", "-s", api.url)
    assert typed.status == 0
    assert ONE_ID.fullmatch(typed.out)
    assert at.read("out.csv") == CSV
    first, account = typed.err.splitlines()[:2]
    assert first == f"done in.csv, pipeline tidy, job {typed.out.strip()}"
    assert account == "      1 row in, 1 out, 0 rejected"
    assert "\x1b" not in typed.err


def test_rerun_takes_the_file_that_is_there(at: Terminal, api: Served) -> None:
    job_id = at.types("submit", "in.csv", "-s", api.url).out.strip()
    at.write("in.csv", "something else\n")
    typed = at.types("rerun", job_id, "-p", "steps: [{step: select, columns: [name]}]", "-s", api.url)
    assert (typed.status, typed.err) == (0, "")
    assert ONE_ID.fullmatch(typed.out)
    again = typed.out.strip()
    assert again != job_id
    assert at.types("status", again, "--wait", "-s", api.url).status == 0
    assert at.types("download", again, "-o", "-", "-s", api.url).out == "name\nAda\n"


def test_rerun_takes_the_terms_that_submit_takes(at: Terminal, api: Served) -> None:
    job_id = at.types("submit", "in.csv", "-s", api.url).out.strip()
    asked = ("rerun", job_id, "--key", "mine", "--retention", "2h", "--wait", "-s", api.url)
    first, second = (at.types(*asked).out.strip() for _ in range(2))
    assert ONE_ID.fullmatch(first + "\n")
    assert second == first != job_id
    job = api.job(first)
    ended, expires = (datetime.fromisoformat(job[name]) for name in ("finished_at", "expires_at"))
    assert expires - ended == timedelta(hours=2)
    assert at.types("rerun", job_id, "--priority", "urgent", "-s", api.url).status == 2


def test_submit_works_in_a_pipe(at: Terminal, api: Served) -> None:
    trim = "steps: [{step: trim}]"
    typed = at.types("submit", "-", "-p", trim, "-o", "-", "-s", api.url, fed=b"a,b\n 1 ,2\n")
    assert (typed.status, typed.out) == (0, "a,b\n1,2\n")


def test_submit_takes_a_pipeline_file_and_read_options(at: Terminal, api: Served) -> None:
    at.write("p.yaml", "name: mine\nsteps:\n  - step: select\n    columns: [b]\n")
    at.write("tabs.csv", "a,x\tb\n1\t2\n")
    asked = ("-p", "p.yaml", "-r", "delimiter=\\t", "--retention", "2h", "-o", "out.csv")
    typed = at.types("submit", "tabs.csv", *asked, "-s", api.url)
    assert (typed.status, at.read("out.csv")) == (0, "b\n2\n")
    assert "pipeline mine" in typed.err
    assert re.search(r"\n      kept until \d{4}-\d\d-\d\d \d\d:\d\d UTC\n", typed.err)


def test_submit_tells_why_the_job_ended_in_error(at: Terminal, api: Served) -> None:
    select = "steps: [{step: select, columns: [nme]}]"
    typed = at.types("submit", "in.csv", "-p", select, "-o", "out.csv", "-s", api.url)
    assert (typed.status, (at.folder / "out.csv").exists()) == (1, False)
    assert "unknown-column" in typed.err
    assert "Did you mean 'name'?" in typed.err
    assert at.types("status", typed.out.strip(), "-s", api.url).status == 1


def test_names_of_any_bytes_are_sent(at: Terminal, api: Served) -> None:
    (at.folder / os.fsdecode(b"caf\xe9.csv")).write_text(CSV)
    typed = at.types("submit", b"caf\xe9.csv", "-s", api.url)
    assert api.job(typed.out.strip())["filename"] == "caf\N{REPLACEMENT CHARACTER}.csv"


def test_progress_is_shown_on_a_terminal(at: Terminal, api: Served) -> None:
    shown = at.watches("submit", "in.csv", "-o", "out.csv", "-s", api.url)
    assert [part for part in ("sending", "queued", "receiving", "done") if part not in shown] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ("in.csv", "-p", "nosuch"),
            "error pipeline-not-found: There is no pipeline 'nosuch'.\n      Known:",
        ),
        (("empty.csv",), "error empty-upload: "),
        (("in.csv", "-r", "delim=;"), "Did you mean 'delimiter'?"),
        (("in.csv", "-p", "steps: [{step: trimm}]"), "Did you mean 'trim'?"),
        (("in.csv", "-o", "no/such.csv"), "there is no folder 'no'"),
    ],
)
def test_what_is_refused_is_said_in_one_line(
    at: Terminal, api: Served, arguments: tuple[str, ...], told: str
) -> None:
    at.write("empty.csv", "")
    typed = at.types("submit", *arguments, "-s", api.url)
    assert (typed.status, typed.out) == (2, "")
    assert told in typed.err
    assert len(typed.err.splitlines()) <= 2


def test_all_faults_of_a_pipeline_are_told_at_once(at: Terminal, api: Served) -> None:
    typed = at.types("submit", "in.csv", "-p", "steps: [{step: trimm}, {step: scale}]", "-s", api.url)
    assert typed.status == 2
    assert typed.err.count("error invalid-pipeline: ") >= 2


def test_a_large_file_is_refused_before_it_is_sent(at: Terminal, api: Served) -> None:
    at.write("big.csv", "a,b\n" + "1,2\n" * 10_000_000)
    typed = at.types("submit", "big.csv", "-p", "nosuch", "-s", api.url)
    assert typed.status == 2
    assert "pipeline-not-found" in typed.err


def test_status_prints_the_job_to_stdout(at: Terminal, api: Served) -> None:
    job_id = api.done(RAGGED.encode(), filename="ragged.csv")["job_id"]
    typed = at.types("status", job_id, "-s", api.url)
    assert (typed.status, typed.err) == (0, "")
    assert typed.out.splitlines()[:2] == [
        f"done ragged.csv, pipeline tidy, job {job_id}",
        "      4 rows in, 3 out, 1 rejected",
    ]


def test_status_waits_for_the_end(at: Terminal, api: Served) -> None:
    job_id = api.post(CSV.encode())["job_id"]
    typed = at.types("status", job_id, "--wait", "-s", api.url)
    assert (typed.status, typed.out.split()[0]) == (0, "done")


def test_status_is_json_for_programs(at: Terminal, api: Served) -> None:
    job_id = api.done(RAGGED.encode())["job_id"]
    told = json.loads(at.types("status", job_id, "--json", "-s", api.url).out)
    assert (told["job_id"], told["status"]) == (job_id, "done")
    assert told["rows"] == {"in": 4, "out": 3, "rejected": 1, "dropped": {}, "merged": {}, "added": {}}


def test_download_saves_a_file_and_prints_where(at: Terminal, api: Served) -> None:
    job_id = api.done(RAGGED.encode())["job_id"]
    typed = at.types("download", job_id, "-s", api.url)
    assert (typed.status, typed.out, typed.err) == (0, "output.csv\n", "")
    assert at.read("output.csv") == "a,b\n1,2\n4,5\n6,7\n"
    assert at.types("download", job_id, "-o", "mine.csv", "--name", "rejected.csv", "-s", api.url).status == 0
    assert at.read("mine.csv").startswith("a,b,_line,_last_line,_byte,_code,_column,")
    assert at.types("download", job_id, "-o", "-", "-s", api.url).out == "a,b\n1,2\n4,5\n6,7\n"


def test_an_output_of_another_format_is_saved_under_its_name(at: Terminal, api: Served) -> None:
    lines = '{"a":"1","b":"2"}\n{"a":"4","b":"5"}\n{"a":"6","b":"7"}\n'
    written = "write: {format: jsonl, compression: gzip}"
    sent = at.types("submit", "ragged.csv", "-p", written, "-o", "mine.gz", "-s", api.url)
    assert sent.status == 0
    assert at.types("download", sent.out.strip(), "-s", api.url).out == "output.jsonl.gz\n"
    for name in ("mine.gz", "output.jsonl.gz"):
        assert gzip.decompress((at.folder / name).read_bytes()).decode() == lines


@pytest.mark.parametrize("name", ["fitted.json", "../output.csv"])
def test_a_file_that_the_job_does_not_have_is_refused(at: Terminal, api: Served, name: str) -> None:
    job_id = api.done(CSV.encode())["job_id"]
    at.write("out.csv", "old")
    typed = at.types("download", job_id, "--name", name, "-o", "out.csv", "-s", api.url)
    assert (typed.status, typed.out, at.read("out.csv")) == (2, "", "old")
    assert typed.err.startswith(("error file-not-found: ", "error not-found: "))


def test_jobs_are_listed_cancelled_and_deleted(at: Terminal, idle: Served) -> None:
    first, second = (idle.post(CSV.encode(), filename=name)["job_id"] for name in ("1.csv", "2.csv"))
    lines = at.types("jobs", "-s", idle.url).out.splitlines()
    assert [line.split()[:2] for line in lines] == [[second, "queued"], [first, "queued"]]
    assert lines[0].endswith(" UTC  2.csv")
    typed = at.types("cancel", first, "-s", idle.url)
    assert (typed.status, typed.err) == (0, "")
    assert typed.out.startswith("cancelled 1.csv, ")
    [line] = at.types("jobs", "--status", "cancelled", "--json", "-s", idle.url).out.splitlines()
    assert json.loads(line)["job_id"] == first
    assert at.types("jobs", "-n", "1", "-s", idle.url).out == f"{lines[0]}\n"
    assert json.loads(at.types("cancel", second, "--json", "-s", idle.url).out)["status"] == "cancelled"
    assert at.types("status", second, "-s", idle.url).status == 1
    assert at.types("delete", first, "-s", idle.url) == (0, "", "")
    assert at.types("status", first, "-s", idle.url).err.startswith("error job-gone: ")


def test_rerun_follows_the_new_job_and_saves_its_result(at: Terminal, api: Served) -> None:
    job_id = api.done(CSV.encode())["job_id"]
    names = "steps: [{step: select, columns: [name]}]"
    typed = at.types("rerun", job_id, "-p", names, "-o", "names.csv", "-s", api.url)
    assert (typed.status, at.read("names.csv")) == (0, "name\nAda\n")
    assert typed.out.strip() in typed.err
    assert at.types("rerun", job_id, "--wait", "-s", api.url).err.startswith("done input.csv, ")


@pytest.mark.parametrize(
    ("command", "option", "hint"),
    [
        (("submit", "in.csv"), "path=x", "Known: "),
        (("submit", "in.csv"), "apply=x", "Known: "),
        (("submit", "in.csv"), "delimeter=;", "Did you mean 'delimiter'?"),
        (("rerun", NOBODY), "job_id=1", "Known: "),
    ],
)
def test_what_is_no_read_option_is_refused(
    at: Terminal, command: tuple[str, str], option: str, hint: str
) -> None:
    typed = at.types(*command, "--read", option)
    assert (typed.status, typed.out) == (2, "")
    name = option.partition("=")[0]
    assert typed.err.startswith(f"error invalid-option: --read '{name}': there is no such read option.")
    assert hint in typed.err


@pytest.mark.parametrize(
    "command",
    [
        *(("status", NOBODY), ("status", "a b?c#d"), ("status", NOBODY, "-w"), ("download", NOBODY)),
        *(("cancel", NOBODY), ("delete", NOBODY), ("rerun", NOBODY)),
    ],
)
def test_a_job_that_is_not_there_is_refused(at: Terminal, api: Served, command: tuple[str, ...]) -> None:
    typed = at.types(*command, "-s", api.url)
    assert (typed.status, typed.out) == (2, "")
    said, *hint = typed.err.splitlines()
    assert said.startswith("error job-not-found: ")
    assert " ".join(map(str.strip, hint)).startswith("Check the id: ")


def test_a_damaged_file_is_not_saved(at: Terminal, api: Served) -> None:
    job_id = api.done(CSV.encode())["job_id"]
    (api.root / job_id / "output.csv").write_text(CSV.replace("42", "43"))
    at.write("out.csv", "old")
    typed = at.types("download", job_id, "-o", "out.csv", "-s", api.url)
    assert (typed.status, at.read("out.csv")) == (3, "old")
    assert typed.err.startswith("error damaged: output.csv arrived damaged.")
    assert at.types("download", job_id, "-o", "-", "-s", api.url).out == ""


def test_a_job_that_has_not_ended_has_no_output_yet(at: Terminal, idle: Served) -> None:
    job_id = idle.post(CSV.encode())["job_id"]
    typed = at.types("status", job_id, "-s", idle.url)
    assert (typed.status, typed.out.split()[0]) == (0, "queued")
    assert "0 jobs wait before it; no worker is running" in typed.out
    typed = at.types("download", job_id, "-o", "out.csv", "-s", idle.url)
    assert typed.status == 2
    assert typed.err.startswith("error job-not-finished: ")


def test_whoever_waits_is_told_that_no_worker_is_running(idle: Served) -> None:
    progress = Progress()
    bar = Bar(progress, "", 1.0)
    with Client(idle.url) as client:
        job = client.job(idle.post(CSV.encode())["job_id"])
    for workers, said in ((job.workers, "queued, but no worker is running"), (1, "queued")):
        bar.show(job.model_copy(update={"workers": workers}))
        assert progress.tasks[0].description.strip() == said


def test_whoever_stops_waiting_is_told_how_to_find_the_job_again(at: Terminal, idle: Served) -> None:
    waiting = at.starts("submit", "in.csv", "--wait", "-s", idle.url)
    assert waiting.stdout
    job_id = waiting.stdout.readline().decode().strip()
    waiting.send_signal(signal.SIGINT)
    typed = at.ended(waiting)
    assert typed.status == 130
    assert f"csvjobs status {job_id} --wait --server {idle.url}" in typed.err
    assert idle.job(job_id)["status"] == "queued"


def test_whoever_loses_the_service_is_told_how_to_find_the_job_again(at: Terminal, idle: Served) -> None:
    waiting = at.starts("submit", "in.csv", "-o", "out.csv", "-s", idle.url)
    assert waiting.stdout
    job_id = waiting.stdout.readline().decode().strip()
    idle.service.processes[0].kill()
    typed = at.ended(waiting)
    assert typed.status == 3
    assert f"csvjobs status {job_id} --wait" in typed.err
    assert "error unreachable: " in typed.err


@pytest.mark.parametrize(("status", "told"), [(502, True), (429, True), (404, False), (410, False)])
def test_whoever_is_refused_while_waiting_is_told_if_there_is_still_a_job(
    capsys: pytest.CaptureFixture[str], status: int, told: bool
) -> None:
    with pytest.raises(Refused), findable(NOBODY, "http://far"):
        raise Refused({}, status)
    assert (f"csvjobs status {NOBODY} --wait --server http://far" in capsys.readouterr().err) is told


AWAY = [("submit", "in.csv", "-o", "out.csv"), ("status", NOBODY), ("download", NOBODY, "-o", "out.csv")]


@pytest.mark.parametrize("command", AWAY, ids=[command[0] for command in AWAY])
def test_a_service_that_is_away_is_told(at: Terminal, command: tuple[str, ...]) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    typed = at.types(*command, "-s", address)
    assert (typed.status, typed.out) == (3, "")
    assert typed.err.startswith(f"error unreachable: No service answers at {address}: ")
    assert "`csvjobs up`" in typed.err
    assert "Errno" not in typed.err


@pytest.mark.parametrize("url", ["http://[::1", "127.0.0.1:8000", "localhost:8000", "ftp://x", "http://", ""])
def test_an_address_that_is_none_is_told(at: Terminal, url: str) -> None:
    typed = at.types("status", NOBODY, "-s", url)
    assert typed.status == 2
    assert typed.err.startswith(f"error bad-request: {url!r} is not ")
    assert "For example: http://127.0.0.1:8000" in typed.err


def test_no_proxy_is_asked_for_this_machine(at: Terminal, api: Served) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    proxies = {"HTTP_PROXY": nowhere, "http_proxy": nowhere, "NO_PROXY": "", "no_proxy": ""}
    for url in (api.url, api.url.replace("127.0.0.1", "localhost")):
        assert at.types("jobs", "-s", url, **proxies).status == 0
    typed = at.types("jobs", "-s", "http://csvjobs.invalid", **proxies)
    assert typed.status == 3
    assert "NO_PROXY=csvjobs.invalid goes without it." in typed.err


def test_what_does_not_speak_tls_is_told(at: Terminal, api: Served) -> None:
    typed = at.types("jobs", "-s", api.url.replace("http:", "https:"))
    assert typed.status == 3
    assert "write http:// if that is meant" in typed.err


def test_a_long_pipeline_is_sent(at: Terminal, api: Served) -> None:
    mapping = "".join(f"      long name {count}: short\n" for count in range(5000))
    at.write("long.yaml", f"steps:\n  - step: replace\n    columns: [name]\n    mapping:\n{mapping}")
    at.write("names.csv", "name\nlong name 7\n")
    typed = at.types("submit", "names.csv", "-p", "long.yaml", "-o", "out.csv", "-s", api.url)
    assert (typed.status, at.read("out.csv")) == (0, "name\nshort\n"), typed.err
    job_id = typed.out.strip()
    typed = at.types("rerun", job_id, "-p", "long.yaml", "-o", "again.csv", "-s", api.url)
    assert (typed.status, at.read("again.csv")) == (0, "name\nshort\n"), typed.err


def test_a_server_that_is_not_csvjobs_is_told(at: Terminal, stranger: str) -> None:
    typed = at.types("submit", "in.csv", "-s", stranger)
    assert (typed.status, typed.err) == (3, "error refused: The service answered 501.\n")


def test_a_service_that_cannot_do_it_now_is_told_apart(at: Terminal, tmp_path: Path, redis_url: str) -> None:
    full = Served(tmp_path / "full", redis_url, min_free_bytes=10**18)
    typed = at.types("submit", "in.csv", "-s", full.url)
    full.stop()
    assert typed.status == 3
    assert typed.err.startswith("error disk-full: ")


def test_a_download_is_stopped_without_a_trace(at: Terminal, api: Served) -> None:
    job_id = api.done(CSV.encode() + b"1,2\n" * 1_000_000)["job_id"]
    os.mkfifo(at.folder / "pipe")
    running = at.starts("download", job_id, "-o", "pipe", "-s", api.url)
    with (at.folder / "pipe").open("rb"):
        eventually(lambda: list(at.temporary.iterdir()))
        running.send_signal(signal.SIGTERM)
        typed = at.ended(running)
    assert typed.status == 143
