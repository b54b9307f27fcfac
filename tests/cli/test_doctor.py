"""csvjobs doctor: reports what is wrong, where, and how to fix it."""

from __future__ import annotations

import socket

import pytest
from chaos import free_port
from served import Served
from terminal import Terminal, Typed

from csvjobs.storage.local import LocalStorage

CHECKS = ["settings", "python", "engine", "jobs", "queue", "port", "pipelines"]


@pytest.fixture
def at(terminal: Terminal) -> Terminal:
    (terminal.folder / "pipelines").mkdir()
    terminal.write("pipelines/mine.yaml", "steps: [{step: trim}]\n")
    return terminal


def examined(at: Terminal, **variables: object) -> Typed:
    return at.types("doctor", **{"CSVJOBS_PORT": free_port(), **variables})


def wrong(typed: Typed) -> list[str]:
    """What doctor found wrong; every other check must have gone well."""
    assert typed.err == ""
    lines = [line for line in typed.out.splitlines() if not line.startswith(" ")]
    assert [line.split()[1] for line in lines] == CHECKS
    bad = [line for line in lines if not line.startswith("ok ")]
    assert typed.status == (3 if bad else 0)
    return bad


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CSVJOBS_MASK_KEY", "a-secret-short"), ("REDIS_URL", "redis://:a-secret@host:port/0")],
)
def test_what_is_secret_is_not_told(terminal: Terminal, variable: str, value: str) -> None:
    typed = terminal.types("doctor", **{variable: value})
    assert typed.status == 3
    assert variable in typed.out
    assert "a-secret" not in typed.out + typed.err


def test_a_good_setup_is_well(at: Terminal) -> None:
    typed = examined(at)
    assert wrong(typed) == []
    assert f"{at.folder / 'jobs'} (not there yet), " in typed.out
    assert "embedded: Valkey" in typed.out
    assert "2 in pipelines" in typed.out
    assert not (at.folder / "jobs").exists()
    (at.folder / "jobs").mkdir()
    assert f"{at.folder / 'jobs'}, " in examined(at).out


def test_a_redis_that_is_away_is_wrong(at: Terminal) -> None:
    [line] = wrong(examined(at, REDIS_URL="redis://127.0.0.1:1/0"))
    assert line.split()[:2] == ["WRONG", "queue"]


def test_a_jobs_folder_that_cannot_be_made_is_wrong(at: Terminal) -> None:
    at.write("file", "")
    [line] = wrong(examined(at, CSVJOBS_JOBS_DIR="file"))
    assert line.startswith("WRONG  jobs       The jobs folder file cannot be written to: ")


def test_a_jobs_folder_that_may_not_be_written_to_is_wrong(at: Terminal) -> None:
    LocalStorage(at.folder / "jobs")
    (at.folder / "jobs").chmod(0o500)
    [line] = wrong(examined(at))
    (at.folder / "jobs").chmod(0o700)
    assert line == "WRONG  jobs       The jobs folder jobs cannot be written to: Permission denied."


def test_a_disk_that_is_full_is_wrong(at: Terminal) -> None:
    [line] = wrong(examined(at, CSVJOBS_MIN_FREE_BYTES=10**18))
    assert line.startswith("WRONG  jobs       Only ")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CSVJOBS_WORKER", "2"),
        ("REDIS_URL", "localhost"),
        ("CSVJOBS_PORT", "0"),
        ("CSVJOBS_HOST", "[::1]"),
        ("CSVJOBS_MASK_KEY", "short"),
        ("CSVJOBS_JOB_MEMORY", "99999999999999999999"),
        ("CSVJOBS_DRAIN", "soon"),
        ("CSVJOBS_RETENTION", "0"),
        ("CSVJOBS_RETENTION", "36501d"),
        ("CSVJOBS_PIPELINES_DIR", __file__),
        ("CSVJOBS_ALLOWED_HOSTS", "https://csv.example.org"),
        ("CSVJOBS_ALLOWED_HOSTS", "csv.example.org, csv.example.org:8000"),
    ],
)
def test_a_wrong_setting_is_named(at: Terminal, variable: str, value: str) -> None:
    typed = at.types("doctor", **{variable: value})
    first = typed.out.splitlines()[0]
    assert (typed.status, first.split()[:2]) == (3, ["WRONG", "settings"])
    assert variable in first


def test_an_empty_setting_is_not_set(at: Terminal) -> None:
    typed = examined(at, CSVJOBS_HOST="", CSVJOBS_JOBS_DIR="", CSVJOBS_JOB_TIMEOUT="1h", CSVJOBS_DRAIN="0")
    assert wrong(typed) == []
    assert "ok     settings   CSVJOBS_DRAIN, CSVJOBS_JOB_TIMEOUT" in typed.out
    assert "127.0.0.1:" in typed.out


@pytest.mark.parametrize(
    ("misspelt", "hint"),
    [
        ("CSVJOBS_WORKER", "Did you mean CSVJOBS_WORKERS?"),
        ("CSVJOBS_REDIS_URL", "Did you mean REDIS_URL?"),
        ("CSVJOBS_MAX_UPLOAD", "Did you mean CSVJOBS_MAX_UPLOAD_BYTES?"),
        ("CSVJOBS_COLOUR", "Known settings: CSVJOBS_ALLOWED_HOSTS, CSVJOBS_DRAIN, CSVJOBS_HOST, "),
    ],
)
def test_a_misspelt_setting_is_told_with_the_nearest_name(at: Terminal, misspelt: str, hint: str) -> None:
    assert hint in at.types("doctor", **{misspelt: "2"}).out


@pytest.mark.parametrize("content", [b"steps: [{step: trimm}]\n", b"\xff\xfe"])
def test_a_pipeline_that_is_none_is_named(at: Terminal, content: bytes) -> None:
    at.write("pipelines/broken.yaml", content)
    [line] = wrong(examined(at))
    assert line.startswith("WRONG  pipelines  pipelines/broken.yaml: ")


def test_a_stored_pipeline_that_is_none_is_named_with_its_version(at: Terminal) -> None:
    """As one of a newer csvjobs is, with an option that this one does not have."""
    (at.folder / "pipelines/stored/theirs").mkdir(parents=True)
    at.write("pipelines/stored/theirs/1.json", b'{"steps": []}')
    at.write("pipelines/stored/theirs/2.json", b'{"steps": [], "report": {"newer": false}}')
    [line] = wrong(examined(at))
    assert line.startswith("WRONG  pipelines  theirs@2: ")
    assert "There is no option 'newer'." in line


def test_a_port_that_somebody_has_is_wrong(at: Terminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        other.settimeout(30)
        running = at.starts("doctor", CSVJOBS_PORT=port)
        other.accept()[0].close()
        typed = at.ended(running)
    [line] = wrong(typed)
    assert line == f"WRONG  port       The API cannot listen on 127.0.0.1:{port}: Address already in use."
    assert "Set CSVJOBS_PORT to another port." in typed.out


def test_a_service_that_runs_is_well(at: Terminal, api: Served, redis_url: str) -> None:
    typed = examined(at, CSVJOBS_PORT=api.url.rpartition(":")[2], REDIS_URL=redis_url)
    assert wrong(typed) == []
    assert "the server at REDIS_URL answers" in typed.out
    assert "in use by a running csvjobs" in typed.out
