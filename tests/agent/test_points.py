"""The standard points: each name says its unit, and means one thing."""

import re

import pytest

from agent.points import MANDATORY, STANDARD, standard, states_of

SUFFIX = {
    "kW": "_kw",
    "kWh": "_kwh",
    "kvar": "_kvar",
    "kvarh": "_kvarh",
    "kVA": "_kva",
    "V": "_v",
    "A": "_a",
    "Hz": "_hz",
    "°C": "_c",
    "%": "_pct",
    "kΩ": "_kohm",
    "mA": "_ma",
    "Ah": "_ah",
    "W/m²": "_w_m2",
    "m/s": "_m_s",
    "°": "_deg",
    "hPa": "_hpa",
    "mm": "_mm",
    "h": "_h",
    "ppm": "_ppm",
    "s": "_s",
    "MB": "_mb",
    "MB/d": "_mb_per_day",
    "1/s": "_per_s",
}


@pytest.mark.parametrize("name", STANDARD)
def test_a_name_ends_in_its_unit(name):
    point = STANDARD[name]
    assert re.fullmatch(r"[a-z0-9_{}]+", name)
    assert point.label.en
    assert point.label.zh
    if point.unit:
        assert name.endswith(SUFFIX[point.unit])
    if point.counter:
        assert point.type == "number"


@pytest.mark.parametrize(
    ("name", "unit", "label"),
    [
        ("dc_current_3_a", "A", "DC current, input 3"),
        ("dc_current_{n}_a", "A", "DC current, input {n}"),
        ("cell_voltage_16_v", "V", "Voltage of cell 16"),
        ("connector_state_2", "", "State of connector 2"),
        ("ac_voltage_l1_v", "V", "Voltage L1"),
        ("ac_voltage_l{n}_v", "V", "Voltage L1"),
    ],
)
def test_families_are_found_by_number_and_by_letter(name, unit, label):
    point = standard(name)
    assert point is not None
    assert (point.name, point.unit, point.label.en) == (name, unit, label)


@pytest.mark.parametrize("name", ["dc_current_0_a", "dc_current_a_3", "ac_voltage_l4_v", "warmth", ""])
def test_other_names_are_no_standard_points(name):
    assert standard(name) is None


def test_what_is_mandatory_is_standard():
    assert all(kind in STANDARD[name].kinds for kind, names in MANDATORY.items() for name in names)


def test_states_follow_the_kind():
    assert "throttled" in states_of("state", "inverter")
    assert "charging" in states_of("state", "battery")
    assert "charging" in states_of("battery_state", "inverter")
    assert "suspended_ev" in states_of("connector_state", "charger")
    assert states_of("mode", "meter") is None
