"""Checks of Origin and Host: requests of other sites' pages, and foreign host names."""

from __future__ import annotations

import pytest
from served import Serve, Served, refused

OWN = "127.0.0.1:8000"


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        (OWN, {"Origin": "https://evil.example"}),
        (OWN, {"Origin": "null"}),
        (OWN, {"Origin": "http://127.0.0.1:9999"}),
        (OWN, {"Origin": "http://127.0.0.1"}),
        (OWN, {"Origin": "http://localhost:8000"}),
        (OWN, {"Sec-Fetch-Site": "cross-site"}),
        (OWN, {"Sec-Fetch-Site": "same-site", "Origin": f"http://{OWN}"}),
    ],
)
def test_a_page_of_another_site_changes_nothing(api: Served, host: str, headers: dict[str, str]) -> None:
    job_id = api.done(b"a\n1\n")["job_id"]
    for method, path in (
        ("POST", "/upload_csv"),
        ("POST", f"/jobs/{job_id}/rerun"),
        ("PUT", "/pipelines/theirs"),
        ("DELETE", f"/jobs/{job_id}"),
    ):
        answer = api.client.request(method, path, content=b"a\n1\n", headers={"Host": host, **headers})
        refused(answer, 403, "foreign-origin")
    assert api.job(job_id)["status"] == "done"


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        (OWN, {"Origin": f"http://{OWN}"}),
        (OWN, {"Origin": f"http://{OWN}", "Sec-Fetch-Site": "same-origin"}),
        ("csv.internal", {"Origin": "https://csv.internal"}),
        ("CSV.internal:443", {"Origin": "https://csv.internal"}),
        ("[::1]:8000", {"Origin": "http://[::1]:8000"}),
        ("behind-a-proxy:8000", {"Origin": "https://csv.example", "Sec-Fetch-Site": "same-origin"}),
        (OWN, {"Origin": "null", "Sec-Fetch-Site": "same-origin"}),
        (OWN, {}),
    ],
)
def test_the_own_page_and_programs_go_on(api: Served, host: str, headers: dict[str, str]) -> None:
    answer = api.client.post("/upload_csv", content=b"a\n1\n", headers={"Host": host, **headers})
    assert answer.status_code == 202


def test_a_page_of_another_site_may_ask_as_a_link_does(api: Served) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert api.client.get("/", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "evil.example.", ".", ":1"]
)
def test_a_name_that_a_stranger_can_own_is_refused(api: Served, host: str) -> None:
    for method, path in (("GET", "/jobs"), ("GET", "/"), ("POST", "/upload_csv")):
        body = refused(api.client.request(method, path, headers={"Host": host}), 421, "unknown-host")
        assert "CSVJOBS_ALLOWED_HOSTS" in body["hint"]


@pytest.mark.parametrize(
    "host",
    [
        *(
            "localhost",
            "LOCALHOST:8000",
            "csvjobs",
            "a.localhost",
            "nas.local",
            "nas.local.",
            "api.internal:80",
        ),
        *("192.168.1.7:8000", "[fe80::1]", "csvjobs.jobs.svc.cluster.local"),
    ],
)
def test_a_name_that_no_stranger_can_own_is_answered(api: Served, host: str) -> None:
    assert api.client.get("/healthz", headers={"Host": host}).status_code == 200


def test_names_are_allowed_by_the_setting(serve: Serve) -> None:
    named = serve(allowed_hosts="csv.example, Csv2.example", host="listens.example")
    for host in ("csv.example", "csv2.example:8443", "listens.example", "localhost"):
        assert named.client.get("/healthz", headers={"Host": host}).status_code == 200
    refused(named.client.get("/healthz", headers={"Host": "a.csv.example"}), 421, "unknown-host")
    own = {"Host": "csv.example", "Origin": "https://csv.example"}
    assert named.client.post("/upload_csv", content=b"a\n", headers=own).status_code == 202
    any_name = serve(allowed_hosts="*")
    assert any_name.client.get("/healthz", headers={"Host": "csv.example"}).status_code == 200
