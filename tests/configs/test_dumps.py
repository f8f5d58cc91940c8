"""Recorded devices read right: every value that a dump is known to mean, through the shipped profiles."""

import json
from pathlib import Path

import pytest

from agent.simulator.dump import DumpedDevice, read_dump
from gateway.profiles import ProfileShelf

DUMPS = Path(__file__).parents[1] / "data" / "dumps"

PROFILES = {path.stem: json.loads(path.read_text())["profile"] for path in sorted(DUMPS.glob("*.json"))}

AS_SENT = dict.fromkeys(
    [
        *(f"ac_{what}_l{line}" for what in ("voltage", "current") for line in (1, 2, 3)),
        *(f"dc_{what}_{n}" for what in ("voltage", "current") for n in range(1, 9)),
        *(f"ac_voltage_l{lines}" for lines in (12, 23, 31)),
    ]
)
UNITS = {"voltage": "v", "current": "a"}
NAMES = {
    **{name: (f"{name}_{UNITS[name.split('_')[1]]}", 1) for name in AS_SENT},
    **{f"dc_power_{n}": (f"dc_power_{n}_kw", 0.001) for n in range(1, 9)},
    "ac_power": ("ac_power_kw", 0.001),
    "ac_power_l1": ("ac_power_l1_kw", 0.001),
    "ac_power_l2": ("ac_power_l2_kw", 0.001),
    "ac_power_l3": ("ac_power_l3_kw", 0.001),
    "ac_reactive_power": ("ac_reactive_power_kvar", 0.001),
    "ac_apparent_power": ("ac_apparent_power_kva", 0.001),
    "ac_current": ("ac_current_a", 1),
    "ac_voltage_ln_avg": ("ac_voltage_ln_v", 1),
    "ac_voltage_ll_avg": ("ac_voltage_ll_v", 1),
    "ac_current_avg": ("ac_current_mean_a", 1),
    "power_factor": ("power_factor", 1),
    "frequency": ("frequency_hz", 1),
    "ct_primary": ("ct_primary_a", 1),
    "ct_secondary": ("ct_secondary_a", 1),
    "dc_power": ("dc_power_kw", 0.001),
    "dc_voltage": ("dc_voltage_v", 1),
    "dc_current": ("dc_current_a", 1),
    "dc_power_total": ("dc_power_kw", 0.001),
    "bus_voltage": ("dc_bus_voltage_v", 1),
    "energy_total": ("energy_total_kwh", 1),
    "energy_total_wh": ("energy_total_kwh", 0.001),
    "energy_today": ("energy_today_kwh", 1),
    "energy_pv_total": ("energy_total_kwh", 1),
    "energy_pv_today": ("energy_today_kwh", 1),
    "energy_import_total": ("energy_import_kwh", 1),
    "energy_export_total": ("energy_export_kwh", 1),
    "energy_import_total_wh": ("energy_import_kwh", 0.001),
    "energy_export_total_wh": ("energy_export_kwh", 0.001),
    "energy_import_today": ("energy_import_today_kwh", 1),
    "energy_export_today": ("energy_export_today_kwh", 1),
    "energy_load_total": ("energy_load_kwh", 1),
    "energy_load_today": ("energy_load_today_kwh", 1),
    "hours_total": ("operating_hours_h", 1),
    "load_power": ("load_power_kw", 0.001),
    "backup_power": ("backup_power_kw", 0.001),
    "grid_power": ("active_power_kw", 0.001),
    "grid_power_export": ("active_power_kw", -0.001),
    "soc": ("soc_pct", 1),
    "soh": ("soh_pct", 1),
    "battery_voltage": ("battery_voltage_v", 1),
    "battery_current": ("battery_current_a", 1),
    "battery_power": ("battery_power_kw", 0.001),
    "battery_temp": ("battery_temperature_c", 1),
    "battery_cycles": ("cycle_count", 1),
    "battery_charge_energy_total": ("energy_charged_kwh", 1),
    "battery_discharge_energy_total": ("energy_discharged_kwh", 1),
    "battery_charge_energy_today": ("energy_charged_today_kwh", 1),
    "battery_discharge_energy_today": ("energy_discharged_today_kwh", 1),
    "charge_current_limit": ("charge_current_limit_a", 1),
    "discharge_current_limit": ("discharge_current_limit_a", 1),
    "cell_voltage_max": ("cell_voltage_max_v", 1),
    "cell_voltage_min": ("cell_voltage_min_v", 1),
    "cell_temp_max": ("cell_temperature_max_c", 1),
    "cell_temp_min": ("cell_temperature_min_c", 1),
    **{f"cell_voltage_{n:02}": (f"cell_voltage_{n}_v", 1) for n in range(1, 17)},
    **{f"temp_cells_{n}": (f"cell_temperature_{n}_c", 1) for n in range(1, 9)},
    "ev_power": ("charging_power_kw", 0.001),
    "ev_current_l1": ("ac_current_l1_a", 1),
    "ev_current_l2": ("ac_current_l2_a", 1),
    "ev_current_l3": ("ac_current_l3_a", 1),
    "ev_voltage_l1": ("ac_voltage_l1_v", 1),
    "ev_voltage_l2": ("ac_voltage_l2_v", 1),
    "ev_voltage_l3": ("ac_voltage_l3_v", 1),
    "ev_current_limit": ("current_limit_a", 1),
    "ev_session_energy": ("session_energy_kwh", 1),
    "irradiance_poa": ("irradiance_poa_w_m2", 1),
    "temp_module": ("module_temperature_c", 1),
    "temp_ambient": ("ambient_temperature_c", 1),
    "temp_ambient_inverter": ("ambient_temperature_c", 1),
    "temp_internal": ("temperature_c", 1),
    "temp_cabinet": ("temperature_c", 1),
    "temp_heatsink": ("heatsink_temperature_c", 1),
    "temp_bms_mosfet": ("temperature_c", 1),
    "wind_speed": ("wind_speed_m_s", 1),
    "insulation_resistance": ("insulation_kohm", 1),
    "insulation_resistance_mohm": ("insulation_kohm", 1000),
}
"""Names in dumps → names of points, and the factor between them. A dump's `reads` are in our own names already:
states, texts, bits and what has no name there; its `unread` says what the profile does not read, and why."""


