"""Values → words: the inverse of decoding, for simulated devices."""

import math
import struct

from agent.profile import Format, Point
from agent.reading import Value

_CODES = {"u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q", "f32": "f", "f64": "d"}


def words_of(point: Point, value: Value | None, exponent: int = 0) -> tuple[int, ...]:
    """The registers that say `value`, with `exponent` in the point's scale register.

    None says not available.

    Raises:
        ValueError: the point cannot say this.
    """
    form = point.format
    if form.type == "bool":
        return (int(bool(value)),)
    if form.type == "string":
        text = str(value or "").encode()[: 2 * form.registers].ljust(2 * form.registers, b"\0")
        return struct.unpack(f">{form.registers}H", text)
    if value is None:
        return _packed(form, _nothing(point))
    if form.states is not None or form.bits is not None:
        return _packed(form, _code(point, value))
    if not isinstance(value, int | float):
        raise ValueError(f"{point.name} is a number, not {value!r}")  # noqa: TRY004  # like any other misfit
    return _number(point, float(value), exponent)


def exponent_for(point: Point, value: float) -> int:
    """The smallest power of ten, not below -3, at which `value` fits the point's register."""
    size = abs(_unscaled(point.format, value))
    low, high = _limits(point.format)
    exponent = -3
    while not low <= math.copysign(size / 10.0**exponent, value) <= high and exponent < 10:
        exponent += 1
    return exponent


def _unscaled(form: Format, value: float) -> float:
    return value * 100.0 if form.percent else value / form.scale


def _limits(form: Format) -> tuple[int, int]:
    """What a register can say beside its sentinels, which sit at the ends of its range."""
    bits = 16 * form.registers
    return (1 - (1 << bits - 1), (1 << bits - 1) - 2) if form.type[0] == "i" else (0, (1 << bits) - 2)


def _number(point: Point, value: float, exponent: int) -> tuple[int, ...]:
    form = point.format
    raw = _unscaled(form, value) / 10.0**exponent - form.raw_offset
    if form.type[0] == "f":
        return _packed(form, raw)
    low, high = _limits(form)
    whole = round(raw)
    if not low <= whole <= high:
        raise ValueError(f"{point.name}: {value} does not fit {form.type} scaled by {form.scale}")
    return _packed(form, whole)


def _nothing(point: Point) -> float:
    form = point.format
    if form.type[0] == "f":
        return math.nan
    if form.absent:
        return _signed(form, min(form.absent))
    raise ValueError(f"{point.name} has no way to say that a value is absent")


def _signed(form: Format, raw: int) -> int:
    half = 1 << 16 * form.registers - 1
    return raw - 2 * half if form.type[0] == "i" and raw >= half else raw


def _code(point: Point, value: Value) -> int:
    form = point.format
    if form.bits is not None:
        return sum(1 << int(bit) for bit in str(value).split(",") if bit)
    for raw, state in (form.states or {}).items():
        if state == value:
            return _signed(form, raw)
    known = ", ".join(sorted(set((form.states or {}).values())))
    raise ValueError(f"{point.name} cannot be {value!r}; it knows {known}")


def _packed(form: Format, raw: float) -> tuple[int, ...]:
    words = struct.unpack(f">{form.registers}H", struct.pack(f">{_CODES[form.type]}", raw))
    return words if form.word_order == "big" else words[::-1]
