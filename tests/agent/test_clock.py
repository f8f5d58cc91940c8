"""Two kinds of time, never mixed; UTC is the monotonic clock's, and who vouches for it is a source's business."""

import pytest

from agent.clock import ManualClock, SystemClock
from agent.time_source import AlwaysRight, MeasuredTime

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS


class Wall:
    """A wall clock that a test steps: milliseconds ahead of the monotonic one."""

    def __init__(self, ms):
        self.ms = ms

    def __call__(self):
        return self.ms


async def test_sleeping_follows_the_monotonic_clock():
    clock = SystemClock()
    before = clock.monotonic_ms()
    await clock.sleep_until(before + 30)
    assert 30 <= clock.monotonic_ms() - before < 1_000


def test_each_run_is_a_boot_of_its_own():
    assert SystemClock().boot != SystemClock().boot
    assert SystemClock("abc").boot == "abc"


def test_trust_is_the_kernels_word():
    clock = SystemClock()
    assert clock.trusted() == clock.synchronised() == (clock.offset_s() is not None)


def test_a_clock_taken_at_its_word_asks_nobody():
    clock = SystemClock(source=AlwaysRight())
    assert clock.trusted()
    assert clock.offset_s() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("leap_ms", [DAY_MS, -DAY_MS, 10 * YEAR_MS, -10 * YEAR_MS])
def test_a_wall_clock_that_leaps_moves_nothing_and_is_told_of(leap_ms):
    wall = Wall(1_780_000_000_000.0)
    clock = SystemClock(source=AlwaysRight(), wall_ms=wall)
    assert clock.trusted()
    before_ms = clock.utc_ms()
    wall.ms += leap_ms
    assert clock.trusted(), "the monotonic clock keeps the time"
    assert 0 <= clock.utc_ms() - before_ms < 10_000
    assert clock.offset_s() == pytest.approx(leap_ms / 1_000, abs=0.01)


def test_a_leap_before_the_time_is_known_is_not_followed_either():
    wall, source = Wall(0.0), MeasuredTime()
    clock = SystemClock(source=source, wall_ms=wall)
    assert not clock.trusted()
    assert clock.origin_ms is None
    before_ms = clock.utc_ms()
    wall.ms += YEAR_MS
    assert not clock.trusted()
    assert 0 <= clock.utc_ms() - before_ms < 10_000, "so all unsure times of a boot are mended by one shift"


def test_when_the_time_becomes_known_readings_before_and_after_stand_in_their_true_order():
    wall, source = Wall(0.0), MeasuredTime()
    clock = SystemClock(source=source, wall_ms=wall)
    unsure_mono_ms = clock.monotonic_ms()
    assert clock.utc_at(unsure_mono_ms) == unsure_mono_ms, "1970"
    source.note(clock.monotonic_ms(), 1_780_000_000_000.0)
    wall.ms = 1_780_000_000_000.0  # somebody stepped it: the source is asked at once
    assert clock.trusted()
    assert clock.origin_ms == 1_780_000_000_000
    assert unsure_mono_ms + clock.origin_ms <= clock.utc_at(clock.monotonic_ms())


def test_a_source_that_falls_silent_leaves_the_time_known():
    wall = Wall(1_780_000_000_000.0)

    class Fickle:
        knows = True

        def offset_ms(self, _mono_ms, wall_ms):
            return wall_ms if self.knows else None

        def error_s(self):
            return 0.0

    source = Fickle()
    clock = SystemClock(source=source, wall_ms=wall)
    assert (clock.trusted(), clock.synchronised()) == (True, True)
    source.knows = False
    wall.ms += 1_000  # a step: asked at once
    assert (clock.trusted(), clock.synchronised()) == (True, False)


async def test_a_manual_clock_moves_only_when_moved():
    clock = ManualClock(1_000)
    assert clock.utc_ms() == 1_000
    clock.advance(500)
    await clock.sleep_until(2_000)
    assert (clock.monotonic_ms(), clock.utc_ms()) == (2_000, 3_000)


def test_a_manual_clock_learns_the_time():
    clock = ManualClock(0, trusted=False)
    clock.advance(500)
    assert (clock.origin_ms, clock.utc_ms()) == (None, 500)
    clock.learn(1_780_000_000_000)
    assert (clock.trusted(), clock.utc_ms(), clock.utc_at(0)) == (True, 1_780_000_000_000, 1_779_999_999_500)
