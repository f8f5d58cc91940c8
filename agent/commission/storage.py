"""Checks of one poll of a battery: its state of charge, its power, its cells."""

from agent.commission.finding import Circumstances, Finding, Snapshot
from agent.reading import Text

_LEAST_KW = 0.1
_CELL_V = (1.5, 4.5)  # lithium titanate, empty, to lithium cobalt, full


def state_of_charge(seen: Snapshot) -> Finding | None:
    soc = seen.number("soc_pct")
    if soc is None or 0 <= soc <= 100:
        return None
    return Finding(
        "state_of_charge",
        "wrong",
        ("soc_pct",),
        Text(f"the state of charge is {soc:.4g} %", f"荷电状态为 {soc:.4g} %"),
        Text("it lies in 0 to 100: check scale and address", "应在 0 至 100 之间:请检查比例和地址"),
    )


def battery_power(seen: Snapshot) -> Finding | None:
    """|P| is V x I."""
    volts, amps, kw = map(seen.number, ("battery_voltage_v", "battery_current_a", "battery_power_kw"))
    if not volts or amps is None or kw is None:  # 0 V is also said where it is not measured
        return None
    product = abs(volts * amps) / 1_000
    if abs(product - abs(kw)) <= 2 * _LEAST_KW + 0.2 * max(product, abs(kw)):
        return None
    return Finding(
        "battery_power",
        "wrong",
        ("battery_power_kw", "battery_voltage_v", "battery_current_a"),
        Text(
            f"{volts:.4g} V times {amps:.4g} A is {product:.4g} kW, the power is {kw:.4g} kW",
            f"{volts:.4g} V 乘 {amps:.4g} A 为 {product:.4g} kW,而功率为 {kw:.4g} kW",
        ),
        Text("check scale and address of the three", "请检查三者的比例和地址"),
    )


def battery_direction(seen: Snapshot, about: Circumstances) -> Finding | None:
    """Charging is +; the device's own state must say the same."""
    kw = seen.number("battery_power_kw")
    name = "state" if about.profile.kind == "battery" and "state" in seen.values else "battery_state"
    state = seen.values.get(name)
    if kw is None or abs(kw) < _LEAST_KW or state not in ("charging", "discharging"):
        return None
    if (kw > 0) == (state == "charging"):
        return None
    return Finding(
        "battery_direction",
        "wrong",
        ("battery_power_kw", name),
        Text(
            f"the battery says {state} with a power of {kw:.4g} kW (charge +)",
            f"电池状态为 {state},而功率为 {kw:.4g} kW(充电为正)",
        ),
        Text(
            "turn the sign of battery_power_kw in the profile", "请在设备模型中反转 battery_power_kw 的符号"
        ),
    )


def cells(seen: Snapshot) -> Finding | None:
    """The highest cell is not below the lowest, and both are what a cell can have."""
    high, low = seen.number("cell_voltage_max_v"), seen.number("cell_voltage_min_v")
    shown = [v for v in (low, high) if v is not None]
    if not any(shown):
        return None
    in_order = high is None or low is None or high >= low
    if in_order and all(_CELL_V[0] <= v <= _CELL_V[1] for v in shown):
        return None
    told = " .. ".join(f"{v:.4g}" for v in shown)
    return Finding(
        "cells",
        "wrong",
        ("cell_voltage_min_v", "cell_voltage_max_v"),
        Text(f"the cells have {told} V", f"单体电压为 {told} V"),
        Text("check scale and addresses", "请检查比例和地址"),
    )
