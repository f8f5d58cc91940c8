"""Holidays and make-up weekends: their file, and due times that walk across them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.document import DocumentError, parse
from agent.quantity import HOUR_MS
from gateway.config import load_site
from gateway.tickets.calendar import calendar_files, load_calendar, read_calendar
from gateway.tickets.due import WORKING_DAY_MS, BusinessHours

SHANGHAI = ZoneInfo("Asia/Shanghai")
CHINA = load_calendar(calendar_files(None)["cn-2026"])
HOURS = BusinessHours(SHANGHAI, CHINA.off, CHINA.on)
OWN = """\
version: 1
calendar: own
title: {en: Own, zh: 自有}
sources: [made for this test]
covers: {from: "2026-01-01", to: "2026-12-31"}
holidays: [{from: "2026-05-30", to: "2026-06-01"}]
working_days: ["2026-06-06"]
"""
SITE = """\
version: 1
site: {id: hall, name: {en: Hall, zh: 村部}}
buses: [{id: lan-1, url: "tcp://127.0.0.1:502"}]
devices: [{id: bat-1, profile: sunspec-storage, bus: lan-1, unit: 1}]
"""


def ms(text):
    return round(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-02-13T16:30", 1, "2026-02-13T17:30"),
        ("2026-02-13T16:30", 2, "2026-02-14T09:30"),  # the Saturday before Spring Festival is a working day
        ("2026-02-14T16:30", 2, "2026-02-24T09:30"),  # and then nine days are off
        ("2026-02-27T17:30", 9, "2026-02-28T17:30"),  # a make-up Saturday
        ("2026-02-28T17:00", 1, "2026-03-02T09:00"),
        ("2026-01-02T10:00", 1, "2026-01-04T09:30"),  # asked on a holiday; the make-up Sunday counts
        ("2026-09-30T17:00", 1, "2026-10-08T09:00"),
        ("2026-10-09T17:00", 1, "2026-10-10T09:00"),
        ("2026-05-29T17:00", 1, "2026-06-01T09:00"),  # a plain weekend
    ],
)
def test_due_times_walk_across_holidays_and_make_up_weekends(start, hours, due):
    assert HOURS.add(ms(start), hours * HOUR_MS) == ms(due)
    assert HOURS.between(ms(start), ms(due)) == hours * HOUR_MS


YEAR = st.integers(ms("2026-01-01T00:00"), ms("2026-12-20T00:00"))


@given(YEAR, st.integers(1, 20 * WORKING_DAY_MS))
def test_what_is_added_lies_between_and_ends_on_a_day_on_which_people_work(start, work_ms):
    due = HOURS.add(start, work_ms)
    assert HOURS.between(start, due) == work_ms
    day = datetime.fromtimestamp(due / 1_000, UTC).astimezone(SHANGHAI).date()
    assert day not in CHINA.off
    assert day.weekday() < 5 or day in CHINA.on


@given(YEAR, YEAR, YEAR)
def test_working_time_adds_up_and_is_never_negative_forwards(a, b, c):
    a, b, c = sorted((a, b, c))
    assert HOURS.between(a, b) + HOURS.between(b, c) == HOURS.between(a, c) >= 0
    assert HOURS.between(b, a) == -HOURS.between(a, b)


def test_the_year_of_china_is_whole():
    assert len(CHINA.off) == 33
    assert sorted(day.isoformat()[5:] for day in CHINA.on) == [
        "01-04",
        "02-14",
        "02-28",
        "05-09",
        "09-20",
        "10-10",
    ]


@pytest.mark.parametrize(
    ("change", "place", "word"),
    [
        (('["2026-06-06"]', '["2026-06-03"]'), "7:16", "is a working day anyway"),
        (('["2026-06-06"]', '["2026-05-31"]'), "7:16", "is a holiday, too"),
        (('["2026-06-06"]', '["2027-06-05"]'), "7:16", "outside of `covers`"),
        (('"2026-05-30", to: "2026-06-01"', '"2025-12-30", to: "2026-01-01"'), "6:12", "outside of `covers`"),
        (
            ('"2026-05-30", to: "2026-06-01"', '"2026-06-01", to: "2026-05-30"'),
            "6:",
            "write the earlier day first",
        ),
        (('["2026-06-06"]', '["6 June"]'), "7:16", "date"),
        (("sources: [made for this test]\n", ""), "1:1", "sources"),
    ],
)
def test_a_mistake_is_told_with_its_place(change, place, word):
    with pytest.raises(DocumentError) as refused:
        read_calendar(parse(OWN.replace(*change), "own.yaml"))
    assert any(f"own.yaml:{place}" in str(fault) and word in str(fault) for fault in refused.value.faults), (
        refused.value
    )


def test_a_site_names_a_calendar_of_its_own_or_a_shipped_one(tmp_path):
    (tmp_path / "calendars").mkdir()
    (tmp_path / "calendars/own.yaml").write_text(OWN)
    path = tmp_path / "site.yaml"
    for name in ("own", "cn-2026"):
        path.write_text(SITE + f"calendar: {name}\n")
        assert [
            w for w in load_site(path).warnings if "calendar" in w.message and "ended" not in w.message
        ] == []
    from gateway.site_facts import desk_site

    path.write_text(SITE + "calendar: own\n")
    hours = desk_site(load_site(path)).timetable
    assert hours.business == BusinessHours(
        SHANGHAI,
        frozenset({date(2026, 5, 30), date(2026, 5, 31), date(2026, 6, 1)}),
        frozenset({date(2026, 6, 6)}),
    )


def test_a_calendar_that_is_not_there_or_is_over_is_told(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(SITE + "calendar: cn-2062\n")
    with pytest.raises(DocumentError, match="there is no calendar 'cn-2062'"):
        load_site(path)
    (tmp_path / "calendars").mkdir()
    (tmp_path / "calendars/old.yaml").write_text(
        OWN.replace("own", "old", 1).replace("2026", "2019").replace('["2019-06-06"]', "[]")
    )
    path.write_text(SITE + "calendar: old\n")
    assert any("ended on 2019-12-31" in warning.message for warning in load_site(path).warnings)
