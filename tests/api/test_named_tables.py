"""Named lookup tables over HTTP."""

from __future__ import annotations

import pytest
from served import Serve, Served, refused


@pytest.fixture
def at(serve: Serve) -> Served:
    served = serve()
    served.service.start_worker()
    return served


def test_a_job_is_given_a_name_and_cannot_be_deleted_while_it_has_it(at: Served) -> None:
    first, second = (at.done(content)["job_id"] for content in (b"a\n1\n", b"a\n2\n"))
    made = [at.client.put("/tables/codes", params={"job_id": job_id}) for job_id in (first, first, second)]
    assert [answer.status_code for answer in made] == [201, 200, 201]
    assert at.client.get(made[0].headers["location"]).json() == {**made[0].json(), "versions": [1, 2]}
    newest = at.client.get("/tables/codes").json()
    assert (newest["job_id"], newest["version"], newest["versions"]) == (second, 2, [1, 2])
    assert at.client.get("/tables").json() == [newest]
    refused(at.client.delete(f"/jobs/{second}"), 409, "table-in-use")
    assert at.client.delete(f"/jobs/{first}").status_code == 204
    assert at.client.delete("/tables/codes").status_code == 204
    assert at.client.delete(f"/jobs/{second}").status_code == 204
    assert at.client.get("/tables").json() == []


def test_what_is_not_there_is_refused(at: Served) -> None:
    failed = at.done(b"a\n1\n", pipeline="steps: [{step: drop, columns: [x]}]")["job_id"]
    table = at.done(b"a\n1\n")["job_id"]
    refused(at.client.put("/tables/codes", params={"job_id": failed}), 409, "job-has-no-output")
    refused(at.client.put("/tables/codes", params={"job_id": "nobody"}), 404, "job-not-found")
    refused(at.client.put("/tables/codes"), 422, "invalid-request")
    refused(at.client.put("/tables/a@1", params={"job_id": table}), 422, "invalid-option")
    refused(at.client.get("/tables/codes"), 404, "table-not-found")
    refused(at.client.delete("/tables/codes"), 404, "table-not-found")
