"""Checks of one poll: what Ohm, Kirchhoff and the public grid demand of the AC side.

Limits are wide on purpose: a wrong scale, address, word order or wiring misses them by far,
a right device under any load stays inside.
"""

import re
from collections.abc import Mapping

from agent.commission.finding import PHASES, Circumstances, Finding, Snapshot
from agent.reading import Text

_GRIDS_HZ = ((47.0, 53.0), (57.0, 63.0))  # 50 and 60 Hz with what islands and droop make of them
_PHASE_V = (80.0, 360.0)  # 100 V (Japan) to 347 V (Canada), each with its tolerance
_LINE_V = (360.0, 480.0)
_INPUT_POWER = re.compile(r"dc_power_\d+_kw")
_LIVE_V = 50.0
_LEAST_KW = 0.1
_LEAST_KVA = 0.3
_IDLE_SHARE = 0.03
"""Of its rated power, below which a device measures nothing well."""


def frequency(seen: Snapshot) -> Finding | None:
    """Near 50 or 60 Hz; 0 while there is no voltage."""
    hertz = seen.number("frequency_hz")
    if hertz is None or any(low <= hertz <= high for low, high in _GRIDS_HZ):
        return None
    if hertz == 0 and not any(volts > _LIVE_V for volts in _voltages(seen).values()):
        return None
    return Finding(
        "frequency",
        "wrong",
        ("frequency_hz",),
        Text(f"the frequency is {hertz:.4g} Hz", f"频率为 {hertz:.4g} Hz"),
        Text(
            "no grid runs so: check the profile, its scale and word order, and the address",
            "电网不可能如此:请检查设备模型、比例、字序和地址",
        ),
    )


def voltage(seen: Snapshot, about: Circumstances) -> Finding | None:
    """Phase voltages as public grids have them; all low or off is a device that is off."""
    volts = _voltages(seen)
    live = {phase: v for phase, v in volts.items() if v > _LIVE_V}
    points = tuple(f"ac_voltage_l{phase}_v" for phase in volts)
    shown = ", ".join(f"{v:.4g}" for v in volts.values())
    if live and all(_LINE_V[0] <= v <= _LINE_V[1] for v in live.values()):
        return Finding(
            "line_voltage",
            "look",
            points,
            Text(f"the phase voltages are {shown} V", f"相电压为 {shown} V"),
            Text(
                "these look like line voltages: the profile or the wiring takes them for phase voltages",
                "这更像线电压:设备模型或接线把它当成了相电压",
            ),
        )
    unlikely = [v for v in live.values() if not _PHASE_V[0] <= v <= _LINE_V[1]]
    weak = bool(volts) and not live and any(v > 1 for v in volts.values()) and _has_power(seen, about)
    if not unlikely and not weak:
        return None
    return Finding(
        "voltage",
        "wrong",
        points,
        Text(f"the phase voltages are {shown} V", f"相电压为 {shown} V"),
        Text(
            "check scale, word order and address; behind voltage transformers set pt_ratio",
            "请检查比例、字序和地址;若经电压互感器,请设置 pt_ratio",
        ),
    )


def line_to_phase(seen: Snapshot) -> Finding | None:
    """A line voltage is 1.73 times its phase voltage, twice it on a split phase."""
    phase = seen.number("ac_voltage_l1_v") or seen.number("ac_voltage_ln_v")
    line = seen.number("ac_voltage_l12_v") or seen.number("ac_voltage_ll_v")
    other = seen.number("ac_voltage_l2_v")
    if phase is None or line is None or min(phase, line) < _LIVE_V or (other is not None and other < _LIVE_V):
        return None
    ratio = line / phase
    if 1.55 <= ratio <= 2.1:
        return None
    return Finding(
        "line_to_phase",
        "wrong",
        ("ac_voltage_l1_v", "ac_voltage_l12_v"),
        Text(
            f"the line voltage {line:.4g} V is {ratio:.2f} times the phase voltage {phase:.4g} V",
            f"线电压 {line:.4g} V 是相电压 {phase:.4g} V 的 {ratio:.2f} 倍",
        ),
        Text(
            "it should be 1.73 times: one of them has the wrong address or scale",
            "应为 1.73 倍:其中一个地址或比例有误",
        ),
    )


