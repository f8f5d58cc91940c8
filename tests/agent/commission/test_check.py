"""A map that is plausible but wrong is flagged; the right ones of all shipped profiles are not."""

import pytest

from agent.commission.check import findings
from agent.commission.finding import Circumstances, Snapshot
from agent.modbus.sunspec import assumed
from gateway.profiles import ProfileShelf

SHELF = ProfileShelf()
METER = SHELF.find("eastron-sdm630")
HYBRID = SHELF.find("goodwe-et")

RIGHT = {
    "ac_voltage_l1_v": 231.0,
    "ac_voltage_l2_v": 229.0,
    "ac_voltage_l3_v": 233.0,
    "ac_current_l1_a": 10.0,
    "ac_current_l2_a": 20.0,
    "ac_current_l3_a": 5.0,
    "active_power_l1_kw": 2.25,
    "active_power_l2_kw": 4.45,
    "active_power_l3_kw": 1.14,
    "active_power_kw": 7.84,
    "power_factor": 0.97,
    "frequency_hz": 49.98,
    "energy_import_kwh": 5_000.0,
    "energy_export_kwh": 12.0,
}


def told(values, profile=METER, **more):
    return {f.check for f in findings([Snapshot(0, values)], Circumstances(profile, **more))}


def moved(**changes):
    return RIGHT | changes


def test_a_right_map_is_not_flagged():
    assert told(RIGHT) == set()


@pytest.mark.parametrize(
    ("values", "check"),
    [
        (moved(frequency_hz=499.8), "frequency"),
        (moved(frequency_hz=0.0), "frequency"),
        (moved(**{f"ac_voltage_l{p}_v": 2_310.0 for p in (1, 2, 3)}), "voltage"),
        (
            moved(**{f"ac_voltage_l{p}_v": 2.0 for p in (1, 2, 3)}),
            "voltage",
        ),  # words swapped: 230 V reads 2.0
        (moved(**{f"ac_voltage_l{p}_v": 400.0 for p in (1, 2, 3)}), "line_voltage"),
        (moved(ac_voltage_l12_v=232.0), "line_to_phase"),
        (moved(active_power_kw=78.4), "phase_sum"),
        (moved(ac_current_l1_a=1.0), "volts_times_amps"),
        (moved(ac_current_l1_a=20.0, ac_current_l2_a=10.0), "volts_times_amps"),  # two phases swapped
        (moved(active_power_l3_kw=-1.14, active_power_kw=5.56), "one_phase_reversed"),
        (moved(energy_import_kwh=327_680_000.0), "size_of_counter"),  # words swapped
        (moved(energy_import_kwh=-1.0), "size_of_counter"),
    ],
)
def test_what_no_right_map_shows(values, check):
    assert check in told(values)


def test_an_address_that_is_off_by_one_value():
    """Each point reads its neighbour's registers: L3's voltage is L1's current, and so on."""
    names = [f"ac_voltage_l{p}_v" for p in (1, 2, 3)] + [f"ac_current_l{p}_a" for p in (1, 2, 3)]
    names += [f"active_power_l{p}_kw" for p in (1, 2, 3)]
    shifted = dict(zip(names, [RIGHT[name] for name in names[1:]] + [0.0], strict=True))
    assert "phase_sum" in told(RIGHT | shifted | {"ac_current_l3_a": 2_250.0})


def test_current_transformers_the_wrong_way_round():
    turned = {name: -value if name.startswith("active_power") else value for name, value in RIGHT.items()}
    assert told(turned) == set(), "a site may export"
    assert "reversed_meter" in told(turned, role="sub_meter")
    assert "reversed_meter" in told(turned, role="main_meter", dark=True)
    assert told(turned, role="main_meter", dark=False) == set()


