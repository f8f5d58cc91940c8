"""Recorded devices read right: every value that a dump is known to mean, through the shipped profiles."""

import json
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from agent.simulator.dump import DumpedDevice, read_dump
from gateway.profiles import ProfileShelf

DUMPS = Path(__file__).parents[1] / "data" / "dumps"

RECORDS = {path.stem: json.loads(path.read_text()) for path in sorted(DUMPS.glob("*.json"))}

READINGS = [
    (name, profile)
    for name, record in RECORDS.items()
    for profile in (record["profile"], *record.get("also", ()))
]
"""Dump and profile; `also` names further profiles that read the same device."""

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
    "temp_heatsink2": ("heatsink_temperature_2_c", 1),
    "temp_transformer": ("transformer_temperature_c", 1),
    "temp_other": ("other_temperature_c", 1),
    "bus_voltage_n": ("dc_bus_negative_v", 1),
    "rated_power": ("rated_power_kw", 0.001),
    "max_active_power": ("active_power_max_kw", 0.001),
    "ac_power_peak_today": ("ac_power_peak_today_kw", 0.001),
    "efficiency": ("efficiency_pct", 1),
    "energy_dc_total": ("energy_dc_total_kwh", 1),
    "energy_this_hour": ("energy_this_hour_kwh", 1),
    "time_zone_minutes": ("time_zone_min", 1),
    "battery_modules": ("module_count", 1),
    "cells": ("cell_count", 1),
    "capacity_design_ah": ("capacity_ah", 1),
    "capacity_remaining_ah": ("remaining_capacity_ah", 1),
    "ev_session_time": ("session_duration_s", 1),
    **{
        name: (name, 1)
        for name in ("model", "model_id", "pv_strings", "mppt_count", "cable_state", "meter_type")
    },
    **{name: (name, 1) for name in ("state", "battery_state", "fault_code", "warning_code")},
    "ev_state": ("connector_state", 1),
    "event_1": ("fault_code", 1),
    "phase_switch_state": ("phases", 1),
    "product": ("product_code", 1),
}
"""Names in dumps → names of points, and the factor between them. A state or a word of bits is given as its raw
number: it is held against what the profile calls that number. A dump's `reads` are in our own names already."""

OF_PROFILE = {
    "huawei-luna2000": {
        **{
            f"grid_{what}_l{n}": f"ac_{what}_l{n}"
            for what in ("voltage", "current")
            for n in (12, 23, 31, 1, 2, 3)
        },
        **{f"grid_power_l{n}": (f"active_power_l{n}_kw", -0.001) for n in (1, 2, 3)},
        "grid_reactive_power": "ac_reactive_power",
    },
    "huawei-sun2000": {
        **{f"grid_current_l{n}": (f"grid_current_l{n}_a", 1) for n in (1, 2, 3)},
        "fault_code": ("fault_number", 1),
    },
}
"""Names that mean something else behind one profile: a name of `NAMES`, or a point and its factor."""

WORKED_OUT = "no register: the source works it out from voltage and current"
A_ZERO = "0xFFFF, which the source takes for 0"
SETTING = "a setting of the device, which nobody watches"
UNREAD = {
    **{
        ("goodwe-dt-*", name): WORKED_OUT
        for name in (*(f"dc_power_{n}" for n in range(1, 5)), "ac_power_l2", "ac_power_l3")
    },
    **{("goodwe-dt-gw[56]000*", f"ac_voltage_l{lines}"): A_ZERO for lines in (12, 23, 31)},
    ("goodwe-dt-gw8k-dt", "hours_total"): A_ZERO,
    ("goodwe-dt-gw5000d-ns", "bus_voltage_n"): A_ZERO,
    ("goodwe-et-gw6000-eh", "bus_voltage_n"): A_ZERO,
    ("sma-sunny-sensorbox-2", "temp_ambient"): "-273.1: no sensor connected, so it is absent here",
    **{
        ("huawei-sun2000-3ktl-l1-night", name): SETTING
        for name in (
            "max_apparent_power",
            "max_reactive_power_export",
            "max_reactive_power_import",
            "grid_code",
        )
    },
    ("huawei-sun2000-3ktl-l1-night", "state_1_bits"): "names of bits; the bits are in status_word",
    ("huawei-sun2000-3ktl-l1-night", "state_text"): "a text of the source; the number is in state",
    **{
        ("huawei-sun2000-3ktl-l1-night", name): "of the optimizers, in a block of their own"
        for name in ("optimizers", "optimizers_online")
    },
    ("keba-p30*", "phase_switch_source"): "only for whoever switches phases",
    ("keba-p30*", "firmware"): "the same in four parts, see `reads`",
    ("sunspec-*", "state_vendor"): "the maker's own numbers, without a meaning that is known",
    ("sunspec-*", "event_2"): "reserved by SunSpec",
    ("sunspec-*", "1.*"): "who it is: the walk along its models reads it",
    ("sunspec-*", "502.*"): "a single PV module's model; all of it is empty on this device",
    **{("sunspec-*", f"{model}.*"): SETTING for model in (703, *range(705, 713), 715)},
    ("sunspec-*", "70[24].*"): SETTING,
    ("sunspec-*", "*_SF"): "a scale, read with what it scales",
    ("sunspec-*", "701.ACType"): "how it is wired: the voltages tell",
    ("sunspec-*", "701.TotVarh*"): "reactive energy, empty on this device",
    ("sunspec-*", "701.TotWh*L?"): "energies of one phase",
    ("sunspec-*", "701.MnAlrmInfo"): "a free text of the maker",
    **{("sunspec-*", f"714.{name}"): "of the ports, one by one" for name in ("PrtAlrms", "NPrt")},
}
"""(dump, name in it) → why it is not read as the dump says. What a SunSpec profile reads is held against the dump anyway."""


