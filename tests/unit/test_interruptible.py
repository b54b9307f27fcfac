"""Work beside the main thread ends on a signal, however it arrives."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from types import FrameType

import pytest
from chaos import eventually

from csvjobs.cli.local import interruptible


class Left(Exception):
    pass


def _leave(number: int, frame: FrameType | None) -> None:
    raise Left


def _waits_for_a_future(thread: int) -> bool:
    frames = traceback.extract_stack(sys._current_frames()[thread])
    return any(frame.filename.endswith("concurrent/futures/_base.py") for frame in frames)


def test_a_signal_that_does_not_wake_the_main_thread_ends_the_work() -> None:
    stop, stopped, waiting = threading.Event(), list[bool](), threading.get_ident()

    def work() -> None:
        eventually(lambda: _waits_for_a_future(waiting))
        # The kernel wakes this thread, not the one that waits, as when a signal comes just before the wait.
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        stopped.append(stop.wait(20))

    before = signal.signal(signal.SIGUSR1, _leave)
    try:
        with pytest.raises(Left):
            interruptible(work, stop.set)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert stopped == [True]
