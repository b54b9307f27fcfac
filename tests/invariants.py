"""Invariants of the folders once no process runs any more, whatever was killed before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FINAL = {"done", "error", "cancelled"}
EVER = {"job.json", "report.json", "input.csv", "lock", "attempts", "applied.json"}
EMPTY = (".incoming", ".scratch", ".trash", ".pending")


def check(root: Path, acknowledged: Iterable[str]) -> list[dict[str, Any]]:
    """The reports of all jobs that were acknowledged, oldest first.

    Each has ended, once; its files are those of its report, whole, and no others; nothing is left of anything
    else.
    """
    jobs = sorted(acknowledged)
    assert sorted(path.name for path in root.iterdir() if not path.name.startswith(".")) == jobs
    assert not {left for name in EMPTY for left in _names(root / name)}
    return [_report(root / job_id) for job_id in jobs]


def _report(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    assert report["job_id"] == folder.name
    assert report["status"] in FINAL
    assert (report["status"] == "error") == ("error" in report)
    assert report["created_at"] <= report.get("started_at", report["finished_at"]) <= report["finished_at"]
    files = report["files"]
    assert (report["status"] == "done") == any(name.startswith("output.") for name in files)
    assert _names(folder) - EVER == set(files)
    for name, info in files.items():
        content = (folder / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (info["bytes"], info["sha256"])
    return report


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
