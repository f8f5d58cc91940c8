"""Planned quiet: what it covers is recorded and not told; what still holds when it ends is told then."""

import pytest

from agent.quantity import HOUR_MS, MINUTE_MS
from agent.rules.facts import ActionRefusedError
from agent.rules.pause import Match, Pause
from agent.timekeeper import Moved

HOT = "id: X-01, scope: {kind: meter}, when: frequency_hz > 50.5, for: 0s, clear_for: 0s, severity: high"
OTHER = (
    "id: X-02, scope: {kind: meter}, when: frequency_hz > 50.5, for: 0s, clear_for: 0s, severity: critical"
)


@pytest.fixture
def village(make, rules, dev):
    return make(
        rules(HOT, OTHER),
        (
            dev("m-1", "meter", "frequency_hz", bus="a", labels={"floor": "1"}),
            dev("m-2", "meter", "frequency_hz", bus="b"),
        ),
    )


ONE = Match(device="m-1")


def pause(village, why="maintenance", *, hours=1.0, match=ONE, keep=(), reason="new fan"):
    until_ms = None if why == "out_of_service" else village.ts_ms + round(hours * HOUR_MS)
    wanted = Pause("p1", why, match, village.ts_ms, until_ms, keep, "zhang", reason)
    return village.take(village.engine.pause(wanted, village.ts_ms))


def hot(village, *meters, hz=51.0):
    for meter in meters:
        village.frame(meter, {"frequency_hz": hz})


def silent(village) -> set[str]:
    return {f"{a.rule}@{a.device}" for a in village.engine.open_alerts() if a.suppressed is not None}


def test_what_is_covered_is_recorded_and_not_told(village) -> None:
    outcome = pause(village)
    assert outcome.pauses[0]["event"] == "begun"
    hot(village, "m-1", "m-2")
    assert silent(village) == {"X-01@m-1", "X-02@m-1"}
    suppressed = next(a for a in village.told if a.device == "m-1").suppressed
    assert (suppressed.by, suppressed.person, suppressed.reason) == ("maintenance", "zhang", "new fan")


@pytest.mark.parametrize(
    ("match", "covered"),
    [
        (Match(), {"X-01@m-1", "X-02@m-1", "X-01@m-2", "X-02@m-2"}),
        (Match(bus="b"), {"X-01@m-2", "X-02@m-2"}),
        (Match(rule="X-02"), {"X-02@m-1", "X-02@m-2"}),
        (Match(device="m-1", rule="X-01"), {"X-01@m-1"}),
        (Match(labels={"floor": "1"}), {"X-01@m-1", "X-02@m-1"}),
        (Match(kind="meter", device="m-2"), {"X-01@m-2", "X-02@m-2"}),
    ],
)
def test_it_covers_what_it_names(village, match, covered) -> None:
    pause(village, match=match)
    hot(village, "m-1", "m-2")
    assert silent(village) == covered


def test_a_rule_that_is_kept_is_told_all_the_same(village) -> None:
    pause(village, keep=("X-02",))
    hot(village, "m-1")
    assert silent(village) == {"X-01@m-1"}


def test_an_alert_that_is_open_already_falls_silent_and_is_told_again_at_the_end(village) -> None:
    hot(village, "m-1")
    assert silent(village) == set()
    pause(village, hours=0.5)
    assert silent(village) == {"X-01@m-1", "X-02@m-1"}
    village.tick(31 * MINUTE_MS)
    assert silent(village) == set()
    assert village.engine.pauses() == ()
    assert village.outcomes[-1].pauses[0]["event"] == "over"


def test_what_was_raised_and_went_meanwhile_was_never_told(village) -> None:
    pause(village)
    hot(village, "m-1")
    hot(village, "m-1", hz=50.0)
    assert all(a.suppressed is not None for a in village.told if a.state != "cleared")
    village.tick(2 * HOUR_MS)
    assert village.engine.open_alerts() == ()


def test_a_person_can_end_it_before_its_time(village) -> None:
    pause(village)
    hot(village, "m-1")
    outcome = village.take(village.engine.end_pause("p1", "li", village.ts_ms))
    assert (outcome.pauses[0]["event"], outcome.pauses[0]["who"]) == ("ended", "li")
    assert silent(village) == set()


def test_it_outlives_a_restart_and_ends_on_time(village) -> None:
    pause(village, hours=2)
    village.restart(away_ms=HOUR_MS, reboot=True)
    hot(village, "m-1")
    assert silent(village) == {"X-01@m-1", "X-02@m-1"}
    village.tick(2 * HOUR_MS)
    assert silent(village) == set()


def test_out_of_service_has_no_end_and_comes_before_everything_else(village) -> None:
    pause(village, "out_of_service")
    village.tick(1_000 * HOUR_MS)
    hot(village, "m-1")
    alert = next(a for a in village.engine.open_alerts() if a.device == "m-1")
    village.take(village.engine.shelve(alert.id, "op", village.ts_ms + HOUR_MS, "later", village.ts_ms))
    assert {a.suppressed.by for a in village.engine.open_alerts() if a.device == "m-1"} == {"out_of_service"}


def test_planned_maintenance_begins_and_ends_by_itself(make, rules, dev) -> None:
    village = make(rules(HOT), (dev("m-1", "meter", "frequency_hz"),))
    start_ms = village.ts_ms + HOUR_MS
    planned = Pause("planned-1", "maintenance", Match(), start_ms, start_ms + HOUR_MS)
    village.plan(planned)
    hot(village, "m-1")
    assert silent(village) == set()
    village.tick(HOUR_MS)
    assert silent(village) == {"X-01@m-1"}
    village.tick(HOUR_MS)
    assert silent(village) == set()
    with pytest.raises(ActionRefusedError, match="stands in the site file"):
        village.engine.end_pause("planned-1", "li", village.ts_ms)


def test_begun_before_the_time_was_known_it_lasts_as_long_as_was_meant(village) -> None:
    pause(village, hours=1)
    by_ms = 1_000 * HOUR_MS
    moved = Moved(village.ts_ms - MINUTE_MS, village.ts_ms + MINUTE_MS, by_ms)
    village.ts_ms += by_ms
    village.take(village.engine.on_tick(village.mono_ms, village.ts_ms, moved))
    hot(village, "m-1")
    assert silent(village) == {"X-01@m-1", "X-02@m-1"}
    village.tick(HOUR_MS)
    assert silent(village) == set()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reason": " "}, "no_reason"),
        ({"hours": -1}, "until_past"),
        ({"hours": 25}, "until_too_far"),
        ({"match": Match(device="m-9")}, "nothing_covered"),
        ({"why": "out_of_service", "match": Match()}, "covers_all"),
    ],
)
def test_what_cannot_be_meant_is_refused(village, change, code) -> None:
    with pytest.raises(ActionRefusedError) as refused:
        pause(village, **change)
    assert refused.value.code == code
    hot(village, "m-1")
    assert silent(village) == set()


def test_maintenance_without_an_end_is_refused(village) -> None:
    with pytest.raises(ActionRefusedError) as refused:
        village.engine.pause(Pause("p", "maintenance", Match(), 0, None, (), "z", "r"), village.ts_ms)
    assert refused.value.code == "no_end"
