"""csvjobs run: the right bytes or none, a clear one-line message, nothing left behind."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from chaos import ROOT, eventually
from terminal import Terminal

from csvjobs.reading.rejects import REASONS

CONTACTS = "id,name\n1, Ada \n2,Grace\n3,Ada\n"
TRIM = "steps:\n  - step: trim\n"
TRIMMED = "id,name\n1,Ada\n2,Grace\n3,Ada\n"
RAGGED = "a,b\n1,2\n3\n4,5\n6,7\n"
GOOD_ROWS = "a,b\n1,2\n4,5\n6,7\n"
BAD_ROWS = (
    "a,b,_line,_last_line,_byte,_code,_column,_found,_message,_hint,_record\n"
    "3,,3,3,8,missing-cell,b,1 cell,The record has 1 cell where 2 are expected.,"
    f'"{REASONS["missing-cell"].hint}",\n'
)


def furnished(terminal: Terminal) -> Terminal:
    """In its folder lie a file, a bad file and a pipeline."""
    terminal.write("in.csv", CONTACTS)
    terminal.write("ragged.csv", RAGGED)
    terminal.write("trim.yaml", TRIM)
    return terminal


@pytest.fixture
def at(terminal: Terminal) -> Terminal:
    return furnished(terminal)


def names(at: Terminal) -> set[str]:
    return {path.name for path in at.folder.iterdir()} - {"in.csv", "ragged.csv", "trim.yaml"}


def test_the_output_has_the_right_bytes_and_the_rest_goes_to_stderr(at: Terminal) -> None:
    typed = at.types("run", "in.csv", "-p", "trim.yaml", "-o", "out.csv")
    assert (typed.status, typed.out) == (0, "")
    assert at.read("out.csv") == TRIMMED
    first, account = typed.err.splitlines()[:2]
    assert first.startswith("done in.csv, pipeline trim, job ")
    assert account.strip() == "3 rows in, 3 out, 0 rejected"
    assert "\x1b" not in typed.err
    assert names(at) == {"out.csv"}


def test_a_pipeline_is_called_by_its_name(at: Terminal) -> None:
    folder = {"CSVJOBS_PIPELINES_DIR": str(ROOT / "pipelines")}
    example = str(ROOT / "examples/contacts.csv")
    assert at.types("run", example, "-p", "crm-clean", "-o", "out.csv", **folder).status == 0
    assert at.read("out.csv").startswith(
        "id,name,email,city,plan,spend\n1,Ada Lovelace,ada@example.org,London,pro,120.50\n"
    )


def test_a_pipeline_may_be_typed_in_place(at: Terminal) -> None:
    assert at.types("run", "in.csv", "-p", '{"steps": [{"step": "trim"}]}', "-o", "out.csv").status == 0
    assert at.read("out.csv") == TRIMMED


def test_a_name_in_a_pipeline_wins_over_that_of_its_file(at: Terminal) -> None:
    at.write("own.yaml", "name: mine\n" + TRIM)
    assert "pipeline mine, job" in at.types("run", "in.csv", "-p", "own.yaml", "-o", "out.csv").err


def test_read_options_are_passed_on(at: Terminal) -> None:
    at.write("tabs.csv", "a,x\tb\n1\t2\n")
    assert at.types("run", "tabs.csv", "-r", "delimiter=\\t", "-r", "header=false", "-o", "o.csv").status == 0
    assert at.read("o.csv") == 'column_1,column_2\n"a,x",b\n1,2\n'


def test_the_output_is_written_as_the_pipeline_says(at: Terminal) -> None:
    at.write("shop.csv", "id,price\n1,-5\n2,=1+1\n")
    write = "write: {profile: excel, delimiter: ;, formula_guard: true}"
    typed = at.types("run", "shop.csv", "-p", write, "-o", "out.csv")
    assert at.read("out.csv") == "\ufeffid;price\r\n1;-5\r\n2;'=1+1\r\n"
    assert "now with a ' in front: 1 (formula_guard)" in typed.err
    typed = at.types("run", "shop.csv", "-p", "write: {format: jsonl}", "-o", "-")
    assert typed.out == '{"id":"1","price":"-5"}\n{"id":"2","price":"=1+1"}\n'


def test_texts_that_mean_missing_are_told_to_the_steps(at: Terminal) -> None:
    at.write("gaps.csv", "id,n\n1,NA\n2,n/a\n3,\n4,6\n")
    at.write("fill.yaml", "steps: [{step: fill_missing, columns: [n], with: mean}]")
    assert at.types("run", "gaps.csv", "-p", "fill.yaml", "-r", "nulls=NA,n/a", "-o", "o.csv").status == 0
    assert at.read("o.csv") == "id,n\n1,6\n2,6\n3,6\n4,6\n"
    assert at.types("run", "gaps.csv", "-r", "nulls=NA,n/a", "-o", "o.csv").status == 0
    assert at.read("o.csv") == at.read("gaps.csv")
    typed = at.types("run", "gaps.csv", "-r", "nulls=NA", "-r", "nulls=n/a", "-o", "o.csv")
    assert (typed.status, typed.err.splitlines()[0]) == (
        2,
        "error invalid-option: --read 'nulls' is given twice.",
    )


def test_changed_cells_are_listed_where_that_is_asked_for(at: Terminal) -> None:
    at.write("traced.yaml", TRIM + "report: {changes: true}\n")
    typed = at.types("run", "in.csv", "-p", "traced.yaml", "-o", "out.csv", "--changes", "changes.csv")
    assert (typed.status, at.read("out.csv")) == (0, TRIMMED)
    assert at.read("changes.csv") == "line,column,before,after,step\n2,name, Ada ,Ada,trim (step 1)\n"


def test_rejected_rows_lie_beside_the_output(at: Terminal) -> None:
    typed = at.types("run", "ragged.csv", "-o", "out.csv")
    assert typed.status == 0
    assert (at.read("out.csv"), at.read("out.rejected.csv")) == (GOOD_ROWS, BAD_ROWS)
    assert "out.rejected.csv" in typed.err
    assert "1 × missing-cell in column b: line 3. " in typed.err


def test_what_became_of_each_row_is_told(at: Terminal) -> None:
    at.write("rows.csv", "id,b,c\n" + "1\n" * 12 + "1,2,3\n1,2,3\n4,5,6\n")
    steps = "steps: [{step: dedupe}, {step: unpivot, columns: [b, c]}]"
    told = at.types("run", "rows.csv", "-p", steps, "-o", "out.csv").err.splitlines()
    assert told[1:3] == [
        "      15 rows in, 4 out, 12 rejected, 1 dropped by dedupe (step 1), 2 added by unpivot (step 2)",
        "      12 × missing-cell in column b: line 2, 3, 4, 5, 6, …. "
        "The record has fewer cells than the table has columns.",
    ]


def test_the_line_is_told_that_ends_the_job(at: Terminal) -> None:
    at.write("words.csv", "id,b\n1,2\n3,x\n")
    cast = "steps: [{step: cast, columns: [b], to: integer}]"
    typed = at.types("run", "words.csv", "-p", cast, "-o", "out.csv")
    assert (typed.status, "invalid-cell (line 3): Step 1 (cast): 1 cell" in typed.err) == (1, True)


def test_rejected_rows_are_corrected_and_run_again(at: Terminal) -> None:
    at.write("twice.yaml", "read: {delimiter: ';'}\nsteps: [{step: label, columns: [b]}]")
    at.write("semicolons.csv", "a;b\n1;x\n2\n3;y;z\n")
    assert at.types("run", "semicolons.csv", "-p", "twice.yaml", "-o", "out.csv").status == 0
    bad = at.read("out.rejected.csv")
    at.write("out.rejected.csv", bad.replace("\n2,,", '\n2,"p,q",').replace("\n3,y,", "\n3,yz,"))
    typed = at.types("run", "out.rejected.csv", "-p", "twice.yaml", "-o", "again.csv")
    assert (typed.status, at.read("again.csv")) == (0, "a,b\n2,0\n3,1\n")
    assert "2 rows in, 2 out, 0 rejected" in typed.err
    assert "note  This is a rejected.csv of csvjobs" in typed.err
    assert "again.rejected.csv" not in names(at)


def test_rejected_rows_are_there_when_no_row_is_left(at: Terminal) -> None:
    at.write("bad.csv", "a,b\n1\n2\n")
    typed = at.types("run", "bad.csv", "-o", "out.csv")
    assert typed.status == 1
    assert "no-rows-left" in typed.err
    assert at.read("out.rejected.csv").count("missing-cell") == 2
    assert names(at) == {"bad.csv", "out.rejected.csv"}


def test_each_file_goes_where_it_is_told(at: Terminal) -> None:
    at.write("fill.yaml", "steps:\n  - step: fill_missing\n    columns: [b]\n    with: mean\n")
    asked = ("--rejected", "bad.csv", "--fitted", "fitted.json", "--report", "report.json")
    assert at.types("run", "ragged.csv", "-p", "fill.yaml", "-o", "out.csv", *asked).status == 0
    assert at.read("bad.csv") == BAD_ROWS
    assert '"step": "fill_missing"' in at.read("fitted.json")
    assert '"status":"done"' in at.read("report.json")
    assert names(at) == {"fill.yaml", "out.csv", "bad.csv", "fitted.json", "report.json"}


@pytest.mark.parametrize("target", ["-", "/dev/stdout"])
def test_it_works_in_a_pipe(at: Terminal, target: str) -> None:
    typed = at.types("run", "-", "-p", "trim.yaml", "-o", target, fed=CONTACTS.encode())
    assert (typed.status, typed.out) == (0, TRIMMED)
    assert typed.err.startswith("done stdin")
    assert names(at) == set()


@pytest.mark.parametrize("line", ["run - -o -", "steps --markdown", "--help"])
def test_it_ends_quietly_when_nobody_reads_on(at: Terminal, line: str) -> None:
    unread, written = os.pipe()
    os.close(unread)
    with os.fdopen(written, "wb") as closed, (at.folder / "in.csv").open("wb+") as given:
        given.write(b"a,b\n" * 100_000)
        given.seek(0)
        process = at.starts(*line.split(), stdin=given, stdout=closed)
    assert process.communicate()[1] == b""
    assert process.returncode == 128 + signal.SIGPIPE


def test_in_a_pipe_rejected_rows_are_pointed_at(at: Terminal) -> None:
    typed = at.types("run", "ragged.csv", "-o", "-")
    assert (typed.status, typed.out) == (0, GOOD_ROWS)
    assert "--rejected" in typed.err
    assert at.types("run", "ragged.csv", "-o", "-", "--rejected", "bad.csv").out == GOOD_ROWS
    piped = at.types("run", "ragged.csv", "-o", "good.csv", "--rejected", "-")
    assert (piped.out, at.read("good.csv")) == (BAD_ROWS, GOOD_ROWS)
    assert "The rejected rows are on standard output." in piped.err
    assert at.read("bad.csv") == BAD_ROWS


def test_what_is_appended_to_keeps_what_it_had(at: Terminal) -> None:
    log = at.write("log.csv", "before\n")
    with log.open("ab") as stdout:
        assert at.types("run", "in.csv", "-p", "trim.yaml", "-o", "-", stdout=stdout.fileno()).status == 0
    assert at.read("log.csv") == "before\n" + TRIMMED


def test_a_named_pipe_is_filled_and_not_replaced(at: Terminal) -> None:
    os.mkfifo(at.folder / "pipe")
    running = at.starts("run", "in.csv", "-p", "trim.yaml", "-o", "pipe")
    assert at.read("pipe") == TRIMMED
    assert at.ended(running).status == 0
    assert stat.S_ISFIFO((at.folder / "pipe").stat().st_mode)


def test_an_output_that_exists_is_replaced_be_it_the_input(at: Terminal) -> None:
    assert at.types("run", "in.csv", "-p", "trim.yaml", "-o", "in.csv").status == 0
    assert at.read("in.csv") == TRIMMED


def test_a_link_stays_a_link(at: Terminal) -> None:
    at.write("real.csv", "old")
    (at.folder / "link.csv").symlink_to("real.csv")
    assert at.types("run", "in.csv", "-p", "trim.yaml", "-o", "link.csv").status == 0
    assert (at.folder / "link.csv").is_symlink()
    assert at.read("real.csv") == TRIMMED


def test_the_output_may_lie_on_another_disk(at: Terminal) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == at.folder.stat().st_dev:
        pytest.skip("one disk only")
    target = memory / f"csvjobs-{os.getpid()}.csv"
    try:
        asked = ("--rejected", str(target), "-o", "out.csv")
        assert at.types("run", "ragged.csv", *asked).status == 0
        assert target.read_text() == BAD_ROWS
    finally:
        target.unlink(missing_ok=True)


def test_names_may_be_any_bytes(at: Terminal) -> None:
    (at.folder / os.fsdecode(b"caf\xe9.csv")).write_text(CONTACTS)
    assert at.types("run", b"caf\xe9.csv", "-p", "trim.yaml", "-o", b"na\xefve [b].csv").status == 0
    assert at.read(os.fsdecode(b"na\xefve [b].csv")) == TRIMMED


def test_progress_is_shown_on_a_terminal(at: Terminal) -> None:
    shown = at.watches("run", "in.csv", "-p", "trim.yaml", "-o", "out.csv")
    assert "reading" in shown
    assert "100%" in shown or "publish" in shown or "queued" in shown
    assert "done" in shown


REFUSED = {
    "a missing file": (("nosuch.csv", "-o", "out.csv"), "there is no file 'nosuch.csv'"),
    "a folder": ((".", "-o", "out.csv"), "'.' is a folder"),
    "an empty file": (("empty.csv", "-o", "out.csv"), "empty-upload"),
    "an unknown pipeline": (("in.csv", "-p", "tidi", "-o", "out.csv"), "Did you mean 'tidy'?"),
    "a pipeline that is not text": (("in.csv", "-p", "bytes.yaml", "-o", "out.csv"), "not UTF-8"),
    "bad YAML": (("in.csv", "-p", "bad.yaml", "-o", "out.csv"), "not valid YAML"),
    "a pipeline without text": (("in.csv", "-p", "blank.yaml", "-o", "out.csv"), "'blank.yaml' is empty"),
    "a pipeline on stdin": (("in.csv", "-p", "-", "-o", "out.csv"), "not read from standard input"),
    "a path of no pipeline": (("in.csv", "-p", "./nosuch", "-o", "out.csv"), "'./nosuch' cannot be read"),
    "an unknown read option": (("in.csv", "-r", "delim=;", "-o", "out.csv"), "Did you mean 'delimiter'?"),
    "no output": (("in.csv",), "Missing option '--output'"),
    "a folder for output": (("in.csv", "-o", "."), "'.' is a folder"),
    "a missing output folder": (("in.csv", "-o", "no/such/out.csv"), "there is no folder 'no/such'"),
    "a missing other folder": (("in.csv", "-o", "out.csv", "--report", "no/r.json"), "'--report'"),
    "an output folder of the kernel": (("in.csv", "-o", "/proc/out.csv"), "/proc cannot be written to"),
    "two files in one place": (("in.csv", "-o", "out.csv", "--rejected", "./out.csv"), "Two files"),
    "a report in the file's place": (("in.csv", "-o", "out.csv", "--report", "./in.csv"), "Two files"),
}


def test_what_cannot_be_done_is_said_in_one_line(at: Terminal) -> None:
    at.write("empty.csv", "")
    at.write("bytes.yaml", b"\xff\xfe")
    at.write("bad.yaml", "steps: [\n")
    at.write("blank.yaml", "\n")
    for case, (asked, said) in REFUSED.items():
        typed = at.types("run", *asked)
        assert (typed.status, typed.out) == (2, ""), case
        assert typed.err.startswith("error "), case
        assert said in typed.err, case
        assert len(typed.err.splitlines()) <= 2, typed.err
        assert names(at) == {"empty.csv", "bytes.yaml", "bad.yaml", "blank.yaml"}, case


def test_a_path_is_read_as_a_pipeline_whatever_its_name(at: Terminal) -> None:
    at.write("no-suffix", TRIM)
    assert at.types("run", "in.csv", "-p", "./no-suffix", "-o", "out.csv").status == 0
    assert at.read("out.csv") == TRIMMED


def test_all_faults_of_a_pipeline_are_told_at_once(at: Terminal) -> None:
    at.write("faults.yaml", "steps:\n  - step: trimm\n  - step: scale\n    columns: [id]\n    method: x\n")
    typed = at.types("run", "in.csv", "-p", "faults.yaml", "-o", "out.csv")
    assert typed.status == 2
    assert "Did you mean 'trim'?" in typed.err
    assert "Step 1, step: There is no step 'trimm'." in typed.err
    assert "Step 2 (scale), method: " in typed.err


def test_a_file_that_may_not_be_read_is_refused(at: Terminal) -> None:
    at.write("secret.csv", CONTACTS).chmod(0)
    typed = at.types("run", "secret.csv", "-o", "out.csv")
    assert (typed.status, names(at)) == (2, {"secret.csv"})
    assert "'secret.csv' is not readable" in typed.err
    at.write("secret.yaml", TRIM).chmod(0)
    typed = at.types("run", "in.csv", "-p", "secret.yaml", "-o", "out.csv")
    assert (typed.status, typed.err.count("\n")) == (2, 1)
    assert "'secret.yaml' cannot be read" in typed.err


def test_a_folder_that_may_not_be_written_to_is_refused(at: Terminal) -> None:
    closed = at.folder / "closed"
    closed.mkdir(mode=0o500)
    typed = at.types("run", "in.csv", "-o", "closed/out.csv")
    assert (typed.status, list(closed.iterdir())) == (2, [])
    assert "cannot be written to: Permission denied" in typed.err


def test_a_file_that_fails_while_it_is_read_is_told(at: Terminal) -> None:
    typed = at.types("run", "/proc/self/mem", "-o", "out.csv")
    assert (typed.status, typed.err) == (3, "error system-error: Input/output error.\n")
    assert names(at) == set()


def test_a_job_that_ends_in_error_leaves_the_old_output_alone(at: Terminal) -> None:
    at.write("select.yaml", "steps:\n  - step: select\n    columns: [nme]\n")
    at.write("out.csv", "old")
    typed = at.types("run", "in.csv", "-p", "select.yaml", "-o", "out.csv", "--report", "report.json")
    assert typed.status == 1
    assert typed.err.splitlines()[1:] == [
        "      unknown-column: Step 1 (select) names the column 'nme', which is not there.",
        "      Did you mean 'name'?",
    ]
    assert at.read("out.csv") == "old"
    assert '"code":"unknown-column"' in at.read("report.json")


def test_a_misspelt_setting_is_told(at: Terminal) -> None:
    typed = at.types("run", "in.csv", "-o", "out.csv", CSVJOBS_JOB_MEMRY=1)
    assert (typed.status, names(at)) == (3, set())
    assert typed.err.startswith("error bad-setup: Unknown setting CSVJOBS_JOB_MEMRY.\n")
    assert "Did you mean CSVJOBS_JOB_MEMORY?" in typed.err


def test_too_small_a_disk_is_told_before_any_work(at: Terminal) -> None:
    typed = at.types("run", "in.csv", "-o", "out.csv", CSVJOBS_MIN_FREE_BYTES=10**18)
    assert (typed.status, names(at)) == (3, set())
    assert typed.err.startswith("error disk-full: ")


def test_a_full_disk_behind_stdout_is_told(at: Terminal) -> None:
    with Path("/dev/full").open("wb") as full:
        typed = at.types("run", "in.csv", "-o", "-", stdout=full.fileno())
    assert (typed.status, typed.err) == (3, "error system-error: No space left on device.\n")


def no_larger_files_than(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("room", [98 * 1024, 1024**2])
def test_no_room_for_the_input_is_told(at: Terminal, room: int) -> None:
    """Not even when a part of what is written last finds room, and all else would look well."""
    at.write("big.csv", "a,b\n" + "1,2\n" * (room // 2))
    typed = at.ended(
        at.starts("run", "big.csv", "-o", "out.csv", preexec_fn=lambda: no_larger_files_than(room))
    )
    assert typed.status == 3
    assert typed.err.startswith("error disk-full: The upload cannot be kept: File too large.\n")
    assert names(at) == {"big.csv"}


def test_no_room_for_the_output_is_told(at: Terminal) -> None:
    at.write("big.csv", "a,b\n" + "1,\n" * 100_000)
    wider = "steps: [{step: fill_missing, columns: [b], with: constant, value: something longer}]"
    asked = ("run", "big.csv", "-p", wider, "-o", "out.csv")
    typed = at.ended(at.starts(*asked, preexec_fn=lambda: no_larger_files_than(1024**2)))
    assert typed.status == 1
    assert "File too large" in typed.err
    assert names(at) == {"big.csv"}


def test_what_replaces_a_file_may_be_read_by_the_same(at: Terminal) -> None:
    at.write("out.csv", "old")
    (at.folder / "out.csv").chmod(0o600)
    assert at.types("run", "in.csv", "-o", "out.csv").status == 0
    assert stat.S_IMODE((at.folder / "out.csv").stat().st_mode) == 0o600
    assert at.read("out.csv") != "old"


def test_rejected_rows_of_an_earlier_run_are_told_apart(at: Terminal) -> None:
    at.write("ragged.csv", "a,b\n1,2\n3\n")
    at.types("run", "ragged.csv", "-o", "out.csv")
    before = at.read("out.rejected.csv")
    typed = at.types("run", "in.csv", "-o", "out.csv")
    assert "out.rejected.csv is from an earlier run: this one has no rejected rows." in typed.err
    assert at.read("out.rejected.csv") == before


def sleeps(pid: int) -> bool:
    """Whether the process waits for something to come."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_while_it_reads_leaves_nothing(at: Terminal, number: int, status: int) -> None:
    os.mkfifo(at.folder / "slow.csv")
    running = at.starts("run", "slow.csv", "-o", "out.csv")
    with (at.folder / "slow.csv").open("wb"):
        eventually(lambda: sleeps(running.pid))
        running.send_signal(number)
        typed = at.ended(running)
    assert (typed.status, names(at)) == (status, {"slow.csv"})


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_it_writes_leaves_the_old_output(at: Terminal, number: int, status: int) -> None:
    at.write("big.csv", "n,text\n" + "12.5,some words in a cell\n" * 2_000_000)
    at.write("out.csv", "old")
    scale = '{"steps": [{"step": "scale", "columns": ["n"], "method": "standard"}]}'
    running = at.starts("run", "big.csv", "-p", scale, "-o", "out.csv")
    eventually(lambda: list(at.folder.glob(".csvjobs-*/.scratch/*/output.csv")))
    running.send_signal(number)
    typed = at.ended(running)
    assert (typed.status, at.read("out.csv")) == (status, "old")
    assert typed.err in ("", "      Interrupted.\n")
    assert names(at) == {"big.csv", "out.csv"}


