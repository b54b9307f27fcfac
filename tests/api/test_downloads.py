"""Downloads according to RFC 9110: ranges, validators, HEAD."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from chaos import eventually
from openpyxl import load_workbook
from served import Serve, Served, refused
from workbooks import by_hand

from csvjobs.api.downloads import disposition

CSV = b"id,name\n00042,Ada\n00043,Grace\n"
WHOLE = len(CSV)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture(scope="module")
def job(api: Served) -> dict[str, Any]:
    """A job that is done; its output equals its input."""
    return api.done(CSV, filename="r\u00e9sultat, \u03b1.csv")


@pytest.fixture(scope="module")
def url(job: dict[str, Any]) -> str:
    return f"/jobs/{job['job_id']}/output.csv"


@pytest.mark.parametrize("path", ["/download_csv/{}/", "/download_csv/{}", "/jobs/{}/output.csv"])
def test_the_output_is_sent_whole(api: Served, job: dict[str, Any], path: str) -> None:
    answer = api.client.get(path.format(job["job_id"]))
    assert (answer.status_code, answer.content) == (200, CSV)
    assert answer.headers["content-length"] == str(WHOLE)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["accept-ranges"] == "bytes"


def test_the_digest_and_the_strong_etag_are_of_the_bytes(api: Served, url: str) -> None:
    headers = api.client.get(url).headers
    digest = hashlib.sha256(CSV)
    assert headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert headers["etag"] == f'"{digest.hexdigest()}"'
    assert {"private", "immutable"} <= set(headers["cache-control"].split(", "))


def test_the_file_name_is_told_to_old_clients_and_new_ones(api: Served, url: str) -> None:
    told = api.client.get(url).headers["content-disposition"]
    assert told.startswith('attachment; filename="r_sultat, _.output.csv"; ')
    assert told.endswith("filename*=UTF-8''r%C3%A9sultat%2C%20%CE%B1.output.csv")


def test_a_file_name_has_nothing_that_an_old_client_would_unquote() -> None:
    told = disposition('5%41 "a\\b".csv')
    assert told == "attachment; filename=\"5_41 _a_b_.csv\"; filename*=UTF-8''5%2541%20%22a%5Cb%22.csv"


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=8-12", 8, 13),
        ("bytes=8-", 8, WHOLE),
        ("bytes=-5", WHOLE - 5, WHOLE),
        (f"bytes=-{WHOLE * 2}", 0, WHOLE),
        (f"bytes=3-{WHOLE * 2}", 3, WHOLE),
        ("bytes=0-" + "9" * 100, 0, WHOLE),
    ],
)
def test_a_range_is_sent(api: Served, url: str, asked: str, first: int, end: int) -> None:
    answer = api.client.get(url, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, CSV[first:end])
    assert answer.headers["content-range"] == f"bytes {first}-{end - 1}/{WHOLE}"
    assert answer.headers["content-length"] == str(end - first)


@pytest.mark.parametrize("asked", [f"bytes={WHOLE}-", "bytes=-0", "bytes=" + "9" * 30 + "-"])
def test_a_range_beyond_the_end_is_refused(api: Served, url: str, asked: str) -> None:
    answer = api.client.get(url, headers={"Range": asked})
    refused(answer, 416, "range-not-satisfiable")
    assert answer.headers["content-range"] == f"bytes */{WHOLE}"


@pytest.mark.parametrize(
    "asked",
    [
        "lines=1-2",
        "bytes=5-3",
        "bytes=a-b",
        "bytes=-",
        "bytes=0-1,3-4",
        "bytes=\u0661-".encode(),
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_a_range_that_is_none_is_ignored(api: Served, url: str, asked: str) -> None:
    answer = api.client.get(url, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, CSV)


def test_if_range_sends_the_range_of_the_same_file_only(api: Served, url: str) -> None:
    headers = api.client.get(url).headers
    for condition in (headers["etag"], headers["last-modified"]):
        answer = api.client.get(url, headers={"Range": "bytes=0-1", "If-Range": condition})
        assert answer.status_code == 206
    for condition in ('"other"', f"W/{headers['etag']}", "Thu, 01 Jan 1970 00:00:00 GMT"):
        answer = api.client.get(url, headers={"Range": "bytes=0-1", "If-Range": condition})
        assert (answer.status_code, answer.content) == (200, CSV)


def test_what_the_client_has_is_not_sent_again(api: Served, url: str) -> None:
    headers = api.client.get(url).headers
    etag = headers["etag"]
    for condition in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = api.client.get(url, headers={"If-None-Match": condition, "Range": "bytes=0-1"})
        assert (answer.status_code, answer.content) == (304, b"")
        for name in ("etag", "cache-control", "last-modified"):
            assert answer.headers[name] == headers[name]
    assert api.client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_what_has_changed_since_is_not_sent(api: Served, url: str) -> None:
    headers = api.client.get(url).headers
    etag, long_ago = headers["etag"], "Thu, 01 Jan 1970 00:00:00 GMT"
    for kept in (
        {"If-Match": "*"},
        {"If-Match": f'"other", {etag}', "If-Unmodified-Since": long_ago},
        {"If-Unmodified-Since": headers["last-modified"]},
        {"If-Unmodified-Since": "yesterday"},
    ):
        assert api.client.get(url, headers=kept).content == CSV
    for gone in ({"If-Match": '"other"'}, {"If-Match": f"W/{etag}"}, {"If-Unmodified-Since": long_ago}):
        refused(api.client.get(url, headers={**gone, "If-None-Match": etag}), 412, "precondition-failed")


def test_what_is_not_newer_is_not_sent_again(api: Served, url: str) -> None:
    changed = api.client.get(url).headers["last-modified"]
    assert api.client.get(url, headers={"If-Modified-Since": changed}).status_code == 304
    both = {"If-Modified-Since": changed, "If-None-Match": '"other"'}
    assert api.client.get(url, headers=both).status_code == 200
    for no_date in ("yesterday", f"Thu, 01 Jan {10**20} 00:00:00 GMT"):
        assert api.client.get(url, headers={"If-Modified-Since": no_date}).status_code == 200


def test_head_tells_what_get_would_send_and_knows_no_range(api: Served, url: str) -> None:
    got, head = api.client.get(url), api.client.head(url, headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "content-disposition", "accept-ranges"):
        assert head.headers[name] == got.headers[name]


def test_each_file_of_a_job_can_be_had(api: Served) -> None:
    job = api.done(b"a,b\n1,2\n3\n", pipeline="steps: [{step: fill_missing, columns: [a], with: mean}]")
    base = f"/jobs/{job['job_id']}"
    kinds = {
        "input.csv": "text/csv; charset=utf-8; header=present",
        "output.csv": "text/csv; charset=utf-8; header=present",
        "rejected.csv": "text/csv; charset=utf-8; header=present",
        "fitted.json": "application/json",
        "report.json": "application/json",
    }
    for name, kind in kinds.items():
        answer = api.client.get(f"{base}/{name}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    for info in job["files"].values():
        content = api.client.get(info["href"]).content
        assert (len(content), hashlib.sha256(content).hexdigest()) == (info["bytes"], info["sha256"])
    refused(api.client.get(f"{base}/error.txt"), 404, "file-not-found")


@pytest.mark.parametrize("name", ["input.csv", "output.csv"])
def test_a_file_that_was_cut_short_on_disk_is_not_sent_as_whole(api: Served, name: str) -> None:
    job_id = api.done(CSV)["job_id"]
    os.truncate(api.root / job_id / name, 3)
    for method in ("GET", "HEAD"):
        answer = api.client.request(method, f"/jobs/{job_id}/{name}")
        assert (answer.status_code, "etag" in answer.headers) == (500, False)
    refused(api.client.get(f"/jobs/{job_id}/{name}"), 500, "job-damaged")


def test_a_dialect_of_its_own_is_told_of_the_output(api: Served) -> None:
    write = "write: {profile: excel, delimiter: ;, header: false}"
    job = api.done(b"id,name\n1,Zo\xc3\xab\n2\n", pipeline=write)
    form = {"delimiter": ";", "header": False, "encoding": "utf-8"}
    assert job["output"] == {"name": "output.csv", **form}
    answer = api.client.get(f"/download_csv/{job['job_id']}/")
    assert answer.content == b"\xef\xbb\xbf1;Zo\xc3\xab\r\n"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=absent"
    assert hashlib.sha256(answer.content).hexdigest() == job["files"]["output.csv"]["sha256"]
    for other in ("input.csv", "rejected.csv"):
        given = api.client.get(f"/jobs/{job['job_id']}/{other}")
        assert given.headers["content-type"] == "text/csv; charset=utf-8; header=present"


@pytest.mark.parametrize(
    ("write", "name", "kind"),
    [
        ("{format: jsonl}", "output.jsonl", "application/x-ndjson"),
        ("{format: parquet}", "output.parquet", "application/vnd.apache.parquet"),
        ("{compression: gzip}", "output.csv.gz", "application/gzip"),
        ("{compression: zstd}", "output.csv.zst", "application/zstd"),
    ],
)
def test_an_output_of_another_format_is_sent_as_what_it_is(
    api: Served, write: str, name: str, kind: str
) -> None:
    job = api.done(CSV, pipeline=f"write: {write}", filename="t.csv")
    assert (job["output"]["name"], set(job["files"])) == (name, {name})
    for url in (job["links"]["download"], job["files"][name]["href"]):
        answer = api.client.get(url, headers={"Accept-Encoding": "gzip"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert "content-encoding" not in answer.headers
        assert f'filename="t.{name}"' in answer.headers["content-disposition"]
        assert hashlib.sha256(answer.content).hexdigest() == job["files"][name]["sha256"]
    refused(api.client.get(f"/jobs/{job['job_id']}/output.csv"), 404, "file-not-found")


def test_a_failed_job_has_its_reason_and_no_output(api: Served) -> None:
    job = api.done(CSV, pipeline="steps: [{step: trim, columns: [nmae]}]")
    answer = api.client.get(f"/jobs/{job['job_id']}/error.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.startswith("unknown-column (column nmae): ")
    assert "Did you mean 'name'?" in answer.text
    body = refused(api.client.get(f"/download_csv/{job['job_id']}/"), 409, "job-has-no-output")
    assert ("nmae" in body["detail"], body["hint"]) == (True, job["error"]["hint"])


def test_an_unfinished_job_has_an_input_and_no_output_yet(serve: Serve) -> None:
    without_worker = serve()
    base = f"/jobs/{without_worker.post(CSV)['job_id']}"
    answer = without_worker.client.get(f"{base}/output.csv")
    refused(answer, 409, "job-not-finished")
    assert int(answer.headers["retry-after"]) >= 1
    assert without_worker.client.get(f"{base}/input.csv").content == CSV


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/jobs/{}/job.json", "file-not-found"),
        ("/jobs/{}/..%2f..%2fetc%2fpasswd", "not-found"),
        ("/jobs/{}/.output.csv", "file-not-found"),
        ("/jobs/nosuch/output.csv", "job-not-found"),
        ("/jobs/..%2f..%2fetc/output.csv", "not-found"),
        ("/jobs/.pending/output.csv", "job-not-found"),
        ("/download_csv/%00/", "job-not-found"),
    ],
)
def test_what_is_not_there_is_a_404(api: Served, job: dict[str, Any], path: str, code: str) -> None:
    refused(api.client.get(path.format(job["job_id"])), 404, code)


def test_a_download_that_is_broken_off_leaves_no_file_open(api: Served) -> None:
    job = api.done(b"a\n" + b"x" * 99_999_999)
    [process] = [p for p in api.service.processes if "uvicorn" in p.args]
    for _ in range(3):
        with api.client.stream("GET", f"/download_csv/{job['job_id']}/") as answer:
            next(answer.iter_raw(1000))
    eventually(lambda: not open_files(process.pid, job["job_id"]))


def open_files(pid: int, name: str) -> list[str]:
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return [path for path in found if name in path]


def test_each_format_goes_in_and_out_under_its_media_type(api: Served) -> None:
    rows = '<row><c t="str"><v>id</v></c></row><row><c t="str"><v>00042</v></c></row>'
    content = by_hand(rows)
    headers = {"Content-Type": XLSX}
    query = {"filename": "Book.XLSX", "pipeline": "write: {format: xlsx}"}
    answer = api.client.post("/upload_csv", content=content, params=query, headers=headers)
    job = api.ended(answer.json()["job_id"])
    assert (job["status"], job["detected"]["sheet"]["value"]) == ("done", "One")
    given = api.client.get(f"/jobs/{job['job_id']}/input.csv")
    assert (given.content, given.headers["content-type"]) == (content, XLSX)
    assert "Book.XLSX" in given.headers["content-disposition"]
    made = api.client.get(f"/download_csv/{job['job_id']}/")
    assert made.headers["content-type"] == XLSX
    assert "Book.output.xlsx" in made.headers["content-disposition"]
    assert load_workbook(io.BytesIO(made.content)).active["A2"].value == "00042"


@pytest.mark.parametrize(
    ("content", "options", "kind"),
    [
        (
            "ž;š\n1;2\n".encode("cp1250"),
            {"encoding": "cp1250", "header": "false"},
            "windows-1250; header=absent",
        ),
        ("é,b\n1,2\n".encode(), {"header": "true"}, "utf-8; header=present"),
        (b"\xef\xbb\xbfa,b\n1,2\n", {"header": "true"}, "utf-8; header=present"),
        ("é\n".encode("latin-1"), {"encoding": "latin-1", "header": "true"}, "iso-8859-1; header=present"),
        ("a\n1\n".encode("utf-16-le"), {"header": "true"}, "utf-16le; header=present"),
    ],
)
def test_the_input_is_labelled_with_what_was_found(
    api: Served, content: bytes, options: dict[str, str], kind: str
) -> None:
    job = api.done(content, **options)
    given = api.client.get(f"/jobs/{job['job_id']}/input.csv")
    assert (given.content, given.headers["content-type"]) == (content, f"text/csv; charset={kind}")


def test_an_input_of_which_nothing_is_known_is_not_labelled(api: Served, serve: Serve) -> None:
    waiting = serve()
    packed = api.done(gzip.compress(CSV))
    for served, job_id in ((waiting, waiting.post(CSV)["job_id"]), (api, packed["job_id"])):
        answer = served.client.get(f"/jobs/{job_id}/input.csv")
        assert answer.headers["content-type"] == "text/csv"


def test_the_encoding_of_the_output_is_told(api: Served) -> None:
    job = api.done(b'{"a": "\xc3\xa9"}\n', pipeline="write: {profile: excel-unicode}")
    answer = api.client.get(f"/download_csv/{job['job_id']}/")
    assert answer.headers["content-type"] == "text/csv; charset=utf-16; header=present"
    assert answer.content.decode("utf-16") == "a\r\n\xe9\r\n"
    assert job["output"]["encoding"] == "utf-16"
