"""Jobs with input and output in every format: the same table in each."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from chaos import ROOT
from openpyxl import load_workbook
from workbooks import by_hand, by_openpyxl

from csvjobs import wiring
from csvjobs.errors import DamagedArchive
from csvjobs.flow.apply import Processing
from csvjobs.flow.deliver import REJECTED, deliver
from csvjobs.flow.inspect import inspect
from csvjobs.flow.preview import preview
from csvjobs.flow.process import process
from csvjobs.flow.services import Services
from csvjobs.flow.submit import Incoming
from csvjobs.flow.view import view
from csvjobs.jobs.job import Job, Status
from csvjobs.settings import Settings

NAMES = ["id", "name", "born"]
ROWS = [["00042", "Zoë", "1990-01-31"], ["00007", 'a "b",\nc', None], ["19", "", "2026-04-03"]]
CSV = b'id,name,born\n00042,Zo\xc3\xab,1990-01-31\n00007,"a ""b"",\nc",\n19,"",2026-04-03\n'


def as_jsonl() -> bytes:
    return "".join(f"{json.dumps(dict(zip(NAMES, row, strict=True)))}\n" for row in ROWS).encode()


def as_parquet(folder: Path) -> bytes:
    with duckdb.connect() as connection:
        values = [cell for row in ROWS for cell in row]
        rows = ", ".join("(?, ?, ?::DATE)" for _ in ROWS)
        query = f"SELECT * FROM (VALUES {rows}) AS t({', '.join(NAMES)})"
        connection.execute(f"COPY ({query}) TO '{folder / 'made.parquet'}' (FORMAT parquet)", values)
    return (folder / "made.parquet").read_bytes()


def as_sheet() -> bytes:
    rows = (
        "".join(f'<c t="str"><v>{name}</v></c>' for name in NAMES)
        + '</row><row><c s="1"><v>42</v></c><c t="str"><v>Zoë</v></c><c s="2"><v>32904</v></c>'
        '</row><row><c s="1"><v>7</v></c><c t="str"><v>a "b",\nc</v></c>'
        '</row><row><c><v>19</v></c><c t="str"><v></v></c><c s="2"><v>46115</v></c>'
    )
    return by_hand(f"<row>{rows}</row>", formats=["00000", "yyyy-mm-dd"])


def as_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("table.jsonl", as_jsonl())
    return out.getvalue()


@pytest.fixture
def services(tmp_path: Path) -> Services:
    settings = Settings(pipelines_dir=tmp_path, min_free_bytes=0, job_memory=64 * 1024**2)
    return wiring.local(settings, tmp_path / "jobs")


@pytest.fixture(params=["csv", "jsonl", "parquet", "xlsx", "jsonl.gz", "zip"])
def content(request: pytest.FixtureRequest, tmp_path: Path) -> bytes:
    return {
        "csv": lambda: CSV,
        "jsonl": as_jsonl,
        "parquet": lambda: as_parquet(tmp_path),
        "xlsx": as_sheet,
        "jsonl.gz": lambda: gzip.compress(as_jsonl()),
        "zip": as_zip,
    }[request.param]()


def run(services: Services, content: bytes, **pipeline: Any) -> Job:
    with Incoming(services) as incoming:
        incoming.write(content)
        job_id = incoming.submit("given", Processing(json.dumps(pipeline))).job_id
    process(services, job_id)
    return view(services, job_id)


def second_line(job: Job) -> int:
    """The line of the second row: a row of Parquet has a number only; a line of JSON, or a row of a sheet,
    counts what stands above it."""
    kind = job.detected.get("format")
    return {"jsonl": 2, "parquet": 2, "xlsx": 3}.get(kind.value if kind else "", 3)


def text(services: Services, job: Job, name: str | None = None) -> bytes:
    with deliver(services, job.job_id, name).file as file:
        return file.read()


def test_one_table_comes_out_the_same_however_it_came(services: Services, content: bytes) -> None:
    job = run(services, content)
    assert (job.status, job.error) == (Status.DONE, None)
    assert text(services, job) == CSV
    assert job.rows.read == job.rows.out == 3


def test_steps_that_learn_and_those_that_need_the_order_see_all_rows(
    services: Services, content: bytes
) -> None:
    steps = [
        {"step": "fill_missing", "columns": ["born"], "with": "backward"},
        {"step": "sort", "by": ["name"]},
        {"step": "select", "columns": ["id", "born"]},
    ]
    job = run(services, content, steps=steps)
    assert text(services, job) == b"id,born\n00042,1990-01-31\n00007,2026-04-03\n19,2026-04-03\n"


def test_rows_that_break_a_rule_are_set_aside_with_their_numbers(services: Services, content: bytes) -> None:
    rules = [{"column": "born", "required": True}]
    job = run(services, content, steps=[{"step": "validate", "rules": rules}])
    assert (
        text(services, job, "output.csv") == b'id,name,born\n00042,Zo\xc3\xab,1990-01-31\n19,"",2026-04-03\n'
    )
    [bad] = csv.DictReader(io.StringIO(text(services, job, REJECTED).decode(), newline=""))
    assert (bad["id"], bad["name"], int(bad["_line"]), bad["_code"]) == (
        "00007",
        'a "b",\nc',
        second_line(job),
        "required",
    )
    assert job.rows.rejected == 1


def test_a_row_that_breaks_a_rule_ends_the_job_if_it_is_to(services: Services, content: bytes) -> None:
    rules = [{"column": "born", "required": True, "on_fail": "fail"}]
    job = run(services, content, steps=[{"step": "validate", "rules": rules}])
    assert job.error
    assert (job.status, job.error.code, job.error.column) == (Status.ERROR, "rule-broken", "born")
    assert job.error.line == second_line(job)


def test_a_look_and_a_preview_show_what_a_job_would_read(services: Services, content: bytes) -> None:
    with Incoming(services) as incoming:
        incoming.write(content)
        found = inspect(incoming, "given")
    assert ([column.name for column in found.columns], found.records, found.complete) == (NAMES, 3, True)
    assert found.rows == ROWS
    steps = json.dumps({"steps": [{"step": "case", "columns": ["name"], "to": "upper"}]})
    with Incoming(services) as incoming:
        incoming.write(content)
        seen = preview(incoming, "given", Processing(steps))
    assert seen.before.rows == ROWS
    assert seen.steps[0].after.rows[0] == ["00042", "ZOË", "1990-01-31"]


def test_bad_lines_of_json_are_counted_and_kept(services: Services) -> None:
    job = run(services, as_jsonl() + b"{\n" + b'{"id": 1}\n', read={"max_bad_rows": "1"})
    assert (job.rows.read, job.rows.out, job.rows.rejected) == (5, 4, 1)
    [bad] = csv.DictReader(io.StringIO(text(services, job, REJECTED).decode()))
    assert (bad["_line"], bad["_code"], bad["_record"]) == ("4", "bad-json", "{")


def test_a_look_and_a_preview_count_the_bad_lines_of_json_that_a_job_sets_aside(services: Services) -> None:
    content = as_jsonl() + b'{\n\n{"id": "\xff"}\n[1]\n{"id": "%s"}\n{"id": 1}\n' % (b"x" * 2000)
    read = {"encoding": "utf-8", "max_record_bytes": 1024}
    job = run(services, content, read=read)
    bad = {group.code: group.count for group in job.rejected.groups} if job.rejected else {}
    with Incoming(services) as incoming:
        incoming.write(content)
        found = inspect(incoming, "given", Processing(json.dumps({"read": read})))
    assert (found.records, found.faults) == (4, bad)
    with Incoming(services) as incoming:
        incoming.write(content)
        assert preview(incoming, "given", Processing(json.dumps({"read": read}))).faults == bad


def test_where_more_lines_are_bad_than_are_looked_at_the_look_is_not_of_the_whole(services: Services) -> None:
    with Incoming(services) as incoming:
        incoming.write(as_jsonl() + b"{\n" * 5000)
        found = inspect(incoming, "given")
    assert (found.records, found.complete) == (3, False)
    assert 0 < found.faults["bad-json"] < 5000


@pytest.mark.parametrize(("rows", "complete"), [(2000, True), (2001, False)])
def test_a_look_tells_whether_it_is_of_all_rows(
    services: Services, tmp_path: Path, rows: int, complete: bool
) -> None:
    path = tmp_path / "made.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT range AS a FROM range({rows})) TO '{path}'")
    for content in (path.read_bytes(), b'{"a": 1}\n' * rows):
        with Incoming(services) as incoming:
            incoming.write(content)
            assert inspect(incoming, "given").complete is complete


def test_a_name_of_several_lines_is_no_row_of_a_look(services: Services) -> None:
    with Incoming(services) as incoming:
        incoming.write(b'{"a\\nb": 1}\n{"a\\nb": 2}\n')
        found = inspect(incoming, "given")
    assert ([column.name for column in found.columns], found.rows) == (["a\nb"], [["1"], ["2"]])


def test_a_line_that_was_cut_off_is_not_bad(services: Services) -> None:
    with Incoming(services) as incoming:
        incoming.write(as_jsonl()[:-10])
        assert inspect(incoming, "given", partial=True).faults == {}


DECLARED = {
    **{"sheet": "1", "delimiter": ",", "quote": '"', "encoding": "utf-8", "comment": "#", "nulls": ["NA"]},
    **{"skip": 0, "header": True, "bad_rows": "fail", "max_record_bytes": 2000},
}
UNUSED = {
    "csv": "option sheet was",
    "jsonl": "options sheet, delimiter, quote, comment were",
    "parquet": "options sheet, delimiter, quote, encoding, comment, max_record_bytes were",
    "xlsx": "options delimiter, quote, encoding, comment were",
}


def test_options_that_mean_nothing_for_the_format_are_told(services: Services, content: bytes) -> None:
    job = run(services, content, read=DECLARED)
    kind = job.detected["format"].value if "format" in job.detected else "csv"
    [told] = job.warnings
    assert told.startswith(f"The {UNUSED[str(kind)]} not used: ")
    assert told.endswith(f" nothing for the format {kind}.")
    with Incoming(services) as incoming:
        incoming.write(content)
        assert inspect(incoming, "given", Processing(json.dumps({"read": DECLARED}))).warnings == [told]


@pytest.mark.parametrize("option", [{"header": False}, {"skip": 1}, {"header_rows": 2}])
def test_keys_name_the_columns_whatever_is_declared(services: Services, option: dict[str, Any]) -> None:
    [name] = option
    assert run(services, as_jsonl(), read=option).warnings == [
        f"The option {name} was not used: it means nothing for the format jsonl."
    ]


@pytest.mark.parametrize(
    ("content", "read", "code"),
    [
        (by_openpyxl([["a"]])[:500], {}, "damaged-archive"),
        (by_openpyxl([["a"], ["b"]]), {"sheet": "Other"}, "unknown-sheet"),
        (by_openpyxl([]), {}, "empty-file"),
        (b"a,b\n1,2\n", {"format": "xlsx"}, "not-csv"),
        (b'[{"a": 1}]', {}, "not-csv"),
        (b"{}\n", {}, "empty-file"),
        (b"PAR1" + bytes(20) + b"PAR1", {}, "damaged-archive"),
    ],
)
def test_what_cannot_be_read_ends_the_job_calmly(
    services: Services, content: bytes, read: dict[str, Any], code: str
) -> None:
    job = run(services, content, read=read)
    assert (job.status, job.error.code if job.error else None) == (Status.ERROR, code)
    assert job.error.hint


def test_a_workbook_is_made_of_any_table(services: Services) -> None:
    """By the ready pipeline: each cell is the text that Python's own reader finds in the file."""
    content = (ROOT / "examples/contacts.csv").read_bytes()
    job = run(services, content, **yaml.safe_load((ROOT / "pipelines/excel-export.yaml").read_text("utf-8")))
    assert (job.status, job.output.name) == (Status.DONE, "output.xlsx")
    rows = load_workbook(io.BytesIO(text(services, job))).active.iter_rows(values_only=True)
    expected = csv.reader(io.StringIO(content.decode(), newline=""))
    assert [["" if cell is None else cell for cell in row] for row in rows] == list(expected)


