"""Checks over several polls: power over time against what the counters counted, sizes of counters."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from agent.commission.finding import Circumstances, Finding, Snapshot
from agent.profile import Point
from agent.reading import Text

_HOUR_MS = 3_600_000.0
_YEARS_H = 30 * 8_760.0
_LARGEST_KWH = 2e7
"""More than 300 kW day and night for seven years: a single device of a village hardly counts so far."""

_FLOAT_STEP_KWH = 0.1  # many meters count in coarse steps and only send them as a float

_COUNTS: tuple[tuple[str, str, float], ...] = (  # counter, the power that drives it, its direction
    ("energy_total_kwh", "ac_power_kw", 1.0),
    ("energy_import_kwh", "active_power_kw", 1.0),
    ("energy_export_kwh", "active_power_kw", -1.0),
    ("energy_charged_kwh", "battery_power_kw", 1.0),
    ("energy_discharged_kwh", "battery_power_kw", -1.0),
    ("energy_delivered_kwh", "charging_power_kw", 1.0),
    ("session_energy_kwh", "charging_power_kw", 1.0),
)


def counters(snapshots: Sequence[Snapshot], about: Circumstances) -> Iterator[Finding]:
    """Where the time was long enough for the counter's step: it grew by power x time, within a factor of two.

    A hybrid's `energy_total_kwh` counts its modules, not its output, and is left out.
    """
    for counter, power, direction in _COUNTS:
        if counter == "energy_total_kwh" and "battery" in about.profile.kinds:
            continue
        yield from _counter(snapshots, about, counter, power, direction)


def _counter(
    snapshots: Sequence[Snapshot], about: Circumstances, counter: str, power: str, direction: float
) -> Iterator[Finding]:
    series = [
        (seen.mono_ms, counted, direction * kw)
        for seen in snapshots
        if (counted := seen.number(counter)) is not None and (kw := seen.number(power)) is not None
    ]
    point = about.profile.point(counter)
    if len(series) < 2 or point is None:
        return
    grown = series[-1][1] - series[0][1]
    expected = sum(
        (later[0] - earlier[0]) / _HOUR_MS * max(0.0, (earlier[2] + later[2]) / 2)
        for earlier, later in pairwise(series)
    )
    step = _step(point, series[-1][1])
    if expected > 3 * step and not 0.5 * expected - step <= grown <= 2 * expected + step:
        yield _disagreement(counter, power, grown, expected)


def _disagreement(counter: str, power: str, grown: float, expected: float) -> Finding:
    return Finding(
        "power_and_counter",
        "wrong",
        (counter, power),
        Text(
            f"{counter} grew by {grown:.4g} kWh where {power} over the time gives {expected:.4g} kWh",
            f"{counter} 增加 {grown:.4g} kWh,而 {power} 按时间累计为 {expected:.4g} kWh",
        ),
        Text(
            "check scale, address and sign of both; with transformers set ct_ratio and pt_ratio",
            "请检查两者的比例、地址和符号;有互感器时请设置 ct_ratio 和 pt_ratio",
        ),
    )


def _step(point: Point, value: float) -> float:
    """The least that the counter can grow by."""
    form = point.format
    if form.type[0] == "f":
        return max(abs(value) * 2.0**-23, _FLOAT_STEP_KWH)
    if form.scale_at is not None:
        return max(abs(form.scale), 1.0)  # its exponent is not known here
    return abs(form.scale)


def size_of_counters(snapshots: Sequence[Snapshot], about: Circumstances) -> Iterator[Finding]:
    """No counter is negative or beyond what the device could have counted in 30 years."""
    seen = snapshots[-1]
    rated = seen.number("rated_power_kw")
    for point in about.profile.points:
        counted = seen.number(point.name)
        if not point.counter or point.unit != "kWh" or counted is None:
            continue
        most = min(_LARGEST_KWH, 2 * rated * _YEARS_H) if rated else _LARGEST_KWH
        if not 0 <= counted <= most:
            yield Finding(
                "size_of_counter",
                "wrong" if counted < 0 else "look",
                (point.name,),
                Text(f"{point.name} is {counted:.6g} kWh", f"{point.name} 为 {counted:.6g} kWh"),
                Text(
                    "a counter so large is mostly one with its words swapped, or Wh taken for kWh",
                    "如此大的读数多因字序颠倒,或把 Wh 当作 kWh",
                ),
            )


def charge_and_power(snapshots: Sequence[Snapshot]) -> Iterator[Finding]:
    """A state of charge that falls while the battery charges all the time, or the reverse."""
    series = [
        (soc, kw)
        for seen in snapshots
        if (soc := seen.number("soc_pct")) is not None and (kw := seen.number("battery_power_kw")) is not None
    ]
    if len(series) < 2:
        return
    change = series[-1][0] - series[0][0]
    if abs(change) < 1 or not all(kw * change < 0 and abs(kw) > 0.1 for _, kw in series):
        return
    yield Finding(
        "charge_and_power",
        "wrong",
        ("soc_pct", "battery_power_kw"),
        Text(
            f"the state of charge went {change:+.3g} % at a power of {series[-1][1]:.4g} kW (charge +)",
            f"荷电状态变化 {change:+.3g} %,而功率为 {series[-1][1]:.4g} kW(充电为正)",
        ),
        Text(
            "turn the sign of battery_power_kw in the profile", "请在设备模型中反转 battery_power_kw 的符号"
        ),
    )
