#!/usr/bin/env python
"""One worker of csvjobs beside one of stock RQ and one of Celery that acknowledges late, by turns.

python bench/queue/compare.py [ROUNDS]      needs the extra `bench`

Jobs per second: of a burst, between the first end and the last. Latency: of jobs one after the other, from
before they are sent until they have ended.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parents[1] / "tests")]

BURST, SINGLE = 100, 20
WITHIN = 300
"""Seconds for a burst: a worker that has died would be waited for without end."""


def main() -> None:
    rounds = int(sys.argv[1]) if sys.argv[1:] else 3
    with tempfile.TemporaryDirectory(prefix="csvjobs-") as folder:
        from chaos import valkey

        with valkey(Path(folder) / "valkey") as url:
            os.environ |= {"QUEUE_BENCH": folder, "QUEUE_BENCH_URL": url}
            os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(HERE.parents[1])])
            (Path(folder) / "1KB.csv").write_text("name,age,city\n" + "Ada Lovelace,42,London\n" * 43)
            for task in ("noop", "copy_kept"):
                _compare(task, rounds)


def _compare(task: str, rounds: int) -> None:
    from contenders import commands, putters

    put, measured = putters(task), {name: [] for name in commands(task)}
    for _ in range(rounds):
        for name, command in commands(task).items():
            with subprocess.Popen(command, cwd=HERE) as worker:
                measured[name].append(_measured(put[name]))
                worker.terminate()
    print(f"{task}, median of {rounds} rounds")
    for name, runs in measured.items():
        rate, latency = (median(values) for values in zip(*runs, strict=True))
        ratios = [ours[0] / its[0] for ours, its in zip(measured["csvjobs"], runs, strict=True)]
        print(
            f"  {name:8} {rate:7.1f} jobs/s, {latency * 1e3:7.1f} ms; "
            f"csvjobs' rate is {median(ratios):.2f} times it ({min(ratios):.2f} to {max(ratios):.2f})"
        )


def _measured(put: object) -> tuple[float, float]:
    """Jobs per second, and seconds of one."""
    from tasks import ENDS

    def ends() -> list[float]:
        return [float(line) for line in ENDS.read_text().splitlines()] if ENDS.exists() else []

    def await_ends(number: int) -> list[float]:
        deadline = time.monotonic() + WITHIN
        while len(found := ends()) < number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(found)} of {number} jobs have ended in {WITHIN} s")
            time.sleep(0.002)
        return found

    def timed() -> float:
        before, began = len(ends()), time.time()
        put()
        return await_ends(before + 1)[-1] - began

    ENDS.unlink(missing_ok=True)
    for _ in range(5):
        timed()
    latency = median(timed() for _ in range(SINGLE))
    before = len(ends())
    for _ in range(BURST):
        put()
    burst = await_ends(before + BURST)[before:]
    return (BURST - 1) / (burst[-1] - burst[0]), latency


if __name__ == "__main__":
    main()
