"""Run a job: what RQ calls, in a child process of its own, with the job's id and nothing else."""

from __future__ import annotations

import logging

from csvjobs.errors import JobNotFound
from csvjobs.flow.process import process
from csvjobs.settings import load
from csvjobs.wiring import services

log = logging.getLogger(__name__)


def run_job(job_id: str) -> None:
    """Runs the job to its end. Raises: what may go better at another try, which RQ then makes."""
    try:
        process(services(load()), job_id)
    except JobNotFound:
        log.info("job %s is no longer there", job_id)
