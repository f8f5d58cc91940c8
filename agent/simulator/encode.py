"""Values → words: the inverse of decoding, for simulated devices."""

import math
import struct
from collections.abc import Mapping, Sequence

from agent.modbus.device_time import layout_of
from agent.modbus.layout import CODES
from agent.modbus.meaning import BCD_TYPES, lowest_bit
from agent.profile import TEXT_TYPES, Format, Point
from agent.reading import Value


def words_of(
    point: Point, value: Value | None, exponent: int = 0, there: Mapping[int, int] | None = None
) -> dict[int, int]:
    """The registers, by address, that say `value`, with `exponent` in the point's scale register.

    None says not available. `there` holds what the registers around it say: those of factors and
    scales stay, and so do the bits that no mask of this point covers.

    Raises:
        ValueError: the point cannot say this.
    """
    form = point.format
    span = point.span
    near = range(span.start, span.end) if there else ()
    around = {at - point.address: _swapped(form, there[at]) for at in near if there and at in there}
    said = _said(point, value, exponent, around)
    return {point.address + place: _swapped(form, word) for place, word in said.items()}


def exponent_for(point: Point, value: float) -> int:
    """The smallest power of ten, not below -3, at which `value` fits the point's register."""
    size = abs(_unscaled(point.format, value))
    low, high = _limits(point.format)
    exponent = -3
    while not low <= math.copysign(size / 10.0**exponent, value) <= high and exponent < 10:
        exponent += 1
    return exponent


def _said(point: Point, value: Value | None, exponent: int, around: Mapping[int, int]) -> dict[int, int]:
    form = point.format
    if form.type in TEXT_TYPES or form.is_clock:
        return dict(enumerate(_text(form, value)))
    if form.type == "bool":
        return _placed(form, 0, int(bool(value)) * (1 if form.mask is None else form.mask), around)
    if value is None:
        return _placed(form, 0, _nothing(point), around)
    if form.states is not None or form.bits is not None:
        return _placed(form, 0, _code(point, value), around)
    if not isinstance(value, int | float):
        raise ValueError(f"{point.name} is a number, not {value!r}")  # noqa: TRY004  # like any other misfit
    return _number(point, float(value), exponent, around)


def _text(form: Format, value: Value | None) -> Sequence[int]:
    size = 2 * form.registers
    if form.is_clock:
        data = layout_of(form.type, float(value or 0))
    elif form.type == "string":
        data = str(value or "").encode()
    elif form.type == "hex":
        data = bytes.fromhex(str(value or ""))
    else:
        data = bytes(int(part) for part in str(value or "").split(".") if part)
    return struct.unpack(f">{form.registers}H", data[:size].ljust(size, b"\0"))


def _unscaled(form: Format, value: float) -> float:
    return value * 100.0 if form.percent else value / form.scale


def _limits(form: Format) -> tuple[int, int]:
    """What a register can say beside its sentinels, which sit at the ends of its range."""
    if form.type in BCD_TYPES:
        return 0, 10 ** (4 * form.registers) - 2
    bits = _bits(form)
    return (1 - (1 << bits - 1), (1 << bits - 1) - 2) if form.type[0] == "i" else (0, (1 << bits) - 2)


def _bits(form: Format) -> int:
    return 16 * form.registers if form.mask is None else (form.mask >> lowest_bit(form.mask)).bit_length()


def _number(point: Point, value: float, exponent: int, around: Mapping[int, int]) -> dict[int, int]:
    form = point.format
    raw = _unscaled(form, value) / _factor(form, exponent, around) - form.raw_offset
    said: dict[int, int] = {}
    if form.sign_at is not None:
        place, mask = form.sign_at
        said[place] = around.get(place, 0) & ~mask | (mask & -mask if raw < 0 else 0)
        raw = abs(raw)
    for place, by in sorted(form.plus, key=lambda part: -abs(part[1])):
        part = _part(raw, by)
        raw -= part * by
        said |= _placed(form, place, part, {**around, **said})
    if form.type[0] == "f":
        return said | _placed(form, 0, raw, around)
    low, high = _limits(form)
    whole = round(raw)
    if not low <= whole <= high:
        raise ValueError(f"{point.name}: {value} does not fit {form.type} scaled by {form.scale}")
    return said | _placed(form, 0, whole, {**around, **said})


def _factor(form: Format, exponent: int, around: Mapping[int, int]) -> float:
    """What a reader will multiply with beside the scale."""
    factor = 10.0**exponent
    if form.scales is not None and form.scale_at is not None:
        word = around.get(form.scale_at, 0)
        mask = form.scale_mask or 0xFFFF
        said = (word & mask) >> lowest_bit(mask)
        factor = form.scales.get(said - 0x10000 if form.scale_mask is None and word & 0x8000 else said, 1.0)
    for place in form.times_at:
        factor *= around.get(place) or 1
    return factor


def _part(raw: float, by: float) -> int:
    """What of a sum goes into a register that counts `by` as much: the coarse, or the negative part."""
    if by < 0:
        return max(0, math.ceil(raw / by))
    return max(0, int(raw / by)) if by > 1 else 0


def _nothing(point: Point) -> float:
    form = point.format
    if form.type[0] == "f":
        return math.nan
    if form.absent:
        return min(form.absent)
    raise ValueError(f"{point.name} has no way to say that a value is absent")


def _code(point: Point, value: Value) -> int:
    form = point.format
    if form.bits is not None:
        return sum(1 << int(bit) for bit in str(value).split(",") if bit)
    for raw, state in (form.states or {}).items():
        if state == value:
            return raw
    known = ", ".join(sorted(set((form.states or {}).values())))
    raise ValueError(f"{point.name} cannot be {value!r}; it knows {known}")


def _placed(form: Format, place: int, raw: float, around: Mapping[int, int]) -> dict[int, int]:
    """The words of a raw value, given as a number or as the register's bits, and where they stand."""
    places = list(range(place, place + form.registers)) if form.high_at is None else [form.high_at, 0]
    if form.word_order == "little" and form.high_at is None:
        places.reverse()
    if form.type[0] == "f":
        joined = int.from_bytes(struct.pack(f">{CODES[form.type]}", raw), "big")
    elif form.type in BCD_TYPES and raw >= 0 and int(raw) not in form.absent:
        joined = int(str(int(raw)), 16)
    else:
        joined = int(raw)
    if form.mask is not None and form.type != "bool":
        joined = joined << lowest_bit(form.mask) & form.mask
    if form.mask is not None:
        there = 0
        for at in places:
            there = there << 16 | around.get(at, 0)
        joined |= there & ~form.mask
    size = form.registers
    return {at: joined >> 16 * (size - 1 - index) & 0xFFFF for index, at in enumerate(places)}


def _swapped(form: Format, word: int) -> int:
    return word >> 8 | (word & 0xFF) << 8 if form.byte_order == "little" else word
