"""Who is sent: routes, then the rule's team, then whoever does such work; and who of them has the shift."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tickets.routing import Matter, Route, Sent, Shift, TeamFacts, on_duty, sent_to

ZONE = ZoneInfo("Asia/Shanghai")
STATION = TeamFacts("station", members=frozenset({"zhang", "li"}))
STEWARD = TeamFacts("steward", kinds=frozenset({"inspection", "metering"}), members=frozenset({"wang"}))
TEAMS = (STATION, STEWARD)


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1_000)


def matter(kind="defect", *, severity="high", rule="PV-01", devices=("inv-1",), wanted="station") -> Matter:
    return Matter(kind, severity, rule, devices, wanted)


def sent(what: Matter, *routes: Route, teams=TEAMS, when="2026-05-28T10:00") -> Sent | None:
    return sent_to(what, teams, routes, at(when), ZONE)


@pytest.mark.parametrize(
    ("what", "routes", "team"),
    [
        (matter(), (), "station"),
        (matter("inspection", wanted="steward"), (), "steward"),
        (matter("defect", wanted="steward"), (), None),
        (matter("metering", wanted="elsewhere"), (), "steward"),
        (matter("defect", wanted="elsewhere"), (), None),
        (matter("defect", wanted=None), (), None),
        (matter(), (Route("steward"),), "steward"),
        (matter(), (Route("steward", severity="critical"),), "station"),
        (matter(), (Route("steward", rule="PV-01"),), "steward"),
        (matter(), (Route("steward", device="inv-2"),), "station"),
        (matter(), (Route("steward", device="inv-1", kind="defect"), Route("station")), "steward"),
        (matter(), (Route("gone"), Route("steward")), "steward"),
    ],
)
def test_the_first_route_that_fits_then_the_rules_team_then_who_does_such_work(what, routes, team):
    found = sent(what, *routes)
    assert (None if found is None else found.team) == team


def test_a_route_can_name_the_person():
    assert sent(matter(), Route("station", "li")) == Sent("station", "li")


DAY, NIGHT = time(8), time(20)
WATCH = TeamFacts(
    "station",
    members=frozenset({"zhang", "li"}),
    shifts=(
        Shift("zhang", DAY, NIGHT, frozenset({"mon", "tue", "wed", "thu", "fri"})),
        Shift("li", NIGHT, DAY, frozenset({"thu"})),
    ),
)


@pytest.mark.parametrize(
    ("when", "who"),
    [
        ("2026-05-28T08:00", "zhang"),  # a Thursday
        ("2026-05-28T19:59", "zhang"),
        ("2026-05-28T20:00", "li"),
        ("2026-05-29T03:00", "li"),
        ("2026-05-29T08:00", "zhang"),
        ("2026-05-29T20:00", None),
        ("2026-05-28T03:00", None),
        ("2026-05-30T10:00", None),
    ],
)
def test_the_shift_decides_who_also_over_midnight(when, who):
    assert on_duty(WATCH, at(when), ZONE) == who
    assert sent(matter(), teams=(WATCH,), when=when) == Sent("station", who)


@given(st.integers(0, 7 * 24 * 60 - 1))
def test_a_shift_round_the_clock_covers_every_minute(minute):
    whole = TeamFacts("t", shifts=(Shift("a", time(0), time(0)),))
    assert on_duty(whole, at("2026-05-25T00:00") + minute * 60_000, ZONE) == "a"
