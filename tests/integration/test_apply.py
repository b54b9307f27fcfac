"""Fit once, apply many times: other jobs apply a job's fitted parameters, and keep their own copy."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chaos import ROOT
from sklearn.datasets import load_iris
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from test_flow import make, read

from csvjobs.errors import InvalidFitted, JobNotFinished, JobNotFound, NothingFitted, PipelineMismatch
from csvjobs.flow.apply import Processing
from csvjobs.flow.delete import delete
from csvjobs.flow.process import process
from csvjobs.flow.rerun import rerun
from csvjobs.flow.services import Services
from csvjobs.flow.submit import Incoming
from csvjobs.flow.view import request_of, view
from csvjobs.jobs.job import Job, Status
from csvjobs.pipelines.spec import build
from csvjobs.storage.local import LocalStorage
from csvjobs.storage.memory import MemoryStorage

NUMBERS = ["sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"]
PREPARE = json.dumps(
    {
        "name": "prepare",
        "steps": [
            {"step": "fill_missing", "columns": NUMBERS, "with": "mean"},
            {"step": "scale", "columns": NUMBERS, "method": "standard"},
            {"step": "one_hot", "columns": ["species"]},
        ],
    }
)
LABEL = "name: codes\nsteps: [{step: label, columns: [c]}]"
FILL = "name: fill\nsteps: [{step: fill_missing, columns: [a], with: mean}]"


@pytest.fixture(params=["folders", "memory"])
def services(request: pytest.FixtureRequest, tmp_path: Path) -> Services:
    storage = LocalStorage(tmp_path / "jobs") if request.param == "folders" else MemoryStorage()
    return make(tmp_path, storage)


def submit(services: Services, content: str, apply: str = "", pipeline: str = "", **options: str) -> str:
    with Incoming(services) as incoming:
        incoming.write(content.encode())
        return incoming.submit("given.csv", Processing(pipeline, options, apply)).job_id


def run(services: Services, content: str, apply: str = "", pipeline: str = "", **options: str) -> Job:
    job_id = submit(services, content, apply, pipeline, **options)
    process(services, job_id)
    return view(services, job_id)


def output(services: Services, job: Job) -> str:
    assert job.status is Status.DONE, job.error
    return read(services, job, "output.csv").decode()


def iris() -> tuple[list[str], list[list[str]]]:
    """The header row and the rows of the example, some of their cells emptied."""
    header, *rows = csv.reader(io.StringIO((ROOT / "examples/iris.csv").read_text("utf-8")))
    for place, row in enumerate(rows):
        if place % 7 == 0:
            row[place % 4] = ""
    return header, rows


def as_csv(header: list[str], rows: list[list[str]]) -> str:
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows([header, *rows])
    return sink.getvalue()


def as_numbers(rows: list[list[str]]) -> Any:
    return np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])


def test_fit_on_one_half_of_iris_and_transform_of_the_other_is_scikit_learns(services: Services) -> None:
    header, rows = iris()
    assert len(rows) == len(load_iris().data)
    train, test = rows[::2], rows[1::2]
    learnt = run(services, as_csv(header, train), pipeline=PREPARE)
    applied = run(services, as_csv(header, test), apply=learnt.job_id)
    made = list(csv.reader(io.StringIO(output(services, applied))))
    numbers = make_pipeline(SimpleImputer(), StandardScaler()).fit(as_numbers([row[:4] for row in train]))
    species = OneHotEncoder(sparse_output=False).fit([row[4:] for row in train])
    theirs = np.hstack(
        [
            numbers.transform(as_numbers([row[:4] for row in test])),
            species.transform([row[4:] for row in test]),
        ]
    )
    np.testing.assert_allclose(as_numbers(made[1:]), theirs, rtol=1e-9, atol=1e-9)
    assert made[0] == [*NUMBERS, *species.get_feature_names_out(["species"])]
    assert applied.warnings == []
    # And not what would have been learnt from the other half.
    anew = run(services, as_csv(header, test), pipeline=PREPARE)
    assert output(services, anew) != output(services, applied)


def test_the_document_is_as_good_as_the_job_and_the_bytes_are_the_same_again(services: Services) -> None:
    header, rows = iris()
    learnt = run(services, as_csv(header, rows), pipeline=PREPARE)
    fitted = read(services, learnt, "fitted.json").decode()
    test = as_csv(header, rows[50:60])
    jobs = [run(services, test, apply=given) for given in (learnt.job_id, fitted, fitted)]
    assert len({job.files["output.csv"].sha256 for job in jobs}) == 1
    for job in jobs:
        assert job.applied is not None
        assert job.applied.sha256 == json.loads(fitted)["sha256"]
        assert job.pipeline == learnt.pipeline
        assert "fitted.json" not in job.files
        assert read(services, job, "applied.json").decode() == fitted
    assert learnt.applied is None
    # What was learnt on all rows, applied to the same rows, is what the fit itself made of them.
    assert output(services, run(services, as_csv(header, rows), fitted)) == output(services, learnt)


def test_an_applied_job_depends_on_no_other_one(services: Services) -> None:
    learnt = run(services, "a,b\n1,x\n3,y\n", pipeline=FILL)
    waiting = submit(services, "b,a\nz,\n", apply=learnt.job_id)
    delete(services, learnt.job_id)
    # A process of it has died.
    services.storage.attempt(waiting)
    process(services, waiting)
    job = view(services, waiting)
    assert job.attempts == 2
    assert output(services, job) == "b,a\nz,2\n"
    chained = run(services, "a,b\n,y\n", apply=waiting)
    assert output(services, chained) == "a,b\n2,y\n"
    again = rerun(services, waiting).job_id
    delete(services, waiting)
    process(services, again)
    assert output(services, view(services, again)) == "b,a\nz,2\n"
    assert view(services, again).applied == job.applied


def test_a_rerun_applies_what_it_is_told(services: Services) -> None:
    learnt = run(services, "a\n1\n3\n", pipeline=FILL)
    plain = run(services, "a;b\n;x\n8;y\n", delimiter=";")
    applied = rerun(services, plain.job_id, Processing(None, {}, learnt.job_id)).job_id
    process(services, applied)
    assert output(services, view(services, applied)) == "a,b\n2,x\n8,y\n"
    beside = rerun(services, plain.job_id, Processing(FILL, {}, learnt.job_id)).job_id
    declared = [build(request_of(services, job_id).pipeline).read.delimiter for job_id in (applied, beside)]
    assert declared == [";", None]
    anew = rerun(services, applied, Processing(FILL)).job_id
    process(services, anew)
    assert view(services, anew).applied is None
    assert output(services, view(services, anew)) == "a,b\n8,x\n8,y\n"


def test_columns_are_taken_by_name_and_what_differs_is_told(services: Services) -> None:
    learnt = run(services, "a,b,c\n1,x,p\n3,y,q\n", pipeline=FILL)
    job = run(services, "new,b,a\n n ,x,\n", apply=learnt.job_id)
    assert output(services, job) == "new,b,a\n n ,x,2\n"
    assert job.warnings == [
        "1 column of the fitted file, missing here: 'c'.",
        "1 column not in the fitted file, kept: 'new'.",
        "The columns are in another order than in the fitted file; they are matched by name.",
    ]


def test_a_column_that_a_step_needs_and_is_not_there_ends_the_job(services: Services) -> None:
    learnt = run(services, "a,b\n1,x\n3,y\n", pipeline=FILL)
    job = run(services, "b,A\nx,1\n", apply=learnt.job_id)
    assert job.status is Status.ERROR
    assert job.error is not None
    assert (job.error.code, job.error.column) == ("unknown-column", "a")
    assert "1 column of the fitted file, missing here: 'a'." in job.warnings


def test_unknown_categories_follow_the_step(services: Services) -> None:
    strict = run(services, "c\nx\ny\n", pipeline=LABEL)
    refused = run(services, "c\ny\nz\nz\n", apply=strict.job_id)
    assert refused.error is not None
    assert (refused.error.code, refused.error.column) == ("unknown-category", "c")
    assert "2 cells" in refused.error.message
    assert "'z'" in refused.error.message
    lenient = "steps: [{step: label, columns: [c], unknown: empty}]"
    learnt = run(services, "c,n\nx,1\ny,2\n", pipeline=lenient)
    job = run(services, "c,n\ny,1\nz,2\n", apply=learnt.job_id)
    assert output(services, job) == "c,n\n1,1\n,2\n"
    assert job.warnings == ["1 cell of column 'c' holds an unknown value, for example 'z'; left empty."]
    hot = run(services, "c\nx\ny\n", pipeline="steps: [{step: one_hot, columns: [c]}]")
    job = run(services, "c\nz\ny\n", apply=hot.job_id)
    assert output(services, job) == "c_x,c_y\n0,0\n0,1\n"
    fate = "0 in all columns that are made of it."
    assert job.warnings[1:] == [f"1 cell of column 'c' holds an unknown value, for example 'z'; {fate}"]


def test_the_fits_pipeline_is_taken_whole_and_options_beside_it_win(services: Services) -> None:
    learnt = run(services, "a;b\n1;NA\n3;x\n", pipeline=FILL, delimiter=";", nulls="NA")
    assert output(services, run(services, "a;b\nNA;x,y\n", apply=learnt.job_id)) == 'a,b\n2,"x,y"\n'
    assert (
        output(services, run(services, "a|b\n;|x\nNA|y\n", learnt.job_id, delimiter="|")) == "a,b\n;,x\n2,y\n"
    )


def test_a_pipeline_beside_it_must_be_the_same(services: Services) -> None:
    learnt = run(services, "a\n1\n3\n", pipeline=FILL, bad_rows="fail")
    assert output(services, run(services, "a,b\n,1\n", learnt.job_id, FILL)) == "a,b\n2,1\n"
    # As a form may send them: with spaces around the id, and for none.
    assert output(services, run(services, "a,b\n,1\n", f" {learnt.job_id}\n", " ")) == "a,b\n2,1\n"
    for other in (FILL.replace("mean", "median"), LABEL, "tidy"):
        with pytest.raises(PipelineMismatch):
            submit(services, "a\n1\n", learnt.job_id, other)


def test_what_cannot_be_applied_is_refused_before_there_is_a_job(services: Services) -> None:
    learnt = run(services, "a\n1\n3\n", pipeline=FILL)
    fitted = read(services, learnt, "fitted.json").decode()
    plain, waiting = run(services, "a\n1\n"), submit(services, "a\n1\n", pipeline=FILL)
    before = services.storage.list()
    for given, error in {
        "01890000-0000-7000-8000-000000000000": JobNotFound,
        "../etc": JobNotFound,
        plain.job_id: NothingFitted,
        waiting: JobNotFinished,
        fitted.replace("2.0", "2.5"): InvalidFitted,
        fitted.replace('"format": 3', '"format": 4'): InvalidFitted,
        fitted[:-10]: InvalidFitted,
    }.items():
        with pytest.raises(error):
            submit(services, "a\n1\n", given)
    assert services.storage.list() == before


def test_bytes_survive_the_careful_lane_too(tmp_path: Path) -> None:
    services = make(tmp_path, LocalStorage(tmp_path / "jobs"))
    learnt = run(services, "a,b\n1,x\n3,y\n", pipeline=FILL)
    # A lone carriage return among line feeds is for the careful lane.
    job = run(services, 'a,b\n,"x\ry"\r\n,z\n', apply=learnt.job_id)
    assert output(services, job) == 'a,b\n2,"x\ry"\n2,z\n'
