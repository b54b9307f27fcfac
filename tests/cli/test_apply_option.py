"""--apply, locally and with a service."""

from __future__ import annotations

import json

import pytest
from served import Served
from terminal import Terminal

FILL = "steps: [{step: fill_missing, columns: [a], with: mean}]"
NOBODY = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def at(terminal: Terminal) -> Terminal:
    terminal.write("train.csv", "a,b\n1,x\n3,y\n")
    terminal.write("new.csv", "b,a\nz,\n")
    return terminal


def learnt_by(at: Terminal) -> str:
    assert at.types("run", "train.csv", "-p", FILL, "-o", "o.csv", "--fitted", "fitted.json").status == 0
    return at.read("fitted.json")


def test_run_applies_a_file(at: Terminal) -> None:
    learnt_by(at)
    typed = at.types("run", "new.csv", "--apply", "fitted.json", "-o", "-")
    assert (typed.status, typed.out) == (0, "b,a\nz,2\n")
    assert "another order" in typed.err
    again = at.types("run", "new.csv", "--apply", "fitted.json", "-p", FILL, "-o", "-")
    assert again.out == typed.out


def test_run_applies_a_job_of_a_service_on_this_machine(at: Terminal, api: Served) -> None:
    job_id = api.done(b"a,b\n1,x\n3,y\n", pipeline=FILL)["job_id"]
    folder = {"CSVJOBS_JOBS_DIR": str(api.root)}
    assert at.types("run", "new.csv", "--apply", job_id, "-o", "-", **folder).out == "b,a\nz,2\n"
    typed = at.types("run", "new.csv", "--apply", job_id, "-o", "-")
    assert typed.status == 2
    assert "nothing-fitted" in typed.err
    assert "CSVJOBS_JOBS_DIR" in typed.err
    assert not (at.folder / "jobs").exists()


def test_submit_applies_a_file_or_a_job(at: Terminal, api: Served) -> None:
    learnt_by(at)
    asked = ("-o", "-", "-s", api.url)
    typed = at.types("submit", "new.csv", "--apply", "fitted.json", *asked)
    assert (typed.status, typed.out) == (0, "b,a\nz,2\n")
    assert "done new.csv, pipeline unnamed" in typed.err
    piped = at.types("submit", "-", "-a", "fitted.json", *asked, fed=b"a,b\n,q\n")
    assert (piped.status, piped.out) == (0, "a,b\n2,q\n")
    first = at.types("submit", "train.csv", "-p", FILL, "-w", "-s", api.url).out.strip()
    assert at.types("submit", "new.csv", "-a", first, *asked).out == "b,a\nz,2\n"
    second = at.types("submit", "new.csv", "-w", "-s", api.url).out.strip()
    third = at.types("rerun", second, "--apply", first, "-s", api.url).out.strip()
    assert at.types("status", third, "--wait", "-s", api.url).status == 0
    assert at.types("download", third, "-o", "-", "-s", api.url).out == "b,a\nz,2\n"


def test_what_cannot_be_applied_is_told(at: Terminal, api: Served) -> None:
    raw = json.loads(learnt_by(at))
    at.write("changed.json", json.dumps({**raw, "columns": []}))
    at.write("latin.json", "é".encode("latin-1"))
    for given, code in {
        "changed.json": "invalid-fitted",
        "train.csv": "invalid-fitted",
        "latin.json": "invalid-option",
        "nosuch.json": "invalid-option",
        NOBODY: "",
    }.items():
        for command in (("run",), ("submit", "-s", api.url)):
            typed = at.types(*command, "new.csv", "-a", given, "-o", "out.csv")
            assert typed.status == 2, (command, given, typed)
            assert f"error {code}" in typed.err
            assert not (at.folder / "out.csv").exists()
