"""What cannot be true after the reading before it: said of one reading, and never for ever."""

import pytest

from agent.modbus.address import Table
from agent.modbus.layout import REGISTERS
from agent.plausible import FROZEN_MS, Plausible, limits_of
from agent.profile import Format, Point
from agent.reading import Quality
from agent.reason import reason

GOOD, BAD, UNCERTAIN, ABSENT = Quality.GOOD, Quality.BAD, Quality.UNCERTAIN, Quality.ABSENT
MINUTE_MS = 60_000


def a_point(name, kind="i16", *, scale=0.1, unit="", counter=False, max_rate=None, wraps_at=None, **form):
    form = Format(kind, REGISTERS[kind], scale=scale, **form)
    return Point(
        name, Table.HOLDING, 0, form, unit=unit, counter=counter, max_rate=max_rate, wraps_at=wraps_at
    )


TEMPERATURE = a_point("cell_temperature_max_c", unit="°C")
SOC = a_point("soc_pct", "u16", scale=1.0, unit="%")
VOLTAGE = a_point("ac_voltage_l1_v", "u16", unit="V")
ENERGY = a_point("energy_total_kwh", "u32", unit="kWh", counter=True)


class Told:
    """Frames of some points, one each second unless said otherwise."""

    def __init__(self, *points, rated_kw=50.0, known=None):
        self.points = points
        self.plausible = Plausible()
        self.plausible.learn(points, rated_kw, known)
        self.at_ms = 0

    def frame(self, *values, after_ms=1_000, faults=None):
        self.at_ms += after_ms
        names = tuple(point.name for point in self.points)
        values = tuple(float(v) if isinstance(v, int) and not isinstance(v, bool) else v for v in values)
        given = dict(faults or {})
        for index, value in enumerate(values):
            if value is None:
                given.setdefault(index, BAD)
        seen, marked = self.plausible.look(self.at_ms, names, values, given)
        return [(value, marked.get(index, GOOD)) for index, value in enumerate(seen)]

    def column(self, *values, after_ms=1_000):
        return [self.frame(value, after_ms=after_ms)[0] for value in values]


def test_a_spike_is_uncertain_and_leaves_no_trace():
    assert Told(TEMPERATURE).column(25.0, 25.1, 90.0, 25.2, 25.2) == [
        (25.0, GOOD),
        (25.1, GOOD),
        (90.0, UNCERTAIN),
        (25.2, GOOD),
        (25.2, GOOD),
    ]


def test_every_doubt_is_told_in_both_languages():
    told = Told(TEMPERATURE, ENERGY)
    told.frame(25.0, 1_000.0)
    told.frame(-90.55, 0.0)
    whys = told.plausible.why.values()
    assert len(whys) == 2
    assert all(reason(why).zh != why for why in whys)


def test_a_step_that_stays_costs_one_reading():
    assert Told(TEMPERATURE).column(25.0, 60.0, 60.1, 60.3) == [
        (25.0, GOOD),
        (60.0, UNCERTAIN),
        (60.1, GOOD),
        (60.3, GOOD),
    ]


def test_a_run_away_that_goes_on_is_believed_from_its_second_reading():
    assert Told(TEMPERATURE).column(25.0, 40.0, 60.0, 90.0, 130.0) == [
        (25.0, GOOD),
        (40.0, UNCERTAIN),
        (60.0, GOOD),
        (90.0, GOOD),
        (130.0, GOOD),
    ]


def test_a_run_ends_where_it_slows_down_or_turns():
    qualities = [quality for _, quality in Told(TEMPERATURE).column(25.0, 40.0, 60.0, 60.5, 90.0, 60.0)]
    assert qualities == [GOOD, UNCERTAIN, GOOD, GOOD, UNCERTAIN, GOOD]
    qualities = [quality for _, quality in Told(TEMPERATURE).column(25.0, 40.0, 60.0, 20.0)]
    assert qualities == [GOOD, UNCERTAIN, GOOD, UNCERTAIN]


