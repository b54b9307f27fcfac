"""Lookup tables: how a name is resolved, and that a job keeps the version it was submitted with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from test_flow import make, run, submit

from csvjobs.errors import (
    InvalidOption,
    JobGone,
    JobHasNoOutput,
    JobNotFinished,
    TableGone,
    TableInUse,
    TableNotFound,
    TooManyTables,
)
from csvjobs.flow.apply import Processing
from csvjobs.flow.delete import delete
from csvjobs.flow.named_tables import NamedTables
from csvjobs.flow.preview import preview
from csvjobs.flow.process import process
from csvjobs.flow.rerun import rerun
from csvjobs.flow.services import Services
from csvjobs.flow.submit import Incoming
from csvjobs.flow.tables import name_table, opened, output_of, pinned, relations
from csvjobs.flow.view import request_of, view
from csvjobs.jobs.job import Job, Status, TableRef
from csvjobs.pipelines import versions
from csvjobs.pipelines.spec import Pipeline, build
from csvjobs.storage.local import LocalStorage
from csvjobs.storage.memory import MemoryStorage


@pytest.fixture(params=["folders", "memory"])
def services(request: pytest.FixtureRequest, tmp_path: Path) -> Services:
    storage = LocalStorage(tmp_path / "jobs") if request.param == "folders" else MemoryStorage()
    return make(tmp_path, storage)


def asks(*called: str) -> Pipeline:
    steps = [{"step": "lookup", "table": table, "on": ["code"], "columns": ["name"]} for table in called]
    return build({"steps": steps})


def cells(services: Services, tables: dict[str, TableRef], folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What an engine finds in the tables."""
    folder.mkdir()
    engine = services.engine(folder)
    try:
        with opened(services, tables, folder, lambda _: None) as sources:
            found = relations(engine, sources)
            return {called: [table.columns, *engine.rows(table.relation)] for called, table in found.items()}
    finally:
        engine.close()


CODES = b'code,name\n07,"a ""b"""\n,""\n'


@pytest.mark.parametrize(
    "write",
    [
        "{}",
        "{profile: excel, delimiter: ;}",
        "{profile: excel-unicode}",
        "{quote: all, compression: gzip}",
        "{compression: zstd}",
        "{format: jsonl}",
        "{format: parquet}",
        "{format: xlsx}",
    ],
)
def test_a_table_is_what_a_job_has_made_however_it_was_written(
    services: Services, tmp_path: Path, write: str
) -> None:
    job = run(services, CODES, f"write: {write}")
    tables = pinned(services, asks(job.job_id))
    assert tables == {job.job_id: TableRef(job_id=job.job_id, sha256=job.files[job.output.name].sha256)}
    found = cells(services, tables, tmp_path / "scratch")[job.job_id]
    assert found == [("code", "name"), ("07", 'a "b"', 1), (None, "", 2)]


@pytest.mark.parametrize(
    "rows",
    [
        ["code,name", "'07','a'"],
        ["# a,b", "# c,d", "code,name", "1,2"],
        ["x,y", *["1;2;3,4;5"] * 5],
    ],
)
def test_what_could_mean_another_dialect_is_of_the_table(
    services: Services, tmp_path: Path, rows: list[str]
) -> None:
    written = "\n".join(rows).encode()
    job_id = run(services, written, "", delimiter=",", quote='"', skip="0", header="true").job_id
    found = cells(services, pinned(services, asks(job_id)), tmp_path / "scratch")[job_id]
    assert [row[:2] for row in found] == [tuple(row.split(",")) for row in rows]


def test_a_job_that_was_deleted_is_told_of(services: Services) -> None:
    job_id = run(services, CODES).job_id
    delete(services, job_id)
    with pytest.raises(JobGone):
        pinned(services, asks(job_id))


def test_a_table_without_a_header_row_has_columns_by_place(services: Services, tmp_path: Path) -> None:
    job = run(services, b"a,b\n1,2\n", "write: {header: false}")
    found = cells(services, pinned(services, asks(job.job_id)), tmp_path / "scratch")[job.job_id]
    assert found[1:] == [("1", "2", 1)]


