"""The simulated village behaves like one: it adds up at every instant and its counters only grow."""

import pytest

from agent.simulator.village import UNMETERED_KW, Village
from agent.simulator.weather import clear_sky_w_m2, sky, sun_elevation_deg

MINUTE = 60.0
METERS = ("meter-main", "meter-hall", "meter-clinic", "meter-pump")


@pytest.fixture
def day() -> list[dict]:
    village, seen = Village(), []
    for _ in range(24 * 60):
        village.advance(MINUTE)
        seen.append(village.readings())
    return seen


def power(readings: dict, *devices: str, point: str) -> float:
    return sum(readings[device][point] for device in devices)


def test_grid_is_loads_and_charging_and_storage_less_pv(day):
    for readings in day:
        grid = readings["meter-main"]["active_power_kw"]
        loads = power(readings, *METERS[1:], point="active_power_kw") + UNMETERED_KW
        charging = power(readings, "charger-1", "charger-2", "charger-3", point="charging_power_kw")
        pv = power(readings, "inv-1", "inv-2", point="ac_power_kw")
        assert grid == pytest.approx(loads + charging + readings["bat-1"]["battery_power_kw"] - pv, abs=1e-6)


def test_counters_grow_by_power_times_time(day):
    for device, counter, point in (
        ("inv-1", "energy_total_kwh", "ac_power_kw"),
        ("meter-hall", "energy_import_kwh", "active_power_kw"),
    ):
        values = [readings[device][counter] for readings in day]
        assert values == sorted(values)
        integrated = sum(readings[device][point] for readings in day[1:]) / 60
        assert values[-1] - values[0] == pytest.approx(integrated, rel=0.03)


def test_the_battery_stays_within_its_limits_and_both_charges_and_gives(day):
    soc = [readings["bat-1"]["soc_pct"] for readings in day]
    assert min(soc) >= 9.9
    assert max(soc) <= 95.1
    states = {readings["bat-1"]["state"] for readings in day}
    assert {"charging", "discharging"} <= states
    assert all(2.9 < readings["bat-1"]["cell_voltage_min_v"] < 3.6 for readings in day)


def test_cars_come_charge_and_leave(day):
    for charger in ("charger-1", "charger-2", "charger-3"):
        states = [readings[charger]["connector_state"] for readings in day]
        assert {"available", "preparing", "charging", "suspended_ev"} <= set(states)
        assert day[-1][charger]["energy_delivered_kwh"] > day[0][charger]["energy_delivered_kwh"] + 30


def test_no_sun_no_power(day):
    night = day[int(13.5 * 60) : (18 * 60)]  # the day starts at 09:30: 23:00 to 03:30
    assert all(readings["inv-1"]["ac_power_kw"] == 0 for readings in night)
    assert all(readings["inv-1"]["state"] == "sleeping" for readings in night)
    assert all(readings["weather-1"]["irradiance_poa_w_m2"] == 0 for readings in night)


def test_a_tripped_inverter_gives_nothing_and_the_grid_steps_in():
    village = Village(time_s=12 * 3600)
    before = village.meters["meter-main"].power_kw
    village.inverters["inv-2"].fault = True
    village.advance(MINUTE)
    assert village.readings()["inv-2"]["ac_power_kw"] == 0
    assert village.readings()["inv-2"]["state"] == "fault"
    assert village.meters["meter-main"].power_kw > before


def test_the_sun_stands_highest_at_noon():
    heights = [sun_elevation_deg(172, hour * 3600, 29.8) for hour in range(24)]
    assert max(heights) == heights[12] == pytest.approx(83.6, abs=0.3)  # 90 - 29.8 + 23.45
    assert clear_sky_w_m2(90) == pytest.approx(950, abs=40)
    assert clear_sky_w_m2(-3) == 0
    assert sky(150, 0).irradiance_w_m2 == 0
