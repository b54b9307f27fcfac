"""csvjobs inspect: how a file would be read, on a terminal and as JSON."""

from __future__ import annotations

import json
import zipfile

import pytest
from terminal import Terminal

from csvjobs.cli.local import CHUNK
from csvjobs.flow.inspect import ENOUGH

WIDE = {"COLUMNS": "150"}


def test_findings_columns_and_rows_are_shown(terminal: Terminal) -> None:
    terminal.write("prices.csv", "Prices\nitem;price\nPear [b]x[/b];1,50\nPlum;\nFig\n")
    typed = terminal.types("inspect", "prices.csv", **WIDE)
    assert typed.status == 0
    told = " ".join(typed.out.replace("│", " ").split())
    assert "delimiter ';' " in told
    assert "2 columns in all 2 records, 1 missing-cell" in told
    assert "price 1 1 number 1 '1,50'" in told
    assert "Pear [b]x[/b] 1,50" in told
    assert "set skip: 0 if that is wrong." in told


@pytest.mark.parametrize(
    "command", [("inspect",), ("preview", "-p", "tidy"), ("profile",), ("run", "-p", "p.yaml", "-o", "o.csv")]
)
def test_what_a_file_says_does_nothing_to_the_terminal(terminal: Terminal, command: tuple[str, ...]) -> None:
    terminal.write("odd.csv", "a\x1b[2J,\x9b2Jb\n\x1b]0;title\x07,2\n")
    terminal.write("p.yaml", "steps: [{step: trim, columns: [c]}]")
    typed = terminal.types(command[0], "odd.csv", *command[1:], **WIDE)
    assert "[2J" in typed.out + typed.err
    assert not {"\x1b", "\x9b", "\x07"} & set(typed.out + typed.err)


def test_of_a_wide_table_as_many_columns_are_shown_as_can_be_read(terminal: Terminal) -> None:
    names = [f"name{number}" for number in range(1, 201)]
    terminal.write("wide.csv", "\n".join(",".join(row) for row in (names, ["word"] * 200, ["other"] * 200)))
    told = terminal.types("inspect", "wide.csv", COLUMNS="80").out
    assert "200 columns (the first 50 shown) in all 2 records" in told
    assert "First records (the first 9 of 200 columns)" in told
    assert told.count("│ word ") == 9
    assert "name9" in told


def test_options_are_obeyed_and_all_of_it_is_json(terminal: Terminal) -> None:
    given = ("inspect", "-", "--read", "delimiter=;", "-r", "header=false", "--json")
    typed = terminal.types(*given, fed=b"a,b;c\n1,2;3\n")
    found = json.loads(typed.out)
    assert (typed.status, found["rows"]) == (0, [["a,b", "c"], ["1,2", "3"]])
    delimiter = {"value": ";", "confidence": 1.0, "alternatives": [], "declared": True}
    assert found["detected"]["delimiter"] == delimiter


def test_of_a_huge_file_or_an_endless_pipe_the_beginning_is_looked_at(terminal: Terminal) -> None:
    rows = b"a,b\n" + b'1,"x\ny"\n' * (ENOUGH // 8)
    terminal.write("huge.csv", rows)
    typed = terminal.types("inspect", "huge.csv", **WIDE)
    assert typed.status == 0
    assert f"huge.csv, only the beginning was looked at: {ENOUGH:,} bytes" in typed.out
    assert "missing-cell" not in typed.out
    piped = terminal.types("inspect", "-", "--json", fed=rows * 2)
    found = json.loads(piped.out)
    assert (found["partial"], found["faults"]) == (True, {})
    # A pipe gives what it has.
    assert ENOUGH <= found["bytes"] < ENOUGH + CHUNK


def test_a_zip_file_is_looked_at_whole(terminal: Terminal) -> None:
    with zipfile.ZipFile(terminal.folder / "stored.zip", "w") as archive:
        archive.writestr("table.csv", b"a,b\n" + b"1,2\n" * (ENOUGH // 4))
    typed = terminal.types("inspect", "stored.zip", "--json")
    assert json.loads(typed.out)["rows"][0] == ["1", "2"]


def test_a_file_that_is_no_table_is_told(terminal: Terminal) -> None:
    terminal.write("empty.csv", "")
    typed = terminal.types("inspect", "empty.csv")
    assert (typed.status, typed.out) == (2, "")
    assert typed.err.startswith("error empty-upload: The file is empty.")