def phase_sum(seen: Snapshot, about: Circumstances) -> Finding | None:
    """The phases' powers add up to the total."""
    total = seen.number(about.power)
    powers = _powers(seen, about)
    if total is None or len(powers) < 3 or not any(powers.values()):
        return None
    added = sum(powers.values())
    size = max(abs(total), sum(map(abs, powers.values())))
    if abs(added - total) <= _LEAST_KW + 0.1 * size:
        return None
    return Finding(
        "phase_sum",
        "wrong",
        (about.power, *map(about.phase_power, powers)),
        Text(
            f"the phases add up to {added:.4g} kW, the total is {total:.4g} kW",
            f"三相之和为 {added:.4g} kW,总功率为 {total:.4g} kW",
        ),
        Text(
            "check address, scale and word order of the four powers; a total without sign is of little use",
            "请检查四个功率的地址、比例和字序",
        ),
    )


def volts_times_amps(seen: Snapshot, about: Circumstances) -> Finding | None:
    """Per phase, else in total: |P| is V x I x power factor, and never more than V x I."""
    volts, amps = _voltages(seen), _amps(seen)
    by_phase = {p: volts[p] * amps[p] / 1_000 for p in PHASES if p in volts and p in amps}
    judged = [
        (kva, kw, _factor(seen, f"power_factor_l{p}"))
        for p, kva in by_phase.items()
        if (kw := seen.number(about.phase_power(p))) is not None
    ]
    total = seen.number(about.power)
    if not judged and total is not None and by_phase and _is_complete(by_phase, about):
        kva = max(sum(by_phase.values()), _between_lines_kva(seen, volts, amps))
        judged = [(kva, total, _factor(seen, "power_factor"))]
    least = max(_LEAST_KVA, _IDLE_SHARE * (seen.number("rated_power_kw") or 0.0))
    off = next(
        (judge for judge in judged if max(judge[0], abs(judge[1])) > least and not _agree(*judge)), None
    )
    if off is None:
        return None
    kva, kw, _ = off
    points = tuple(
        f"ac_{what}_l{p}_{unit}" for what, unit in (("voltage", "v"), ("current", "a")) for p in volts
    )
    return Finding(
        "volts_times_amps",
        "wrong",
        (about.power, *points),
        Text(
            f"voltage times current is {kva:.4g} kVA where the power is {kw:.4g} kW",
            f"电压乘电流为 {kva:.4g} kVA,而功率为 {kw:.4g} kW",
        ),
        Text(
            "check scales and addresses; a constant factor is ct_ratio; phases out of order have "
            "a current beside another phase's voltage",
            "请检查比例和地址;固定倍数应设 ct_ratio;相序错位时电流与电压不属同一相",
        ),
    )


def _agree(kva: float, kw: float, factor: float | None) -> bool:
    if abs(kw) > 1.15 * kva + _LEAST_KW:
        return False
    return factor is None or abs(abs(kw) - kva * abs(factor)) <= 0.2 * kva + _LEAST_KW


def one_phase_reversed(seen: Snapshot, about: Circumstances) -> Finding | None:
    """A meter's phases mostly flow one way; one against the others may be a reversed transformer."""
    powers = _powers(seen, about)
    if about.profile.kind != "meter" or len(powers) < 3:
        return None
    size = max(map(abs, powers.values()))
    strong = {phase: kw for phase, kw in powers.items() if abs(kw) > max(_LEAST_KW, 0.15 * size)}
    negative = [phase for phase, kw in strong.items() if kw < 0]
    positive = [phase for phase, kw in strong.items() if kw > 0]
    odd = min((negative, positive), key=len)
    if len(strong) < 3 or not odd:
        return None
    name = f"L{odd[0]}"
    return Finding(
        "one_phase_reversed",
        "look",
        tuple(map(about.phase_power, powers)),
        Text(
            f"{name} has {powers[odd[0]]:.4g} kW, against the direction of the other two phases",
            f"{name} 为 {powers[odd[0]]:.4g} kW,与另外两相方向相反",
        ),
        Text(
            f"without a single-phase source on {name} its current transformer is reversed, "
            "or sits on another phase than its voltage",
            f"若 {name} 上没有单相电源,则其电流互感器接反,或与电压不在同一相",
        ),
    )


