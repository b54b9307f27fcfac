"""The reconciler's process: it runs beside the workers, whatever they are doing.

python -m csvjobs.worker.reconciler     started by the supervisor
"""

from __future__ import annotations

import logging
import signal
import sys
import time

from csvjobs.errors import CsvjobsError, QueueUnavailable, StorageUnavailable
from csvjobs.flow.reconcile import Reconciler
from csvjobs.settings import load, well_set_up
from csvjobs.wiring import services
from csvjobs.worker import log as logs

log = logging.getLogger("csvjobs.worker")

EVERY = 1.0
AWAY: dict[type[CsvjobsError], str] = {QueueUnavailable: "the queue", StorageUnavailable: "the jobs folder"}


def forever(reconciler: Reconciler) -> None:
    """Runs a round every second, whatever happens."""
    told = ""
    while True:
        told = attempt(reconciler, told)
        time.sleep(EVERY)


def attempt(reconciler: Reconciler, told: str) -> str:
    """Runs a round; returns the current fault, or "". told: the fault of the previous round, which is not
    logged again while it lasts; its end is logged."""
    try:
        reconciler.once()
    except (QueueUnavailable, StorageUnavailable) as error:
        if told != AWAY[type(error)]:
            log.warning(" ".join(filter(None, (error.message, error.hint))))
        return AWAY[type(error)]
    except Exception as error:
        # The next round may go well; nothing else would check.
        if told != repr(error):
            log.exception("a round of the reconciler failed; it tries again every second")
        return repr(error)
    if told:
        log.info("%s again", f"{told} is there" if told in AWAY.values() else "the reconciler works")
    return ""


def main() -> None:
    logs.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    with well_set_up():
        reconciler = Reconciler(services(load(), make=False))
    forever(reconciler)


if __name__ == "__main__":
    main()
