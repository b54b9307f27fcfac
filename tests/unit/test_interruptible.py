"""Work beside the main thread ends on a signal, however it arrives."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from csvjobs.cli.local import LOOK_EVERY, interruptible


class Left(Exception):
    pass


def _leave(number: int, frame: FrameType | None) -> None:
    raise Left


@pytest.fixture(autouse=True)
def leaving() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, _leave)
    yield
    assert signal.signal(signal.SIGTERM, before) is _leave


def to_this_thread() -> None:
    """The kernel does not wake the main thread, as when a signal comes just before that waits."""
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)


def to_the_process() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def twice() -> None:
    """Somebody is impatient: the second comes while the work is being stopped."""
    to_the_process()
    time.sleep(3 * LOOK_EVERY)
    to_the_process()


@pytest.mark.parametrize("send", [to_this_thread, to_the_process, twice])
def test_a_signal_ends_the_work_and_is_handled_after_it(send: Callable[[], None]) -> None:
    stop, ended = threading.Event(), list[bool]()

    def work() -> None:
        send()
        stopped = stop.wait(20)
        time.sleep(LOOK_EVERY)
        ended.append(stopped)

    with pytest.raises(Left):
        interruptible(work, stop.set)
    assert ended == [True]


def test_without_a_signal_there_is_a_result_and_no_stop() -> None:
    stop = threading.Event()
    assert interruptible(lambda: 42, stop.set) == 42
    assert not stop.is_set()


def test_what_the_work_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        interruptible(lambda: 1 // 0, lambda: None)
