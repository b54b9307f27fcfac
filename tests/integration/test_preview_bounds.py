"""The limits of a preview: time, memory and size of the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from csvjobs.flow import preview as module
from csvjobs.flow.apply import Processing
from csvjobs.flow.deadline import Deadline
from csvjobs.flow.preview import SHOWN_CHARACTERS, Preview, preview
from csvjobs.flow.submit import Incoming
from csvjobs.settings import Settings
from csvjobs.wiring import local

DOUBLED = {"step": "derive", "values": {"a": "a || a"}}
COPIED = [{"step": "derive", "values": {"b": "a"}}, {"step": "unpivot", "columns": ["a", "b"], "value": "a"}]
NAMELESS = {"step": "select", "columns": ["a"]}


def tried(folder: Path, steps: list[Any], content: str, deadline: Deadline | None = None) -> Preview:
    services = local(Settings(min_free_bytes=0), folder / "jobs")
    with Incoming(services) as incoming:
        incoming.write(content.encode())
        return preview(incoming, "given.csv", Processing(json.dumps({"steps": steps})), deadline=deadline)


def test_it_ends_at_its_deadline_with_the_steps_that_were_done(tmp_path: Path) -> None:
    endless = [*COPIED, NAMELESS] * 9 + [{"step": "sort", "by": ["a"]}, {"step": "trim"}] * 40
    found = tried(tmp_path, endless, "a\n" + "x\n" * 1500, Deadline(1.0))
    assert found.fault is not None
    assert found.fault.code == "preview-timeout"
    assert found.fault.pointer == f"/steps/{len(found.steps)}"
    assert len(found.steps) < len(endless)
    assert found.before.records == 1500


def test_a_step_that_makes_too_many_rows_is_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 7)
    found = tried(tmp_path, [*COPIED, NAMELESS, *COPIED], "a\n1\n2\n3\n")
    assert found.fault is not None
    assert (found.fault.code, found.fault.pointer) == ("preview-too-large", "/steps/4")
    assert found.steps[-1].after.records == 6


def test_the_answer_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CHARACTERS", 3 * SHOWN_CHARACTERS)
    found = tried(tmp_path, [DOUBLED] * 4, f"a\n{'x' * 400}\n")
    assert found.fault is not None
    assert (found.fault.code, found.fault.pointer) == ("preview-too-large", "/steps/3")


def test_long_cells_are_cut_and_still_told_from_others(tmp_path: Path) -> None:
    found = tried(tmp_path, [DOUBLED, DOUBLED, {"step": "trim"}], f"a\n{'x' * 600}\né\n")
    once, twice, same = found.steps
    shown = "x" * SHOWN_CHARACTERS + "…"
    assert [step.after.rows[0] for step in (once, twice, same)] == [[shown]] * 3
    assert (once.changes[0].before, once.changes[0].after) == ("x" * 600, shown)
    assert (twice.changes[0].before, twice.changes[0].after) == (shown, shown)
    assert (twice.changed, same.changed) == (2, 0)
    assert twice.after.rows[1] == ["éééé"]
    assert found.fault is None


def test_a_wide_table_fits_into_the_memory_of_a_job(tmp_path: Path) -> None:
    """The engine reserves much more for it than it takes."""
    content = "".join(
        ",".join([f"{sign}{place}" for place in range(400)]) + "\n" for sign in ["n", *"1" * 300]
    )
    services = local(Settings(min_free_bytes=0, job_memory=256 * 1024**2), tmp_path / "jobs")
    with Incoming(services) as incoming:
        incoming.write(content.encode())
        found = preview(incoming, "given.csv", Processing('{"steps": [{"step": "sort", "by": ["n0"]}]}'))
    assert found.fault is None
    assert (found.before.records, found.steps[0].after.records) == (300, 300)