def test_a_job_that_has_made_no_table_is_refused(services: Services) -> None:
    waiting = submit(services, CODES)
    with pytest.raises(JobNotFinished):
        pinned(services, asks(waiting))
    failed = run(services, CODES, "steps: [{step: drop, columns: [x]}]")
    with pytest.raises(JobHasNoOutput, match="'x'"):
        pinned(services, asks(failed.job_id))


@pytest.mark.parametrize("called", [" ", "nobody", "nobody@1", "../x", "/etc/passwd", "é", "a" * 300])
def test_what_nobody_has_made_is_refused(services: Services, called: str) -> None:
    with pytest.raises(TableNotFound) as caught:
        pinned(services, asks(called))
    assert caught.value.hint
    assert "GET /tables" in caught.value.hint


def test_a_name_has_versions_that_stay(services: Services) -> None:
    first, second = (run(services, content).job_id for content in (CODES, b"x\n1\n"))
    made = [name_table(services, "codes", job_id) for job_id in (first, first, second, first)]
    assert [(table.version, new) for table, new in made] == [(1, True), (1, False), (2, True), (3, True)]
    found = pinned(services, asks("codes", "codes@2"))
    assert (found["codes"].job_id, found["codes@2"].job_id) == (first, second)
    assert found["codes@2"] == made[2][0]
    assert found["codes"].sha256 == output_of(services, first).sha256
    with pytest.raises(TableNotFound) as caught:
        pinned(services, asks("codes@4"))
    assert caught.value.hint == "Its versions are 1, 2, 3."
    services.tables.delete("codes")
    for gone in ("codes", "codes@1"):
        with pytest.raises(TableNotFound):
            pinned(services, asks(gone))
    with pytest.raises(TableNotFound):
        services.tables.delete("codes")
    assert name_table(services, "codes", first)[0].version == 5