def reversed_meter(seen: Snapshot, about: Circumstances) -> Finding | None:
    """What only consumes cannot export; nor does a site without sun, unless a battery feeds the grid."""
    total = seen.number("active_power_kw")
    consumer = about.role in ("sub_meter", "charger_meter")
    if about.profile.kind != "meter" or total is None or total > -_LEAST_KW:
        return None
    if not consumer and not (about.role == "main_meter" and about.dark):
        return None
    return Finding(
        "reversed_meter",
        "look",
        ("active_power_kw",),
        Text(
            f"the meter shows an export of {-total:.4g} kW",
            f"电表显示反送 {-total:.4g} kW",
        ),
        Text(
            "unless a battery or another source feeds it, the current transformers are reversed: "
            "turn them, K to the grid and L to the load",
            "若无电池或其他电源供电,则电流互感器接反:请将 K 侧朝电网、L 侧朝负荷",
        ),
    )


def dc_and_ac(seen: Snapshot, about: Circumstances) -> Finding | None:
    """An inverter gives no more than it takes from its modules (and its battery)."""
    ac, dc = seen.number("ac_power_kw"), _dc_power(seen, about)
    if about.profile.kind != "inverter" or ac is None or dc is None or dc <= 0:  # 0: not measured
        return None
    if "battery" in about.profile.kinds or "battery_power_kw" in seen.values:
        battery = seen.number("battery_power_kw")
        if battery is None:
            return None
        dc += max(0.0, -battery)
    elif dc > 1 and 0 <= ac < 0.5 * dc:
        return _dc_finding(ac, dc, "look")
    return _dc_finding(ac, dc, "wrong") if ac > 1.1 * dc + 2 * _LEAST_KW else None


def _dc_finding(ac: float, dc: float, level: str) -> Finding:
    return Finding(
        "dc_and_ac",
        "wrong" if level == "wrong" else "look",
        ("ac_power_kw", "dc_power_kw"),
        Text(
            f"the AC power is {ac:.4g} kW with {dc:.4g} kW on the DC side",
            f"交流功率 {ac:.4g} kW,直流侧 {dc:.4g} kW",
        ),
        Text(
            "an inverter loses 2 to 10 %: check scale and address of both powers, and which strings are read",
            "逆变器损耗约 2% 至 10%:请检查两个功率的比例、地址以及读取的组串",
        ),
    )


def _dc_power(seen: Snapshot, about: Circumstances) -> float | None:
    """Of all inputs that the profile has; None where one of them is not known, or it has only the first."""
    total = seen.number("dc_power_kw")
    if total is not None:
        return total
    inputs = [p.name for p in about.profile.points if _INPUT_POWER.fullmatch(p.name)]
    parts = [power for name in inputs if (power := seen.number(name)) is not None]
    return sum(parts) if len(parts) == len(inputs) > 1 else None


def _voltages(seen: Snapshot) -> dict[int, float]:
    return {p: v for p in PHASES if (v := seen.number(f"ac_voltage_l{p}_v")) is not None}


def _amps(seen: Snapshot) -> dict[int, float]:
    return {p: abs(a) for p in PHASES if (a := seen.number(f"ac_current_l{p}_a")) is not None}


def _powers(seen: Snapshot, about: Circumstances) -> dict[int, float]:
    return {p: kw for p in PHASES if (kw := seen.number(about.phase_power(p))) is not None}


def _factor(seen: Snapshot, name: str) -> float | None:
    return seen.number(name) or None  # devices without one send 0


def _is_complete(by_phase: Mapping[int, float], about: Circumstances) -> bool:
    """Whether no phase is missing that the profile has."""
    return all(p in by_phase or about.profile.point(f"ac_current_l{p}_a") is None for p in PHASES)


def _between_lines_kva(seen: Snapshot, volts: Mapping[int, float], amps: Mapping[int, float]) -> float:
    """Of a device between two lines, which shows half of its voltage on one of them."""
    line = seen.number("ac_voltage_l12_v") or 0.0
    alone = all(v < _LIVE_V for p, v in volts.items() if p > 1)
    return line * amps.get(1, 0.0) / 1_000 if alone else 0.0


def _has_power(seen: Snapshot, about: Circumstances) -> bool:
    return abs(seen.number(about.power) or 0.0) > _LEAST_KW