def test_a_table_may_have_more_columns_than_an_engine_nests_expressions(services: Services) -> None:
    names = [f"c{place}" for place in range(1100)]
    content = "\n".join(",".join(row) for row in (names, [" 1"] * 1100, ["1"] * 1100)) + "\n"
    job = run(services, content.encode(), steps=[{"step": "trim"}], write={"format": "xlsx"})
    assert (job.status, job.steps[0].changed) == (Status.DONE, 1100)
    [_, *rows] = load_workbook(io.BytesIO(text(services, job))).active.iter_rows(values_only=True)
    assert rows == [("1",) * 1100] * 2


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "xlsx"])
def test_a_table_goes_out_and_comes_in_again_as_it_was(services: Services, form: str) -> None:
    out = run(services, CSV, write={"format": form})
    made = text(services, out)
    assert out.files[out.output.name].sha256 == hashlib.sha256(made).hexdigest()
    assert text(services, run(services, made)) == CSV
    assert run(services, CSV, write={"format": form}).files[out.output.name] == out.files[out.output.name]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "xlsx"])
def test_numbers_stay_what_they_are_whatever_they_go_through(services: Services, form: str) -> None:
    """Without a cast these are texts; with one, the type must hold each of them or the column stays text."""
    content = b"i,d,f\n9007199254740993,0.10,0.1\n19,123456789012345678.123456789,1e+20\n"
    types = {"i": "integer", "d": "decimal", "f": "float"}
    casts = [{"step": "cast", "columns": [name], "to": kind} for name, kind in types.items()]
    for steps in ([], casts):
        back = run(services, text(services, run(services, content, steps=steps, write={"format": form})))
        [first, second] = csv.DictReader(io.StringIO(text(services, back).decode()))
        assert [first["i"], second["i"]] == ["9007199254740993", "19"]
        assert [Decimal(first["d"]), Decimal(second["d"])] == [
            Decimal("0.10"),
            Decimal("123456789012345678.123456789"),
        ]
        assert [float(first["f"]), float(second["f"])] == [0.1, 1e20]


