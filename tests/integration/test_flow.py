"""A job from upload to report on the real engine, with local and in-memory storage."""

import copy
import csv
import gzip
import hashlib
import io
import json
import logging
import resource
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csvjobs.engines.base import ReadFailed
from csvjobs.engines.duckdb import DuckEngine
from csvjobs.errors import (
    AccountMismatch,
    DamagedJob,
    DiskFull,
    EmptyUpload,
    InvalidPipeline,
    JobAlreadyEnded,
    JobHasNoOutput,
    JobNotFinished,
    JobNotFound,
    MemoryLimit,
    PipelineNotFound,
    QueueUnavailable,
    StorageUnavailable,
    TimeLimit,
    UploadTooLarge,
)
from csvjobs.flow import monitor
from csvjobs.flow.apply import Processing
from csvjobs.flow.cancel import cancel
from csvjobs.flow.delete import delete
from csvjobs.flow.deliver import REJECTED, deliver
from csvjobs.flow.idempotency import claimed
from csvjobs.flow.named_tables import NamedTables
from csvjobs.flow.process import give_up, process
from csvjobs.flow.services import Services
from csvjobs.flow.submit import Incoming
from csvjobs.flow.view import listing, view
from csvjobs.jobs.job import Job, Progress, Request, Status
from csvjobs.jobs.memory import MemoryIndex
from csvjobs.pipelines.named import NamedPipelines
from csvjobs.queues.inline import InlineQueue
from csvjobs.reading.source import Source
from csvjobs.settings import Settings
from csvjobs.storage.local import LocalStorage
from csvjobs.storage.memory import MemoryStorage

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def make(folder: Path, storage: LocalStorage | MemoryStorage, **changed: int) -> Services:
    configured = Settings(pipelines_dir=folder, min_free_bytes=0, **changed)
    engine = partial(DuckEngine, memory=64 * 1024**2)
    named, tables = NamedPipelines(folder), NamedTables(folder / "tables")
    return Services(configured, storage, MemoryIndex(), InlineQueue(), named, tables, engine)


@pytest.fixture(params=["folders", "memory"])
def services(request: pytest.FixtureRequest, tmp_path: Path) -> Services:
    storage = LocalStorage(tmp_path / "jobs") if request.param == "folders" else MemoryStorage()
    return make(tmp_path, storage)


def submit(services: Services, content: bytes, pipeline: str | None = None, **options: str) -> str:
    with Incoming(services) as incoming:
        for start in range(0, len(content), 7000):
            incoming.write(content[start : start + 7000])
        return incoming.submit("given.csv", Processing(pipeline, options)).job_id


def run(services: Services, content: bytes, pipeline: str | None = None, **options: str) -> Job:
    job_id = submit(services, content, pipeline, **options)
    process(services, job_id)
    return view(services, job_id)


def read(services: Services, job: Job, name: str) -> bytes:
    with deliver(services, job.job_id, name).file as file:
        return file.read()


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_a_job_goes_from_queued_to_done(services: Services) -> None:
    content = b'id,note\n00042,NA\n1.10,12345678901234567890\n"","a ""b""\nc"\n'
    job_id = submit(services, content)
    assert view(services, job_id).status is Status.QUEUED
    assert services.queue.census().waiting == (job_id,)
    with pytest.raises(JobNotFinished):
        deliver(services, job_id, "output.csv")
    process(services, job_id)
    job = view(services, job_id)
    assert job.status is Status.DONE
    assert job.rows is not None
    assert (job.rows.read, job.rows.out, job.rows.rejected, job.rows.dropped) == (3, 3, 0, {})
    assert read(services, job, "output.csv") == content
    assert job.files["output.csv"].sha256 == hashlib.sha256(content).hexdigest()
    assert job.created_at <= job.started_at <= job.finished_at
    assert [entry.job_id for entry in listing(services, 10)] == [job_id]
    assert listing(services, 10, status=Status.DONE)[0].status is Status.DONE


def test_bad_rows_are_set_aside_with_their_line_and_reason(services: Services) -> None:
    job = run(services, b'a,b\n1,2\n3\n"x\ny",4\n5,6,7\n')
    assert job.status is Status.DONE
    assert (job.rows.read, job.rows.out, job.rows.rejected) == (4, 2, 2)
    assert read(services, job, "output.csv") == b'a,b\n1,2\n"x\ny",4\n'
    rejected = rows(read(services, job, REJECTED))
    assert [(row["_line"], row["_code"]) for row in rejected] == [("3", "missing-cell"), ("6", "extra-cell")]