INTERRUPTED = """
import sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == "csvjobs.cli":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from csvjobs.__main__ import main
main()
"""


def test_an_interrupt_while_it_starts_is_told_as_a_later_one() -> None:
    ended = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, b"      Interrupted.\n")


def test_what_the_encoding_of_the_terminal_lacks_is_written_as_its_code(at: Terminal) -> None:
    at.write("snow.csv", "\u2603,b\n1,2\n")
    typed = at.ended(at.starts("inspect", "snow.csv", PYTHONIOENCODING="ascii"))
    assert typed.status == 0
    assert "\\u2603" in typed.out


def test_where_there_is_no_standard_output_nothing_is_begun(at: Terminal) -> None:
    running = at.starts("run", "in.csv", "-o", "-", stdout=None, preexec_fn=lambda: os.close(1))
    typed = at.ended(running)
    assert typed.status == 2
    assert "standard output is closed" in typed.err


@pytest.mark.parametrize(("number", "file", "status"), [(0, "-", 2), (2, "in.csv", 0)])
def test_a_standard_stream_that_is_closed_is_empty(at: Terminal, number: int, file: str, status: int) -> None:
    pipes = {("stdin", "stdout", "stderr")[number]: None}
    running = at.starts("run", file, "-o", "out.csv", preexec_fn=lambda: os.close(number), **pipes)
    typed = at.ended(running)
    assert typed.status == status
    assert ("empty-upload" in typed.err) is (file == "-")
    assert (at.folder / "out.csv").exists() is (status == 0)


def test_a_reader_that_goes_away_is_no_fault(at: Terminal) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    typed = at.types("run", "in.csv", "-o", "-", stdout=writer)
    os.close(writer)
    assert "error" not in typed.err
