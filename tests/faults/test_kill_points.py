"""Killed before and after each change to the folders, every act recovers and ends as it should."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from chaos import ROOT
from faults.kill_points import ACTS


@pytest.mark.parametrize("act", ACTS)
def test_there_is_no_moment_at_which_a_kill_loses_anything(act: str, tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    run = subprocess.run(
        [sys.executable, "-m", "faults.kill_points", act, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1])["points"] >= 5