def reason(name, theirs):
    """Why this value of a dump is not read, None where it must be."""
    fitting = (why for (dump, named), why in UNREAD.items() if fnmatch(name, dump) and fnmatch(theirs, named))
    return RECORDS[name].get("unread", {}).get(theirs) or next(fitting, None)


def wanted_of(name, value, profile):
    """The point that a name in a dump means, and its value; nothing where the profile reads no such thing."""
    if re.match(r"\d+\.", name):
        return _of_sunspec(*name.split(".", 1), value, profile)
    if name == "power_factor_pct":
        return "power_factor", value if value is None or abs(value) <= 1 else value / 100
    meant = OF_PROFILE.get(profile.name, {}).get(name, name)
    ours, factor = NAMES.get(meant, (None, 1)) if isinstance(meant, str) else meant
    if ours is not None and profile.kinds == ("meter",):
        ours = ours.replace("ac_power", "active_power")
    if profile.kinds == ("charger",) and ours == "energy_total_kwh":
        ours = "energy_delivered_kwh"
    return ours, value * factor if isinstance(value, int | float) else value


def _of_sunspec(model, field, value, profile):
    for point in profile.sunspec.points:
        for turn, sign in (("", 1), ("-", -1)):
            if (int(model), turn + field) in point.models:
                return point.name, value * sign * point.scale if isinstance(value, int | float) else value
    return None, value


def said(point, raw):
    """What the profile calls a raw number."""
    form = point.format
    if raw is None or (form.states is None and form.bits is None):
        return raw
    number = int.from_bytes(raw.encode()) if isinstance(raw, str) else int(raw)
    if form.states is not None:
        return form.states.get(number, f"unknown:{number}")
    return ",".join(str(bit) for bit in range(64) if number >> bit & 1)


def _is(got, wanted):
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        return got == pytest.approx(wanted, rel=0.002, abs=1e-6)
    return got == wanted


@pytest.mark.parametrize(("name", "profile_name"), READINGS)
async def test_a_recorded_device_reads_right(name, profile_name, read_points):
    record = RECORDS[name]
    profile = ProfileShelf().find(profile_name)
    found = await read_points(profile, DumpedDevice(read_dump(record)))
    wrong = {}
    for theirs, value in record["expected"].items():
        ours, wanted = wanted_of(theirs, value, profile)
        why = reason(name, theirs)
        if ours not in found:
            if why is None and profile_name == record["profile"]:
                wrong[theirs] = f"{ours or 'it'} is not read, and no reason is given"
            continue
        if why is not None and "." not in theirs:
            continue
        point, got = found[ours]
        wanted = said(point, wanted)
        if theirs in record.get("turned", ()) and wanted is not None:
            wanted = -wanted
        if not _is(got, wanted):
            wrong[theirs] = f"{ours} is {got}, not {wanted}"
    for ours, wanted in record.get("reads", {}).items():
        got = found[ours][1] if ours in found else "no such point"
        if not _is(got, wanted):
            wrong[ours] = f"{ours} is {got}, not {wanted}"
    assert not wrong
