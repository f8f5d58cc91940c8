"""What the alarms asked of people, against sequences whose figures are known."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.quantity import DAY_MS, HOUR_MS, MINUTE_MS
from agent.rules.alarm_load import BIN_MS, Alarm, Span, alarm_load, annunciation, causes, floods

TITLE = {"en": "T", "zh": "题"}


def alarm(
    at_ms: int, rule: str = "X-01", device: str = "m-1", severity: str = "low", **more: object
) -> Alarm:
    return Alarm(at_ms, f"a{at_ms}", rule, device, severity, TITLE, **more)


def said(state: str = "active", suppressed: object = None, **more: object) -> dict[str, object]:
    return {"id": "a1", "rule": "X-01", "device": "m-1", "severity": "low", "title": TITLE, "state": state,
            "suppressed": suppressed, **more}  # fmt: skip


def standing(
    name: str, *, since: int = 0, by: str | None = None, parent: str | None = None
) -> dict[str, object]:
    suppressed = None if by is None else {"by": by, "alert": parent, "until": 9, "reason": "r", "person": "p"}
    return said(suppressed=suppressed) | {"id": name, "since": since}


@pytest.mark.parametrize(
    ("minutes", "spans"),
    [
        ([0] * 10, []),
        ([0] * 11, [(0, 10)]),
        ([*range(10), 9], [(9, 16)]),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], []),
        ([*[0] * 11, *[8] * 3, *[17] * 2], [(0, 10)]),
        ([*[0] * 11, *[9] * 5, *[18] * 5], [(0, 28)]),
    ],
    ids=["ten are none", "eleven are", "it ends when fewer than five are left", "one a minute is none",
         "what trickles on is no flood", "it goes on while enough come"],
)  # fmt: skip
def test_a_flood_begins_with_more_than_ten_and_ends_with_fewer_than_five(minutes, spans) -> None:
    found = floods([minute * MINUTE_MS for minute in minutes], HOUR_MS)
    assert found == [Span(a * MINUTE_MS, b * MINUTE_MS) for a, b in spans]


def test_a_flood_that_lasts_ends_now() -> None:
    assert floods([0] * 20, 5 * MINUTE_MS) == [Span(0, 5 * MINUTE_MS)]


@given(st.lists(st.integers(0, 3 * HOUR_MS), max_size=60).map(sorted))
def test_floods_lie_in_order_and_hold_more_than_ten(times) -> None:
    found = floods(times, 4 * HOUR_MS)
    for before, after in pairwise(found):
        assert before.to_ms <= after.from_ms
    for span in found:
        assert sum(span.from_ms - BIN_MS < at <= span.from_ms for at in times) > 10


def test_the_load_of_a_day() -> None:
    alarms = [alarm(n * HOUR_MS) for n in range(20)] + [
        alarm(21 * HOUR_MS, "X-02", "m-2", "high", chattering=True)
    ]
    load = alarm_load(alarms, [], from_ms=0, to_ms=DAY_MS, operators=2)
    assert load["alarms"] == 21
    assert load["per_operator"] == {
        "per_day": 10.5, "per_hour": 0.438, "per_10_min": 0.073, "worst_hour": 1, "worst_10_min": 1
    }  # fmt: skip
    assert load["flood"] == {"minutes": 0, "pct": 0.0, "spans": [], "now": False}
    assert load["priorities"]["low"] == {"alarms": 20, "pct": 95.2}
    assert [(t["rule"], t["alarms"], t["share_pct"]) for t in load["top"]] == [
        ("X-01", 20, 95.2),
        ("X-02", 1, 4.8),
    ]
    assert [(c["rule"], c["device"]) for c in load["chattering"]] == [("X-02", "m-2")]


def test_what_stands_is_told_by_why_it_stands() -> None:
    alerts = [
        standing("old", since=0),
        standing("new", since=2 * DAY_MS - HOUR_MS),
        standing("shelf", by="shelved"),
        standing("child", by="inhibited", parent="old"),
    ]
    load = alarm_load([], alerts, from_ms=DAY_MS, to_ms=2 * DAY_MS)
    assert [alert["id"] for alert in load["stale"]] == ["old"]
    assert (load["standing"], load["suppressed"]) == (2, {"shelved": 1, "inhibited": 1})
    assert [alert["id"] for alert in load["shelved"]] == ["shelf"]


def test_an_alarm_is_what_was_annunciated_first() -> None:
    suppressed = {"by": "inhibited", "alert": "p"}
    assert annunciation([(1, said(suppressed=suppressed)), (5, said()), (9, said("clearing"))]).ts_ms == 5
    assert annunciation([(1, said(suppressed=suppressed)), (5, said("cleared"))]) is None


def test_causes_count_what_they_mute_through_all_levels() -> None:
    alerts = [
        standing("site"),
        standing("bus", by="inhibited", parent="site"),
        *(standing(f"d{n}", by="inhibited", parent="bus") for n in range(5)),
        standing("other"),
        standing("orphan", by="inhibited", parent="gone"),
        standing("quiet", by="maintenance"),
    ]
    assert [(c["alert"], c["alerts"]) for c in causes(alerts)] == [("site", 7), ("other", 1), ("orphan", 1)]
