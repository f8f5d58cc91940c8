"""Faults of what a device measures: values set, shifted, counters that wrap or start anew. Pure."""

from collections.abc import Iterable, Mapping
from typing import TypeGuard

from agent.profile import Point
from agent.reading import Value
from agent.simulator.fault import Acting, Fault

VALUE_FAULTS = frozenset({"set", "shift", "reset", "wrap"})


def altered(
    values: Mapping[str, Value | None], points: Mapping[str, Point], acting: Iterable[Acting], elapsed_ms: int
) -> dict[str, Value | None]:
    """A device's values as the faults of the moment leave them."""
    result = dict(values)
    for one in acting:
        fault = one.fault
        for name, argument in fault.values.items():
            value = result.get(name)
            if fault.do == "set":
                result[name] = argument
            elif is_number(value) and is_number(argument):
                result[name] = _altered(one, points[name], value, argument, elapsed_ms)
    return result


def _altered(acting: Acting, point: Point, value: float, argument: float, elapsed_ms: int) -> float:
    match acting.fault.do:
        case "shift":
            return value + argument * _share(acting.fault, elapsed_ms)
        case "reset":
            return value - acting.start(point.name, value) + argument
        case "wrap":
            end, step = end_of(point), abs(point.format.scale)
            wrapped = (value - acting.start(point.name, value) + end - argument) % end
            return min(wrapped, end - 2 * step)  # the topmost values are often sentinels
        case _:
            return value


def is_number(value: object) -> TypeGuard[float]:
    """A number, and no yes or no."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def end_of(point: Point) -> float:
    """Where a counter's register starts again from 0; 0 where it has no such end."""
    if point.wraps_at is not None:
        return point.wraps_at
    form = point.format
    bits = 16 * form.registers - (form.type[0] == "i")
    return 0.0 if form.type[0] not in "ui" else (1 << bits) * abs(form.scale)


def shows(fault: Fault, elapsed_ms: int) -> bool:
    """Whether the values show a trace of it; what came by and by goes by and by."""
    end_ms = None if fault.until_ms is None else fault.until_ms + fault.over_ms
    return fault.from_ms <= elapsed_ms and (end_ms is None or elapsed_ms < end_ms)


def _share(fault: Fault, elapsed_ms: int) -> float:
    """How far a shift has come, 0..1, or gone again."""
    if not fault.over_ms:
        return 1.0 if fault.active(elapsed_ms) else 0.0
    come = (elapsed_ms - fault.from_ms) / fault.over_ms
    gone = 0.0 if fault.until_ms is None else (elapsed_ms - fault.until_ms) / fault.over_ms
    return min(1.0, max(0.0, come)) - min(1.0, max(0.0, gone))
