"""fitted.json: it reads back exactly as written, and other documents are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csvjobs.errors import InvalidFitted, PipelineMismatch
from csvjobs.pipelines.fitted import FORMAT, Fitted, read, write
from csvjobs.pipelines.learnt import LearntStep
from csvjobs.pipelines.spec import digest, parse
from csvjobs.pipelines.step import Need

PIPELINE = parse(
    "name: mine\nread: {delimiter: ';'}\nsteps:\n"
    "- {step: fill_missing, columns: [a], with: mean}\n- {step: one_hot, columns: [b]}\n"
)
NOT_HALF = st.text(st.characters(exclude_categories=["Cs"]))


def written(mean: float = 2.5, values: list[str] | None = None, columns: tuple[str, ...] = ("a", "b")) -> str:
    fill, one_hot = PIPELINE.steps
    learnt = [
        LearntStep.of(fill, {Need("a", "mean"): mean}),
        LearntStep.of(one_hot, {Need("b", "values", 1000): values or ["x"]}),
    ]
    return write(PIPELINE, columns, learnt)


def changed(**parts: Any) -> str:
    """A document with other parts, whose sha256 is right."""
    raw = json.loads(written()) | parts
    del raw["sha256"]
    return json.dumps({**raw, "sha256": digest(raw)})


@given(st.floats(allow_nan=False, allow_infinity=False), st.lists(NOT_HALF, min_size=1), NOT_HALF)
@example(0.1 + 0.2, ["NaN", "1e5", "\0", "\u2028"], '"')
@example(5e-324, [""], "")
@example(-0.0, ["x"], "a")
def test_what_was_learnt_reads_back_exactly(mean: float, values: list[str], name: str) -> None:
    fitted = read(written(mean, values, (name, "b")))
    [[first], [second]] = [step.learnt for step in fitted.steps]
    assert repr(first.value) == repr(mean)
    assert second.value == values
    assert fitted.columns == (name, "b")
    assert fitted.pipeline == PIPELINE


def test_a_document_survives_being_laid_out_anew() -> None:
    raw = json.loads(written())
    backwards = json.dumps(dict(reversed(raw.items())), indent=4)
    assert read(backwards).sha256 == read(written()).sha256 == raw["sha256"]


def test_a_document_of_the_format_before_is_read() -> None:
    assert read(changed(format=2)).steps == read(written()).steps


def test_any_change_is_noticed() -> None:
    raw = json.loads(written())
    raw["steps"][0]["learnt"][0]["value"] = 2.6
    with pytest.raises(InvalidFitted, match="changed after it was written"):
        read(json.dumps(raw))
    assert read(changed()).columns == ("a", "b")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ('{"\\ud800": 1}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "of format None"),
        (changed(format=FORMAT + 1), f"of format {FORMAT + 1}"),
        (changed(format=1), "of format 1"),
        (written().replace('"sha256"', '"sha"', 1), "changed"),
        (changed(columns="a"), "/columns"),
        (changed(more=1), "/more"),
        (changed(steps=[{"step": "scale"}]), "/steps/0/learnt"),
        (changed(pipeline={"name": "x", "sha256": "x", "document": {"steps": [{"step": "x"}]}}), "no step"),
        ("x" * (9 * 1024**2), "longer"),
    ],
)  # fmt: skip
def test_what_is_no_such_document_is_refused(text: str, told: str) -> None:
    with pytest.raises(InvalidFitted, match=told):
        read(text)


@pytest.mark.parametrize(
    ("statistic", "value"),
    [("mean", "2"), ("mean", ["2"]), ("mean", None), ("mean", float("inf")), ("values", "x"), ("values", 1.0),
     ("mode", 1.0), ("mode", ["x"]), ("sum", 1.0),
     ("reading", 1.0), ("reading", "%Y")],
)  # fmt: skip
def test_a_value_is_of_the_kind_of_its_statistic(statistic: str, value: Any) -> None:
    learnt = [{"column": "a", "statistic": statistic, "argument": 0, "value": value}]
    with pytest.raises(InvalidFitted, match="/steps/0/learnt/0"):
        read(changed(steps=[{"step": "x", "learnt": learnt}]))


def test_another_pipeline_must_have_the_same_steps() -> None:
    fitted = read(written())
    for same in (PIPELINE, PIPELINE.model_copy(update={"name": "else", "read": parse("steps: []").read})):
        assert fitted.same(same) is same
    other = parse("name: mine\nsteps:\n- {step: fill_missing, columns: [a], with: median}\n")
    with pytest.raises(PipelineMismatch) as caught:
        fitted.same(other)
    assert PIPELINE.sha256[:12] in caught.value.message
    assert other.sha256[:12] in caught.value.message


@pytest.mark.parametrize(
    ("columns", "notes"),
    [
        ("abc", []),
        ("ab", ["1 column of the fitted file, missing here: 'c'."]),
        ("c", ["2 columns of the fitted file, missing here: 'a', 'b'."]),
        ("abxc", ["1 column not in the fitted file, kept: 'x'."]),
        ("cab", ["The columns are in another order than in the fitted file; they are matched by name."]),
        ("cx", ["2 columns of the fitted file, missing here: 'a', 'b'.",
                "1 column not in the fitted file, kept: 'x'."]),
    ],
)  # fmt: skip
def test_differing_columns_are_counted_and_named(columns: str, notes: list[str]) -> None:
    fitted = read(written(columns=("a", "b", "c")))
    assert isinstance(fitted, Fitted)
    assert fitted.notes(list(columns)) == notes


def test_of_very_many_columns_the_first_are_named() -> None:
    [note] = read(written(columns=("a",))).notes(["a", *(f"x{n}" for n in range(5000))])
    assert note.startswith("5000 columns")
    assert len(note) < 200
