"""Stored pipelines: versions are immutable, also with concurrent writers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from csvjobs.errors import (
    InvalidOption,
    InvalidPipeline,
    PipelineFixed,
    PipelineNotFound,
    PreconditionFailed,
    TooManyPipelines,
)
from csvjobs.pipelines import versions
from csvjobs.pipelines.catalogue import STEPS, wire_name
from csvjobs.pipelines.named import NamedPipelines
from csvjobs.pipelines.spec import build, parse
from csvjobs.pipelines.step import Step
from csvjobs.pipelines.stored import Fits

TRIM = "steps: [{step: trim}]"
SELECT = "steps: [{step: select, columns: ['NO', '1.10', 'null', ' é ']}]"


@pytest.fixture
def named(tmp_path: Path) -> NamedPipelines:
    (tmp_path / "ours.yaml").write_text(TRIM)
    return NamedPipelines(tmp_path)


def test_each_change_is_a_version_and_all_can_be_had(named: NamedPipelines) -> None:
    stored = [named.put("mine", text) for text in (TRIM, SELECT, SELECT, TRIM)]
    assert [pipeline.version for pipeline, _ in stored] == [1, 2, 2, 3]
    assert [new for _, new in stored] == [True, True, False, True]
    assert named.versions("mine") == [1, 2, 3]
    assert named.get("mine") == named.resolve("mine") == named.resolve("mine@3") == stored[3][0]
    assert named.resolve(" mine@2 ").steps == parse(SELECT).steps
    assert named.get("mine", 1).sha256 == named.get("mine", 3).sha256
    assert named.get("mine").name == "mine"
    assert named.names() == ["mine", "ours", "tidy"]


def test_of_many_names_a_few_are_told(named: NamedPipelines) -> None:
    for number in range(20):
        (named.folder / f"p{number:02}.yaml").write_text(TRIM)
    with pytest.raises(PipelineNotFound) as caught:
        named.get("x")
    assert caught.value.hint == f"Known: ours, {', '.join(f'p{number:02}' for number in range(11))}, …."


def test_another_process_sees_them(named: NamedPipelines) -> None:
    named.put("mine", TRIM)
    assert NamedPipelines(named.folder).get("mine").version == 1


def test_a_number_never_means_something_else(named: NamedPipelines) -> None:
    named.put("mine", TRIM)
    named.delete("mine")
    assert named.names() == ["ours", "tidy"]
    for gone in ("mine", "mine@1", "mine@2"):
        with pytest.raises(PipelineNotFound):
            named.resolve(gone)
    with pytest.raises(PipelineNotFound):
        named.delete("mine")
    pipeline, new = named.put("mine", SELECT)
    assert (pipeline.version, new) == (3, True)
    with pytest.raises(PipelineNotFound) as caught:
        named.resolve("mine@1")
    assert caught.value.hint == "Its versions are 3."


def test_of_many_at_once_each_gets_a_version_of_its_own(named: NamedPipelines) -> None:
    texts = [f"steps: [{{step: limit, rows: {rows}}}]" for rows in range(40)]
    with ThreadPoolExecutor(8) as pool:
        versions = [pipeline.version for pipeline, _ in pool.map(lambda text: named.put("mine", text), texts)]
    assert sorted(versions) == list(range(1, 41))
    for text, version in zip(texts, versions, strict=True):
        assert named.get("mine", version).steps == parse(text).steps
    assert [path.name for path in (named.folder / "stored").iterdir()] == ["mine"]


def is_now(sha256: str) -> Fits:
    return lambda now: now == sha256


def test_of_many_that_follow_the_same_one_wins(named: NamedPipelines) -> None:
    first, _ = named.put("mine", TRIM)

    def follow(rows: int) -> bool:
        try:
            return named.put("mine", f"steps: [{{step: limit, rows: {rows}}}]", is_now(first.sha256))[1]
        except PreconditionFailed:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(follow, range(20))) == [False] * 19 + [True]
    assert named.versions("mine") == [1, 2]


def test_who_comes_between_a_look_and_a_change_is_not_overrun(
    named: NamedPipelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = named.put("mine", TRIM)
    looks = named.stored._newest

    def slow(name: str) -> object:
        found = looks(name)
        monkeypatch.undo()
        named.put("mine", SELECT)
        return found

    monkeypatch.setattr(named.stored, "_newest", slow)
    with pytest.raises(PreconditionFailed):
        named.put("mine", "steps: []", is_now(first.sha256))
    assert named.versions("mine") == [1, 2]


def test_what_is_expected_must_be_there(named: NamedPipelines) -> None:
    with pytest.raises(PreconditionFailed):
        named.put("mine", TRIM, bool)
    first, _ = named.put("mine", TRIM, is_now(""))
    for expected in ("", "0" * 64):
        with pytest.raises(PreconditionFailed):
            named.put("mine", SELECT, is_now(expected))
    assert named.put("mine", SELECT, is_now(first.sha256))[0].version == 2
    assert named.put("mine", TRIM, bool)[0].version == 3


def test_files_and_tidy_are_not_changed(named: NamedPipelines) -> None:
    for name in ("ours", "tidy"):
        with pytest.raises(PipelineFixed):
            named.put(name, SELECT)
        with pytest.raises(PipelineFixed):
            named.delete(name)
        with pytest.raises(PipelineNotFound, match="@1"):
            named.get(name, 1)
        assert named.get(name).version is None
    named.put("later", SELECT)
    (named.folder / "later.yaml").write_text(TRIM)
    assert named.get("later").steps == parse(TRIM).steps
    assert named.versions("later") == []


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x@1", "x" * 101, "é"])
def test_odd_names_are_refused(named: NamedPipelines, name: str) -> None:
    with pytest.raises(InvalidOption):
        named.put(name, TRIM)
    with pytest.raises(PipelineNotFound):
        named.get(name)
    assert not (named.folder / "stored").exists()


def test_what_is_not_valid_is_not_stored(named: NamedPipelines) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        named.put("mine", "steps: [{step: tirm}, {step: select}]")
    assert len(caught.value.errors) == 2
    assert named.names() == ["ours", "tidy"]


def test_their_number_is_bounded(named: NamedPipelines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "MAX_NAMES", 2)
    monkeypatch.setattr(versions, "MAX_VERSIONS", 2)
    for name in ("a", "b"):
        named.put(name, TRIM)
    with pytest.raises(TooManyPipelines):
        named.put("c", TRIM)
    named.put("a", SELECT)
    with pytest.raises(TooManyPipelines):
        named.put("a", TRIM)
    named.delete("a")
    assert named.versions("a") == []
    named.put("c", TRIM)
    with pytest.raises(TooManyPipelines) as caught:
        named.put("a", TRIM)
    assert caught.value.hint == versions.NO_ROOM
    named.delete("c")
    named.put("a", TRIM)


@pytest.mark.parametrize("text", [TRIM, SELECT, "read: {nulls: ['NA', '-']}\nsteps: [{step: trim}]"])
def test_a_pipeline_as_yaml_is_the_same_pipeline(text: str) -> None:
    assert parse(parse(text).yaml()) == parse(text)


@pytest.mark.parametrize(
    "options",
    [
        "{profile: excel}",
        "{profile: excel, bom: false}",
        "{profile: excel, newline: lf}",
        "{profile: excel-unicode, delimiter: ','}",
        "{profile: excel-unicode, encoding: utf-8}",
        "{profile: excel-unicode, bom: false}",
        "{encoding: utf-16}",
        "{encoding: utf-16, bom: false}",
        "{bom: true}",
    ],
)
def test_a_pipeline_as_yaml_writes_as_its_author_said(options: str) -> None:
    """Also where an option is given that a profile or the encoding would set otherwise."""
    pipeline = parse(f"write: {options}")
    assert parse(pipeline.yaml()) == pipeline


def test_a_pipeline_as_yaml_says_no_more_than_its_author() -> None:
    assert parse(TRIM).yaml() == "steps:\n- step: trim\n"
    assert parse("{}").yaml() == "{}\n"
    excel = "write:\n  profile: excel\n  delimiter: ;\n"
    assert parse(excel).yaml() == excel
    unmarked = "write:\n  profile: excel\n  bom: false\n"
    assert parse(unmarked).yaml() == unmarked


@pytest.mark.parametrize("step", STEPS, ids=wire_name)
def test_every_step_as_yaml_is_the_same_step(step: type[Step]) -> None:
    pipeline = build({"steps": [{"step": wire_name(step), **step.example.options}]})
    assert parse(pipeline.yaml()) == pipeline
