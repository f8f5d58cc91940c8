"""An alert that comes and goes too often says so; its rule's own times stay as they are."""

import pytest

from agent.quantity import MINUTE_MS

HOT = "id: X-01, scope: {kind: meter}, when: frequency_hz > 50.5, for: 0s, clear_for: 0s, severity: low"


@pytest.fixture
def village(make, rules, dev):
    return make(rules(HOT), (dev("m-1", "meter", "frequency_hz", period_ms=1_000),))


def wave(village, seconds: int) -> None:
    """1 Hz around the limit."""
    for second in range(seconds):
        village.wait(1_000)
        village.frame("m-1", {"frequency_hz": 51.0 if second % 2 == 0 else 50.0})


def raised(village) -> list[bool]:
    """Of each episode in order: whether it chattered as it began."""
    return list({alert.id: alert.chattering for alert in reversed(village.told)}.values())[::-1]


def test_it_says_so_with_the_third_change_in_a_minute(village) -> None:
    wave(village, 3)
    assert raised(village) == [False, True]
    (alert,) = village.engine.open_alerts()
    assert alert.document()["chattering"] is True


def test_each_time_is_still_an_alert_of_its_own(village) -> None:
    wave(village, 60)
    assert len(raised(village)) == 30


def test_after_a_minute_of_rest_it_has_a_clean_sheet(village) -> None:
    wave(village, 10)
    village.wait(2 * MINUTE_MS)
    village.frame("m-1", {"frequency_hz": 51.0})
    assert raised(village)[-1] is False


def test_three_times_in_an_hour_is_no_chatter(village) -> None:
    for _ in range(3):
        for hz in (51.0, 50.0):
            village.frame("m-1", {"frequency_hz": hz})
            village.wait(10 * MINUTE_MS)
    assert raised(village) == [False, False, False]


def test_noise_around_the_limit_within_the_band_is_one_alert(make, rules, dev) -> None:
    banded = "id: X-01, scope: {kind: meter}, when: frequency_hz > 50.5, clear: frequency_hz < 50.3, for: 0s, clear_for: 0s, severity: low"
    village = make(rules(banded), (dev("m-1", "meter", "frequency_hz", period_ms=1_000),))
    for second in range(3_600):
        village.wait(1_000)
        village.frame("m-1", {"frequency_hz": 50.5 + (0.1 if second % 2 else -0.1)})
    assert raised(village) == [False]
