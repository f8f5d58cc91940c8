"""Fences: a quiet watch is passed over only where its condition is known to be false."""

import math
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.reading import Quality
from agent.rules.expression import parse
from agent.rules.fence import Fence, common, fence_of

INF = math.inf


class Points:
    """A scope of one device with the points a, b and the parameter high = 60."""

    def constant(self, name):
        return 60.0 if name == "high" else None

    def cell(self, name):
        return None if name.of_site else ([], "ab".index(name.point))


@pytest.mark.parametrize(
    ("condition", "fence"),
    [
        ("a > 60", Fence(0, -INF, 60.0)),
        ("a >= high", Fence(0, -INF, 60.0)),
        ("a >= high + 5", Fence(0, -INF, 65.0)),
        ("b < 3", Fence(1, 3.0, INF)),
        ("b <= -3", Fence(1, -3.0, INF)),
        ("a > 0 and b < 3", Fence(1, 3.0, INF)),
        ("b < 3 and a > 0", Fence(1, 3.0, INF)),
        ("a > 0 and b < a", Fence(0, -INF, 0.0)),
        ("a > 60 or b < 3", None),
        ("a == 60", None),
        ("a != 60", None),
        ("60 < a", None),
        ("abs(a) > 60", None),
        ("avg(a, '10m') > 60", None),
        ("site.a > 60", None),
        ("not a > 60", None),
        ("a > b", None),
    ],
)
def test_a_fence_stands_around_one_point_and_a_number(condition, fence) -> None:
    assert fence_of(parse(condition), Points()) == fence


def test_the_fence_of_many_is_the_narrowest() -> None:
    assert common([Fence(0, -INF, 60.0), Fence(0, -INF, 55.0), Fence(0, 3.0, INF)]) == Fence(0, 3.0, 55.0)


@pytest.mark.parametrize(
    ("value", "holds"), [(59.9, True), (60.0, False), (61.0, False), (2.9, False), (None, False)]
)
def test_a_fence_holds_only_for_a_value_that_is_known(value, holds) -> None:
    assert Fence(0, 3.0, 60.0).holds([value]) is holds


RULES = (
    "id: X-01, scope: {kind: battery}, when: soc_pct > 50, clear: soc_pct < 47, for: 20s, severity: medium",
    "id: X-02, scope: {kind: battery}, when: soc_pct >= 55 and soh_pct < 80, for: 0s, severity: low",
    "id: X-03, scope: {kind: battery}, when: soc_pct <= 10 or soh_pct > 90, for: 0s, on_bad: raise, severity: low",
    "id: X-04, scope: {kind: battery}, when: soh_pct < 75, for: 10s, latch: true, severity: high",
)
VALUE = st.sampled_from([5.0, 10.0, 47.0, 50.0, 50.1, 55.0, 75.0, 80.0, 95.0, Quality.BAD, Quality.ABSENT])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(polls=st.lists(st.tuples(VALUE, VALUE), max_size=40))
def test_with_and_without_fences_the_same_is_told(make, rules, dev, polls) -> None:
    battery = (dev("bat-1", "battery", "soc_pct", "soh_pct"),)
    fenced = make(rules(*RULES), battery)
    with patch("agent.rules.bind.fence_of", return_value=None):
        open_ = make(rules(*RULES), battery)
    for soc, soh in polls:
        for site in (fenced, open_):
            site.frame("bat-1", {"soc_pct": soc, "soh_pct": soh})
    told = [[(a.rule, a.state, a.severity, a.since_ms, a.values) for a in s.told] for s in (fenced, open_)]
    assert sorted(told[0], key=str) == sorted(told[1], key=str)
