"""Plausible values that move slowly, for devices that nobody modelled: by name, unit and range.

This is not physics (`village` is): each point swings about a usual value of its kind or follows
from others (`agree`), counters grow, states say that all is well.
"""

import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from agent.profile import Point
from agent.reading import Value
from agent.simulator.agree import following
from agent.simulator.encode import exponent_for

_SWING_S = 600.0
_YEAR_2000_S = 946_684_800.0
_USUAL_SHARE = 0.4
"""Of its rated power, at which a device runs; what it imports, generates or charges."""
_BACKWARDS = {"export", "discharged"}
_CALM_STATES = ("running", "charging", "idle", "available", "standby", "connected", "normal", "online")

_USUAL: tuple[tuple[str, float, float], ...] = (  # beginning of the name, usual value, swing
    ("ac_voltage_l12", 398.0, 2.0),
    ("ac_voltage_l23", 398.0, 2.0),
    ("ac_voltage_l31", 398.0, 2.0),
    ("ac_voltage_ll", 398.0, 2.0),
    ("ac_voltage", 230.0, 2.0),
    ("frequency", 50.0, 0.03),
    ("power_factor", 0.97, 0.02),
    ("soc", 55.0, 10.0),
    ("soh", 98.0, 0.0),
    ("vehicle_soc", 60.0, 10.0),
    ("cell_voltage_max", 3.33, 0.005),
    ("cell_voltage_min", 3.30, 0.005),
    ("cell_voltage", 3.315, 0.005),
    ("cell_temperature_max", 29.0, 1.0),
    ("cell_temperature_min", 25.0, 1.0),
    ("cell_temperature", 27.0, 0.8),
    ("battery_voltage", 52.0, 1.0),
    ("dc_bus_voltage", 700.0, 10.0),
    ("dc_voltage", 620.0, 20.0),
    ("irradiance", 600.0, 150.0),
    ("module_temperature", 42.0, 4.0),
    ("humidity", 60.0, 10.0),
    ("wind_speed", 3.0, 1.5),
    ("wind_direction", 180.0, 60.0),
    ("pressure", 1_010.0, 3.0),
    ("insulation", 2_000.0, 100.0),
    ("unbalance", 0.8, 0.2),
    ("thd", 2.0, 0.4),
    ("fault", 0.0, 0.0),
    ("warning", 0.0, 0.0),
)
_BY_UNIT: Mapping[str, tuple[float, float]] = {
    "A": (12.0, 4.0),
    "V": (230.0, 2.0),
    "°C": (30.0, 3.0),
    "%": (50.0, 10.0),
    "kWh": (12.0, 0.0),
}


@dataclass(frozen=True, slots=True)
class Motion:
    """What a device shows over time; two devices of one profile differ by their id.

    Args:
        device: its id.
        points: what it shows.
        rated_kw: of the device.
        started_s: UTC seconds at the start, for clocks.
        timezone: of the site, for clocks that keep local time.
    """

    device: str
    points: tuple[Point, ...]
    rated_kw: float = 10.0
    started_s: float = _YEAR_2000_S
    timezone: str = "UTC"

    def values(self, elapsed_s: float) -> dict[str, Value]:
        """Value of each point so long after the start."""
        values = {point.name: self._value(point, elapsed_s) for point in self.points}
        numbers = {name: value for name, value in values.items() if isinstance(value, float)}
        points = {point.name: point for point in self.points}
        return values | {n: _sayable(points[n], value) for n, value in following(numbers).items()}

    def _value(self, point: Point, elapsed_s: float) -> Value:
        form = point.format
        if form.is_clock:
            return self._clock_s(elapsed_s, "UTC" if form.utc else self.timezone)
        if form.states is not None:
            return _calm(form.states.values())
        if form.bits is not None:
            return ""
        match form.type:
            case "string":
                return f"SIM-{self.device}"[: 2 * form.registers]
            case "hex":
                return self.device.encode()[: 2 * form.registers].hex().upper()
            case "bytes":
                return ".".join(map(str, self.device.encode()[: 2 * form.registers]))
        if form.type == "bool":
            return False
        seed = zlib.crc32(f"{self.device}/{point.name}".encode()) / 0xFFFFFFFF
        if point.counter:
            rate_kw = 0.0 if _BACKWARDS & set(point.name.split("_")) else _USUAL_SHARE * self.rated_kw
            value = 1_000.0 + 4_000.0 * seed + rate_kw * elapsed_s / 3_600
        else:
            usual, swing = self._usual(point)
            value = usual + swing * math.sin(2 * math.pi * (elapsed_s / _SWING_S + seed))
        return _sayable(point, value)

    def _clock_s(self, elapsed_s: float, timezone: str) -> float:
        """What a clock shows that goes right."""
        now = datetime.fromtimestamp(self.started_s + elapsed_s, ZoneInfo(timezone))
        return now.replace(tzinfo=UTC).timestamp()

    def _usual(self, point: Point) -> tuple[float, float]:
        for beginning, usual, swing in _USUAL:
            if point.name.startswith(beginning):
                return usual, swing
        if point.unit in ("kW", "kvar", "kVA"):
            share = {"kW": _USUAL_SHARE, "kvar": 0.05, "kVA": 0.41}[point.unit]
            return self.rated_kw * share, self.rated_kw * share * 0.3
        return _BY_UNIT.get(point.unit, (10.0, 1.0))


def _calm(states: Iterable[str]) -> str:
    known = tuple(states)
    return next((state for state in _CALM_STATES if state in known), known[0])


def _sayable(point: Point, value: float) -> float:
    """The nearest value that lies in the point's range and that its register can hold."""
    form = point.format
    if form.range is not None:
        value = min(max(value, form.range[0]), form.range[1])
    if form.type[0] == "f" or form.scale_at is not None:
        return value
    while exponent_for(point, value) > 0:
        value /= 10.0
    return value
