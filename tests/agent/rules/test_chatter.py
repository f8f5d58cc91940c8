"""An alert that comes and goes is one alert that is said to chatter, not a hundred."""

import pytest

from agent.quantity import HOUR_MS, MINUTE_MS

HOT = "id: X-01, scope: {kind: meter}, when: frequency_hz > 50.5, for: 0s, clear_for: 0s, severity: low"


@pytest.fixture
def village(make, rules, dev):
    return make(rules(HOT), (dev("m-1", "meter", "frequency_hz", period_ms=1_000),))


def wave(village, seconds: int) -> None:
    """1 Hz around the limit."""
    for second in range(seconds):
        village.wait(1_000)
        village.frame("m-1", {"frequency_hz": 51.0 if second % 2 == 0 else 50.0})


def episodes(village) -> set[str]:
    return {alert.id for alert in village.told}


def test_an_hour_of_chatter_is_two_alerts_of_which_one_says_so(village) -> None:
    wave(village, 3_600)
    assert len(episodes(village)) == 2
    (alert,) = village.engine.open_alerts()
    assert alert.chattering
    assert alert.document()["chattering"] is True


def test_it_ends_after_five_quiet_minutes(village) -> None:
    wave(village, 10)
    for _ in range(299):
        village.wait(1_000)
        village.frame("m-1", {"frequency_hz": 50.0})
    assert village.engine.open_alerts()
    for _ in range(3):
        village.wait(1_000)
        village.frame("m-1", {"frequency_hz": 50.0})
    assert village.engine.open_alerts() == ()
    village.wait(HOUR_MS)
    village.frame("m-1", {"frequency_hz": 51.0})
    (alert,) = village.engine.open_alerts()
    assert not alert.chattering, "after the rest it starts with a clean sheet"


def test_three_times_in_an_hour_is_no_chatter(village) -> None:
    for _ in range(3):
        for hz in (51.0, 50.0):
            village.frame("m-1", {"frequency_hz": hz})
            village.wait(10 * MINUTE_MS)
    assert len(episodes(village)) == 3
    assert not any(alert.chattering for alert in village.told)


def test_noise_around_the_limit_within_the_band_is_one_alert(make, rules, dev) -> None:
    banded = "id: X-01, scope: {kind: meter}, when: frequency_hz > 50.5, clear: frequency_hz < 50.3, for: 0s, clear_for: 0s, severity: low"
    village = make(rules(banded), (dev("m-1", "meter", "frequency_hz", period_ms=1_000),))
    for second in range(3_600):
        village.wait(1_000)
        village.frame("m-1", {"frequency_hz": 50.5 + (0.1 if second % 2 else -0.1)})
    assert len(episodes(village)) == 1
    assert not any(alert.chattering for alert in village.told)
