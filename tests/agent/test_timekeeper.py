"""UTC of one boot: learned once, slewed a little, never stepped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.timekeeper import LEAP_MS, SLEW, Moved, Skew, Timekeeper

YEAR_MS = 365 * 86_400_000


def test_before_anybody_knows_the_wall_clock_of_the_start_counts():
    keeper = Timekeeper(0, 1_000)
    assert keeper.origin_ms is None
    assert keeper.utc_ms(500) == 1_500


def test_the_first_word_is_believed_at_once_however_far_it_is():
    keeper = Timekeeper(0, 0)
    assert keeper.learn(60_000, 50 * YEAR_MS) is False
    assert keeper.origin_ms == 50 * YEAR_MS
    assert keeper.utc_ms(60_000) == 50 * YEAR_MS + 60_000
    assert keeper.utc_ms(10) == 50 * YEAR_MS + 10, "an instant before it, too"


def test_what_was_given_out_before_is_mended_by_one_shift():
    keeper = Timekeeper(1_000, 5_000)
    assert keeper.moved is None
    keeper.learn(60_000, YEAR_MS)
    assert keeper.moved == Moved(6_000, 65_000, YEAR_MS - 5_000)
    assert keeper.moved.true_ms(7_000) == YEAR_MS + 2_000
    assert keeper.moved.true_ms(65_001) == 65_001, "none of ours"
    assert keeper.moved.true_ms(5_999) == 5_999


def test_a_clock_that_was_right_moves_nothing():
    keeper = Timekeeper(1_000, 5_000)
    keeper.learn(1_000, 5_000)
    assert keeper.moved is None


@pytest.mark.parametrize("difference_ms", [-60_000, -1, 1, 400, 60_000])
def test_a_small_difference_is_slewed(difference_ms):
    keeper = Timekeeper(0, 0)
    keeper.learn(0, 1_000_000)
    keeper.learn(1_000, 1_000_000 + difference_ms)
    assert keeper.utc_ms(1_000) == 1_001_000, "nothing steps"
    over_ms = round(abs(difference_ms) / SLEW)
    half = keeper.offset_ms(1_000 + over_ms // 2) - 1_000_000
    assert half == pytest.approx(difference_ms / 2, abs=1)
    assert keeper.offset_ms(1_000 + over_ms + 1) == 1_000_000 + difference_ms
    assert keeper.origin_ms == 1_000_000, "what the boot's first readings are mended with stays"


@pytest.mark.parametrize("leap_ms", [-86_400_000, 86_400_000, -10 * YEAR_MS, 10 * YEAR_MS, LEAP_MS + 1])
def test_a_leap_is_told_once_and_not_followed(leap_ms):
    keeper = Timekeeper(0, 0)
    keeper.learn(0, 0)
    assert keeper.learn(1_000, leap_ms) is True
    assert keeper.leap_ms == leap_ms
    assert keeper.learn(2_000, leap_ms) is False, "not news any more"
    assert keeper.utc_ms(3_600_000) == 3_600_000
    keeper.learn(3_600_000, 0)
    assert keeper.leap_ms == 0


@given(st.lists(st.tuples(st.integers(1, 10_000), st.floats(-2 * YEAR_MS, 2 * YEAR_MS)), max_size=40))
def test_utc_never_goes_back_whatever_the_source_says(words):
    keeper = Timekeeper(0, 0)
    keeper.learn(0, 0)
    now_ms, last_ms = 0, keeper.utc_ms(0)
    for step_ms, offset_ms in words:
        now_ms += step_ms
        assert keeper.utc_ms(now_ms) >= last_ms
        keeper.learn(now_ms, offset_ms)
        last_ms = keeper.utc_ms(now_ms)


@pytest.mark.parametrize("ppm", [-500, -20, 500])
def test_the_skew_of_a_drifting_clock_is_seen(ppm):
    skew = Skew()
    for second in range(15):
        skew.note(second * 1_000, second * ppm / 1_000, measured=True)
    assert skew.ppm() == pytest.approx(ppm, rel=0.01)


def test_a_step_is_no_skew():
    skew = Skew()
    for second in range(20):
        skew.note(second * 1_000, 0.0 if second < 10 else 86_400_000.0, measured=False)
    assert skew.ppm() is None
    for second in range(20, 40):
        skew.note(second * 1_000, 86_400_000.0, measured=False)
    assert skew.ppm() == 0
