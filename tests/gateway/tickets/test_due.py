"""Due times walk the calendar; pauses never run backwards."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tickets.due import BusinessHours, Countdown, Timetable

ZONE = ZoneInfo("Asia/Shanghai")
BUSINESS = BusinessHours(ZONE)
HOUR = 3_600_000


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-05-28T09:00", 2, "2026-05-28T11:00"),
        ("2026-05-28T16:30", 2, "2026-05-29T09:30"),
        ("2026-05-28T20:00", 1, "2026-05-29T09:30"),
        ("2026-05-29T16:30", 2, "2026-06-01T09:30"),
        ("2026-05-30T12:00", 9, "2026-06-01T17:30"),
        ("2026-05-28T06:00", 0, "2026-05-28T08:30"),
    ],
    ids=["within a day", "over night", "after hours", "over a weekend", "from a Saturday", "before hours"],
)
def test_working_time_passes_only_while_somebody_works(start, hours, end):
    assert BUSINESS.add(at(start), hours * HOUR) == at(end)


@given(st.integers(at("2026-01-01T00:00"), at("2026-12-31T00:00")), st.integers(0, 200 * HOUR))
def test_what_was_added_lies_between(start_ms, work_ms):
    assert BUSINESS.between(start_ms, BUSINESS.add(start_ms, work_ms)) == work_ms


@pytest.mark.parametrize(
    ("kind", "priority", "accept", "arrive"),
    [
        ("emergency", "P1", "2026-05-28T09:05", "2026-05-28T10:30"),
        ("defect", "P2", "2026-05-28T09:30", "2026-05-28T15:00"),
        ("inspection", "P3", "2026-05-29T09:00", "2026-06-04T09:00"),
        ("inspection", "P4", "2026-06-02T09:00", "2026-06-27T09:00"),
        ("mediation", "P2", "2026-05-29T09:00", "2026-06-01T09:00"),
    ],
)
def test_targets_of_a_rural_site(kind, priority, accept, arrive):
    table = Timetable(BUSINESS)
    assert table.accept_ms(kind, priority, at("2026-05-28T09:00")) == at(accept)
    assert table.arrive_ms(kind, priority, at("2026-05-28T09:00")) == at(arrive)


def test_what_was_left_before_a_pause_is_left_after_it():
    table = Timetable(BUSINESS)
    due = at("2026-05-28T12:00")
    paused, resumed = at("2026-05-28T11:00"), at("2026-05-30T11:00")
    assert table.restore_after_pause_ms("emergency", "P1", due, paused, resumed) == resumed + HOUR
    assert table.restore_after_pause_ms("inspection", "P3", due, paused, resumed) == at("2026-06-01T09:30")
    assert table.restore_after_pause_ms("emergency", "P1", due, due + HOUR, resumed) == due


@pytest.mark.parametrize(
    ("clock", "state"),
    [
        (Countdown(0, 100), "running"),
        (Countdown(0, 40), "late"),
        (Countdown(0, 100).pause(10), "paused"),
        (Countdown(0, 100).stop(40), "met"),
        (Countdown(0, 30).stop(40), "late"),
        (Countdown(0, None), "running"),
    ],
)
def test_the_state_of_a_clock(clock, state):
    assert clock.document(50)["state"] == state


def test_a_clock_that_steps_back_pauses_nothing():
    assert Countdown(0, 100).pause(50).resume(20).paused_ms == 0
