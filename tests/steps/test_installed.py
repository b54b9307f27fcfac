"""Steps of other packages: the example package as installed by pip, in a separate process."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from chaos import ROOT

PACKAGE = ROOT / "examples/step-package"
INPUT = 'id,name\n1,"Lovelace, Ada"\n'
PIPELINE = "steps: [{step: swap_name, columns: [name]}]\n"


def install(folder: Path, entries: str) -> None:
    """What an installer leaves behind: the modules, and what their package says of itself."""
    (folder / "csvjobs_swap_name.py").write_bytes((PACKAGE / "csvjobs_swap_name.py").read_bytes())
    info = folder / "csvjobs_swap_name-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: csvjobs-swap-name\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[csvjobs.steps]\n{entries}\n")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "in.csv").write_text(INPUT)
    (folder / "p.yaml").write_text(PIPELINE)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    command = [sys.executable, "-m", "csvjobs", *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def test_an_installed_step_is_one_like_all_others(tmp_path: Path) -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    [(name, target)] = project["entry-points"]["csvjobs.steps"].items()
    install(tmp_path, f"{name} = {target}")
    ran = run(tmp_path, "run", "in.csv", "-p", "p.yaml", "-o", "-")
    assert ran.stdout == "id,name\n1,Ada Lovelace\n", ran.stderr
    assert "swap_name " in run(tmp_path, "steps").stdout


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ("trim = csvjobs_swap_name:SwapName", "there is a step of that name already"),
        ("other = csvjobs_swap_name:SwapName", "its field 'step' is 'swap_name'"),
        ("swap_name = csvjobs_swap_name:LAST_FIRST", "it is no subclass of csvjobs.pipelines.step.Step"),
        ("swap_name = csvjobs_swap_name:Nobody", "AttributeError"),
        ("swap_name = not_there:SwapName", "ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_taken_is_left_out_and_said(tmp_path: Path, entries: str, reason: str) -> None:
    install(tmp_path, entries)
    ran = run(tmp_path, "run", "in.csv", "-p", "p.yaml", "-o", "-")
    assert "There is no step 'swap_name'" in ran.stderr
    assert reason in ran.stderr