def wanted_of(name, value, kinds):
    if name == "power_factor_pct":
        return "power_factor", value if value is None or abs(value) <= 1 else value / 100
    ours, factor = NAMES[name]
    if kinds == ("meter",):
        ours = ours.replace("ac_power", "active_power")
    if kinds == ("charger",) and ours == "energy_total_kwh":
        ours = "energy_delivered_kwh"
    return ours, None if value is None else value * factor


@pytest.mark.parametrize("name", PROFILES)
async def test_a_recorded_device_reads_right(name, read_all):
    record = json.loads((DUMPS / f"{name}.json").read_text())
    profile = ProfileShelf().find(record["profile"])
    values = await read_all(profile, DumpedDevice(read_dump(record)))
    turned = set(record.get("turned", ()))
    wrong = {}
    for theirs, value in record["expected"].items():
        if theirs in record.get("unread", {}):
            continue
        ours, wanted = wanted_of(theirs, value, profile.kinds)
        if theirs in turned and wanted is not None:
            wanted = -wanted
        got = values.get(ours, "no such point")
        close = isinstance(wanted, float | int) and got == pytest.approx(wanted, rel=0.002, abs=1e-6)
        if not close and got != wanted:
            wrong[theirs] = f"{ours} is {got}, not {wanted}"
    for ours, wanted in record.get("reads", {}).items():
        got = values.get(ours, "no such point")
        if got != (pytest.approx(wanted, rel=0.002) if isinstance(wanted, float) else wanted):
            wrong[ours] = f"{ours} is {got}, not {wanted}"
    assert not wrong
