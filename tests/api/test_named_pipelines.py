"""Named pipelines over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from served import Serve, Served, refused

from csvjobs.pipelines.spec import parse

TRIM = "description: Cuts.\nsteps: [{step: trim}]"
SELECT = "steps: [{step: select, columns: [a]}]"


@pytest.fixture
def at(serve: Serve) -> Served:
    served = serve()
    served.service.start_worker()
    return served


def put(at: Served, name: str, text: str, **headers: str) -> dict[str, Any]:
    answer = at.client.put(f"/pipelines/{name}", content=text, headers=headers)
    assert answer.status_code in (200, 201), answer.text
    body: dict[str, Any] = answer.json()
    got = at.client.get(answer.headers["location"])
    assert (got.json(), got.headers["etag"]) == (body, answer.headers["etag"])
    return body


def test_a_pipeline_is_stored_and_called_by_name_and_version(at: Served) -> None:
    first, second = put(at, "mine", TRIM), put(at, "mine", SELECT)
    assert [(one["version"], one["versions"]) for one in (first, second)] == [(1, [1]), (2, [1, 2])]
    assert at.client.get("/pipelines/mine").json() == second
    assert at.client.get("/pipelines/mine", params={"version": 1}).json()["description"] == "Cuts."
    listed = at.client.get("/pipelines").json()
    assert [(one["name"], one["version"]) for one in listed] == [("mine", 2), ("tidy", None)]
    for asked, made, version in [("mine", "a\n 1 \n", 2), ("mine@1", "a,b\n1,2\n", 1)]:
        job = at.done(b"a,b\n 1 , 2\n", pipeline=asked)
        assert at.client.get(f"/download_csv/{job['job_id']}/").text == made
        assert (job["pipeline"]["name"], job["pipeline"]["version"]) == ("mine", version)
    again = at.client.post(f"/jobs/{job['job_id']}/rerun").json()
    assert again["pipeline"] == job["pipeline"]


def test_the_same_again_makes_no_version(at: Served) -> None:
    put(at, "mine", TRIM)
    answer = at.client.put("/pipelines/mine", json=parse(TRIM).document())
    assert (answer.status_code, answer.json()["version"]) == (200, 1)


def test_it_is_given_as_yaml_too(at: Served) -> None:
    put(at, "mine", SELECT)
    answer = at.client.get("/pipelines/mine", headers={"Accept": "application/yaml"})
    assert answer.headers["content-type"].startswith("application/yaml")
    assert parse(answer.text).sha256 == answer.headers["etag"].strip('"')
    seen = {"If-None-Match": answer.headers["etag"], "Accept": "application/yaml"}
    assert at.client.get("/pipelines/mine", headers=seen).status_code == 304
    put(at, "mine", TRIM)
    assert at.client.get("/pipelines/mine", headers=seen).status_code == 200


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/yaml, */*;q=0.1", "application/yaml"),
        ("Application/YAML", "application/yaml"),
        ("text/yaml;q=0.9, application/json;q=0.8", "application/yaml"),
        ("application/json;q=0, */*", "application/yaml"),
        ("text/*", "application/yaml"),
        ("application/yaml;q=0", "application/json"),
        ("application/yaml;q=0, */*", "application/json"),
        ("application/yaml;q=0.5, application/*", "application/json"),
        ("*/*", "application/json"),
        ("text/html, ;q=x, application/yaml;q=none", "application/json"),
    ],
)
def test_it_is_given_as_the_client_likes_it_best(api: Served, accept: str, kind: str) -> None:
    answer = api.client.get("/pipelines/tidy", headers={"Accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == kind


def test_each_form_of_it_has_a_tag_of_its_own_and_any_names_what_is_to_be_followed(at: Served) -> None:
    url, yaml = "/pipelines/mine", {"Accept": "application/yaml"}
    put(at, "mine", TRIM)
    first = at.client.get(url, params={"version": 1}).headers["etag"]
    tag = at.client.get(url, headers=yaml).headers["etag"]
    assert tag != first
    refused(at.client.put(url, content=SELECT, headers={"If-None-Match": tag}), 412, "precondition-failed")
    refused(at.client.put(url, content=SELECT, headers={"If-Match": f"W/{tag}"}), 412, "precondition-failed")
    put(at, "mine", SELECT, **{"If-Match": f'"a", {first}'})
    assert at.client.get(url, params={"version": 1}).headers["etag"] != first, "it lists another version"
    put(at, "mine", TRIM, **{"If-None-Match": f'"a", {first}', "If-Match": "*"})
    current = at.client.get(url).headers["etag"]
    for seen in (f'"a", W/{current}', "*"):
        assert at.client.get(url, headers={"If-None-Match": seen}).status_code == 304
    put(at, "mine", SELECT, **{"If-Match": at.client.get(url, headers=yaml).headers["etag"]})


def test_a_file_that_is_no_text_is_named_and_left_out_of_the_list(at: Served) -> None:
    folder = at.service.settings.pipelines_dir
    folder.mkdir(exist_ok=True)
    (folder / "good.yaml").write_text("steps: []")
    (folder / "bad.yaml").write_bytes(b"\xff\xfe")
    assert [each["name"] for each in at.client.get("/pipelines").json()] == ["good", "tidy"]
    assert "bad.yaml" in refused(at.client.get("/pipelines/bad"), 422, "invalid-pipeline")["detail"]


def test_a_change_of_what_is_no_longer_there_is_refused(at: Served) -> None:
    etag = f'"{put(at, "mine", TRIM)["sha256"]}"'
    put(at, "mine", SELECT, **{"If-Match": etag})
    late = at.client.put("/pipelines/mine", content=TRIM, headers={"If-Match": etag})
    refused(late, 412, "precondition-failed")
    taken = at.client.put("/pipelines/mine", content=TRIM, headers={"If-None-Match": "*"})
    refused(taken, 412, "precondition-failed")
    put(at, "new", TRIM, **{"If-None-Match": "*"})


def test_it_is_deleted_and_jobs_go_on(at: Served) -> None:
    put(at, "mine", SELECT)
    job = at.done(b"a,b\n1,2\n", pipeline="mine")
    assert at.client.delete("/pipelines/mine").status_code == 204
    refused(at.client.get("/pipelines/mine"), 404, "pipeline-not-found")
    refused(at.client.post("/jobs", content=b"a\n", params={"pipeline": "mine@1"}), 404, "pipeline-not-found")
    refused(at.client.delete("/pipelines/mine"), 404, "pipeline-not-found")
    again = at.client.post(f"/jobs/{job['job_id']}/rerun").json()
    assert at.ended(again["job_id"])["files"]["output.csv"]["sha256"] == job["files"]["output.csv"]["sha256"]


def test_what_cannot_be_stored_is_refused(at: Served) -> None:
    invalid = at.client.put("/pipelines/mine", content="steps: [{step: tirm}, {step: select}]")
    assert len(refused(invalid, 422, "invalid-pipeline")["errors"]) == 2
    refused(at.client.put("/pipelines/mine", content=b"\xff"), 400, "bad-request")
    refused(at.client.put("/pipelines/mine", content=b"x" * 2_000_000), 413, "upload-too-large")
    refused(at.client.put("/pipelines/a@1", content=TRIM), 422, "invalid-option")
    refused(at.client.put("/pipelines/tidy", content=TRIM), 409, "pipeline-fixed")
    fixed = refused(at.client.delete("/pipelines/tidy"), 409, "pipeline-fixed")
    assert "built in" in fixed["hint"]
    refused(at.client.get("/pipelines/tidy", params={"version": 1}), 404, "pipeline-not-found")
    assert len(at.client.get("/pipelines").json()) == 1


def test_a_table_schema_is_stored_as_a_pipeline_that_checks_and_comes_back(at: Served) -> None:
    schema = {"fields": [{"name": "a", "type": "integer", "constraints": {"minimum": 1}}, {"name": "b"}]}
    answer = at.client.put("/pipelines/check/schema", json=schema)
    assert (answer.status_code, answer.json()["version"]) == (201, 1)
    assert at.client.put("/pipelines/check/schema", json=schema).status_code == 200
    back = at.client.get("/pipelines/check/schema").json()
    assert back["fields"] == [
        {"name": "a", "type": "integer", "constraints": {"minimum": "1"}},
        {"name": "b"},
    ]
    job = at.done(b"a,b\n1,2\n0,3\n", pipeline="check")
    assert (job["rows"]["rejected"], job["rejected"]["groups"][0]["code"]) == (1, "out-of-range")
    body = refused(
        at.client.put("/pipelines/x/schema", json={"fields": [{"name": "a", "type": "list"}]}),
        422,
        "invalid-pipeline",
    )
    assert body["errors"][0]["pointer"] == "/fields/0"
    refused(at.client.get("/pipelines/tidy/schema"), 422, "invalid-option")
    for name in ("nosuch", "a" * 251, "a" * 5000):
        refused(at.client.get(f"/pipelines/{name}/schema"), 404, "pipeline-not-found")
        refused(at.client.get(f"/pipelines/{name}"), 404, "pipeline-not-found")
        refused(at.client.delete(f"/pipelines/{name}"), 404, "pipeline-not-found")


def test_versions_are_compared(at: Served) -> None:
    put(at, "mine", TRIM)
    put(at, "mine", "description: Cuts.\nsteps: [{step: trim}, {step: select, columns: [a]}]")

    def diff(**query: int) -> str:
        answer = at.client.get("/pipelines/mine/diff", params=query)
        assert answer.headers["content-type"].startswith("text/plain")
        return answer.text

    lines = diff(**{"from": 1, "to": 2}).splitlines()
    assert lines[:2] == ["--- mine@1", "+++ mine@2"]
    changed = [line for line in lines[2:] if line[0] in "+-"]
    assert changed == ["+- step: select", "+  columns:", "+  - a"]
    assert diff(**{"from": 1}).splitlines()[3:] == lines[3:]
    assert diff(**{"from": 2}) == ""
    refused(at.client.get("/pipelines/mine/diff", params={"from": 3}), 404, "pipeline-not-found")
