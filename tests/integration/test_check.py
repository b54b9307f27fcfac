"""Jobs with rules: rows that break one are rejected with their lines; and the account of rows."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvjobs import wiring
from csvjobs.flow.apply import Processing
from csvjobs.flow.deliver import REJECTED, deliver
from csvjobs.flow.process import process
from csvjobs.flow.rejected import rejected
from csvjobs.flow.services import Services
from csvjobs.flow.submit import Incoming
from csvjobs.flow.tables import name_table
from csvjobs.flow.view import view
from csvjobs.jobs.job import Job, Status
from csvjobs.settings import Settings

ID = {"column": "id", "required": True, "type": "integer", "unique": True}


@contextmanager
def service(folder: Path) -> Iterator[Services]:
    yield wiring.local(Settings(pipelines_dir=folder, min_free_bytes=0, job_memory=64 * 1024**2), folder)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    with service(tmp_path) as made:
        yield made


def run(services: Services, content: bytes, steps: list[dict[str, Any]], **read: Any) -> Job:
    with Incoming(services) as incoming:
        incoming.write(content)
        job_id = incoming.submit("given.csv", Processing(json.dumps({"steps": steps, "read": read}))).job_id
    process(services, job_id)
    return view(services, job_id)


def checked(services: Services, content: bytes, *rules: dict[str, Any], **read: Any) -> Job:
    return run(services, content, [{"step": "validate", "rules": list(rules)}], **read)


def text(services: Services, job: Job, name: str) -> str:
    with deliver(services, job.job_id, name).file as file:
        return file.read().decode()


def bad(services: Services, job: Job) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(services, job, REJECTED), newline="")))


def counts(job: Job) -> tuple[int, int, int]:
    assert job.rows is not None, job.error
    return job.rows.read, job.rows.out, job.rows.rejected


FILE = b'id,note,age\n1,"a\nb",36\n2,x,850\n3\n\n2,"say ""y""",4\n"x","q\nr\ns",\n5,,6\n'


def test_rows_that_break_a_rule_stand_in_rejected_csv_among_those_that_cannot_be_read(
    services: Services,
) -> None:
    job = checked(services, FILE, ID, {"column": "age", "required": True, "at_most": 120})
    assert job.status is Status.DONE
    assert (counts(job), job.rows.dropped) == ((7, 2, 4), {"blank lines": 1})
    assert text(services, job, "output.csv") == 'id,note,age\n1,"a\nb",36\n5,,6\n'
    told = [
        tuple(row[name] for name in ("_line", "_last_line", "_byte", "_code", "_column", "_found"))
        for row in bad(services, job)
    ]
    assert told == [
        ("4", "4", "23", "out-of-range", "age", "850"),
        ("5", "5", "31", "missing-cell", "note", "1 cell"),
        ("7", "7", "34", "not-unique", "id", "2"),
        ("8", "10", "50", "wrong-type", "id", "x"),
    ]
    cells = [[row[name] for name in ("id", "note", "age", "_record")] for row in bad(services, job)]
    assert cells[2:] == [["2", 'say "y"', "4", ""], ["x", "q\nr\ns", "", ""]]
    assert bad(services, job)[3]["_message"] == "The cell is not an integer. Wrong as well: age (required)."
    groups = {(group.code, group.column): (group.count, group.lines) for group in job.rejected.groups}
    assert groups["not-unique", "id"] == (1, [7])
    page = rejected(services, job.job_id, "wrong-type", None, None, 10)
    assert [(row.line, row.last_line, row.found) for row in page.rows] == [(8, 10, "x")]


