"""Pages with commands are true: who types what they say beside the examples gets what they show."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from chaos import ROOT
from told import agrees, blocks, commands

HOWTO = sorted((ROOT / "docs/howto").glob("*.md"))
PAGES = [*HOWTO, ROOT / "docs/report.md"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder from which the examples and pipelines are seen as from the repository."""
    for name in ("examples", "pipelines"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_is_typed_prints_what_is_told(path: Path, folder: Path) -> None:
    page = path.read_text("utf-8")
    for text in blocks(page, "yaml"):
        name = text.partition("\n")[0].removeprefix("# ")
        (folder / name).write_text(text, "utf-8")
    path_to = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path_to, "COLUMNS": "120"}
    assert commands(page)
    for line, told in commands(page):
        typed = ["bash", "-c", line]
        ran = subprocess.run(typed, cwd=folder, env=env, capture_output=True, text=True, check=True)
        assert agrees(told, ran.stdout + ran.stderr), f"{line}\n{ran.stdout}{ran.stderr}"


def test_every_howto_is_listed() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for path in HOWTO:
        assert f"(docs/howto/{path.name})" in readme, path.name
