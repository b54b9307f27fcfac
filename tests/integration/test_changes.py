"""changes.csv: each cell that a step changed, with its line in the file, for files of all kinds."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbooks import by_openpyxl

from csvjobs import wiring
from csvjobs.flow.apply import Processing
from csvjobs.flow.deliver import CHANGES, deliver
from csvjobs.flow.process import process
from csvjobs.flow.services import Services
from csvjobs.flow.submit import Incoming
from csvjobs.flow.view import view
from csvjobs.jobs.job import Job, Status
from csvjobs.settings import Settings

# The column `at` says on which line its row begins, and is changed in each row.
STEPS: list[dict[str, Any]] = [{"step": "pad", "columns": ["at"], "width": 9, "with": "0"}]


def service(folder: Path) -> Services:
    return wiring.local(Settings(pipelines_dir=folder, min_free_bytes=0, job_memory=64 * 1024**2), folder)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return service(tmp_path)


def run(services: Services, content: bytes, steps: list[dict[str, Any]], **read: Any) -> Job:
    pipeline = json.dumps({"steps": steps, "read": read, "report": {"changes": True}})
    with Incoming(services) as incoming:
        incoming.write(content)
        job_id = incoming.submit("given.csv", Processing(pipeline)).job_id
    process(services, job_id)
    job = view(services, job_id)
    assert job.status is Status.DONE, job.error
    return job


def text(services: Services, job: Job, name: str = CHANGES) -> str:
    with deliver(services, job.job_id, name).file as file:
        return file.read().decode()


def changes(services: Services, job: Job) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(services, job), newline="")))


def begun(services: Services, content: bytes, **read: Any) -> list[tuple[int, int]]:
    """Of each row the line that is told, and the one that it says of itself."""
    told = changes(services, run(services, content, STEPS, **read))
    return [(int(each["line"]), int(each["before"])) for each in told]


def test_each_change_is_listed_with_its_line_in_the_order_of_the_file_and_the_steps(
    services: Services,
) -> None:
    content = b'id,note,age\n1,"a\nb",36 \n2 ,x,850\n3\n\n5,"",\n6,, 6\n'
    steps: list[dict[str, Any]] = [
        {"step": "trim"},
        {"step": "drop_missing", "columns": ["age"]},
        {"step": "rename", "names": {"age": "years"}},
        {"step": "sort", "by": [{"column": "years"}]},
        {"step": "fill_missing", "columns": ["note"], "with": "constant", "value": "-"},
        {"step": "pad", "columns": ["years"], "width": 3, "with": "0"},
        {"step": "case", "columns": ["note"], "to": "upper"},
    ]
    job = run(services, content, steps)
    assert text(services, job) == (
        "line,column,before,after,step\n"
        "2,age,36 ,36,trim (step 1)\n"
        "2,years,36,036,pad (step 6)\n"
        '2,note,"a\nb","A\nB",case (step 7)\n'
        "4,id,2 ,2,trim (step 1)\n"
        "4,note,x,X,case (step 7)\n"
        "8,age, 6,6,trim (step 1)\n"
        "8,note,,-,fill_missing (step 5)\n"
        "8,years,6,006,pad (step 6)\n"
    )
    told = Counter(each["step"] for each in changes(services, job))
    assert told == {step.step: step.changed for step in job.steps if step.changed}
    assert job.files[CHANGES].bytes == len(text(services, job).encode())


def test_what_is_empty_and_what_is_a_quoted_nothing_are_told_apart(services: Services) -> None:
    steps = [{"step": "fill_missing", "columns": ["a"], "with": "constant", "value": "-"}]
    told = text(services, run(services, b'a,b\n"",1\n,2\n', steps)).splitlines()[1:]
    assert told == ['2,a,"",-,fill_missing (step 1)', "3,a,,-,fill_missing (step 1)"]


def test_rows_that_are_merged_or_made_have_no_line(services: Services) -> None:
    steps = [
        {"step": "trim"},
        {"step": "unpivot", "columns": ["a", "b"]},
        {"step": "pad", "columns": ["value"], "width": 3, "with": "0"},
    ]
    job = run(services, b"a,b\n 1,2\n", steps)
    assert text(services, job).splitlines()[1:] == ["2,a, 1,1,trim (step 1)"]
    assert [step.changed for step in job.steps] == [1, None, 2]


@pytest.mark.parametrize("steps", [[], [{"step": "trim"}], [{"step": "drop", "columns": ["a"]}]])
@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b'a,b\n"x\ny",2\n'])
def test_where_nothing_changes_the_list_is_empty(
    services: Services, content: bytes, steps: list[dict[str, Any]]
) -> None:
    assert text(services, run(services, content, steps)) == "line,column,before,after,step\n"


def test_names_are_never_taken_for_code(services: Services) -> None:
    name = "it's\"; DROP TABLE x; --\u2028, ü"
    head = io.StringIO()
    csv.writer(head).writerow([name, "b"])
    job = run(services, head.getvalue().encode() + b" 1,2\n", [{"step": "trim"}])
    assert [each["column"] for each in changes(services, job)] == [name]


ENDS = st.sampled_from(["\n", "\r\n", "\r"])
RECORDS = st.lists(
    st.one_of(
        st.just("{at},x"),
        st.lists(ENDS, min_size=1, max_size=3).map(lambda ends: '{at},"' + "y".join(ends) + '"'),
        st.just("{at}"),
        st.just(""),
        st.just("#{at},x"),
    ),
    min_size=1,
    max_size=12,
)


@given(records=RECORDS, end=ENDS, above=st.integers(0, 2), final=st.booleans())
def test_the_line_is_the_one_on_which_the_record_begins(
    records: list[str], end: str, above: int, final: bool
) -> None:
    content = f"title{end}" * above + f"at,note{end}"
    for record in [*records, "{at},x"]:
        line = len(content.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
        content += record.replace("{at}", str(line)) + end
    content = content if final else content.removesuffix(end)
    with TemporaryDirectory() as folder:
        found = begun(service(Path(folder)), content.encode(), skip=above, comment="#", delimiter=",")
    assert len(found) == sum(record.startswith("{at},") for record in records) + 1
    assert all(told == said for told, said in found)


REPLAYED: list[dict[str, Any]] = [
    {"step": "trim"},
    {"step": "case", "columns": ["a"], "to": "upper"},
    {"step": "replace", "columns": ["b"], "text": "x", "with": "\n"},
    {"step": "fill_missing", "columns": ["a"], "with": "constant", "value": "-"},
    {"step": "fill_missing", "columns": ["b"], "with": "forward"},
    {"step": "derive", "values": {"b": "a || b", "c": "b"}},
    {"step": "rename", "names": {"a": "b", "b": "a"}},
    {"step": "label", "columns": ["a"]},
    {"step": "filter", "column": "a", "not_equals": "x"},
    {"step": "dedupe", "by": ["a"]},
    {"step": "sort", "by": [{"column": "b"}]},
    {"step": "sql", "query": "SELECT id, b, a, id AS d FROM input"},
    {
        "step": "sql",
        "query": "SELECT id, lower(b) AS a, a AS b FROM input WHERE id <> '3' ORDER BY a LIMIT 6",
    },
]
CELLS = st.sampled_from(["", "x", " X", "y ", "é", "1\n2", "1\r\n2", 'say "x"', "x,y"])


@given(
    cells=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8),
    steps=st.lists(st.sampled_from(REPLAYED), min_size=1, max_size=5),
    end=st.sampled_from(["\n", "\r\n"]),
    bad=st.booleans(),
)
def test_the_input_with_all_changes_made_is_the_output(
    cells: list[tuple[str, str]], steps: list[dict[str, Any]], end: str, bad: bool
) -> None:
    content, rows = f"id,a,b{end}" + f"too,few{end}" * bad, dict[int, dict[str, str]]()
    for place, (a, b) in enumerate(cells):
        rows[len(re.findall("\r\n|\n", content)) + 1] = {"id": str(place), "a": a, "b": b}
        written = io.StringIO(newline="")
        csv.writer(written, lineterminator=end).writerow([place, a, b])
        content += written.getvalue()
    with TemporaryDirectory() as folder:
        services = service(Path(folder))
        job = run(services, content.encode(), steps, delimiter=",", encoding="utf-8")
        told, output = changes(services, job), text(services, job, "output.csv")
    for each in told:
        row = rows[int(each["line"])]
        assert row.get(each["column"], each["before"]) == each["before"]
        row[each["column"]] = each["after"]
    made = {row["id"]: row for row in rows.values()}
    for row in csv.DictReader(io.StringIO(output, newline="")):
        assert {name: made[row["id"]].get(name, cell) for name, cell in row.items()} == row


def test_a_line_of_json_has_its_line(services: Services) -> None:
    content = b'{"at": "1"}\n\n{"at": "3"}\nnone\n{"at": "5", "more": 1}\n'
    assert begun(services, content) == [(1, 1), (3, 3), (5, 5)]


def test_a_row_of_a_sheet_has_its_number(services: Services) -> None:
    content = by_openpyxl([["at", "note"], ["2", "x\ny"], [], ["4", "z"], ["5", None]])
    assert begun(services, content) == [(2, 2), (4, 4), (5, 5)]


def test_a_row_of_a_parquet_file_is_counted(services: Services, tmp_path: Path) -> None:
    path = tmp_path / "made.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT range + 1 AS at FROM range(3)) TO '{path}' (FORMAT parquet)")
    assert begun(services, path.read_bytes()) == [(1, 1), (2, 2), (3, 3)]


def test_the_list_is_not_made_unless_asked_for(services: Services) -> None:
    with Incoming(services) as incoming:
        incoming.write(b"a,b\n 1,2\n")
        job_id = incoming.submit("given.csv", Processing(json.dumps({"steps": [{"step": "trim"}]}))).job_id
    process(services, job_id)
    assert list(view(services, job_id).files) == ["output.csv"]
