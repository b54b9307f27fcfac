"""csvjobs preview: what each step makes of the first rows."""

from __future__ import annotations

import json
import signal

import pytest
from chaos import eventually
from terminal import Terminal

WIDE = {"COLUMNS": "150"}


def test_bad_rows_are_counted(terminal: Terminal) -> None:
    terminal.write("lines.jsonl", '{"a": 1}\n{\n')
    terminal.write("rows.csv", "a,b\n1,2\n3\n")
    for name, count in (("lines.jsonl", "1 bad-json"), ("rows.csv", "1 missing-cell")):
        assert f"Before: all 1 row, {count}\n" in terminal.types("preview", name).out


ENDING = {
    "bad_rows=fail": "1 of 2 rows are bad (1 missing-cell): the first one ends the job.",
    "max_bad_rows=0": "1 of 2 rows are bad (1 missing-cell); max_bad_rows allows 0.",
    "max_bad_rows=49%": "1 of 2 rows are bad (1 missing-cell); max_bad_rows allows 49%.",
    "max_bad_rows=50%": "",
    "bad_rows=pad": "",
    "bad_bytes=fail": "",
}


@pytest.mark.parametrize("option", ENDING)
def test_bad_rows_that_end_a_job_are_told(terminal: Terminal, option: str) -> None:
    terminal.write("rows.csv", "a,b\n1,2\n3\n")
    typed = terminal.types("preview", "rows.csv", "-r", option, **WIDE)
    assert typed.status == bool(ENDING[option])
    assert f"error {ENDING[option]}" in typed.out if ENDING[option] else "error" not in typed.out
    assert terminal.types("run", "rows.csv", "-r", option, "-o", "out.csv").status == typed.status


def test_rows_that_are_all_bad_end_a_job(terminal: Terminal) -> None:
    typed = terminal.types("preview", "-", fed=b"a,b\n1\n2\n", **WIDE)
    assert (typed.status, "error 2 of 2 rows are bad (2 missing-cell)." in typed.out) == (1, True)


def test_each_step_is_told_between_the_rows_before_and_after(terminal: Terminal) -> None:
    terminal.write("people.csv", "name,city\n Ada,[b]x[/b]\nAlan,\n")
    terminal.write("clean.yaml", "steps: [{step: trim}, {step: drop_missing}, {step: limit, rows: 5}]")
    typed = terminal.types("preview", "people.csv", "-p", "clean.yaml", **WIDE)
    assert (typed.status, typed.err) == (0, "")
    told = [" ".join(line.replace("│", " ").split()) for line in typed.out.splitlines()]
    places = [
        told.index(line)
        for line in (
            "Before: all 2 rows",
            "trim (step 1): 1 cell changed",
            "row 1, name: ' Ada' → Ada",
            "drop_missing (step 2): 1 row dropped",
            "limit (step 3): nothing",
            "After: 1 row",
        )
    ]
    assert places == sorted(places)
    assert told.count("Ada [b]x[/b]") == 2


def test_a_step_that_cannot_do_its_work_is_told(terminal: Terminal) -> None:
    terminal.write("scale.yaml", "steps: [{step: trim}, {step: scale, columns: [a], method: minmax}]")
    typed = terminal.types("preview", "-", "-p", "scale.yaml", fed=b"a\nx\n")
    assert typed.status == 1
    assert "error Step 2 (scale): 1 cell of column 'a' is not a number" in typed.out


def test_rejected_rows_are_told_with_what_they_break(terminal: Terminal) -> None:
    terminal.write("check.yaml", "steps: [{step: validate, rules: [{column: a, type: integer}]}]")
    typed = terminal.types("preview", "-", "-p", "check.yaml", fed=b"a,b\n1,2\nx,2\n")
    assert typed.status == 0
    assert "validate (step 1): 1 row rejected" in typed.out
    assert "row 2, a: x: wrong-type. The cell is not an integer." in typed.out


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it(terminal: Terminal, number: int, status: int) -> None:
    doubled = "{step: derive, values: {b: a}}, {step: unpivot, columns: [a, b], value: a}"
    doubled += ", {step: select, columns: [a]}"
    terminal.write("slow.yaml", f"steps: [{', '.join([doubled] * 9 + ['{step: sort, by: [a]}'] * 100)}]")
    terminal.write("in.csv", "a\n" + "x\n" * 1500)
    running = terminal.starts("preview", "in.csv", "-p", "slow.yaml")
    eventually(lambda: list(terminal.temporary.glob("csvjobs-*/.incoming/*/sample.csv")))
    running.send_signal(number)
    typed = terminal.ended(running)
    assert (typed.status, typed.out) == (status, "")
    assert typed.err in ("", "      Interrupted.\n")


def test_all_of_it_is_json(terminal: Terminal) -> None:
    typed = terminal.types("preview", "-", "-r", "delimiter=;", "--json", fed=b"a;b\n1;2\n")
    assert json.loads(typed.out)["before"] == {"columns": ["a", "b"], "records": 1, "rows": [["1", "2"]]}
