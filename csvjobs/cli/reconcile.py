"""csvjobs reconcile"""

from __future__ import annotations

import logging
import time

import typer

from csvjobs import wiring
from csvjobs.flow.reconcile import IN_FLIGHT_ROUNDS, Mended, Reconciler
from csvjobs.settings import load

EVERY = 1.0


def reconcile() -> None:
    """Restore from the jobs' folders what Redis has lost of the queue and the job list; print the changes.

    A running service does this by itself, once a second. Use the command to see the changes, or for a
    service whose reconciler does not run; it can run beside one, and any number of times. It takes some
    seconds: a job must be missing several times before it counts as lost.

    Example: `CSVJOBS_JOBS_DIR=/srv/jobs csvjobs reconcile`
    """
    # No log lines: the result is printed below.
    logging.getLogger("csvjobs").addHandler(logging.NullHandler())
    # This shell's settings do not tell which workers the service has, so each job is put into the line it
    # asked for; if that has no workers, the service's own reconciler moves it to another.
    settings = load().model_copy(update={"priority_workers": 1})
    reconciler = Reconciler(wiring.services(settings, make=False))
    rounds = [reconciler.once()]
    while len(rounds) <= IN_FLIGHT_ROUNDS or rounds[-1].more:
        time.sleep(EVERY)
        rounds.append(reconciler.once())
    for line in _told(rounds):
        typer.echo(line)


def _told(rounds: list[Mended]) -> list[str]:
    """One line for each job that was changed, and a summary."""
    done = {
        "put back into the queue": [job_id for each in rounds for job_id in each.put_back],
        "put back into the list": [job_id for each in rounds for job_id in each.listed],
        "deleted, its retention is over": [job_id for each in rounds for job_id in each.deleted],
    }
    lines = [f"{job_id} {what}" for what, ids in done.items() for job_id in ids]
    count = len({job_id for ids in done.values() for job_id in ids})
    left = rounds[-1].unfinished
    waiting = "1 job has" if left == 1 else f"{left:,} jobs have"
    return [*lines, f"{waiting} not ended; jobs changed: {count}."]