@pytest.mark.parametrize(
    ("values", "check"),
    [
        ({"soc_pct": 680.0}, "state_of_charge"),
        ({"battery_voltage_v": 52.0, "battery_current_a": 50.0, "battery_power_kw": 26.0}, "battery_power"),
        ({"battery_power_kw": 2.5, "battery_state": "discharging"}, "battery_direction"),
        ({"cell_voltage_max_v": 33.3, "cell_voltage_min_v": 33.1}, "cells"),
        ({"cell_voltage_max_v": 3.1, "cell_voltage_min_v": 3.3}, "cells"),
        (
            {"ac_power_kw": 8.0, "dc_power_kw": 4.0, "battery_power_kw": 0.0},
            "dc_and_ac",
        ),
    ],
)
def test_what_no_battery_and_no_hybrid_shows(values, check):
    assert told(values, HYBRID) == {check}


def test_a_battery_that_feeds_the_inverter_is_no_contradiction():
    inputs = {f"dc_power_{n}_kw": 1.0 for n in (1, 2, 3, 4)}
    values = {"ac_power_kw": 8.0, **inputs, "battery_power_kw": -4.5}
    assert told(values, HYBRID) == set()


def series(seconds, **rows):
    return [
        Snapshot(int(1_000 * at), {name: row[index] for name, row in rows.items()})
        for index, at in enumerate(seconds)
    ]


@pytest.mark.parametrize(
    ("counted", "flagged"),
    [
        ([100.0, 101.0, 102.0], False),  # 6 kW for twenty minutes
        ([100.0, 100.1, 100.2], True),
        ([100.0, 110.0, 120.0], True),
        ([100.0, 100.0, 100.0], True),
    ],
)
def test_power_times_time_is_what_the_counter_counts(counted, flagged):
    seen = series([0, 600, 1_200], energy_import_kwh=counted, active_power_kw=[6.0, 6.0, 6.0])
    checks = {f.check for f in findings(seen, Circumstances(METER))}
    assert checks == ({"power_and_counter"} if flagged else set())


def test_a_counter_with_coarse_steps_is_not_judged_too_soon():
    coarse = SHELF.find("goodwe-et")  # 0.1 kWh steps
    seen = series([0, 60], energy_import_kwh=[100.0, 100.0], active_power_kw=[6.0, 6.0])
    assert findings(seen, Circumstances(coarse)) == ()


def test_a_load_that_changes_between_two_reads_is_no_fault():
    odd = moved(active_power_kw=20.0)
    seen = [Snapshot(0, RIGHT), Snapshot(1_000, odd), Snapshot(2_000, RIGHT)]
    assert findings(seen, Circumstances(METER)) == ()


def test_a_state_of_charge_that_falls_while_charging():
    seen = series([0, 600], soc_pct=[60.0, 57.0], battery_power_kw=[5.0, 5.0])
    assert {f.check for f in findings(seen, Circumstances(HYBRID))} == {"charge_and_power"}


def test_a_finding_says_in_both_languages_what_to_do():
    (finding,) = findings([Snapshot(0, moved(frequency_hz=499.8))], Circumstances(METER))
    document = finding.document()
    assert document["message"] == {"en": "the frequency is 499.8 Hz", "zh": "频率为 499.8 Hz"}
    assert document["remedy"]["zh"].startswith("电网不可能")
    assert document["points"] == ["frequency_hz"]


KNOWN = {
    ("sunspec-meter", 0): {"volts_times_amps"},  # recorded so: 2.7 A where the power needs 7.5 A
    ("janitza-umg604", 0): {"one_phase_reversed"},  # worked out so, to show a phase that feeds back
}


@pytest.mark.parametrize("name", SHELF.names())
def test_no_false_alarm_on_what_shipped_profiles_read(name):
    profile = assumed(SHELF.find(name))
    for index, sample in enumerate(SHELF.find(name).samples):
        values = {
            point: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
            for point, value in sample.expect.items()
            if value is not None
        }
        assert told(values, profile) == KNOWN.get((name, index), set())
