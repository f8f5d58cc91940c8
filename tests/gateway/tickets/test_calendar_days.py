"""Days and working hours where calendars are awkward: summer time, another zone, year's end, 29 February, 2038."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from agent.clock import ManualClock
from agent.quantity import HOUR_MS
from gateway.tickets.due import BusinessHours
from gateway.tickets.place import DeskSite
from gateway.tickets.placing import Placing


def ms(text, zone):
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("zone", "start", "hours", "end"),
    [
        ("Europe/Berlin", "2026-03-27T16:30", 2, "2026-03-30T09:30"),
        ("Europe/Berlin", "2026-10-23T16:30", 2, "2026-10-26T09:30"),
        ("America/New_York", "2026-03-06T17:00", 1, "2026-03-09T09:00"),
        ("Asia/Shanghai", "2025-12-31T17:00", 1, "2026-01-01T09:00"),
        ("Asia/Shanghai", "2028-02-28T17:00", 1, "2028-02-29T09:00"),
        ("Asia/Shanghai", "2028-02-29T17:00", 1, "2028-03-01T09:00"),
        ("Asia/Shanghai", "2038-01-19T11:00", 1, "2038-01-19T12:00"),
        ("Asia/Kathmandu", "2026-05-29T17:00", 1, "2026-06-01T09:00"),
        ("Australia/Lord_Howe", "2026-04-03T17:00", 1, "2026-04-06T09:00"),
    ],
)
def test_working_time(zone, start, hours, end):
    calendar = BusinessHours(ZoneInfo(zone))
    start_ms, end_ms = ms(start, zone), ms(end, zone)
    assert calendar.add(start_ms, hours * HOUR_MS) == end_ms
    assert calendar.between(start_ms, end_ms) == hours * HOUR_MS


class NoNumbers:
    def numbers_with(self, prefix):
        return 0


@pytest.mark.parametrize(
    ("zone", "utc", "number"),
    [
        ("Asia/Shanghai", "2025-12-31T15:59:59", "T-20251231-s1-001"),
        ("Asia/Shanghai", "2025-12-31T16:00:00", "T-20260101-s1-001"),
        ("Asia/Shanghai", "2028-02-28T16:00:00", "T-20280229-s1-001"),
        ("Asia/Shanghai", "2028-02-29T16:00:00", "T-20280301-s1-001"),
        ("Europe/Berlin", "2026-03-28T22:59:59", "T-20260328-s1-001"),
        ("Europe/Berlin", "2026-03-28T23:00:00", "T-20260329-s1-001"),
        ("Europe/Berlin", "2026-03-29T21:59:59", "T-20260329-s1-001"),
        ("Europe/Berlin", "2026-03-29T22:00:00", "T-20260330-s1-001"),
        ("Europe/Berlin", "2026-10-25T22:59:59", "T-20261025-s1-001"),
        ("Europe/Berlin", "2026-10-25T23:00:00", "T-20261026-s1-001"),
        ("America/New_York", "2038-01-19T03:14:08", "T-20380118-s1-001"),
        ("Pacific/Kiritimati", "2026-12-31T10:00:00", "T-20270101-s1-001"),
    ],
)
def test_a_number_has_the_day_of_the_site(zone, utc, number):
    site = DeskSite("s1", ZoneInfo(zone))
    clock = ManualClock(ms(utc, "UTC"))
    placing = Placing(site, "s1", rules={}.get, teams=(), checklists={}, clock=clock)
    assert placing.number(NoNumbers()) == number