def test_values_that_jump_to_and_fro_are_never_believed():
    qualities = [quality for _, quality in Told(TEMPERATURE).column(25.0, 90.0, -20.0, 95.0, -30.0)]
    assert qualities == [GOOD, UNCERTAIN, UNCERTAIN, UNCERTAIN, UNCERTAIN]


def test_a_spike_seen_once_does_not_excuse_the_next():
    told = Told(TEMPERATURE)
    assert [quality for _, quality in told.column(25.0, 90.0, 25.0, 90.0, 25.0)] == [
        GOOD,
        UNCERTAIN,
        GOOD,
        UNCERTAIN,
        GOOD,
    ]


def test_time_makes_large_changes_possible():
    told = Told(TEMPERATURE)
    told.frame(25.0)
    assert told.frame(60.0, after_ms=MINUTE_MS) == [(60.0, GOOD)]


def test_a_coarse_register_may_step_by_its_resolution():
    assert {quality for _, quality in Told(SOC).column(50, 51, 52, 51, 50)} == {GOOD}


def test_what_nothing_limits_may_jump():
    assert Told(VOLTAGE).column(230.0, 0.0, 230.0) == [(230.0, GOOD), (0.0, GOOD), (230.0, GOOD)]


def test_a_profile_sets_its_own_rate_or_none():
    slow = a_point("ac_voltage_l1_v", unit="V", max_rate=1.0)
    assert Told(slow).column(230.0, 190.0)[1] == (190.0, UNCERTAIN)
    free = a_point("cell_temperature_max_c", unit="°C", max_rate=0.0)
    assert Told(free).column(25.0, 90.0)[1] == (90.0, GOOD)


def test_a_missing_value_changes_nothing():
    told = Told(TEMPERATURE, ENERGY)
    told.frame(25.0, 1_000.0)
    assert told.frame(None, None) == [(None, BAD), (None, BAD)]
    assert told.frame(25.1, 1_000.0) == [(25.1, GOOD), (1_000.0, GOOD)]
    assert told.frame(None, 1_000.0, faults={0: ABSENT}) == [(None, ABSENT), (1_000.0, GOOD)]


def test_a_dip_of_a_counter_is_bad_and_says_why():
    told = Told(TEMPERATURE, ENERGY)
    told.frame(25.0, 1_000.0)
    assert told.frame(25.0, 0.0) == [(25.0, GOOD), (None, BAD)]
    assert "stood at 1000 and now shows 0" in told.plausible.why["energy_total_kwh"]
    assert told.frame(25.0, 1_000.0) == [(25.0, GOOD), (1_000.0, GOOD)]
    assert told.plausible.why == {}
    assert told.plausible.events == []


def test_a_jump_beyond_the_rated_power_is_bad():
    told = Told(ENERGY)
    told.frame(1_000.0)
    assert told.frame(21_000.0, after_ms=60 * MINUTE_MS) == [(None, BAD)]
    assert told.frame(1_040.0, after_ms=60 * MINUTE_MS) == [(1_040.0, GOOD)]


def test_a_new_meter_is_believed_once_it_stays_and_is_told_once():
    told = Told(ENERGY)
    told.frame(1_000.0)
    seen = told.column(3.0, 3.0, 3.1, 3.2, 3.3, after_ms=5 * MINUTE_MS)
    assert seen == [(None, BAD), (None, BAD), (None, BAD), (3.2, GOOD), (3.3, GOOD)]
    assert [(event.kind, event.before, event.after) for event in told.plausible.events] == [
        ("reset", 1_000.0, 3.2)
    ]


def test_a_rollover_is_believed_at_once():
    small = a_point("energy_total_kwh", "u16", unit="kWh", counter=True)
    told = Told(small)
    told.frame(6_553.2)
    assert told.frame(0.3, after_ms=MINUTE_MS) == [(0.3, GOOD)]
    assert [event.kind for event in told.plausible.events] == ["wrap"]


