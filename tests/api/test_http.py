"""Rules for every request (problems, request ids, methods, HEAD), and the OpenAPI document."""

from __future__ import annotations

import json
import os
import stat
from typing import Any

import pytest
from served import Serve, Served, refused

from csvjobs.errors import kinds

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_an_unknown_path_is_a_problem(api: Served) -> None:
    refused(api.client.get("/nosuch"), 404, "not-found")


@pytest.mark.parametrize("path", ["/no%0Asuch", "/jobs/x%3Fy", "/%C3%A9%20"])
def test_a_problem_names_the_path_as_it_was_sent(api: Served, path: str) -> None:
    answer = api.client.get(path)
    assert (answer.status_code, answer.json()["instance"]) == (404, path)


def test_an_invalid_value_is_told_with_its_place(api: Served) -> None:
    body = refused(api.client.get("/jobs?limit=many&status=ready"), 422, "invalid-request")
    places = {fault["pointer"]: fault["detail"] for fault in body["errors"]}
    assert places["/query/limit"].endswith("(found 'many')")
    assert places["/query/status"].endswith("(found 'ready')")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/jobs", "GET, HEAD, POST"),
        ("GET", "/upload_csv", "POST"),
        ("PATCH", "/jobs/x", "DELETE, GET, HEAD"),
        ("POST", "/download_csv/x/", "GET, HEAD"),
        ("POST", "/static/page.js", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_all_right_ones(api: Served, method: str, path: str, allow: str) -> None:
    answer = api.client.request(method, path)
    refused(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/jobs", "/steps", "/pipelines", "/healthz", "/openapi.json", "/static/page.js"]
)
def test_head_is_answered_wherever_get_is(api: Served, path: str) -> None:
    head, got = api.client.head(path), api.client.get(path)
    assert (head.status_code, head.content) == (got.status_code, b"") == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


def test_the_type_of_a_problem_is_the_address_of_a_page_about_it(api: Served) -> None:
    problem = refused(api.client.get("/jobs/nobody"), 404, "job-not-found")
    page = api.client.get(problem["type"])
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'self'; ")
    assert page.headers["referrer-policy"] == "same-origin"
    assert "<h1>There is no such job.</h1>" in page.text
    assert "<code>GET /jobs</code> lists all jobs." in page.text
    assert "`" not in "".join(api.client.get(f"/problems/{code}").raise_for_status().text for code in kinds())
    refused(api.client.get("/problems/<nosuch>"), 404, "not-found")


def test_head_of_events_ends(api: Served) -> None:
    job_id = api.done(b"a\n1\n")["job_id"]
    answer = api.client.head(f"/jobs/{job_id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in answer.headers
    assert api.client.head(f"/jobs/{job_id}/events").status_code == 200


def test_a_request_keeps_the_name_that_its_client_gave_it(api: Served) -> None:
    given = {"X-Request-ID": "order-66_a.b"}
    assert api.client.get("/nosuch", headers=given).json()["request_id"] == "order-66_a.b"
    for odd in ("a b", "x" * 200, "<script>"):
        named = api.client.get("/healthz", headers={"X-Request-ID": odd}).headers["x-request-id"]
        assert named != odd
        assert len(named) == 32


def test_an_unexpected_fault_is_a_problem_without_a_traceback(serve: Serve) -> None:
    broken = serve()
    job_id = broken.post(b"a\n1\n")["job_id"]
    (broken.root / job_id / "job.json").unlink()
    os.mknod(broken.root / job_id / "job.json", stat.S_IFSOCK | 0o600)
    answer = broken.client.get(f"/jobs/{job_id}")
    body = refused(answer, 500, "internal-error")
    # The server closes the connection after it, so a client must not send its next request there.
    assert answer.headers["connection"] == "close"
    assert "Traceback" not in str(body)
    assert "job.json" not in str(body)


def operations(api: Served) -> list[tuple[str, str, dict[str, Any]]]:
    document = api.client.get("/openapi.json").json()
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_has_a_name_of_its_own_and_a_sentence(api: Served) -> None:
    names = [operation["operationId"] for _, _, operation in operations(api)]
    assert len(set(names)) == len(names)
    assert all(operation.get("description") or operation["summary"] for _, _, operation in operations(api))
    assert all(operation["tags"] for _, _, operation in operations(api))


def test_every_failure_is_described_as_a_problem(api: Served) -> None:
    for method, path, operation in operations(api):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert answer["content"] == PROBLEM, (method, path, status)


@pytest.mark.parametrize("path", ["/pipelines/{name}", "/pipelines/{name}/schema"])
def test_an_example_of_the_document_is_accepted_as_it_stands(api: Served, path: str) -> None:
    body = api.client.get("/openapi.json").json()["paths"][path]["put"]["requestBody"]
    for kind, one in body["content"].items():
        text = one["example"] if isinstance(one["example"], str) else json.dumps(one["example"])
        sent = {"content": text, "headers": {"Content-Type": kind}}
        answer = api.client.put(path.replace("{name}", "example"), **sent)
        assert answer.status_code == 201, answer.text
        api.client.delete("/pipelines/example").raise_for_status()


def test_every_reference_of_the_document_leads_somewhere(api: Served) -> None:
    document = api.client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    found = list(references(document))
    assert {ref.removeprefix("#/components/schemas/") for ref in found} == set(schemas)


@pytest.mark.parametrize(
    "path", ["/upload_csv", "/upload", "/jobs", "/inspect", "/preview", "/jobs/{job_id}/rerun"]
)
def test_the_fields_of_a_form_are_the_parameters_of_the_query(api: Served, path: str) -> None:
    operation = api.client.get("/openapi.json").json()["paths"][path]["post"]
    query = {each["name"] for each in operation["parameters"] if each["in"] == "query"}
    for kind in set(operation["requestBody"]["content"]) - {"text/csv"}:
        form = set(operation["requestBody"]["content"][kind]["schema"]["properties"])
        assert form - {"file"} == query - {"partial"}
    assert {"pipeline", "apply", "encoding", "retention"} <= query
    # A client that sends defaults would override what the pipeline says.
    assert [each["name"] for each in operation["parameters"] if each["schema"].get("default")] == []
    assert ("filename" in query) is (path != "/jobs/{job_id}/rerun")


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("get", "/jobs/{job_id}/errors", {410}),
        ("put", "/tables/{name}", {410}),
        ("post", "/preview", {409, 410}),
        ("post", "/inspect", {410}),
        ("put", "/pipelines/{name}", {400}),
        ("put", "/pipelines/{name}/schema", {400}),
        ("post", "/jobs/{job_id}/rerun", {400, 413, 415}),
        ("delete", "/jobs/{job_id}", {403, 421, 503}),
    ],
)
def test_what_may_be_refused_is_told(api: Served, method: str, path: str, statuses: set[int]) -> None:
    told = api.client.get("/openapi.json").json()["paths"][path][method]["responses"]
    assert set(map(str, statuses)) <= set(told)


