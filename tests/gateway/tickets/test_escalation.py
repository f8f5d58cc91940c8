"""What is not settled in time moves up: a table of the promises, and what pauses them."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.reading import Text
from gateway.tickets.calendar import load_calendar
from gateway.tickets.due import BusinessHours, Countdown, Timetable
from gateway.tickets.escalation import Overdue, overdue
from gateway.tickets.opening import priority_of
from gateway.tickets.ticket import Ticket

ZONE = ZoneInfo("Asia/Shanghai")
TIMES = Timetable(BusinessHours(ZONE))


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1_000)


def ticket(priority="P3", kind="defect", level="village", **clocks: Countdown) -> Ticket:
    return Ticket(
        "t", "k", kind, "s1", Text("x", "x"), "alert", 0, priority=priority, level=level, clocks=clocks
    )


DUE = at("2026-05-28T10:00")  # a Thursday


@pytest.mark.parametrize(
    ("kind", "priority", "town", "county"),
    [
        ("emergency", "P1", "2026-05-28T10:00", "2026-05-28T11:00"),
        ("defect", "P2", "2026-05-28T12:00", "2026-05-28T18:00"),
        ("inspection", "P3", "2026-06-01T10:00", "2026-06-04T10:00"),
        ("inspection", "P4", "2026-06-11T10:00", None),
        ("mediation", "P2", "2026-06-04T10:00", "2026-06-11T10:00"),
    ],
)
def test_a_broken_promise_moves_up(kind, priority, town, county):
    late = Countdown(DUE - 1, DUE)
    below = ticket(priority, kind, accept=late)
    assert overdue(below, TIMES, at(town) - 1) is None
    assert overdue(below, TIMES, at(town)) == Overdue("town", "accept", DUE)
    above = ticket(priority, kind, "town", accept=late)
    if county is None:
        assert overdue(above, TIMES, at("2027-01-01T00:00")) is None
        return
    assert overdue(above, TIMES, at(county) - 1) is None
    assert overdue(above, TIMES, at(county)) == Overdue("county", "accept", DUE)


def test_working_days_walk_across_a_holiday(tmp_path):
    from gateway.tickets.calendar import calendar_files

    calendar = load_calendar(calendar_files(tmp_path)["cn-2026"])
    times = Timetable(BusinessHours(ZONE, calendar.off, calendar.on))
    due = at("2026-09-29T10:00")  # the Tuesday before the October holiday
    late = ticket("P3", accept=Countdown(due - 1, due))
    first_day_back = next(
        day for day in range(1, 20) if overdue(late, times, due + day * 86_400_000) is not None
    )
    assert first_day_back > 2, "two working days are more than two days where a holiday lies between"


@pytest.mark.parametrize(
    ("clocks", "why"),
    [
        ({"accept": Countdown(DUE - 9, DUE, stopped_ms=DUE - 1)}, "kept"),
        ({"restore": Countdown(DUE - 9, DUE, paused_since_ms=DUE - 1)}, "on hold"),
        ({"arrive": Countdown(DUE - 9, None)}, "nothing was promised"),
        ({"verify": Countdown(DUE - 9, DUE)}, "a clock that watches over ourselves"),
        ({"feedback": Countdown(DUE - 9, DUE)}, "so is the call-back"),
        ({}, "no clock runs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_promise_that_is_not_broken_moves_nothing(clocks, why):
    assert overdue(ticket("P1", **clocks), TIMES, DUE + 10**10) is None, why


def test_at_the_county_it_stays():
    late = Countdown(DUE - 1, DUE)
    assert overdue(ticket("P1", level="county", accept=late), TIMES, DUE + 10**10) is None


@given(
    st.sampled_from(["P1", "P2", "P3"]),
    st.integers(0, 20 * 86_400_000),
    st.integers(0, 20 * 86_400_000),
)
def test_what_is_overdue_stays_so(priority, early_ms, more_ms):
    late = ticket(priority, arrive=Countdown(DUE - 1, DUE))
    if overdue(late, TIMES, DUE + early_ms) is not None:
        assert overdue(late, TIMES, DUE + early_ms + more_ms) is not None


@pytest.mark.parametrize(
    ("severity", "plain", "at_a_clinic"),
    [("low", "P4", "P3"), ("medium", "P3", "P2"), ("high", "P2", "P1"), ("critical", "P1", "P1")],
)
def test_a_site_that_serves_what_must_not_fail_is_one_step_more_urgent(severity, plain, at_a_clinic):
    assert priority_of("defect", severity) == plain
    assert priority_of("defect", severity, raised=True) == at_a_clinic