def test_the_record_is_the_file_s_whatever_steps_did_before(services: Services) -> None:
    steps = [
        {"step": "rename", "names": {"id": "key"}},
        {"step": "sort", "by": [{"column": "age", "order": "descending"}]},
        {"step": "trim"},
        {"step": "drop", "columns": ["note"]},
        {"step": "filter", "column": "key", "not_equals": "2"},
        {"step": "validate", "rules": [{"column": "key", "one_of": ["1", "4"]}]},
        {"step": "dedupe", "by": ["age"]},
        {"step": "validate", "rules": [{"column": "age", "at_most": 40}]},
    ]
    job = run(services, b"id,note,age\n1, a ,36\n2,b,36\n 3 ,c,1\n4,d,41\n4,e,36\n", steps)
    assert (counts(job), sum(job.rows.dropped.values())) == ((5, 1, 2), 2)
    told = [(row["id"], row["note"], row["_line"], row["_column"]) for row in bad(services, job)]
    assert told == [(" 3 ", "c", "4", "key"), ("4", "d", "5", "age")]


def test_a_rule_that_no_row_may_break_ends_the_job_at_the_first_that_does(services: Services) -> None:
    rules = ({"column": "age", "at_most": 120, "on_fail": "fail"}, {"column": "note", "required": True})
    job = checked(services, b'id,note,age\n1,,3\n2,"a\nb",5\n3,c,850\n4,d,999\n', *rules)
    assert job.status is Status.ERROR
    assert (job.error.code, job.error.line, job.error.column) == ("rule-broken", 5, "age")
    assert "850" in job.error.message
    assert "output.csv" not in job.files


CAST = {"step": "cast", "columns": ["v"], "to": "decimal"}
ODD = b'id,v\n1,1\n\n2,"a\nb"\n"3\n",1.5x\n4,1.5x\n'


@pytest.mark.parametrize(
    ("steps", "content", "line"),
    [
        ([CAST], ODD, 6),
        ([{"step": "dedupe", "by": ["id"]}, {"step": "trim"}, CAST], ODD, 6),
        ([{"step": "filter", "where": "id > 3"}, CAST], ODD, 8),
        ([{**CAST, "to": "date"}], b"id,v\n1,03/04/2026\n2,04/04/2026\n", 2),
        ([{**CAST, "to": "date"}], b"id,v\n1,2026-04-03\n2,28/04/2026\n", 3),
        ([CAST], b'{"id": 1, "v": 1}\n\n{"id": 2, "v": "1.5x"}\n', 3),
        ([{"step": "scale", "columns": ["v"], "method": "minmax"}], b"id,v\n1,1\n\n2,1.5x\n", 4),
        ([{"step": "aggregate", "values": {"t": {"sum": "v"}}}], b"id,v\n1,1\n\n2,1.5x\n", 4),
        # Merged rows are none of the file.
        ([{"step": "aggregate", "by": ["v"], "values": {"n": "count"}}, CAST], ODD, None),
    ],
)
def test_a_cell_that_ends_the_job_is_told_with_its_line(
    services: Services, steps: list[dict[str, Any]], content: bytes, line: int | None
) -> None:
    job = run(services, content, steps)
    assert job.status is Status.ERROR
    assert (job.error.line, job.error.column) == (line, "v")


def test_rows_that_are_none_of_the_file_may_end_the_job_but_not_be_rejected(services: Services) -> None:
    count = {"step": "aggregate", "by": ["id"], "values": {"n": "count"}}
    rule = {"column": "n", "at_most": 1}
    job = run(services, b"id\n1\n2\n2\n", [count, {"step": "validate", "rules": [rule], "on_fail": "fail"}])
    assert (job.error.code, job.error.line, job.error.column) == ("rule-broken", None, "n")
    assert "validate (step 2)" in job.error.message
    kept = run(services, b"id\n1\n2\n2\n", [count, {"step": "validate", "rules": [rule], "on_fail": "keep"}])
    assert (kept.status, counts(kept)) == (Status.DONE, (3, 2, 0))
    assert any("1 row, out-of-range in column 'n', for example '2'" in told for told in kept.warnings)


def test_too_many_bad_rows_are_those_that_break_rules_too(services: Services) -> None:
    content = b"id\n1\n2\nx\ny\n"
    assert checked(services, content, ID, max_bad_rows="2").status is Status.DONE
    job = checked(services, content, ID, max_bad_rows="1")
    assert (job.status, job.error.code) == (Status.ERROR, "too-many-bad-rows")
    assert len(bad(services, job)) == 2


