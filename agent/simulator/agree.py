"""Readings of one device that follow from others: phases from totals, currents from powers. Pure.

So a simulated device passes the checks that a real one is held to at commissioning.
"""

from collections.abc import Iterator, Mapping

_EFFICIENCY = 0.97
_PHASES = (1, 2, 3)


def following(values: Mapping[str, float]) -> dict[str, float]:
    """What the others follow to from totals, voltages and the battery's power; by point name."""
    made = dict(_of_phases(values))
    made |= _of_currents(values)
    made |= _of_modules(values)
    if values.get("battery_voltage_v"):
        made["battery_current_a"] = 1_000 * values.get("battery_power_kw", 0.0) / values["battery_voltage_v"]
    return {name: value for name, value in made.items() if name in values}


def _output_kw(values: Mapping[str, float]) -> float | None:
    """The power that belongs to the device's AC voltages and currents."""
    names = ("ac_power_kw", "charging_power_kw", "active_power_kw")
    return next((values[name] for name in names if name in values), None)


def _of_phases(values: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    totals = {"ac_power": _output_kw(values), "active_power": values.get("active_power_kw")}
    for begin, total in totals.items():
        names = [f"{begin}_l{p}_kw" for p in _PHASES if f"{begin}_l{p}_kw" in values]
        if total is not None:
            yield from ((name, total / len(names)) for name in names)


def _of_currents(values: Mapping[str, float]) -> dict[str, float]:
    total = _output_kw(values)
    phases = [p for p in _PHASES if f"ac_current_l{p}_a" in values and values.get(f"ac_voltage_l{p}_v")]
    if total is None:
        return {}
    share = abs(total) / max(1, len(phases))
    made = {f"ac_current_l{p}_a": 1_000 * share / values[f"ac_voltage_l{p}_v"] for p in phases}
    made["ac_current_a"] = sum(made.values())
    for p in phases:
        made |= {f"power_factor_l{p}": 1.0, f"ac_apparent_power_l{p}_kva": share}
    return made | {"power_factor": 1.0, "ac_apparent_power_kva": abs(total)}


def _of_modules(values: Mapping[str, float]) -> dict[str, float]:
    output = values.get("ac_power_kw")
    if output is None:
        return {}
    total = max(0.0, output + values.get("battery_power_kw", 0.0)) / _EFFICIENCY
    inputs = [n for n in range(1, 25) if f"dc_voltage_{n}_v" in values or f"dc_power_{n}_kw" in values]
    made = {"dc_power_kw": total}
    for n in inputs:
        share = total / len(inputs)
        made[f"dc_power_{n}_kw"] = share
        if values.get(f"dc_voltage_{n}_v"):
            made[f"dc_current_{n}_a"] = 1_000 * share / values[f"dc_voltage_{n}_v"]
    return made
