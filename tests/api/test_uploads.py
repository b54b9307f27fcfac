"""Uploads as clients send them: whole, chunked, interrupted, too large, malformed."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import signal
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from chaos import eventually
from served import Serve, Served, refused

from csvjobs.api.uploads import MAX_FIELD_BYTES

pytestmark = pytest.mark.usefixtures("tidy_up")
CSV = b'id,name\n00042,"Ada, Countess"\n'


def input_of(api: Served, job_id: str) -> bytes:
    return (api.root / job_id / "input.csv").read_bytes()


def exchange(api: Served, *pieces: bytes) -> bytes:
    """Sends the bytes as they stand; returns all that comes back until the connection is closed."""
    parts = urlsplit(api.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("path", ["/upload_csv", "/upload", "/jobs"])
def test_a_multipart_upload_is_accepted(api: Served, path: str) -> None:
    answer = api.client.post(path, files={"file": ("people.csv", CSV)})
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/jobs/{job['job_id']}"
    assert int(answer.headers["retry-after"]) >= 1
    assert (job["status"], job["filename"]) == ("queued", "people.csv")
    assert input_of(api, job["job_id"]) == CSV


def test_a_raw_body_is_accepted_with_options_in_the_query(api: Served) -> None:
    content = CSV.replace(b",", b";")
    job = api.done(content, filename="people.csv", pipeline="tidy", delimiter=";")
    assert (job["status"], job["filename"]) == ("done", "people.csv")
    assert job["detected"]["delimiter"]["confidence"] == 1.0
    assert input_of(api, job["job_id"]) == content


@pytest.mark.parametrize("kind", ["application/gzip", "application/x-gzip", "application/zip"])
def test_a_packed_file_is_accepted_under_its_own_media_type(api: Served, kind: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("people.csv", CSV)
    content = packed.getvalue() if kind == "application/zip" else gzip.compress(CSV)
    answer = api.client.post("/upload_csv", content=content, headers={"Content-Type": kind})
    assert api.ended(answer.json()["job_id"])["status"] == "done"


def test_a_field_that_is_not_utf8_is_refused_not_repaired(api: Served) -> None:
    step = "steps: [{step: fill_missing, columns: [a], with: constant, value: Müller}]".encode("latin-1")
    answer = api.client.post("/upload_csv", files={"pipeline": (None, step), "file": ("a.csv", CSV)})
    assert "'pipeline' is not UTF-8 text: byte 0xfc" in refused(answer, 400, "bad-request")["detail"]


@pytest.mark.parametrize("nulls", ["n/a, -", '["n/a", "-"]'])
def test_what_means_missing_is_a_field_of_the_form(api: Served, nulls: str) -> None:
    steps = "steps: [{step: drop_missing}]"
    files = {"file": ("gaps.csv", b"a,b\n1,n/a\n2,x\n-,y\n")}
    answer = api.client.post("/upload_csv", data={"pipeline": steps, "nulls": nulls}, files=files)
    job = api.ended(answer.json()["job_id"])
    assert job["rows"]["dropped"] == {"drop_missing (step 1)": 2}
    assert api.client.get(f"/download_csv/{job['job_id']}/").content == b"a,b\n2,x\n"


def test_a_pipeline_may_be_a_file_of_the_form_and_bear_its_name(api: Served) -> None:
    def named(pipeline: tuple[str | None, str]) -> str:
        files = {"pipeline": pipeline, "file": ("people.csv", CSV)}
        answer = api.client.post("/upload_csv", files=files)
        return str(api.job(answer.json()["job_id"])["pipeline"]["name"])

    assert named(("crm-clean.yaml", "steps: [{step: trim}]")) == "crm-clean"
    assert named(("C:\\my\\crm-clean.json", '{"steps": []}')) == "crm-clean"
    assert named(("crm-clean.yaml", "name: own\nsteps: [{step: trim}]")) == "own"
    assert named(("crm-clean.yaml", "tidy")) == "tidy"
    assert named((None, "steps: [{step: trim}]")) == "unnamed"


def test_a_body_in_chunks_of_unknown_length_is_accepted(api: Served) -> None:
    def pieces() -> Iterator[bytes]:
        for start in range(0, len(CSV), 5):
            yield CSV[start : start + 5]

    answer = api.client.post("/upload_csv", content=pieces())
    assert input_of(api, answer.json()["job_id"]) == CSV


@pytest.mark.parametrize("before", [True, False])
def test_fields_may_stand_before_the_file_or_after_it(api: Served, before: bool) -> None:
    file = ("file", ("people.csv", CSV))
    field = ("pipeline", (None, "steps: [{step: select, columns: [name]}]"))
    answer = api.client.post("/upload_csv", files=[field, file] if before else [file, field])
    job = answer.json()
    assert answer.status_code == 202
    assert [step["step"] for step in api_request(api, job["job_id"])["pipeline"]["steps"]] == ["select"]


def api_request(api: Served, job_id: str) -> dict[str, dict[str, list[dict[str, str]]]]:
    document: dict[str, dict[str, list[dict[str, str]]]] = json.loads(
        (api.root / job_id / "job.json").read_text()
    )
    return document


def test_bytes_that_look_like_a_boundary_stay_in_the_file(api: Served) -> None:
    content = b"a,b\n--x,1\r\n--xy\r\n\r\n--\r\n"
    body = b"--x\r\nContent-Disposition: form-data; name=file; filename=t.csv\r\n\r\n%b\r\n--x--\r\n" % (
        content.replace(b"\r\n--xy", b"\r\n--y")
    )
    answer = api.client.post(
        "/upload_csv", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 202, answer.text
    assert input_of(api, answer.json()["job_id"]) == content.replace(b"\r\n--xy", b"\r\n--y")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\täglich.csv", "täglich.csv"),
        ("a\nb\x00.csv", "ab.csv"),
        ("a\x1b[2J\x9b2J.csv", "a[2J2J.csv"),
        ("/", "input.csv"),
        pytest.param("x" * 300, "x" * 200, id="long"),
    ],
)
def test_only_the_base_name_of_a_file_is_kept(api: Served, sent: str, kept: str) -> None:
    assert api.post(CSV, filename=sent)["filename"] == kept


def test_an_empty_file_is_refused(api: Served) -> None:
    refused(api.client.post("/upload_csv", content=b""), 422, "empty-upload")
    refused(api.client.post("/upload_csv", files={"file": ("a.csv", b"")}), 422, "empty-upload")


def test_a_form_without_a_file_is_refused(api: Served) -> None:
    body = refused(api.client.post("/upload_csv", files={"pipeline": (None, "tidy")}), 400, "bad-request")
    assert "-F file=@" in str(body["hint"])


def test_a_field_is_refused_that_is_longer_than_any_has_to_be(api: Served) -> None:
    for name in ("pipeline", "nosuch"):
        answer = api.client.post("/upload_csv", data={name: "x" * (MAX_FIELD_BYTES + 1)}, files={"file": CSV})
        detail = refused(answer, 422, "invalid-option")["detail"]
        assert detail == f"The field {name!r} is longer than {MAX_FIELD_BYTES} bytes."


def test_two_files_are_refused(api: Served) -> None:
    files = [("file", ("a.csv", CSV)), ("file", ("b.csv", CSV))]
    refused(api.client.post("/upload_csv", files=files), 400, "bad-request")


@pytest.mark.parametrize("content", ["", "1"])
def test_more_fields_than_a_form_can_have_are_refused_however_short(api: Served, content: str) -> None:
    fields = [(f"field{count}", (None, content)) for count in range(1000)]
    answer = api.client.post("/upload_csv", files=[*fields, ("file", ("a.csv", CSV))])
    assert "32 fields" in refused(answer, 422, "invalid-option")["detail"]


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_without_a_boundary_is_refused(api: Served, kind: str) -> None:
    answer = api.client.post("/upload_csv", content=CSV, headers={"Content-Type": kind})
    assert "Leave Content-Type to the HTTP library" in refused(answer, 400, "bad-request")["hint"]


def test_a_form_that_ends_early_is_refused(api: Served) -> None:
    body = b"--x\r\nContent-Disposition: form-data; name=file; filename=t.csv\r\n\r\na,b\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    refused(api.client.post("/upload_csv", content=body, headers=kind), 400, "bad-request")


@pytest.mark.parametrize("kind", ["application/json", "image/png", "application/x-www-form-urlencoded"])
def test_other_media_types_are_refused(api: Served, kind: str) -> None:
    answer = api.client.post("/upload_csv", content=CSV, headers={"Content-Type": kind})
    refused(answer, 415, "unsupported-media-type")


EURO = "preis\n5 \u20ac\n".encode("iso-8859-15")


def send(api: Served, content: bytes, kind: str, form: bool, **options: str) -> httpx.Response:
    if form:
        return api.client.post("/upload_csv", files={"file": ("a.csv", content, kind)}, data=options)
    return api.client.post("/upload_csv", content=content, headers={"Content-Type": kind}, params=options)


@pytest.mark.parametrize("form", [True, False])
@pytest.mark.parametrize(
    ("content", "kind", "options", "output"),
    [
        (EURO, "text/csv; charset=iso-8859-15", {}, "preis\n5 \u20ac\n"),
        (EURO, 'Text/CSV; Charset="ISO-8859-15"; header=present', {}, "preis\n5 \u20ac\n"),
        (EURO, "text/csv; charset=utf-8", {"encoding": "iso-8859-15"}, "preis\n5 \u20ac\n"),
        (
            EURO,
            "text/csv; charset=iso-8859-15",
            {"pipeline": "read: {encoding: koi8-r}"},
            "preis\n5 \u20ac\n",
        ),
        (EURO, "text/csv; charset=iso-8859-15", {"encoding": ""}, "preis\n5 \u20ac\n"),
        (b"x,y\np,q\n", "text/csv; header=absent", {}, "column_1,column_2\nx,y\np,q\n"),
        (b"1,2\n3,4\n", "text/csv; header=present", {}, "1,2\n3,4\n"),
        (b"x,y\np,q\n", "text/csv; header=absent", {"header": "true"}, "x,y\np,q\n"),
        (b"a\nb\n", "application/octet-stream; charset=binary", {}, "a\nb\n"),
    ],
)
def test_what_the_media_type_of_a_file_declares_holds_unless_an_option_says_otherwise(
    api: Served, content: bytes, kind: str, options: dict[str, str], output: str, form: bool
) -> None:
    job = api.ended(send(api, content, kind, form, **options).json()["job_id"])
    assert api.client.get(f"/download_csv/{job['job_id']}/").text == output


@pytest.mark.parametrize("form", [True, False])
def test_a_row_that_is_not_in_the_declared_charset_is_set_aside(api: Served, form: bool) -> None:
    job = api.ended(send(api, b"a\nb\n" + EURO, "text/csv; charset=utf-8", form).json()["job_id"])
    assert (job["rows"]["out"], job["rows"]["rejected"]) == (2, 1)
    assert job["rejected"]["groups"][0]["code"] == "bad-bytes"


@pytest.mark.parametrize("form", [True, False])
@pytest.mark.parametrize(
    "kind", ["text/csv; charset=klingon", "text/csv; charset=zlib", "text/csv; header=no"]
)
def test_a_declaration_that_cannot_be_is_refused(api: Served, kind: str, form: bool) -> None:
    body = refused(send(api, CSV, kind, form), 415, "unsupported-media-type")
    assert kind.rpartition("=")[2] in body["detail"]


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", "zstd", "identity", "identity, gzip"])
def test_a_packed_body_stays_as_it_came(api: Served, coding: str) -> None:
    content = gzip.compress(CSV)
    answer = api.client.post("/upload_csv", content=content, headers={"Content-Encoding": coding})
    assert api.ended(answer.json()["job_id"])["status"] == "done"


@pytest.mark.parametrize("coding", ["deflate", "br", "gzip, gzip", "compress"])
def test_a_body_packed_in_another_way_is_refused(api: Served, coding: str) -> None:
    answer = api.client.post("/upload_csv", content=CSV, headers={"Content-Encoding": coding})
    refused(answer, 415, "unsupported-coding")
    assert answer.headers["accept-encoding"] == "gzip, zstd, identity"
    form = api.client.post("/upload_csv", files={"file": CSV}, headers={"Content-Encoding": "gzip"})
    refused(form, 415, "unsupported-coding")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"pipeline": "nosuch"}, 404, "pipeline-not-found"),
        ({"pipeline": "steps: [{step: trimm}]"}, 422, "invalid-pipeline"),
        ({"pipeline": "steps: [{step: trim, column: a}]"}, 422, "invalid-pipeline"),
        ({"pipeline": "{"}, 422, "invalid-pipeline"),
        ({"pipeline": '{"name": "\\ud800"}'}, 422, "invalid-pipeline"),
        ({"delimiter": "abcde"}, 422, "invalid-pipeline"),
        ({"nosuch": "1"}, 422, "invalid-option"),
        ({"nulls": "[NA]"}, 422, "invalid-pipeline"),
        ({"encoding": "rot13"}, 422, "invalid-pipeline"),
    ],
)
@pytest.mark.parametrize("form", [True, False])
def test_a_wrong_option_is_refused(
    api: Served, query: dict[str, str], status: int, code: str, form: bool
) -> None:
    if form:
        answer = api.client.post("/upload_csv", data=query, files={"file": ("a.csv", CSV)})
    else:
        answer = api.client.post("/upload_csv", content=CSV, params=query)
    refused(answer, status, code)


@pytest.mark.parametrize("form", [True, False])
def test_a_misspelt_field_is_told_with_the_one_that_is_meant(api: Served, form: bool) -> None:
    given: dict[str, Any] = {"data": {"pipline": "tidy"}} if form else {"params": {"pipline": "tidy"}}
    body = refused(api.client.post("/upload_csv", files={"file": CSV}, **given), 422, "invalid-option")
    assert (body["detail"], body["hint"]) == ("There is no field 'pipline'.", "Did you mean 'pipeline'?")


@pytest.mark.parametrize("path", ["/upload_csv", "/jobs/{}/rerun"])
@pytest.mark.parametrize("how", ["params", "data"])
def test_of_a_field_that_is_given_twice_neither_is_ignored(api: Served, path: str, how: str) -> None:
    url = path.format(api.post(CSV)["job_id"])
    twice: dict[str, Any] = {how: {"nulls": ["NA", "-"]}}
    files = {"file": CSV} if "{" not in path else None
    body = refused(api.client.post(url, files=files, **twice), 400, "bad-request")
    assert body["detail"] == "The field 'nulls' is given twice."


def test_a_value_that_is_not_of_its_form_is_told_what_the_option_means(api: Served) -> None:
    params = {"delimiter": "comma"}
    body = refused(api.client.post("/upload_csv", content=CSV, params=params), 422, "invalid-pipeline")
    assert "one character, or up to four" in body["errors"][0]["hint"]


def test_a_tab_may_be_written_as_it_is_typed(api: Served) -> None:
    content = b"a,a\tb\n1,1\t2\n"
    pipeline = "write: {delimiter: \\t}"
    job = api.done(content, delimiter="\\t", pipeline=pipeline)
    assert job["detected"]["delimiter"]["value"] == "\t"
    output = api.client.get(f"/download_csv/{job['job_id']}/")
    assert output.content == content


def test_all_faults_of_a_pipeline_are_told_with_their_places(api: Served) -> None:
    text = "steps: [{step: trimm}, {step: fill_missing, columns: [a], with: avg}]"
    body = refused(
        api.client.post("/upload_csv", content=CSV, params={"pipeline": text}), 422, "invalid-pipeline"
    )
    errors = body["errors"]
    assert isinstance(errors, list)
    assert [error["pointer"] for error in errors] == ["/steps/0/step", "/steps/1/with"]
    assert errors[0]["hint"] == "Did you mean 'trim'?"


NOBODY = "01890000-0000-7000-8000-000000000000"
HEAD = b"POST /upload_csv%b HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\n"


def test_a_wrong_option_is_refused_before_the_file_is_sent(api: Served) -> None:
    """Only the head arrives, and yet the answer comes, with the connection closed: nothing to wait for."""
    head = HEAD % b"?pipeline=nosuch"
    answer = exchange(api, head + b"Content-Length: 1000000000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"connection: close" in answer.lower()


def test_a_length_over_the_limit_is_refused_before_the_file_is_sent(api: Served) -> None:
    answer = exchange(api, HEAD % b"" + b"Content-Length: 999999999999999\r\nExpect: 100-continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer


@pytest.mark.parametrize(
    ("request_line", "header", "status"),
    [
        ("PUT /pipelines/tidy", "If-Match: *", 409),
        ("PUT /pipelines/unseen", "If-Match: *", 412),
        ("PUT /pipelines/unseen/schema", "Content-Length: 99999999", 413),
        (f"POST /jobs/{NOBODY}/rerun", "Content-Type: multipart/form-data; boundary=x", 404),
    ],
)
def test_what_the_head_tells_is_refused_before_the_body_is_asked_for(
    api: Served, request_line: str, header: str, status: int
) -> None:
    length = "" if "Length" in header else "Content-Length: 1000\r\n"
    head = f"{request_line} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n{length}{header}\r\n\r\n"
    answer = exchange(api, head.encode())
    assert answer.startswith(b"HTTP/1.1 %d " % status)


def test_a_client_that_waits_for_100_is_told_to_go_on(api: Served) -> None:
    head = HEAD % b"" + b"Content-Length: %d\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n" % len(CSV)
    parts = urlsplit(api.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        connection.sendall(head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(CSV)
        assert connection.recv(100).startswith(b"HTTP/1.1 202 ")


def test_a_client_that_does_not_wait_can_read_why_it_was_refused(serve: Serve) -> None:
    small = serve(max_upload_bytes=1000)
    answer = small.client.post("/upload_csv", content=b"x" * 20_000_000)
    refused(answer, 413, "upload-too-large")


@pytest.mark.parametrize("form", [True, False])
def test_a_body_of_unknown_length_is_refused_where_it_passes_the_limit(serve: Serve, form: bool) -> None:
    small = serve(max_upload_bytes=1000)

    def pieces() -> Iterator[bytes]:
        if form:
            yield b"--x\r\nContent-Disposition: form-data; name=file; filename=t.csv\r\n\r\n"
        for _ in range(100):
            yield b"x" * 1_000_000

    kind = "multipart/form-data; boundary=x" if form else "text/csv"
    answer = small.client.post("/upload_csv", content=pieces(), headers={"Content-Type": kind})
    refused(answer, 413, "upload-too-large")
    eventually(lambda: not small.leftovers())
    assert small.service.services.storage.list() == []


def test_the_largest_file_allowed_is_accepted_in_a_form_too(serve: Serve) -> None:
    small = serve(max_upload_bytes=len(CSV))
    assert small.client.post("/upload_csv", files={"file": ("a.csv", CSV)}).status_code == 202
    assert small.client.post("/upload_csv", content=CSV).status_code == 202
    answer = small.client.post("/upload_csv", files={"file": ("a.csv", CSV + b"x")})
    refused(answer, 413, "upload-too-large")


def test_a_disk_that_is_short_refuses(serve: Serve) -> None:
    full = serve(min_free_bytes=2**60)
    body = refused(full.client.post("/upload_csv", content=CSV), 507, "disk-full")
    assert body["hint"]
    refused(full.client.get("/readyz"), 507, "disk-full")


@pytest.mark.parametrize("empty", [True, False])
def test_while_the_jobs_folder_is_away_that_is_told(
    serve: Serve, empty: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    alone = serve()
    job_id = alone.post(CSV)["job_id"]
    away = alone.root.rename(alone.root.with_name("jobs.gone"))
    if empty:
        alone.root.mkdir()
    capfd.readouterr()
    keyed = {"Idempotency-Key": "k"}
    answers = [
        alone.client.get("/readyz"),
        alone.client.get(f"/jobs/{job_id}"),
        *(alone.client.post(path, content=CSV) for path in ("/upload_csv", "/inspect", "/preview")),
        alone.client.post("/upload_csv", content=CSV, headers=keyed),
        alone.client.post(f"/jobs/{job_id}/rerun"),
    ]
    for answer in answers:
        assert refused(answer, 503, "storage-unavailable")["hint"]
        assert answer.headers["retry-after"]
    assert len(capfd.readouterr().err.splitlines()) == len(answers)
    if empty:
        alone.root.rmdir()
    away.rename(alone.root)
    assert alone.client.get("/readyz").status_code == 200
    assert alone.client.post("/upload_csv", content=CSV, headers=keyed).status_code == 202


def test_where_nobody_works_the_service_is_ready_to_accept(api: Served, serve: Serve) -> None:
    eventually(lambda: api.client.get("/readyz").json()["workers"] == 1)
    assert api.client.get("/readyz").json()["status"] == "ok"
    alone = serve()
    answer = alone.client.get("/readyz")
    assert (answer.status_code, answer.json()["status"], answer.json()["workers"]) == (200, "no-workers", 0)


@pytest.mark.parametrize("kind", [b"text/csv", b"multipart/form-data; boundary=x"])
def test_of_an_upload_that_breaks_off_nothing_is_left(
    serve: Serve, kind: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    alone = serve()
    parts = urlsplit(alone.url)
    head = b"POST /upload_csv HTTP/1.1\r\nHost: x\r\nContent-Type: %b\r\nContent-Length: 5000000\r\n\r\n"
    part = b"--x\r\nContent-Disposition: form-data; name=file; filename=t.csv\r\n\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        connection.sendall(head % kind + part + b"a,b\n" * 500_000)
        eventually(lambda: any(path.stat().st_size for path in alone.root.glob(".incoming/*/input.csv")))
    eventually(lambda: not alone.leftovers())
    assert alone.service.services.storage.list() == []
    assert alone.client.get("/healthz").status_code == 200
    assert len(capfd.readouterr().err.splitlines()) <= 1


def test_an_upload_that_the_end_of_the_service_cuts_off_is_told_to_come_again(
    serve: Serve, capfd: pytest.CaptureFixture[str]
) -> None:
    alone = serve()
    parts = urlsplit(alone.service.start_api(None, "--timeout-graceful-shutdown", "1"))
    server = alone.service.processes[-1]
    head = (
        b"POST /upload_csv HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 5000000\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        connection.sendall(head + b"a,b\n" * 500_000)
        eventually(lambda: any(path.stat().st_size for path in alone.root.glob(".incoming/*/input.csv")))
        server.terminate()
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 5\r\n" in answer.lower()
    assert b'"code":"service-stopping"' in answer
    assert server.wait(timeout=20) in (0, -signal.SIGTERM)
    assert alone.leftovers() == []
    assert "Traceback" not in capfd.readouterr().err


def digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def test_a_content_digest_is_verified(api: Served) -> None:
    other = "sha-512=:AAAA:, "
    for value in (digest(CSV), other + digest(CSV), "sha-512=:AAAA:"):
        answer = api.client.post("/upload_csv", content=CSV, headers={"Content-Digest": value})
        assert answer.status_code == 202, answer.text
    wrong = {"Content-Digest": digest(CSV + b"x")}
    refused(api.client.post("/upload_csv", content=CSV, headers=wrong), 400, "digest-mismatch")
    odd = {"Content-Digest": "sha-256=abc"}
    refused(api.client.post("/upload_csv", content=CSV, headers=odd), 400, "bad-request")


def test_memory_does_not_grow_with_the_upload(serve: Serve) -> None:
    alone = serve()
    [api] = alone.service.processes
    alone.client.post("/upload_csv", content=CSV)
    before = peak(api.pid)
    row = b"x" * 999 + b"\n"

    def pieces() -> Iterator[bytes]:
        for _ in range(200):
            yield row * 1000

    answer = alone.client.post("/upload_csv", content=pieces())
    assert (alone.root / answer.json()["job_id"] / "input.csv").stat().st_size == 200_000_000
    assert peak(api.pid) - before < 40_000_000


def peak(pid: int) -> int:
    """Peak resident memory in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
