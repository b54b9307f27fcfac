"""Kills an act before and after each change that it makes to the folders, until it runs to its end.

python -m faults.kill_points <act> <folder>

A kill point is a moment just before Python changes anything under the folder: opens a file to write, makes,
renames, links or removes one. Python's audit events (PEP 578) report them all, so that none can be forgotten
here. After each kill another process recovers, and the folders are checked. The last line gives the number
of kill points.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from invariants import check

from csvjobs import wiring
from csvjobs.errors import JobNotFound
from csvjobs.flow.apply import Processing
from csvjobs.flow.cancel import cancel
from csvjobs.flow.delete import delete
from csvjobs.flow.process import process
from csvjobs.flow.reconcile import Reconciler
from csvjobs.flow.services import Services
from csvjobs.flow.submit import Incoming
from csvjobs.settings import Settings

FILL = "steps: [{step: scale, columns: [age], method: minmax}, {step: one_hot, columns: [city]}]"
ROWS = b"name,age,city\nAda,36,London\nAlan,41,Wilmslow\nodd\n"
CHANGES = {"os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
LATER = 3 * 3600


def services(root: Path) -> Services:
    return wiring.local(Settings(jobs_dir=root, pipelines_dir=root / "none", min_free_bytes=0), root)


def submitted(root: Path, pipeline: str = FILL) -> str:
    incoming = Incoming(services(root))
    incoming.write(ROWS)
    return incoming.submit("people.csv", Processing(pipeline)).job_id


def ran(root: Path, pipeline: str = FILL) -> str:
    job_id = submitted(root, pipeline)
    process(services(root), job_id)
    return job_id


# What is done, to which job of an earlier, unharmed act, and how that may end when it was killed at it.

ACTS: dict[str, tuple[Callable[[Path], str], Callable[[Path, str], object], set[str]]] = {
    "submit": (lambda root: "", lambda root, _: submitted(root), {"done"}),
    "run": (submitted, lambda root, job_id: process(services(root), job_id), {"done"}),
    "fail": (
        lambda root: submitted(root, "steps: [{step: drop, columns: [height]}]"),
        lambda root, job_id: process(services(root), job_id),
        {"error"},
    ),
    "cancel": (submitted, lambda root, job_id: cancel(services(root), job_id), {"done", "cancelled"}),
    "delete": (ran, lambda root, job_id: delete(services(root), job_id), {"done"}),
    "delete a waiting job": (
        submitted,
        lambda root, job_id: delete(services(root), job_id),
        {"done", "cancelled"},
    ),
}


def mortal(work: Callable[[], object], root: Path, point: int) -> bool:
    """Does the work in a process of its own that is killed at that point; whether it got through."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert killed or status == 0, f"status {status} at point {point}"
        return not killed
    left, prefix = point, str(root)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        changes = event in CHANGES or (event == "open" and (arguments[2] or 0) & WRITING)
        if changes and str(arguments[0]).startswith(prefix):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    work()
    os._exit(0)


def recover(root: Path) -> None:
    """What the service does by itself in time: sweep, reconcile, run what is left."""
    ours = services(root)
    ours.storage.sweep(time.time() + LATER)
    reconciler = Reconciler(ours)
    for _ in range(20):
        reconciler.once()
        while job_id := ours.queue.take():  # type: ignore[attr-defined]
            with suppress(JobNotFound):
                process(ours, job_id)
            ours.queue.withdraw(job_id)
    ours.storage.sweep(time.time() + LATER)
    os._exit(0)


def outputs(root: Path, report: dict[str, Any]) -> dict[str, bytes]:
    return {
        name: (root / report["job_id"] / name).read_bytes() for name in report["files"] if name != "error.txt"
    }


def judge(root: Path, job_id: str, allowed: set[str], same: dict[str, bytes]) -> None:
    """job_id: that was acknowledged before; an act that makes one may have made one, or none."""
    jobs = [path.name for path in root.iterdir() if not path.name.startswith(".")]
    assert len(jobs) <= 1
    assert not job_id or jobs in ([job_id], [])
    for report in check(root, jobs):
        assert report["status"] in allowed, report
        if report["status"] == "done":
            assert outputs(root, report) == same


def main() -> None:
    act, folder = sys.argv[1], Path(sys.argv[2])
    prepare, work, allowed = ACTS[act]
    undisturbed = folder / "undisturbed"
    with_all = os.fork()
    if not with_all:
        ran(undisturbed)
        os._exit(0)
    os.waitpid(with_all, 0)
    [report] = check(undisturbed, [path.name for path in undisturbed.iterdir() if path.name[0] != "."])
    same, point, through = outputs(undisturbed, report), 0, False
    while not through:
        point += 1
        root = folder / str(point)
        root.mkdir()
        job_id = _in_a_process(lambda root=root: prepare(root))
        through = mortal(lambda root=root, job_id=job_id: work(root, job_id), root, point)
        _in_a_process(lambda root=root: recover(root))
        judge(root, job_id, allowed, same)
    print(json.dumps({"points": point - 1}))


def _in_a_process(work: Callable[[], object]) -> str:
    """What it returns. This process only forks: one that has used DuckDB has threads, and must not."""
    reading, writing = os.pipe()
    if child := os.fork():
        os.close(writing)
        with os.fdopen(reading) as told:
            answer = told.read()
        _, status = os.waitpid(child, 0)
        assert status == 0
        return answer
    os.write(writing, str(work() or "").encode())
    os._exit(0)


if __name__ == "__main__":
    main()