def test_of_many_who_give_a_name_at_once_each_makes_a_version(tmp_path: Path) -> None:
    tables = NamedTables(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        made = pool.map(lambda place: tables.put("codes", f"job {place}", "0")[0].version, range(20))
        assert sorted(map(int, filter(None, made))) == list(range(1, 21))
    assert tables.versions("codes") == list(range(1, 21))
    assert [table.version for table in tables.newest()] == [20]


def test_odd_names_and_too_many_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = NamedTables(tmp_path / "tables")
    NamedTables(tmp_path).put("x", "job", "0")
    for name in ("", "../x", "a/b", ".hidden", "x@1", "x" * 101, "x" * 300, "é", "\0"):
        with pytest.raises(InvalidOption):
            tables.put(name, "job", "0")
        for act in (tables.get, tables.delete):
            with pytest.raises(TableNotFound):
                act(name)
    monkeypatch.setattr(versions, "MAX_NAMES", 1)
    tables.put("a", "job", "0")
    with pytest.raises(TooManyTables):
        tables.put("b", "job", "0")


def test_a_job_whose_output_has_a_name_is_not_deleted(services: Services) -> None:
    first, second = (run(services, content).job_id for content in (CODES, b"x\n1\n"))
    name_table(services, "codes", first)
    with pytest.raises(TableInUse, match="codes"):
        delete(services, first)
    assert view(services, first).status is Status.DONE
    name_table(services, "codes", second)
    delete(services, first)
    services.tables.delete("codes")
    delete(services, second)


LOOKUP = "steps: [{step: lookup, table: codes, on: [code], columns: [name]}]"
ORDERS = b"id,code\n1,07\n2,08\n"


def output(services: Services, job: Job) -> str:
    assert job.status is Status.DONE, job.error
    return services.storage.read(job.job_id, job.output.name).decode()


def test_a_job_goes_on_meaning_the_table_that_it_was_sent_with(services: Services) -> None:
    first = name_table(services, "codes", run(services, CODES).job_id)[0]
    early = submit(services, ORDERS, LOOKUP)
    name_table(services, "codes", run(services, b"code,name\n08,eight\n").job_id)
    late = run(services, ORDERS, LOOKUP)
    process(services, early)
    job = view(services, early)
    made = 'id,code,name\n1,07,"a ""b"""\n2,08,\n'
    assert output(services, job) == made
    assert job.tables == {"codes": first}
    assert job.warnings == [
        "1 row has no match in the table 'codes', for example '08'; the new cells are empty."
    ]
    again = rerun(services, early)
    process(services, again.job_id)
    assert again.tables == {"codes": first}
    assert output(services, view(services, again.job_id)) == made
    assert output(services, late) == "id,code,name\n1,07,\n2,08,eight\n"
    anew = rerun(services, early, Processing(LOOKUP))
    assert anew.tables["codes"].version == 2
    learnt = run(services, ORDERS, f"{LOOKUP[:-1]}, {{step: scale, columns: [id], method: minmax}}]")
    applied = rerun(services, run(services, ORDERS).job_id, Processing(None, {}, learnt.job_id))
    assert applied.tables == learnt.tables


def test_a_table_that_is_gone_ends_the_job(services: Services) -> None:
    first = run(services, CODES).job_id
    name_table(services, "codes", first)
    waiting = submit(services, ORDERS, LOOKUP)
    services.tables.delete("codes")
    delete(services, first)
    process(services, waiting)
    job = view(services, waiting)
    assert (job.status, job.error and job.error.code) == (Status.ERROR, "table-gone")
    again = rerun(services, waiting)
    process(services, again.job_id)
    assert view(services, again.job_id).error == job.error


@pytest.mark.parametrize("nulls", ["[]", "[p, q, r, s, t, u, 08]"])
def test_rows_that_are_dropped_are_in_the_account(services: Services, nulls: str) -> None:
    name_table(services, "codes", run(services, CODES).job_id)
    dropping = LOOKUP.replace("[name]", "[name], missing: drop")
    job = run(services, ORDERS, f"read: {{nulls: {nulls}}}\n{dropping}")
    assert output(services, job) == 'id,code,name\n1,07,"a ""b"""\n'
    assert job.rows
    assert job.rows.dropped == {"lookup (step 1)": 1}


def test_a_table_is_what_a_preview_sees_too(services: Services) -> None:
    name_table(services, "codes", run(services, CODES).job_id)
    with Incoming(services) as incoming:
        incoming.write(ORDERS)
        found = preview(incoming, "orders.csv", Processing(LOOKUP))
    assert found.steps[0].after.rows == [["1", "07", 'a "b"'], ["2", "08", None]]
    assert found.steps[0].new_columns == ["name"]


def test_a_table_that_is_gone_is_missed(services: Services, tmp_path: Path) -> None:
    job_id = run(services, CODES).job_id
    tables = pinned(services, asks(job_id))
    other = {job_id: tables[job_id].model_copy(update={"sha256": "0" * 64})}
    with pytest.raises(TableGone, match="sha256"):
        cells(services, other, tmp_path / "changed")
    services.storage.withdraw(job_id, "output.csv")
    with pytest.raises(TableGone, match="was deleted"):
        cells(services, tables, tmp_path / "gone")
    delete(services, job_id)
    with pytest.raises(TableGone, match=f"job {job_id}, whose output it is, was deleted"):
        cells(services, tables, tmp_path / "deleted")


@pytest.mark.parametrize("write", ["{format: jsonl}", "{header: false}"])
def test_a_table_without_columns_is_called_by_its_name(services: Services, write: str) -> None:
    no_rows = f"{{steps: [{{step: limit, rows: 0}}], write: {write}}}"
    name_table(services, "codes", run(services, CODES, no_rows).job_id)
    fault = run(services, ORDERS, LOOKUP).error
    assert fault
    assert (fault.code, fault.message) == (
        "bad-table",
        "The table 'codes' cannot be read: The file holds no rows.",
    )
    assert fault.hint


def test_jobs_that_look_nothing_up_have_no_tables(services: Services) -> None:
    assert request_of(services, run(services, CODES).job_id).tables == {}
