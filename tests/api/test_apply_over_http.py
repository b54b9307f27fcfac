"""Fit once, apply many times, over HTTP."""

from __future__ import annotations

import json

import pytest
from served import Serve, Served, refused

FIT = "a,city\n1,Rome\n3,Oslo\n"
FILL = "name: fill\nsteps: [{step: fill_missing, columns: [a], with: mean}, {step: one_hot, columns: [city]}]"
NEW = b"city,a\nOslo,\nParis,7\n"
APPLIED = "city_Oslo,city_Rome,a\n1,0,2\n0,0,7\n"
NOBODY = "01890000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def learnt(api: Served) -> str:
    """The id of a job that has learnt."""
    job_id: str = api.done(FIT.encode(), pipeline=FILL)["job_id"]
    return job_id


@pytest.fixture(scope="module")
def fitted(api: Served, learnt: str) -> str:
    return api.client.get(f"/jobs/{learnt}/fitted.json").raise_for_status().text


def test_a_job_is_applied_to_another_file(api: Served, learnt: str, fitted: str) -> None:
    job = api.done(NEW, apply=learnt)
    assert (job["status"], job["pipeline"]["name"]) == ("done", "fill")
    assert api.client.get(f"/download_csv/{job['job_id']}/").text == APPLIED
    assert any("'Paris'" in warning for warning in job["warnings"])
    assert job["applied"] == {"sha256": json.loads(fitted)["sha256"]}
    assert api.client.get(f"/jobs/{job['job_id']}/applied.json").text == fitted
    again = api.client.post(f"/jobs/{job['job_id']}/rerun").json()
    assert api.ended(again["job_id"])["files"]["output.csv"] == {
        **job["files"]["output.csv"],
        "href": f"/jobs/{again['job_id']}/output.csv",
    }


@pytest.mark.parametrize("as_file", [True, False])
def test_a_form_may_bring_the_document(api: Served, fitted: str, as_file: bool) -> None:
    sent = ("fitted.json" if as_file else None, fitted)
    answer = api.client.post("/upload_csv", files={"apply": sent, "file": ("new.csv", NEW)})
    assert answer.status_code == 202, answer.text
    job = api.ended(answer.json()["job_id"])
    assert api.client.get(f"/download_csv/{job['job_id']}/").text == APPLIED


def test_a_form_may_send_an_empty_field(api: Served) -> None:
    answer = api.client.post("/upload_csv", data={"apply": ""}, files={"file": ("new.csv", NEW)})
    assert "applied" not in answer.json()


def test_a_document_may_be_larger_than_other_fields(api: Served) -> None:
    rows = "".join(f"1,{'x' * 100}{number}\n" for number in range(4000))
    many = f"a,city\n{rows}".encode()
    pipeline = "steps: [{step: label, columns: [city], max_categories: 5000}]"
    first = api.done(many, pipeline=pipeline)
    fitted = api.client.get(f"/jobs/{first['job_id']}/fitted.json").text
    assert len(fitted) > 256 * 1024
    answer = api.client.post("/upload_csv", files={"apply": (None, fitted), "file": ("new.csv", many)})
    same = api.ended(answer.json()["job_id"])["files"]["output.csv"]["sha256"]
    assert same == first["files"]["output.csv"]["sha256"]


def test_a_rerun_applies_another_job(api: Served, learnt: str) -> None:
    plain = api.done(NEW)
    answer = api.client.post(f"/jobs/{plain['job_id']}/rerun", params={"apply": learnt})
    job = api.ended(answer.json()["job_id"])
    assert api.client.get(f"/download_csv/{job['job_id']}/").text == APPLIED


def test_a_look_is_that_of_the_applied_pipeline(api: Served) -> None:
    learnt = api.done(b"a;b\n1;2\n", pipeline=FILL.split(",  {")[0].replace("city", "b"), delimiter=";")
    look = api.client.post("/inspect", content=b"a;b,c\n", params={"apply": learnt["job_id"]}).json()
    assert look["detected"]["delimiter"]["value"] == ";"


def test_a_preview_shows_what_would_be_applied(api: Served, learnt: str) -> None:
    seen = api.client.post("/preview", content=NEW, params={"apply": learnt}).json()
    assert seen["steps"][-1]["after"]["rows"] == [["1", "0", "2"], ["0", "0", "7"]]
    assert any("'Paris'" in warning for warning in seen["warnings"])
    assert any("another order" in warning for warning in seen["warnings"])


@pytest.mark.parametrize("path", ["/upload_csv", "/inspect", "/preview"])
def test_what_cannot_be_applied_is_refused(api: Served, learnt: str, fitted: str, path: str) -> None:
    plain = api.done(b"a,b\n1,2\n")["job_id"]
    for query, status, code in [
        ({"apply": NOBODY}, 404, "job-not-found"),
        ({"apply": plain}, 409, "nothing-fitted"),
        ({"apply": learnt, "pipeline": "tidy"}, 422, "pipeline-mismatch"),
        ({"apply": fitted.replace("2.0", "2.5")}, 422, "invalid-fitted"),
        ({"apply": fitted.replace('"format": 3', '"format": 99')}, 422, "invalid-fitted"),
        ({"apply": "{"}, 422, "invalid-fitted"),
    ]:
        files = {name: (None, value) for name, value in query.items()}
        problem = refused(api.client.post(path, files={**files, "file": ("n.csv", NEW)}), status, code)
        assert problem.get("hint") or code == "job-not-found"
    refused(api.client.post(f"/jobs/{plain}/rerun", params={"apply": plain}), 409, "nothing-fitted")
    assert not api.leftovers()


def test_a_job_that_is_not_done_cannot_be_applied_yet(serve: Serve) -> None:
    idle = serve()
    waiting = idle.post(FIT.encode(), pipeline=FILL)["job_id"]
    answer = idle.client.post("/upload_csv", content=NEW, params={"apply": waiting})
    refused(answer, 409, "job-not-finished")
    assert [job["job_id"] for job in idle.client.get("/jobs").json()["jobs"]] == [waiting]