def test_what_was_believed_before_a_restart_is_remembered():
    told = Told(ENERGY, known={"energy_total_kwh": (-3_600_000, 1_000.0), "gone": (0, 1.0)})
    assert told.frame(0.0) == [(None, BAD)]
    assert told.frame(1_030.0) == [(1_030.0, GOOD)]


def test_another_set_of_points_keeps_what_is_known_of_the_old_ones():
    told = Told(TEMPERATURE, ENERGY)
    told.frame(25.0, 1_000.0)
    told.plausible.learn((ENERGY,), 50.0)
    told.points = (ENERGY,)
    assert told.frame(0.0) == [(None, BAD)]


def test_points_at_other_rates_share_one_memory():
    told = Told(TEMPERATURE, ENERGY)
    told.frame(25.0, 1_000.0)
    told.points = (TEMPERATURE,)
    told.column(25.5, 26.0, 26.5, after_ms=1_000)
    told.points = (TEMPERATURE, ENERGY)
    assert told.frame(27.0, 999.0) == [(27.0, GOOD), (None, BAD)]


FROZEN = (
    a_point("ac_power_kw", unit="kW"),
    VOLTAGE,
    a_point("frequency_hz", unit="Hz"),
    TEMPERATURE,
    ENERGY,
)


def test_content_that_stays_the_same_while_power_flows_is_suspect():
    told = Told(*FROZEN)
    stale = (12.3, 231.4, 50.0, 41.0, 1_000.0)
    told.frame(*stale)
    assert {quality for _, quality in told.frame(*stale, after_ms=FROZEN_MS - 1)} == {GOOD}
    assert told.frame(*stale, after_ms=1) == [(value, UNCERTAIN) for value in stale]
    why = told.plausible.why["ac_voltage_l1_v"]
    assert "may repeat old content" in why
    assert reason(why).zh != why
    assert {quality for _, quality in told.frame(12.3, 231.5, 50.0, 41.0, 1_000.0)} == {GOOD}
    assert told.plausible.why == {}


def test_a_device_at_rest_may_stay_the_same():
    told = Told(*FROZEN)
    for _ in range(5):
        seen = told.frame(0.0, 0.0, 0.0, 20.0, 1_000.0, after_ms=FROZEN_MS)
    assert {quality for _, quality in seen} == {GOOD}


@pytest.mark.parametrize(
    ("point", "rated_kw", "per_hour", "wraps_at"),
    [
        (ENERGY, 50.0, 100.0, 2**32 * 0.1),
        (ENERGY, None, 5_000.0, 2**32 * 0.1),
        (a_point("energy_import_kwh", "i32", unit="kWh", counter=True), 50.0, 5_000.0, 2**31 * 0.1),
        (a_point("energy_total_kwh", "u64", unit="kWh", counter=True), 50.0, 100.0, None),
        (a_point("energy_total_kwh", "f32", unit="kWh", counter=True), 50.0, 100.0, None),
        (a_point("energy_total_kwh", "bcd32", unit="kWh", counter=True, scale=0.01), 50.0, 100.0, 1e6),
        (a_point("energy_total_kwh", "u16", unit="kWh", counter=True, mask=0xFFF), 50.0, 100.0, 409.6),
        (
            a_point("energy_total_kwh", "f32", unit="kWh", counter=True, wraps_at=1e5, max_rate=0.01),
            50.0,
            36.0,
            1e5,
        ),
        (a_point("operating_hours_h", "u32", unit="h", counter=True, scale=1.0), 50.0, 1.1, 2**32),
    ],
)
def test_the_limits_of_a_counter(point, rated_kw, per_hour, wraps_at):
    limits = limits_of(point, rated_kw)
    assert limits.per_s * 3_600 == pytest.approx(per_hour)
    assert limits.wraps_at == (None if wraps_at is None else pytest.approx(wraps_at))