def test_no_row_left_is_an_error_as_when_none_can_be_read(services: Services) -> None:
    job = checked(services, b"id\nx\ny\n", ID)
    assert (job.status, job.error.code) == (Status.ERROR, "no-rows-left")
    assert len(bad(services, job)) == 2


def test_corrected_rows_pass_when_they_are_sent_in_again(services: Services) -> None:
    job = checked(services, FILE, ID)
    again = text(services, job, REJECTED).replace("x,", "7,", 1)
    job = checked(services, again.encode(), ID)
    assert counts(job)[1] >= 1
    assert "7," in text(services, job, "output.csv")


def test_a_file_of_another_encoding_or_with_padded_rows_keeps_its_lines(services: Services) -> None:
    wide = checked(services, "id,n\né,1\n2,\U0001f600\nx,3\n".encode("utf-16"), ID)
    assert [(row["id"], row["_line"]) for row in bad(services, wide)] == [("é", "2"), ("x", "4")]
    padded = checked(services, b"id,n,m\nx\n2,3,4\ny,1\n", ID, bad_rows="pad")
    assert [(row["id"], row["n"], row["_line"]) for row in bad(services, padded)] == [
        ("x", "", "2"),
        ("y", "1", "4"),
    ]


def test_cells_have_to_stand_in_another_table(services: Services) -> None:
    codes = run(services, b"name,code\nAustria,AT\nJapan,JP\nNone,\nJapan again,JP\n", [])
    name_table(services, "countries", codes.job_id)
    rule = {"column": "country", "references": {"table": "countries", "column": "code"}}
    job = checked(services, b"id,country\n1,JP\n2,XX\n3,\n4,jp\n5,AT\n", rule)
    assert text(services, job, "output.csv") == "id,country\n1,JP\n3,\n5,AT\n"
    assert [(row["_line"], row["_code"], row["_found"]) for row in bad(services, job)] == [
        ("3", "not-in-table", "XX"),
        ("5", "not-in-table", "jp"),
    ]
    lost = checked(services, b"country\nJP\n", {**rule, "references": {"table": "countries", "column": "x"}})
    assert (lost.error.code, lost.error.column) == ("unknown-column", "x")


PIECES = [
    *("1", "2", "x", "é", '"', '""', ",", ",", "\n", "\n", "\r\n", "\r"),
    *('"x\ny"', "1,2\n", "x,2\n", '"x","\n"\n'),
]


@given(soup=st.lists(st.sampled_from(PIECES), max_size=24).map("".join))
def test_each_place_is_in_the_file_and_no_row_is_lost(soup: str) -> None:
    content = f"id,b\n1,2\n{soup}".encode()
    with TemporaryDirectory() as folder, service(Path(folder)) as services:
        job = checked(
            services, content, {"column": "id", "matches": "1*"}, delimiter=",", encoding="utf-8", header=True
        )
        assert job.status is Status.DONE
        rows = bad(services, job) if job.rejected else []
        assert len(rows) == job.rows.rejected
        assert not rows or len(rows) == sum(group.count for group in job.rejected.groups)
        out = list(csv.DictReader(io.StringIO(text(services, job, "output.csv"), newline="")))
        assert {row["id"].strip("1") for row in out} <= {""}
    assert [int(row["_byte"]) for row in rows] == sorted({int(row["_byte"]) for row in rows})
    for row in rows:
        before = content[: int(row["_byte"])].decode()
        assert len(re.findall(r"\r\n|\r|\n", before)) == int(row["_line"]) - 1
        if row["_code"] == "no-match":
            said = content[int(row["_byte"]) :].decode()
            quoted = '"' + row["id"].replace('"', '""') + '"'
            assert said.startswith((row["id"] + ",", quoted + ","))
            assert row["_found"] == row["id"]