def references(node: Any) -> Any:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_files_have_their_real_media_types(api: Served) -> None:
    paths = api.client.get("/openapi.json").json()["paths"]
    assert set(paths["/download_csv/{job_id}/"]["get"]["responses"]["200"]["content"]) == {
        "text/csv",
        "application/x-ndjson",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.apache.parquet",
        "application/gzip",
        "application/zstd",
    }
    assert set(paths["/upload_csv"]["post"]["requestBody"]["content"]) == {"multipart/form-data", "text/csv"}
    files = paths["/jobs/{job_id}/{name}"]["get"]["responses"]["200"]["content"]
    assert files["application/json"]["schema"]["type"] == "object"
    assert files["application/vnd.apache.parquet"]["schema"]["format"] == "binary"


def test_steps_and_pipelines_are_listed(api: Served) -> None:
    steps = api.client.get("/steps").json()
    assert {"trim", "fill_missing", "one_hot"} <= {step["step"] for step in steps}
    assert all(step["options"]["properties"] for step in steps)
    assert [step["step"] for step in steps if not step["summary"].endswith(".")] == []
    assert [pipeline["name"] for pipeline in api.client.get("/pipelines").json()] == ["tidy"]
    assert api.client.get("/pipelines/tidy").json()["pipeline"]["steps"] == []
    refused(api.client.get("/pipelines/nosuch"), 404, "pipeline-not-found")
