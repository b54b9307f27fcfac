"""Runs the tables in cases/ and each step's own example: options, input, and expected output.

A case has `before` and `after`; or `before` and the `error` that ends the job (with its `column`); or only
`invalid`, words in the fault found in the options before any file is read. `nulls` are texts that mean
missing in the whole file, `tables` CSV texts to look things up in.
"""

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ConfigDict
from workbench import Bench

from csvjobs.errors import DataError, InvalidPipeline
from csvjobs.pipelines.catalogue import BY_NAME, STEPS
from csvjobs.pipelines.spec import build

CASES = Path(__file__).parent / "cases"


class Case(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    options: dict[str, Any] = {}
    nulls: list[str] = []
    tables: dict[str, str] = {}
    before: str | None = None
    after: str | None = None
    warnings: list[str] = []
    error: str | None = None
    column: str | None = None
    invalid: str | None = None


def cases(kind: str) -> list[Any]:
    """All cases that have `kind`, each with its step. Scalars stay text, as in a pipeline."""
    found = []
    for path in sorted(CASES.glob("*.yaml")):
        for raw in yaml.load(path.read_text(), yaml.BaseLoader):
            case = Case(**raw)
            if getattr(case, kind) is not None:
                found.append(pytest.param(path.stem, case, id=f"{path.stem}: {case.name}"))
    return found


@pytest.mark.parametrize(("step", "case"), cases("after"))
def test_rows_come_out_as_the_case_says(bench: Bench, step: str, case: Case) -> None:
    out = bench.text([{"step": step, **case.options}], case.before or "", case.nulls, case.tables)
    assert out.text == case.after
    assert out.warnings == case.warnings


@pytest.mark.parametrize(("step", "case"), cases("after"))
def test_the_changes_that_are_listed_make_what_comes_out_of_what_came_in(
    bench: Bench, step: str, case: Case
) -> None:
    before = case.before or ""
    out = bench.text([{"step": step, **case.options}], before, case.nulls, case.tables, listed=True)
    counts = out.steps[0]
    assert out.text == case.after
    assert len(out.changes) == (counts.changed or 0)
    if counts.merged or counts.added:
        return
    rows = list(csv.DictReader(io.StringIO(before, newline="")))
    for row, _, name, old, new in out.changes:
        assert rows[row - 1][name] == (old or "")
        rows[row - 1][name] = new or ""
    common = [name for name in out.header if name in (rows[0] if rows else ())]
    made = Counter(tuple(row[name] for name in common) for row in rows)
    told = csv.DictReader(io.StringIO(out.text, newline=""))
    came = Counter(tuple(row[name] for name in common) for row in told)
    assert came <= made
    assert made.total() - came.total() == counts.dropped + counts.rejected


@pytest.mark.parametrize(("step", "case"), cases("error"))
def test_data_that_a_step_cannot_take_ends_the_job(bench: Bench, step: str, case: Case) -> None:
    with pytest.raises(DataError) as caught:
        bench.text([{"step": step, **case.options}], case.before or "", case.nulls, case.tables)
    assert (caught.value.code, caught.value.column) == (case.error, case.column)


@pytest.mark.parametrize(("step", "case"), cases("invalid"))
def test_options_that_make_no_sense_are_refused_at_once(step: str, case: Case) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        build({"steps": [{"step": step, **case.options}]})
    assert case.invalid is not None
    assert case.invalid in str(caught.value)
    assert all((fault.pointer or "").startswith("/steps/0") for fault in caught.value.errors)


@pytest.mark.parametrize("step", BY_NAME)
def test_the_example_in_the_reference_is_true(bench: Bench, step: str) -> None:
    example = BY_NAME[step].example
    out = bench.text([{"step": step, **example.options}], example.before, tables=example.tables)
    assert out.text == example.after


def test_every_step_has_cases() -> None:
    assert {path.stem for path in CASES.glob("*.yaml")} == set(BY_NAME)


def test_every_step_and_option_is_described() -> None:
    for step in STEPS:
        assert (step.__doc__ or "").strip(), step
        for name, field in step.model_fields.items():
            assert name == "step" or field.description, (step, name)


def test_a_step_is_the_same_after_a_trip_through_its_document() -> None:
    for name, step in BY_NAME.items():
        pipeline = build({"steps": [{"step": name, **step.example.options}]})
        assert build(pipeline.document()) == pipeline
