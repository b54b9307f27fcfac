"""The README is true: its commands are run in a copy of the repository, and print what it says."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from chaos import ROOT, eventually, free_port
from told import JOB_ID, agrees, anchors, blocks, commands, links

from csvjobs.pipelines.spec import parse

README = (ROOT / "README.md").read_text("utf-8")


def not_source(folder: str, names: list[str]) -> set[str]:
    """What is made here and not kept: hidden folders, jobs, data of benchmarks."""
    made = {"jobs"} if Path(folder) == ROOT else {"data"} if Path(folder) == ROOT / "bench" else set()
    return {name for name in names if name.startswith(".") or name == "__pycache__" or name in made}


class Reader:
    """Somebody who types what the README says, in a copy of the repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"127.0.0.1:{free_port()}"
        paths = [str(folder / ".venv-run/bin"), os.environ["PATH"]]
        self.env = {**os.environ, "PATH": os.pathsep.join(paths), "CSVJOBS_PORT": self.address[10:]}
        self.job_id = ""

    def starts(self, line: str) -> subprocess.Popen[bytes]:
        out = (self.folder / "up.txt").open("wb")
        with out:
            return subprocess.Popen(
                line.split(), cwd=self.folder, env=self.env, stdout=out, stderr=out, start_new_session=True
            )

    def types(self, line: str) -> str:
        """What the command prints; one that names a job is typed when that has ended."""
        if JOB_ID.search(line):
            eventually(self._ended)
        line = JOB_ID.sub(self.job_id, line.replace("127.0.0.1:8000", self.address)).replace(
            "curl ", "curl -s "
        )
        ran = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=self.env, capture_output=True, text=True, check=True
        )
        printed = ran.stdout + ran.stderr
        if not self.job_id and (found := JOB_ID.search(printed)):
            self.job_id = found[0]
        return printed

    def _ended(self) -> bool:
        answer = httpx.get(f"http://{self.address}/jobs/{self.job_id}").json()
        return bool(answer["status"] == "done")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader for whom the first command has been typed: it installs everything anew."""
    folder = tmp_path_factory.mktemp("readme") / "csvjobs"
    shutil.copytree(ROOT, folder, ignore=not_source)
    reader = Reader(folder)
    first = commands(README)[0]
    up = reader.starts(first.line)
    told = first.prints.replace("127.0.0.1:8000", reader.address)
    try:
        eventually(lambda: "try:" in (folder / "up.txt").read_text() or up.poll() is not None, within=300)
        printed = (folder / "up.txt").read_text()
        assert up.poll() is None, printed
        assert agrees(told, printed), printed
        yield reader
        # As Ctrl-C in a terminal does, to all that run there.
        os.killpg(up.pid, signal.SIGINT)
        up.wait(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(up.pid, signal.SIGKILL)
        up.wait()


def test_the_commands_print_what_is_told(reader: Reader) -> None:
    for line, told in commands(README)[1:]:
        printed = reader.types(line)
        assert agrees(told, printed), f"{line}\n{printed}"


def test_the_python_example_runs(reader: Reader) -> None:
    [code] = blocks(README, "python")
    python = reader.folder / ".venv-run/bin/python"
    code = code.replace("127.0.0.1:8000", reader.address)
    subprocess.run([python, "-c", code], cwd=reader.folder, check=True)
    assert len((reader.folder / "iris-scaled.csv").read_text().splitlines()) == 151


def test_the_pipeline_example_is_one() -> None:
    for text in blocks(README, "yaml"):
        assert parse(text).name == "salaries"


LINKING = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]


@pytest.mark.parametrize("path", LINKING, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    for target, anchor in links(path.read_text("utf-8")):
        page = path.parent / target if target else path
        assert page.exists(), target
        assert not anchor or anchor in anchors(page.read_text("utf-8")), f"{target}#{anchor}"


def test_every_folder_of_the_package_is_in_the_map() -> None:
    there = {f"{path.name}/" for path in (ROOT / "csvjobs").iterdir() if (path / "__init__.py").exists()}
    assert there <= set(re.findall(r"\b(\w+/)", README))
