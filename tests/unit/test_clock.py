"""The steady clock of retention, when the wall clock jumps."""

from __future__ import annotations

from csvjobs.flow.clock import BELIEVED_AFTER, SteadyClock


class Time:
    """Both clocks of a machine."""

    def __init__(self) -> None:
        self.wall, self.passed = 1e9, 50.0
        self.clock = SteadyClock(lambda: self.wall, lambda: self.passed)

    def pass_by(self, seconds: float) -> float:
        self.wall += seconds
        self.passed += seconds
        return self.clock.now()


def test_undisturbed_it_is_the_wall_clock() -> None:
    time = Time()
    for _ in range(100):
        assert time.pass_by(60) == time.wall


def test_a_jump_forward_and_back_changes_nothing() -> None:
    time = Time()
    time.pass_by(60)
    time.wall += 24 * 3600
    for _ in range(30):
        assert time.pass_by(60) == time.wall - 24 * 3600
    time.wall -= 24 * 3600
    assert time.pass_by(60) == time.wall


def test_a_jump_back_is_believed_at_once() -> None:
    time = Time()
    time.pass_by(60)
    time.wall -= 100
    assert time.pass_by(60) == time.wall


def test_a_jump_forward_that_stands_is_believed_after_an_hour() -> None:
    time = Time()
    time.pass_by(60)
    time.wall += 1000
    assert time.pass_by(BELIEVED_AFTER) == time.wall - 1000
    assert time.pass_by(60) == time.wall


def test_a_machine_that_slept_is_not_taken_for_one_that_was_awake() -> None:
    time = Time()
    time.pass_by(60)
    time.wall += 8 * 3600
    assert time.pass_by(0) == time.wall - 8 * 3600