@pytest.mark.parametrize(
    ("content", "pipeline", "options", "code"),
    [
        (b"\n\n\n", None, {}, "empty-file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, None, {}, "not-csv"),
        (b"\x1f\x8b\x08\x00" + bytes(range(256)), None, {}, "damaged-archive"),
        (gzip.compress(gzip.compress(b"a,b\n")), None, {}, "not-csv"),
        (b"a,b\n1\n2\n", None, {}, "no-rows-left"),
        (b"a,b\n1\n2,3\n", None, {"bad_rows": "fail"}, "bad-row"),
        (b"a,b\n1,2\n", "steps: [{step: trim, columns: [c]}]", {}, "unknown-column"),
        (b"a,b\n1,x\n", "steps: [{step: scale, columns: [b], method: minmax}]", {}, "not-a-number"),
        (b"a,b\n,x\n", "steps: [{step: fill_missing, columns: [a], with: mean}]", {}, "nothing-to-learn"),
    ],
)
def test_what_is_wrong_with_a_file_ends_its_job_calmly(
    services: Services, content: bytes, pipeline: str | None, options: dict[str, str], code: str
) -> None:
    job = run(services, content, pipeline, **options)
    assert job.status is Status.ERROR
    assert job.error.code == code
    assert job.attempts == 1
    told = read(services, job, "error.txt").decode()
    assert told.startswith(code)
    assert job.error.message in told
    with pytest.raises(JobHasNoOutput):
        deliver(services, job.job_id, "output.csv")


def test_all_that_does_not_fit_the_header_is_told_before_a_step_is_run(services: Services) -> None:
    steps = """steps: [{step: scale, columns: [name], method: minmax}, {step: trim, columns: [nmae]},
        {step: filter, column: aeg, above: 1}]"""
    job = run(services, b"name,age\nx,1\n", steps)
    assert (job.error.code, job.attempts) == ("unfit-pipeline", 1)
    assert [(each.pointer, each.code, each.column) for each in job.error.errors] == [
        ("/steps/1/columns", "unknown-column", "nmae"),
        ("/steps/2/column", "unknown-column", "aeg"),
    ]
    assert read(services, job, "error.txt").decode().splitlines() == [
        "unfit-pipeline: The pipeline does not fit the file's columns: 2 faults.",
        "Step 2 (trim) names the column 'nmae', which is not there. Did you mean 'name'?",
        "Step 3 (filter) names the column 'aeg', which is not there. Did you mean 'age'?",
        "Fix all of these and run the pipeline again. No steps were run.",
    ]


def test_where_no_row_is_left_the_bad_ones_can_be_looked_at(services: Services) -> None:
    job = run(services, b"a,b\n1\n2,3,4\n")
    assert (job.status, job.error.code) == (Status.ERROR, "no-rows-left")
    rejected = read(services, job, REJECTED)
    assert [row["_line"] for row in rows(rejected)] == ["2", "3"]
    assert job.files[REJECTED].sha256 == hashlib.sha256(rejected).hexdigest()
    assert job.detected["delimiter"].value == ","


@pytest.mark.parametrize(("most", "fails"), [("1", True), ("2", False), ("49%", True), ("50%", False)])
def test_more_bad_rows_than_allowed_end_the_job(services: Services, most: str, fails: bool) -> None:
    job = run(services, b"a,b\n1,2\n3\n4,5\n6,7,8\n", max_bad_rows=most)
    assert job.status is (Status.ERROR if fails else Status.DONE)
    assert [row["_line"] for row in rows(read(services, job, REJECTED))] == ["3", "5"]
    assert [group.lines for group in job.rejected.groups] == [[3], [5]]
    if fails:
        assert job.error.code == "too-many-bad-rows"
        assert "2 of 4 rows" in job.error.message
        assert "line 3" in job.error.message


def test_corrected_rows_can_be_sent_again(services: Services) -> None:
    job = run(services, b'a,b\n1,2\n3\n"4\n5,6\n')
    told = rows(read(services, job, REJECTED))
    for row, cells in zip(told, ({"b": "9"}, {"a": "4", "b": "x\ny"}), strict=True):
        row.update(cells)
    corrected = io.StringIO(newline="")
    writer = csv.DictWriter(corrected, list(told[0]))
    writer.writeheader()
    writer.writerows(told)
    again = run(services, corrected.getvalue().encode(), "steps: [{step: select, columns: [a, b]}]")
    assert read(services, again, "output.csv") == b'a,b\n3,9\n4,"x\ny"\n'


def test_bad_rows_are_kept_when_a_step_fails(services: Services) -> None:
    job = run(services, b"a,b\n1,2\n3\n", "steps: [{step: trim, columns: [c]}]")
    assert set(job.files) == {REJECTED, "error.txt"}
    assert [row["_line"] for row in rows(read(services, job, REJECTED))] == ["3"]


def test_what_was_found_out_is_told_also_where_a_bad_row_ends_the_job(services: Services) -> None:
    job = run(services, b"title\na;b\n1;2\n3\n4;5\n", bad_rows="fail")
    assert job.error.code == "bad-row"
    assert (job.detected["delimiter"].value, job.detected["skip"].value) == (";", 1)
    assert len(job.warnings) == 1


def test_a_header_alone_is_a_table_without_rows(services: Services) -> None:
    job = run(services, b"a,b\n")
    assert job.status is Status.DONE
    assert job.rows.out == 0
    assert read(services, job, "output.csv") == b"a,b\n"
    assert job.files["output.csv"].sha256 == hashlib.sha256(b"a,b\n").hexdigest()


def test_what_prevents_a_job_is_refused_and_leaves_nothing(services: Services) -> None:
    with pytest.raises(PipelineNotFound):
        submit(services, b"a\n1\n", "nowhere")
    with pytest.raises(InvalidPipeline):
        submit(services, b"a\n1\n", "steps: [{step: nothing}]")
    with pytest.raises(InvalidPipeline):
        submit(services, b"a\n1\n", bad_rows="shrug")
    with pytest.raises(EmptyUpload):
        submit(services, b"")
    assert services.storage.list() == []
    assert services.queue.census().waiting == ()


def test_a_file_is_kept_whole_where_a_disk_takes_it_piece_by_piece(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Short(io.FileIO):
        def write(self, content: bytes) -> int:
            return super().write(content[:3])

    monkeypatch.setattr("csvjobs.flow.submit.FileIO", Short)
    content = b"a,b\n1,2\n3,4\n"
    job = run(services, content)
    assert (job.status, read(services, job, "input.csv")) == (Status.DONE, content)


def test_a_request_that_died_at_its_commit_makes_no_second_job(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = services.storage.commit

    def killed(job_id: str) -> None:
        commit(job_id)
        raise KeyboardInterrupt

    def send() -> str:
        with claimed(services, "", "a key") as slot, Incoming(services) as incoming:
            incoming.write(b"a,b\n1,2\n")
            return incoming.submit("given.csv", slot=slot).job_id

    with monkeypatch.context() as patch:
        patch.setattr(services.storage, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            send()
    [job_id] = services.storage.list()
    assert send() == job_id
    assert services.storage.list() == [job_id]


def test_limits_stop_an_upload_while_it_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = make(tmp_path, MemoryStorage(), max_upload_bytes=10)
    with Incoming(small) as incoming:
        incoming.write(b"a\n" * 5)
        with pytest.raises(UploadTooLarge):
            incoming.write(b"a")
    assert small.storage.list() == []
    full = replace(small, settings=small.settings.model_copy(update={"min_free_bytes": 1 << 62}))
    with pytest.raises(DiskFull):
        Incoming(full)
    monkeypatch.setattr("csvjobs.flow.submit.CHECK_FREE_EVERY", 4)
    some = replace(small, settings=small.settings.model_copy(update={"min_free_bytes": 1}))
    with Incoming(some) as incoming:
        incoming.write(b"a\n")
        monkeypatch.setattr(some.storage, "free_bytes", lambda: 0)
        with pytest.raises(DiskFull):
            incoming.write(b"1\n")


def test_learnt_values_are_written_down(services: Services) -> None:
    job = run(services, b"a,b\n1,x\n3,\n,x\n", "steps: [{step: fill_missing, columns: [a], with: mean}]")
    assert read(services, job, "output.csv") == b"a,b\n1,x\n3,\n2,x\n"
    fitted = json.loads(read(services, job, "fitted.json"))
    assert fitted["pipeline"]["sha256"] == job.pipeline.sha256
    assert fitted["steps"] == [
        {
            "step": "fill_missing",
            "learnt": [{"column": "a", "statistic": "mean", "argument": 0, "value": 2.0}],
        }
    ]


def test_dropped_rows_are_counted_against_their_step(services: Services) -> None:
    steps = "steps: [{step: drop_missing, columns: [b]}, {step: dedupe, by: [a]}]"
    job = run(services, b"a,b\n1,x\n1,y\n\n2,\n3,z\n4\n", steps)
    assert job.rows.dropped == {"blank lines": 1, "drop_missing (step 1)": 1, "dedupe (step 2)": 1}
    assert (job.rows.read, job.rows.out, job.rows.rejected) == (6, 2, 1)


@pytest.mark.parametrize("last", ["2.5", "0.123456789012345"])
def test_sums_come_out_in_order_whether_or_not_something_had_to_be_learnt(
    services: Services, last: str
) -> None:
    content = "key,x,y\n" + "".join(f"{key},0.1,\n" for key in range(3000, 0, -1)) + f"1,{last},7\n"
    steps = [
        {"step": "filter", "column": "key", "below": 2990},
        {"step": "aggregate", "by": ["key"], "values": {"sum": {"sum": "x"}, "most": {"max": "y"}}},
        {"step": "fill_missing", "columns": ["most"], "with": "mean"},
    ]
    job = run(services, content.encode(), json.dumps({"steps": steps}))
    assert job.status is Status.DONE, job.error
    assert (job.rows.dropped, job.rows.merged) == ({"filter (step 1)": 11}, {"aggregate (step 2)": 1})
    expected = [{"key": str(key), "sum": "0.1", "most": "7"} for key in range(2989, 1, -1)]
    total = f"{0.1 + float(last):.15f}".rstrip("0")
    assert rows(read(services, job, "output.csv")) == [*expected, {"key": "1", "sum": total, "most": "7"}]


def test_a_cell_to_be_added_that_is_no_number_is_named(services: Services) -> None:
    steps = [{"step": "aggregate", "values": {"sum": {"sum": "x"}}}]
    job = run(services, b"x\n1\n2 apples\n", json.dumps({"steps": steps}))
    assert (job.status, job.error and job.error.code) == (Status.ERROR, "not-a-number")
    assert "2 apples" in (job.error.message if job.error else "")


def test_of_steps_that_learn_in_one_scan_the_one_at_fault_is_named(services: Services) -> None:
    steps = "[{step: fill_missing, columns: [a], with: mean}, {step: scale, columns: [b], method: minmax}]"
    job = run(services, b"a,b\n1,2\n,x\n", f"steps: {steps}")
    assert job.error
    assert (job.error.pointer, job.error.column) == ("/steps/1", "b")
    assert job.error.message.startswith("Step 2 (scale): 1 cell of column 'b' is not a number")


def test_a_second_delivery_changes_nothing(services: Services) -> None:
    job = run(services, b"a,b\n1,2\n")
    process(services, job.job_id)
    assert view(services, job.job_id) == job
    assert read(services, job, "output.csv") == b"a,b\n1,2\n"
    assert services.storage.attempts(job.job_id) == 1


def test_a_delivery_while_another_run_holds_the_job_changes_nothing(services: Services) -> None:
    job_id = submit(services, b"a,b\n1,2\n")
    with services.storage.lease(job_id):
        process(services, job_id)
        give_up(services, job_id, TimeLimit("It took too long."))
        assert view(services, job_id).status is Status.PROCESSING
        assert services.storage.attempts(job_id) == 0


def test_a_killed_run_ends_its_job_once(services: Services) -> None:
    job_id = submit(services, b"a,b\n1,2\n")
    started = view(services, job_id).moved(Status.PROCESSING, attempts=1, progress=Progress(stage="read"))
    services.index.put(started)
    # The start of the second attempt could not be told to the index.
    for _ in range(2):
        services.storage.attempt(job_id)
    give_up(services, job_id, TimeLimit("It took too long."))
    job = view(services, job_id)
    assert job.error
    assert (job.status, job.error.code, job.attempts) == (Status.ERROR, "time-limit", 2)
    assert job.progress is None
    give_up(services, job_id, MemoryLimit("It took too much."))
    assert view(services, job_id) == job
    assert b"time-limit" in read(services, job, "error.txt")


def test_a_job_that_ends_its_process_each_time_is_given_up(services: Services) -> None:
    job_id = submit(services, b"a,b\n1,2\n")
    for _ in range(services.settings.job_attempts):
        services.storage.attempt(job_id)
    process(services, job_id)
    job = view(services, job_id)
    assert job.status is Status.ERROR
    assert job.error.code == "worker-lost"
    assert job.attempts == services.settings.job_attempts
    assert f"{job.attempts} times" in job.error.message


def test_a_job_that_waits_for_another_attempt_says_which_were_made(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(job_id: str) -> Job:
        raise QueueUnavailable

    job_id = submit(services, b"a,b\n1,2\n")
    services.storage.attempt(job_id)
    job = view(services, job_id)
    assert (job.status, job.attempts) == (Status.QUEUED, 1)
    with services.storage.lease(job_id):
        job = view(services, job_id)
        assert (job.status, job.started_at) == (Status.PROCESSING, None)
        monkeypatch.setattr(services.index, "get", away)
        assert view(services, job_id) == job


def test_a_listing_is_as_long_as_asked_for_although_jobs_were_just_deleted(services: Services) -> None:
    jobs = [submit(services, b"a,b\n1,2\n") for _ in range(5)]
    services.storage.delete(jobs[3], "deleted")
    assert [job.job_id for job in listing(services, 2)] == [jobs[4], jobs[2]]


def test_a_job_that_ends_while_it_is_looked_at_is_not_said_to_wait(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = submit(services, b"a,b\n1,2\n")

    def leased(job_id: str) -> bool:
        cancel(replace(services, storage=storage), job_id)
        return False

    storage = copy.copy(services.storage)
    monkeypatch.setattr(services.storage, "leased", leased)
    assert view(services, job_id).status is Status.CANCELLED


def test_a_file_that_is_not_what_was_received_is_not_processed(tmp_path: Path) -> None:
    services = make(tmp_path, LocalStorage(tmp_path / "jobs"), job_attempts=1)
    job_id = submit(services, b"a,b\n1,2\n3,4\n")
    with (tmp_path / "jobs" / job_id / "input.csv").open("r+b") as file:
        file.truncate(8)
    process(services, job_id)
    job = view(services, job_id)
    assert job.status is Status.ERROR
    assert (job.error.code, job.error.message) == (
        "job-damaged",
        "The stored input.csv has 8 bytes, but had 12.",
    )


def test_a_job_with_damaged_files_says_so_is_listed_and_can_be_deleted(tmp_path: Path) -> None:
    services = make(tmp_path, LocalStorage(tmp_path / "jobs"))
    waiting, ended = submit(services, b"a\n1\n"), run(services, b"a\n1\n").job_id
    for job_id, name in ((waiting, "job.json"), (ended, "report.json")):
        (tmp_path / "jobs" / job_id / name).write_text('{"job_id"')
        with pytest.raises(DamagedJob, match=f"The file {name} of job {job_id}"):
            view(services, job_id)
    assert {job.job_id for job in listing(services, 10)} == {waiting, ended}
    for job_id in (waiting, ended):
        delete(services, job_id)
    assert services.storage.list() == []


def test_jobs_are_listed_although_they_cannot_be_reached(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [submit(services, b"a\n1\n") for _ in range(2)]

    def denied(job_id: str) -> bool:
        raise StorageUnavailable("The job cannot be read or written: Permission denied.")

    monkeypatch.setattr(services.storage, "ended", denied)
    assert [job.job_id for job in listing(services, 10)] == jobs[::-1]


@pytest.mark.parametrize("name", ["input.csv", "applied.json"])
def test_a_job_whose_file_was_deleted_ends_at_the_first_attempt(tmp_path: Path, name: str) -> None:
    services = make(tmp_path, LocalStorage(tmp_path / "jobs"))
    learnt = run(services, b"a,b\n1,2\n", "steps: [{step: scale, columns: [a], method: standard}]")
    with Incoming(services) as incoming:
        incoming.write(b"a,b\n3,4\n")
        job_id = incoming.submit("x.csv", Processing(apply=learnt.job_id)).job_id
    (tmp_path / "jobs" / job_id / name).unlink()
    process(services, job_id)
    job = view(services, job_id)
    assert job.error
    assert (job.status, job.error.code, job.attempts) == (Status.ERROR, "job-damaged", 1)
    assert job.error.message == f"Job {job_id} has no file {name!r}."
    assert job.error.hint
    assert services.storage.pending() == []


def test_a_job_whose_request_cannot_be_read_ends_as_the_index_knows_it(tmp_path: Path) -> None:
    services = make(tmp_path, LocalStorage(tmp_path / "jobs"))
    job_id = submit(services, b"a\n1\n")
    started = view(services, job_id).moved(Status.PROCESSING, progress=Progress(stage="read"))
    services.index.put(started)
    (tmp_path / "jobs" / job_id / "job.json").write_text('{"job_id"')
    process(services, job_id)
    job = view(services, job_id)
    assert (job.status, job.filename, job.progress) == (Status.ERROR, "given.csv", None)
    assert job.error
    assert job.error.code == "job-damaged"
    assert services.storage.pending() == []


def test_our_own_fault_is_tried_again_and_then_told_without_details(services: Services) -> None:
    def broken(_: Path) -> DuckEngine:
        raise OSError("secret detail")

    faulty = replace(services, engine=broken)
    job_id = submit(faulty, b"a,b\n1,2\n")
    for _ in range(services.settings.job_attempts - 1):
        with pytest.raises(OSError, match="secret"):
            process(faulty, job_id)
        assert view(faulty, job_id).status is Status.QUEUED
    process(faulty, job_id)
    job = view(faulty, job_id)
    assert job.status is Status.ERROR
    assert job.error.code == "internal-error"
    assert "secret" not in job.to_json().decode()


def miscounting(services: Services, *off: int) -> Services:
    """The same, whose engine counts so many rows too many in one output after the other, then rightly."""
    left = list(off)

    class Miscounting(DuckEngine):
        def copy(self, query: str, header: object, target: Path, write: object = None) -> int:
            return super().copy(query, header, target, write) + (left.pop() if left else 0)

    return replace(services, engine=lambda scratch: Miscounting(scratch, 64 * 1024**2))


@pytest.mark.parametrize("off", [-1, 1])
def test_an_output_in_which_the_rows_do_not_add_up_is_not_delivered(services: Services, off: int) -> None:
    settings = services.settings.model_copy(update={"job_attempts": 1})
    # In each lane twice: the second time on one core.
    job = run(replace(miscounting(services, *[off] * 4), settings=settings), b"a,b\n1,2\n3,4\n")
    assert job.error
    assert (job.status, job.error.code, set(job.files)) == (Status.ERROR, "account-mismatch", {"error.txt"})
    with pytest.raises(JobHasNoOutput):
        deliver(services, job.job_id)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_does_not_add_up_at_first_is_read_again(services: Services, times: int) -> None:
    job = run(miscounting(services, *[1] * times), b"a,b\n1,2\n3,4\n")
    assert (job.status, job.attempts) == (Status.DONE, 1)
    assert read(services, job, "output.csv") == b"a,b\n1,2\n3,4\n"


def test_cancelling_before_the_start_and_again(services: Services) -> None:
    job_id = submit(services, b"a,b\n1,2\n")
    assert cancel(services, job_id).status is Status.CANCELLED
    assert cancel(services, job_id).status is Status.CANCELLED
    assert services.queue.census().waiting == ()
    process(services, job_id)
    assert view(services, job_id).status is Status.CANCELLED
    done = run(services, b"a,b\n1,2\n")
    with pytest.raises(JobAlreadyEnded):
        cancel(services, done.job_id)


class SlowEngine(DuckEngine):
    """Copies for ever, until it is interrupted."""

    started: threading.Event

    def copy(self, query: str, header: object, target: Path, write: object = None) -> int:
        self.started.set()
        endless = (
            "SELECT COUNT(*) FROM range(1000000000000) a, range(1000000000000) b WHERE a.range % 7 = b.range"
        )
        return len(self.rows(endless))


@pytest.fixture
def slow(services: Services) -> tuple[Services, threading.Event]:
    started = threading.Event()

    def engine(scratch: Path) -> SlowEngine:
        made = SlowEngine(scratch, 64 * 1024**2)
        made.started = started
        return made

    return replace(services, engine=engine), started


@pytest.mark.parametrize("stop", [cancel, delete])
def test_a_running_job_stops_when_it_is_cancelled_or_deleted(
    slow: tuple[Services, threading.Event], stop: object
) -> None:
    services, started = slow
    job_id = submit(services, b"a,b\n1,2\n")
    runner = threading.Thread(target=process, args=(services, job_id))
    runner.start()
    assert started.wait(30)
    job = view(services, job_id)
    assert (job.status, job.attempts) == (Status.PROCESSING, 1)
    assert job.started_at
    assert job.progress
    stop(services, job_id)
    runner.join(30)
    assert not runner.is_alive()
    assert services.queue.census().waiting == ()
    if stop is cancel:
        job = view(services, job_id)
        assert (job.status, job.progress) == (Status.CANCELLED, None)
        assert set(job.files) == set()
        assert not services.storage.has(job_id, "output.csv")
    else:
        with pytest.raises(JobNotFound):
            view(services, job_id)
        assert listing(services, 10) == []


def test_a_job_that_is_deleted_as_it_begins_is_no_failure(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = submit(services, b"a,b\n1,2\n")

    def engine(scratch: Path) -> DuckEngine:
        delete(services, job_id)
        return DuckEngine(scratch, 64 * 1024**2)

    process(replace(services, engine=engine), job_id)
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []
    with pytest.raises(JobNotFound):
        view(services, job_id)


def test_a_run_that_is_told_to_leave_costs_no_attempt_and_its_job_waits_again(
    slow: tuple[Services, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "EVERY", 0.01)
    (services, started), leave = slow, threading.Event()
    job_id = submit(services, b"a,b\n1,2\n")
    services.storage.attempt(job_id)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(process, services, job_id, leave)
        assert started.wait(30)
        leave.set()
        with pytest.raises(monitor.HandedBack):
            running.result(30)
    job = view(services, job_id)
    assert (job.status, job.attempts, job.started_at) == (Status.QUEUED, 1, None)
    assert services.index.get(job_id) == job


def test_a_run_that_is_cancelled_at_its_very_end_leaves_no_output(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, publish = submit(services, b"a,b\n1,2\n"), services.storage.publish

    def publish_late(job_id: str, name: str, path: Path) -> None:
        publish(job_id, name, path)
        cancel(services, job_id)

    monkeypatch.setattr(services.storage, "publish", publish_late)
    process(services, job_id)
    job = view(services, job_id)
    assert (job.status, job.files) == (Status.CANCELLED, {})
    assert not services.storage.has(job_id, "output.csv")
    assert [entry.status for entry in services.index.list(10)] == [Status.CANCELLED]


def test_a_job_over_its_time_limit_ends_as_such(slow: tuple[Services, threading.Event]) -> None:
    services, _ = slow
    short = replace(services, settings=services.settings.model_copy(update={"job_timeout": 1}))
    job = run(short, b"a,b\n1,2\n")
    assert job.status is Status.ERROR
    assert job.error.code == "time-limit"


# Any text but surrogates, which no encoding has, and control characters, of which many make no text.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
CELL = st.one_of(
    TEXT, st.sampled_from(["00042", "NA", "1.10", "", " x ", 'a"b', "a,b", "a\nb", "a\r\nb", "\ufeff"])
)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(2, 5))
    header = [f"h{i}" for i in range(width)]
    return [header, *draw(st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=8))]


@pytest.fixture(scope="module")
def in_memory(tmp_path_factory: pytest.TempPathFactory) -> Services:
    return make(tmp_path_factory.mktemp("pipelines"), MemoryStorage())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables(), st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_tidy_changes_no_cell(
    in_memory: Services, table: list[list[str]], newline: str, quoting: int
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=newline, quoting=quoting).writerows(table)
    job = run(in_memory, text.getvalue().encode(), delimiter=",")
    assert job.status is Status.DONE, job.error
    out = io.StringIO(read(in_memory, job, "output.csv").decode(), newline="")
    assert list(csv.reader(out)) == table
    assert job.rows.read == job.rows.out == len(table) - 1


def zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", content)
    return out.getvalue()


PACKERS = {"gzip": gzip.compress, "zstandard": zstd.compress, "zip": zipped}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables(), st.sampled_from(sorted(PACKERS)))
def test_a_packed_table_has_the_output_of_the_plain_one(
    in_memory: Services, table: list[list[str]], kind: str
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(table)
    content = text.getvalue().encode()
    # Once: gzip writes the time into it.
    given_bytes = PACKERS[kind](content)
    plain, packed = run(in_memory, content), run(in_memory, given_bytes)
    assert packed.detected["compression"].value == kind
    assert read(in_memory, packed, "output.csv") == read(in_memory, plain, "output.csv")
    assert (packed.rows, packed.warnings) == (plain.rows, plain.warnings)
    assert read(in_memory, packed, "input.csv") == given_bytes


class DoubtingEngine(DuckEngine):
    """Finds the file itself other than it looked, and notes what it is given."""

    def __init__(self, scratch: Path, times: list[int]) -> None:
        super().__init__(scratch, 64 * 1024**2)
        self._unpacked, self._times = scratch / "unpacked.csv", times

    def relation(self, source: Source, *, numbered: bool) -> str:
        self._times.append(self._unpacked.stat().st_mtime_ns)
        if source.path == self._unpacked:
            raise ReadFailed("not as it looked")
        return super().relation(source, numbered=numbered)


def test_a_file_is_unpacked_once_also_where_the_careful_lane_takes_over(services: Services) -> None:
    times: list[int] = []
    doubting = replace(services, engine=lambda scratch: DoubtingEngine(scratch, times))
    job = run(doubting, gzip.compress(b"a,b\n1,2\n"))
    assert job.status is Status.DONE
    assert read(services, job, "output.csv") == b"a,b\n1,2\n"
    assert len(times) > 1
    assert len(set(times)) == 1


class LosingEngine(DuckEngine):
    """Loses all rows but one in copying, if not all of them come from a clean copy."""

    def __init__(self, scratch: Path, *, always: bool) -> None:
        super().__init__(scratch, 64 * 1024**2)
        self._loses, self._always = False, always

    def relation(self, source: Source, *, numbered: bool) -> str:
        self._loses = self._always or source.path.name != "clean.csv"
        return super().relation(source, numbered=numbered)

    def copy(self, query: str, *given: Any, **named: Any) -> int:
        return super().copy(f"{query} LIMIT 1" if self._loses else query, *given, **named)


def test_where_rows_are_lost_the_file_is_read_with_care(services: Services) -> None:
    losing = replace(services, engine=lambda scratch: LosingEngine(scratch, always=False))
    job = run(losing, b"a,b\n1,2\n3,4\n")
    assert job.status is Status.DONE
    assert read(services, job, "output.csv") == b"a,b\n1,2\n3,4\n"


def test_where_rows_are_lost_all_the_same_nothing_is_published(services: Services) -> None:
    losing = replace(services, engine=lambda scratch: LosingEngine(scratch, always=True))
    job_id = submit(losing, b"a,b\n1,2\n3,4\n")
    for _ in range(services.settings.job_attempts - 1):
        with pytest.raises(AccountMismatch, match="2 rows came in"):
            process(losing, job_id)
    process(losing, job_id)
    job = view(services, job_id)
    assert (job.status, job.error.code) == (Status.ERROR, "account-mismatch")
    assert "output.csv" not in job.files


class HungryEngine(DuckEngine):
    """Has too little memory for the file that it writes at that place, unless it spares it."""

    def __init__(self, scratch: Path, place: int) -> None:
        super().__init__(scratch, 64 * 1024**2)
        self._left, self._spares = place, False

    def spare(self) -> None:
        super().spare()
        self._spares = True

    def copy(self, *given: Any, **named: Any) -> int:
        self._left -= 1
        if self._left < 0 and not self._spares:
            raise MemoryLimit("no more")
        return super().copy(*given, **named)


@pytest.mark.parametrize("place", [0, 1], ids=["output", "changes"])
def test_what_memory_does_not_allow_on_all_cores_is_done_on_one(services: Services, place: int) -> None:
    told = {"step": "validate", "on_fail": "keep", "rules": [{"column": "b", "type": "integer"}]}
    steps = [told, {"step": "case", "columns": ["b"], "to": "upper"}, {"step": "sort", "by": ["a"]}]
    pipeline = json.dumps({"steps": steps, "report": {"changes": True}})
    hungry = replace(services, engine=lambda scratch: HungryEngine(scratch, place))
    job = run(hungry, b"a,b\n2,x\n1,y\n", pipeline)
    assert job.status is Status.DONE
    output = read(services, job, "output.csv")
    assert output == b"a,b\n1,Y\n2,X\n"
    assert job.files["output.csv"].sha256 == hashlib.sha256(output).hexdigest()
    assert [row["after"] for row in rows(read(services, job, "changes.csv"))] == ["X", "Y"]
    spared, kept = job.warnings
    assert "done on one" in spared
    assert "validate (step 1)" in kept


def many_rows() -> bytes:
    return b"".join(b"%d,%d,\n" % (n, n * n * n) for n in range(900_000))


COPIED: dict[str, tuple[Callable[[], bytes], dict[str, str]]] = {
    "unpacked": (lambda: gzip.compress(b"a,b,c\n" + many_rows(), 1), {}),
    "transcoded": (lambda: "a,b,é\n".encode("cp1252") + many_rows(), {"encoding": "cp1252"}),
    "read with care": (lambda: b"a,b,c\n1,2,3,4\n" + many_rows() * 4, {}),
}
copied = pytest.mark.parametrize(("make_content", "options"), COPIED.values(), ids=COPIED)


@copied
def test_a_copy_of_the_file_leaves_the_free_space_that_is_to_be_left(
    services: Services, make_content: Callable[[], bytes], options: dict[str, str]
) -> None:
    little = services.settings.model_copy(update={"min_free_bytes": 1 << 62, "job_attempts": 1})
    full = replace(services, settings=little)
    job_id = submit(services, make_content(), **options)
    process(full, job_id)
    assert view(services, job_id).error.code == "disk-full"
    needs_no_copy, small_copy = submit(services, b"a,b,c\n" + many_rows()), submit(services, b"a;b\n1;2\n3\n")
    for job_id in (needs_no_copy, small_copy):
        process(full, job_id)
        assert view(services, job_id).status is Status.DONE


@pytest.fixture
def small_files() -> Iterator[None]:
    """The system takes no file of more than 4 MB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@copied
def test_a_copy_for_which_there_is_no_room_is_our_own_fault(
    services: Services,
    make_content: Callable[[], bytes],
    options: dict[str, str],
    request: pytest.FixtureRequest,
) -> None:
    job_id = submit(services, make_content(), **options)
    request.getfixturevalue("small_files")
    for _ in range(services.settings.job_attempts - 1):
        with pytest.raises(DiskFull, match="cannot be kept"):
            process(services, job_id)
        assert view(services, job_id).status is Status.QUEUED
    process(services, job_id)
    assert view(services, job_id).error.code == "disk-full"


@pytest.mark.parametrize(
    ("free", "kept_free", "starts"), [(7, 10**9, False), (8, 10**9, True), (3, 4, False), (4, 4, True)]
)
def test_a_run_starts_where_there_is_room_for_its_file_or_what_is_to_be_left(
    services: Services, monkeypatch: pytest.MonkeyPatch, free: int, kept_free: int, starts: bool
) -> None:
    job_id = submit(services, b"a,b\n1,2\n")
    settings = services.settings.model_copy(update={"min_free_bytes": kept_free, "job_attempts": 1})
    monkeypatch.setattr(services.storage, "free_bytes", lambda: free)
    process(replace(services, settings=settings), job_id)
    job = view(services, job_id)
    assert (job.error and job.error.code) == (None if starts else "disk-full")


def test_what_is_packed_too_large_ends_its_job_calmly(tmp_path: Path) -> None:
    small = make(tmp_path, MemoryStorage(), max_upload_bytes=1000)
    job = run(small, gzip.compress(b"a,b\n" * 1000))
    assert job.status is Status.ERROR
    assert job.error.code == "unpacked-too-large"


@pytest.mark.parametrize("content", [b'a,b\n1,x\n,""\n', b"a,b\n1,\n"])
@pytest.mark.parametrize(
    ("write", "name"),
    [
        ("profile: excel", "output.csv"),
        ("compression: gzip", "output.csv.gz"),
        ("compression: zstd", "output.csv.zst"),
        ("format: jsonl", "output.jsonl"),
        ("format: jsonl, compression: gzip", "output.jsonl.gz"),
        ("format: jsonl, compression: zstd", "output.jsonl.zst"),
        ("format: parquet", "output.parquet"),
    ],
)
def test_an_output_of_any_format_is_named_delivered_and_known_by_its_digest(
    in_memory: Services, write: str, name: str, content: bytes
) -> None:
    steps = "[{step: drop_missing, columns: [b]}]"
    job = run(in_memory, content, f"{{steps: {steps}, write: {{{write}}}}}")
    assert job.output.name == name
    assert list(job.files) == [name]
    delivery = deliver(in_memory, job.job_id)
    with delivery.file as file:
        written = file.read()
    assert (delivery.name, delivery.download_name) == (name, f"given.{name}")
    assert (job.files[name].bytes, job.files[name].sha256) == (
        len(written),
        hashlib.sha256(written).hexdigest(),
    )
    assert (job.rows.read, job.rows.out) == ((2, 1) if b"x" in content else (1, 0))


def test_a_job_of_before_there_were_formats_is_as_it_was(services: Services) -> None:
    job_id = submit(services, b"a\n1\n")
    asked = json.loads(services.storage.read(job_id, "job.json"))
    asked["pipeline"]["write"] = {"format": "csv"}
    old = Request.model_validate(asked)
    assert Job.queued(old).output == view(services, job_id).output
    process(services, job_id)
    report = json.loads(services.storage.read(job_id, "report.json"))
    del report["output"]
    assert Job.model_validate(report) == view(services, job_id)
