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
    """Put back into the queue and the list what Redis has lost, from the jobs' folders; say what was done.

    A running service does so by itself, once a second. This is for looking at it, or for a service whose
    reconciler does not run; it may be called beside one, and as often as you like. It takes some seconds: a
    job must be missed several times before it counts as lost.

    Example: `CSVJOBS_JOBS_DIR=/srv/jobs csvjobs reconcile`
    """
    # What is logged is told below.
    logging.getLogger("csvjobs").addHandler(logging.NullHandler())
    # Which workers the service has, this shell's settings do not say: each job waits for those that it asked
    # for, and where there are none the service's own reconciler lets it wait for others.
    settings = load().model_copy(update={"priority_workers": 1})
    reconciler = Reconciler(wiring.services(settings))
    rounds = [reconciler.once()]
    for _ in range(IN_FLIGHT_ROUNDS):
        time.sleep(EVERY)
        rounds.append(reconciler.once())
    for line in _told(rounds):
        typer.echo(line)


def _told(rounds: list[Mended]) -> list[str]:
    """One line for each job that something was done about, and one for all."""
    done = {
        "put back into the queue": [job_id for each in rounds for job_id in each.put_back],
        "put back into the list": [job_id for each in rounds for job_id in each.listed],
        "deleted, its retention is over": [job_id for each in rounds for job_id in each.deleted],
    }
    lines = [f"{job_id} {what}" for what, ids in done.items() for job_id in ids]
    count = len({job_id for ids in done.values() for job_id in ids})
    left = rounds[-1].unfinished
    waiting = "1 job has" if left == 1 else f"{left:,} jobs have"
    return [*lines, f"{waiting} not ended; something was done about {count}."]
