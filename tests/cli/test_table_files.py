"""Lookup tables in local runs: files, and tables of a service on this machine."""

from __future__ import annotations

import pytest
from served import Served
from terminal import Terminal

LOOKUP = "steps: [{{step: lookup, table: {table}, on: [k], columns: [v]}}]"


@pytest.fixture
def at(terminal: Terminal) -> Terminal:
    terminal.write("codes.csv", 'k;v\n07;"a;b"\n')
    terminal.write("new.csv", "k\n07\n8\n")
    return terminal


def test_run_and_preview_look_things_up_in_a_file(at: Terminal) -> None:
    pipeline = LOOKUP.format(table="codes.csv")
    typed = at.types("run", "new.csv", "-p", pipeline, "-o", "-")
    assert (typed.status, typed.out) == (0, "k,v\n07,a;b\n8,\n")
    assert "1 row has no match in the table 'codes.csv', for example '8'" in typed.err
    assert "a;b" in at.types("preview", "new.csv", "-p", pipeline).out


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("k,v\n07,a\n8\n", "Line 3: "),
        ("", "The file is empty."),
        ("\n\n", "The file holds no rows."),
        ("\0\1\2\3" * 99, "The file is binary data"),
    ],
)
def test_a_table_that_cannot_be_read_is_called_by_its_name(at: Terminal, content: str, why: str) -> None:
    at.write("codes.csv", content)
    for command in (["run", "-o", "o.csv"], ["preview"]):
        typed = at.types(*command, "new.csv", "-p", LOOKUP.format(table="codes.csv"))
        assert typed.status == 2
        first, hint = typed.err.splitlines()
        assert first.startswith(f"error bad-table: The table 'codes.csv' cannot be read: {why}")
        assert hint.strip()
    assert not (at.folder / "o.csv").exists()


def test_what_is_no_table_is_told_before_anything_is_done(at: Terminal) -> None:
    typed = at.types("run", "new.csv", "-p", LOOKUP.format(table="nobody.csv"), "-o", "o.csv")
    assert typed.status == 2
    assert "table-not-found" in typed.err
    assert "path of a file" in typed.err


def test_run_looks_things_up_in_the_output_of_a_job_here(at: Terminal, api: Served) -> None:
    job_id = api.done(b"k,v\n8,eight\n", pipeline="write: {format: jsonl}")["job_id"]
    folder = {"CSVJOBS_JOBS_DIR": str(api.root)}
    typed = at.types("run", "new.csv", "-p", LOOKUP.format(table=job_id), "-o", "-", **folder)
    assert (typed.status, typed.out) == (0, "k,v\n07,\n8,eight\n")