@pytest.mark.parametrize(
    "time", ["2024-03-01T23:59:59.999999", "9999-12-31T23:59:59.1234", "2024-02-29T10:00:00.000001"]
)
def test_a_time_that_a_sheet_would_round_stays_text(services: Services, time: str) -> None:
    steps = [{"step": "cast", "columns": ["t"], "to": "datetime"}]
    for column, told in ((["2024-03-01T23:59:59.999"], 0), (["2024-03-01T23:59:59.999", time], 1)):
        out = run(services, "\n".join(["t", *column, ""]).encode(), steps=steps, write={"format": "xlsx"})
        assert sum("stays text" in warning for warning in out.warnings) == told
        back = text(services, run(services, text(services, out))).decode().splitlines()
        assert back == ["t", *column]


def test_a_table_too_long_for_a_sheet_ends_the_job_before_it_is_written(services: Services) -> None:
    job = run(services, b"a\n" + b"1\n" * 2**20, write={"format": "xlsx"})
    assert (job.status, job.error.code if job.error else None) == (Status.ERROR, "too-many-rows")
    assert "output.xlsx" not in job.files


GOLDEN = """
steps:
  - step: trim
  - step: replace
    columns: [price]
    text: ","
    with: "."
  - step: fill_missing
    columns: [price]
    with: median
  - step: sort
    by: [{column: price, as: number, order: descending}]
write: {profile: excel, delimiter: ";"}
"""
# Prices 3.50, 2 and 10.25: their median is 3.5. Of the two rows of one price the first in the file is first.
GIVEN = "fruit;price\r\n Pear ;3,50\r\nFig;\r\nPlum;2\r\nQuince;10,25\r\n".encode("utf-16")
MADE = b"\xef\xbb\xbffruit;price\r\nQuince;10.25\r\nPear;3.50\r\nFig;3.5\r\nPlum;2\r\n"


