"""Timers of rules are the monotonic clock's: a wall clock that leaps neither raises, nor clears, nor holds up anything."""

import pytest

from agent.timekeeper import Moved

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
RULE = (
    "id: X-01, scope: {kind: battery}, when: soc_pct > 50, clear: soc_pct < 47, for: 60s, clear_for: 60s, "
    "max_gap: 30s, severity: medium"
)
AT_ONCE = "id: X-01, scope: {kind: battery}, when: soc_pct > 50, for: 0s, clear_for: 0s, severity: high"


@pytest.fixture
def at_once(make, rules, dev):
    return make(rules(AT_ONCE), (dev("bat-1", "battery", "soc_pct"),))


@pytest.mark.parametrize("leap_ms", [DAY_MS, -DAY_MS, 10 * YEAR_MS, -10 * YEAR_MS])
def test_a_leap_while_a_timer_runs_changes_nothing(make, rules, dev, leap_ms):
    def phases(leap_ms):
        site = make(rules(RULE), (dev("bat-1", "battery", "soc_pct"),))
        before = site.play("bat-1", "soc_pct", *[51.0] * 4)
        site.ts_ms += leap_ms
        site.tick()
        raised = site.play("bat-1", "soc_pct", *[51.0] * 4, *[46.0] * 4)
        site.ts_ms -= leap_ms
        site.tick()
        return before, raised, site.play("bat-1", "soc_pct", *[46.0] * 4)

    told = phases(leap_ms)
    assert told == phases(0)
    assert " ".join(told).split().index("active") == 6, "after 60 s, with a frame each 10 s"


def test_when_the_time_becomes_known_alerts_and_shelves_get_their_true_times(at_once) -> None:
    at_once.frame("bat-1", {"soc_pct": 60.0})
    since_ms, year_ms = at_once.ts_ms, 365 * 86_400_000
    until_ms = since_ms + 3_600_000
    at_once.take(at_once.engine.shelve("alert-1", "zhang", until_ms, "known", since_ms))
    at_once.take(at_once.engine.acknowledge("alert-1", "zhang", since_ms))
    moved = Moved(since_ms - 60_000, since_ms + 60_000, year_ms)
    at_once.take(at_once.engine.on_tick(at_once.mono_ms, since_ms + year_ms, moved))
    (alert,) = at_once.engine.open_alerts()
    assert (alert.since_ms, alert.acknowledged.at_ms) == (since_ms + year_ms, since_ms + year_ms)
    assert (alert.suppressed.by, alert.suppressed.until_ms) == ("shelved", until_ms + year_ms)
    assert at_once.told[-1] == alert, "and everybody is told"
    at_once.take(at_once.engine.on_tick(at_once.mono_ms, since_ms + year_ms, moved))
    assert at_once.engine.open_alerts() == (alert,), "once"
