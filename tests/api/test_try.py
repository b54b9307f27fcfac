"""POST /preview: a pipeline on a file's first rows, step by step; nothing is kept."""

from __future__ import annotations

from typing import Any

from served import Served, refused

PEOPLE = b"name,city,age\n Ada,London,36\nAlan,,41\nBad\nGrace,Bath,\nAda,London,36\n"


def tried(api: Served, content: bytes, steps: str, **query: str) -> Any:
    answer = api.client.post("/preview", content=content, params={"pipeline": f"steps: {steps}", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_each_step_tells_what_it_does(api: Served) -> None:
    found = tried(
        api,
        PEOPLE,
        "[{step: trim}, {step: drop_missing, columns: [city]}, {step: dedupe},"
        " {step: fill_missing, columns: [age], with: mean}, {step: one_hot, columns: [city]}]",
    )
    assert (found["complete"], found["faults"], found["fault"]) == (True, {"missing-cell": 1}, None)
    assert found["before"]["records"] == 4
    assert found["before"]["rows"][0] == [" Ada", "London", "36"]
    trim, drop, dedupe, fill, one_hot = found["steps"]
    assert (trim["step"], trim["changed"]) == ("trim (step 1)", 1)
    assert trim["changes"] == [{"row": 1, "column": "name", "before": " Ada", "after": "Ada"}]
    assert (drop["dropped"], dedupe["dropped"], drop["changed"], dedupe["changed"]) == (1, 1, 0, 0)
    assert fill["changes"] == [{"row": 3, "column": "age", "before": None, "after": "36"}]
    assert (one_hot["new_columns"], one_hot["lost_columns"]) == (["city_Bath", "city_London"], ["city"])
    assert one_hot["after"] == {
        "columns": ["name", "city_Bath", "city_London", "age"],
        "records": 2,
        "rows": [["Ada", "0", "1", "36"], ["Grace", "1", "0", "36"]],
    }


def test_merged_and_added_rows_are_counted(api: Served) -> None:
    found = tried(
        api,
        b"a,b\nx,1\nx,2\n",
        "[{step: unpivot, columns: [b]}, {step: aggregate, by: [a], values: {n: count}},"
        " {step: unpivot, columns: [a, n]}]",
    )
    once, merge, twice = found["steps"]
    assert (once["added"], merge["merged"], twice["added"], twice["changed"]) == (0, 1, 1, 0)
    assert twice["after"]["rows"] == [["a", "x"], ["n", "2"]]


def test_a_step_that_cannot_do_its_work_ends_it(api: Served) -> None:
    found = tried(api, b"a\nx\n", "[{step: trim}, {step: scale, columns: [a], method: minmax}, {step: trim}]")
    assert [step["step"] for step in found["steps"]] == ["trim (step 1)"]
    assert (found["fault"]["code"], found["fault"]["column"]) == ("not-a-number", "a")


def test_what_does_not_fit_the_header_is_told_at_once_and_the_steps_before_it_are_tried(api: Served) -> None:
    found = tried(api, b"a\nx\n", "[{step: trim}, {step: trim, columns: [b]}, {step: drop, columns: [c]}]")
    assert [step["step"] for step in found["steps"]] == ["trim (step 1)"]
    assert found["fault"]["code"] == "unfit-pipeline"
    assert [each["pointer"] for each in found["fault"]["errors"]] == ["/steps/1/columns", "/steps/2/columns"]
    misread = tried(api, b"a,b\n1,2\n", "[{step: trim, columns: [a]}]", delimiter=";")
    assert 'read with delimiter ";", as declared' in misread["fault"]["hint"]


def test_rows_are_shown_in_their_new_order(api: Served) -> None:
    found = tried(api, b"a\n1\n3\n2\n", "[{step: sort, by: [{column: a, order: descending}]}]")
    [step] = found["steps"]
    assert (step["changed"], step["after"]["rows"]) == (0, [["3"], ["2"], ["1"]])


def test_rows_are_padded_where_those_of_a_job_are(api: Served) -> None:
    found = tried(api, PEOPLE, "[{step: trim}]", bad_rows="pad")
    assert (found["before"]["records"], found["faults"]) == (5, {})
    assert found["before"]["rows"][2] == ["Bad", None, None]


def test_of_a_large_file_the_first_rows_are_tried(api: Served) -> None:
    found = tried(api, b"a,b\n" + b"1,2\n" * 100_000, "[{step: limit, rows: 10}]")
    assert found["complete"] is False
    assert found["steps"][0]["after"]["records"] == 10
    assert found["before"]["records"] - 10 == found["steps"][0]["dropped"]


def test_the_beginning_of_a_file_is_enough(api: Served) -> None:
    found = tried(api, 'a,b\n1,"ü'.encode()[:-1], "[{step: trim}]", partial="true")
    assert (found["before"]["records"], found["faults"]) == (0, {})
    found = tried(api, 'a,b\n1,2\n3,"ü'.encode()[:-1], "[{step: trim}]", partial="true")
    assert found["steps"][0]["after"]["rows"] == [["1", "2"]]


def test_no_job_comes_of_it_and_faults_of_the_pipeline_are_refused(api: Served) -> None:
    before = api.client.get("/jobs").json()
    tried(api, PEOPLE, "[{step: trim}]")
    assert api.client.get("/jobs").json() == before
    wrong = {"pipeline": "steps: [{step: tirm}]"}
    refused(api.client.post("/preview", content=PEOPLE, params=wrong), 422, "invalid-pipeline")
    refused(api.client.post("/preview", content=b"\n\n"), 422, "empty-file")


def test_rows_that_break_a_rule_are_shown_with_what_they_break(api: Served) -> None:
    rules = (
        "[{step: validate, rules: [{column: city, required: true}, {column: age, at_most: 40, on_fail: %s}]}]"
    )
    found = tried(api, PEOPLE, rules % "keep")
    [step] = found["steps"]
    assert (step["rejected"], step["dropped"], step["after"]["records"]) == (1, 0, 3)
    [reject] = step["rejects"]
    assert (reject["row"], reject["code"], reject["column"], reject["found"]) == (2, "required", "city", "")
    assert found["fault"] is None
    ended = tried(api, PEOPLE, rules % "fail")
    assert (ended["steps"], ended["fault"]["code"]) == ([], "rule-broken")
    assert "Row 2: " in ended["fault"]["message"]