def test_the_same_bytes_through_the_same_version_are_the_same_bytes(services: Services) -> None:
    services.pipelines.put("prices", GOLDEN)
    services.pipelines.put("prices", "steps: [{step: limit, rows: 1}]")
    made = []
    for _ in range(2):
        with Incoming(services) as incoming:
            incoming.write(GIVEN)
            job_id = incoming.submit("prices.csv", Processing("prices@1")).job_id
        process(services, job_id)
        job = view(services, job_id)
        assert text(services, job) == MADE
        made.append((job.pipeline.sha256, job.files["output.csv"], job.files["fitted.json"]))
    assert made[0] == made[1]
    assert made[0][1].sha256 == hashlib.sha256(MADE).hexdigest()


def test_parquet_that_is_damaged_within_ends_the_job_calmly(services: Services, tmp_path: Path) -> None:
    path = tmp_path / "made.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT md5(range::VARCHAR) AS a FROM range(20000)) TO '{path}'")
    content = path.read_bytes()
    middle = len(content) // 2
    job = run(services, content[:middle] + bytes(2000) + content[middle + 2000 :])
    assert (job.status, job.error.code if job.error else None) == (Status.ERROR, "damaged-archive")


def test_the_beginning_of_json_lines_tells_of_the_whole(services: Services) -> None:
    with Incoming(services) as incoming:
        incoming.write(as_jsonl()[:-10])
        found = inspect(incoming, "given", partial=True)
    assert found.rows == ROWS[: len(found.rows)]
    assert len(found.rows) >= 1
    assert (found.complete, found.partial) == (False, True)


@pytest.mark.parametrize("content", [as_sheet(), b"PAR1\x15\x04\x15" + bytes(99)])
def test_the_beginning_of_what_ends_with_its_contents_is_not_enough(
    services: Services, content: bytes
) -> None:
    with Incoming(services) as incoming:
        incoming.write(content[:800])
        with pytest.raises(DamagedArchive, match="its beginning alone"):
            inspect(incoming, "given", partial=True)
