"""--help and the commands that explain steps and pipelines."""

from __future__ import annotations

import os
import re
import shlex

import pytest
from chaos import ROOT
from terminal import Terminal

from csvjobs.cli import COMMANDS
from csvjobs.cli.output import EXIT_STATUS
from csvjobs.pipelines.named import NamedPipelines

WIDE = {"COLUMNS": "200", "TERMINAL_WIDTH": "200"}


def exit_status_is_in(told: str) -> bool:
    return " ".join(EXIT_STATUS.split()) in " ".join(told.split())


def test_every_command_teaches_by_an_example(terminal: Terminal) -> None:
    for name in COMMANDS:
        status, told, complaint = terminal.types(name, "--help", **WIDE)
        assert (status, complaint) == (0, "")
        assert exit_status_is_in(told)
        example = re.search(rf"Example: ((?:[A-Z_]+=\S+ )*csvjobs {name}\b.*)", told)
        assert example, told
        options = [word for word in shlex.split(example[1]) if word.startswith("-")]
        assert [option for option in options if told.count(option) < 2] == []


def test_the_help_of_all_says_where_to_start(terminal: Terminal) -> None:
    told = terminal.types("--help", **WIDE).out
    assert [name for name in COMMANDS if f"│ {name} " not in told] == []
    assert "csvjobs run my.csv -o clean.csv" in told
    assert exit_status_is_in(told)


def test_without_a_command_the_help_is_shown(terminal: Terminal) -> None:
    typed = terminal.types()
    assert typed.status == 2
    assert "Usage: csvjobs" in typed.out
    assert typed.err == ""


def test_the_version_is_told(terminal: Terminal) -> None:
    assert re.fullmatch(r"csvjobs \d+\.\d+\.\d+\n", terminal.types("--version").out)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("stat",), "Did you mean 'status'"),
        (("status",), "Missing argument"),
        (("steps", "fill_mising"), "'fill_missing'"),
        (("pipelines", "nosuch"), "Known: tidy."),
        (("jobs", "--status", "gone"), "'--status': 'gone' is not one of"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(
    terminal: Terminal, arguments: tuple[str, ...], told: str
) -> None:
    typed = terminal.types(*arguments)
    assert (typed.status, typed.out) == (2, "")
    assert typed.err.startswith("error ")
    assert told in typed.err
    assert len(typed.err.splitlines()) <= 2


def test_steps_are_listed_and_explained(terminal: Terminal) -> None:
    listed = [line.split()[0] for line in terminal.types("steps").out.splitlines()]
    assert {"trim", "rename", "fill_missing", "one_hot"} <= set(listed)
    page = terminal.types("steps", "fill_missing").out
    assert page.startswith("## fill_missing\n")
    assert "```yaml\nsteps:\n- step: fill_missing\n" in page


def test_a_named_pipeline_can_be_copied_and_changed(terminal: Terminal) -> None:
    folder = {"CSVJOBS_PIPELINES_DIR": str(ROOT / "pipelines")}
    listed = terminal.types("pipelines", **folder)
    names = [line.split()[0] for line in listed.out.splitlines()]
    assert names == [
        *("crm-clean", "dedupe", "excel-export", "ml-prep", "pii-mask"),
        *("schema-check", "tidy", "ubuntu-lts"),
    ]
    terminal.write("mine.yaml", terminal.types("pipelines", "crm-clean", **folder).out)
    example = str(ROOT / "examples/contacts.csv")
    by_name = terminal.types("run", example, "-p", "crm-clean", "-o", "-", **folder)
    by_copy = terminal.types("run", example, "-p", "mine.yaml", "-o", "-")
    assert by_name.out == by_copy.out
    assert by_name.out.count("\n") == 9


def test_a_reader_that_goes_away_is_no_fault(terminal: Terminal) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    typed = terminal.types("steps", "--markdown", stdout=writer)
    os.close(writer)
    assert typed.err == ""


def test_stored_pipelines_are_listed_with_their_newest_version(terminal: Terminal) -> None:
    named = NamedPipelines(terminal.folder / "pipelines")
    named.put("mine", "description: Cuts.\nsteps: [{step: trim}]")
    named.put("mine", "steps: [{step: limit, rows: 7}]")
    listed = terminal.types("pipelines").out.splitlines()
    assert [line.split()[0] for line in listed] == ["mine@2", "tidy"]
    assert "rows: 7" in terminal.types("pipelines", "mine").out
    assert "Cuts." in terminal.types("pipelines", "mine@1").out
    assert terminal.types("pipelines", "mine@3").status == 2
    terminal.write("in.csv", "a\n 1 \n")
    assert terminal.types("run", "in.csv", "-p", "mine@1", "-o", "-").out == "a\n1\n"


def test_two_pipelines_are_compared(terminal: Terminal) -> None:
    (terminal.folder / "pipelines").mkdir()
    terminal.write("pipelines/one.yaml", "description: Same.\nsteps: [{step: trim}]\n")
    terminal.write("pipelines/two.yaml", "description: Same.\nsteps: [{step: trim}, {step: dedupe}]\n")
    told = terminal.types("pipelines", "one", "two").out.splitlines()
    assert told[:2] == ["--- one", "+++ two"]
    assert "+- step: dedupe" in told
    assert "-- step: trim" not in told
