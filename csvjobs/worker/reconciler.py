"""The reconciler's process: apart from the workers, because a worker forks and must have no other thread.

python -m csvjobs.worker.reconciler     the supervisor starts it so
"""

from __future__ import annotations

import logging
import signal
import sys
import time

from csvjobs.errors import QueueUnavailable
from csvjobs.flow.reconcile import Reconciler
from csvjobs.settings import load
from csvjobs.wiring import services
from csvjobs.worker import log as logs

log = logging.getLogger("csvjobs.worker")

EVERY = 1.0


def forever(reconciler: Reconciler) -> None:
    """A round a second, whatever happens; tells once when the queue goes and when it comes back."""
    away = False
    while True:
        try:
            reconciler.once()
            if away:
                log.info("the queue is back")
            away = False
        except QueueUnavailable as error:
            if not away:
                log.warning("%s", error)
            away = True
        except Exception:
            # The next round may find the disk or the folder well again; nobody else would look.
            log.exception("a round of the reconciler failed")
        time.sleep(EVERY)


def main() -> None:
    logs.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    forever(Reconciler(services(load())))


if __name__ == "__main__":
    main()
