"""What the words of one point mean: its value, how far to trust it, and why it is not good. Pure.

Raw values are held against `absent` before any scaling. Numbers scale by a whole
factor and a whole divisor, so 561 x 0.1 is 56.1 and not 56.1000000000000005.
This is the plain statement; `agent.modbus.decode` gives the same answers for blocks.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from struct import Struct, calcsize, unpack
from typing import Any, TypeAlias

from agent.modbus.device_time import shown_s
from agent.modbus.layout import REGISTERS, code_of
from agent.profile import TEXT_TYPES, Format, Point
from agent.reading import Quality, Value

Why: TypeAlias = str | None
Meant: TypeAlias = tuple[Value | None, Quality, Why]

NO_SCALE = -0x8000  # SunSpec's "not implemented" of a scale factor; nobody means 10^-32768
LARGEST = 1.7976931348623157e308  # the largest double: a range that only infinity and NaN are outside of
POWERS: Mapping[int, tuple[int, int]] = {  # sunssf: -10..10, SunSpec Device Information Model
    n: (10 ** max(n, 0), 10 ** max(-n, 0)) for n in range(-10, 11)
}
_SCALE_LIMIT = 1e12

BCD_TYPES = frozenset(name for name in REGISTERS if name.startswith("bcd"))
BYTE_TYPES = frozenset({*TEXT_TYPES, *(name for name in REGISTERS if name.startswith("time_"))})
MADE_TYPES = frozenset({"u48", "i48", *BCD_TYPES, *(BYTE_TYPES - TEXT_TYPES)})


@dataclass(frozen=True, slots=True)
class Number:
    """(raw + offset) x factor / divisor, inside low..high, unless raw is in `absent`."""

    offset: int
    factor: int
    divisor: int
    absent: frozenset[float]
    low: float
    high: float

    @classmethod
    def of(cls, form: Format) -> "Number":
        """The arithmetic of a format.

        Raises:
            ValueError: a scale that is none.
        """
        factor, divisor = _ratio(form.scale)
        low, high = (None if form.percent else form.range) or (-LARGEST, LARGEST)
        return cls(form.raw_offset, factor, divisor, absent_of(form), max(low, -LARGEST), min(high, LARGEST))

    def parameters(self) -> tuple[int, int, int, frozenset[float], float, float]:
        return self.offset, self.factor, self.divisor, self.absent, self.low, self.high


class Uncertain(str):
    """A text with a value but little trust in it."""

    __slots__ = ()


class Meaning:
    """Knows one point; called with the words of its span.

    Raises:
        ValueError: a type that cannot be decoded, or a scale that is none.
    """

    __slots__ = (
        "_convert",
        "_count",
        "_first",
        "_number",
        "_own",
        "_parts",
        "_point",
        "_range",
        "_raw",
        "_scales",
    )

    def __init__(self, point: Point) -> None:
        form = point.format
        self._point = point
        span = point.span
        self._count = span.count
        self._first = first = point.address - span.start
        self._raw = _raw_of(point)
        self._own = _indices(form, first)
        self._parts = ((self._own, 1), *((_indices(form, first + at), _whole(by)) for at, by in form.plus))
        self._convert = special(point) if is_special(point) else None
        self._number = Number.of(form)
        low, high = form.range or (-LARGEST, LARGEST)
        self._range = max(low, -LARGEST), min(high, LARGEST)
        self._scales = {said: _ratio(scale) for said, scale in (form.scales or {}).items()}

    def __call__(self, words: Sequence[int]) -> Meant:
        """Value, trust, and why it is not good.

        Raises:
            ValueError: not as many words as the span has.
        """
        point = self._point
        if len(words) != self._count:
            raise ValueError(f"{point.name} needs {self._count} words, not {len(words)}")
        as_sent = words
        if point.format.byte_order == "little":
            words = [word >> 8 | (word & 0xFF) << 8 for word in words]
        if self._convert is None:
            return self._numeric(words, as_sent)
        raw = self._raw([words[at] for at in self._own])
        value = self._convert(raw)
        if value is Quality.ABSENT:
            return self._absent(as_sent)
        if value is Quality.BAD:
            return None, Quality.BAD, f"the device's clock shows no date ({self._hexadecimal(as_sent)})"
        if isinstance(value, Uncertain):
            return str(value), Quality.UNCERTAIN, f"{raw} is not among the known states"
        return value, Quality.GOOD, None

    def _numeric(self, words: Sequence[int], as_sent: Sequence[int]) -> Meant:
        form, number, first = self._point.format, self._number, self._first
        total: float = 0
        for indices, by in self._parts:
            raw = self._raw([words[at] for at in indices])
            if raw in number.absent or raw != raw:  # noqa: PLR0124  # NaN differs from itself
                return self._absent(as_sent)
            if form.type in BCD_TYPES and (raw := decimal_digits(raw)) is None:
                return None, Quality.BAD, f"these are no decimal digits ({self._hexadecimal(as_sent)})"
            total += raw * by
        if form.sign_at is not None and words[first + form.sign_at[0]] & form.sign_at[1]:
            total = -total
        scale, trouble = self._scale(words)
        if trouble is not None:
            return trouble
        times = math.prod(words[first + at] for at in form.times_at) if form.times_at else 1
        value = (total + number.offset) * number.factor * scale[0] * times / (number.divisor * scale[1]) + 0.0
        if form.percent:
            value = unpercented(value)
        low, high = self._range
        if not low <= value <= high:
            if math.isinf(value):
                return None, Quality.BAD, f"the device sent infinity ({self._hexadecimal(as_sent)})"
            return None, Quality.BAD, f"{value:.10g} is outside {low:.10g}..{high:.10g}"
        return seven_digits(value) if has_seven_digits(self._point) else value, Quality.GOOD, None

    def _scale(self, words: Sequence[int]) -> tuple[tuple[int, int], Meant | None]:
        form = self._point.format
        if form.scale_at is None:
            return (1, 1), None
        word = words[self._first + form.scale_at]
        said = _field(word, form.scale_mask, is_signed=False) if form.scale_mask else _signed(word)
        if form.scales is not None:
            if said in self._scales:
                return self._scales[said], None
            return (1, 1), (
                None,
                Quality.BAD,
                f"the scale register holds {said}, which the profile does not know",
            )
        if said == NO_SCALE:
            return (1, 1), (
                None,
                Quality.ABSENT,
                "the device says not available (its scale register holds 0x8000)",
            )
        if said not in POWERS:
            return (1, 1), (None, Quality.BAD, f"the scale register holds {said}, outside -10..10")
        return POWERS[said], None

    def _absent(self, as_sent: Sequence[int]) -> Meant:
        return None, Quality.ABSENT, f"the device says not available ({self._hexadecimal(as_sent)})"

    def _hexadecimal(self, as_sent: Sequence[int]) -> str:
        return "0x" + "".join(f"{as_sent[at]:04X}" for at in self._own)


def judge(point: Point, words: Sequence[int]) -> Meant:
    """What the words of `point.span` mean, for one who asks but once; see `Meaning`."""
    return Meaning(point)(words)


def explain(point: Point, words: Sequence[int]) -> str | None:
    """Why a point's words do not make a good value, None when they do."""
    return judge(point, words)[2]


def is_special(point: Point) -> bool:
    """Whether its raw value is converted instead of scaled: a text, a flag, a state, a clock."""
    return point.value_type != "number" or point.format.is_clock


def is_made(form: Format) -> bool:
    """Whether a value takes more than unpacking and scaling: it is decoded one by one."""
    beside = form.high_at, form.mask, form.sign_at, form.scales, form.scale_mask
    return (
        any(part is not None for part in beside)
        or bool(form.plus or form.times_at)
        or form.type in MADE_TYPES
    )


def special(point: Point) -> Callable[[Any], Value]:
    """The conversion of a raw value that is no number; gives a `Quality` where there is no value."""
    form = point.format
    absent = absent_of(form)
    match form.type:
        case "string":
            return _text_of(absent)
        case "hex":
            return lambda raw: (
                Quality.ABSENT if not any(raw) or _says_absent(raw, absent) else raw.hex().upper()
            )
        case "bytes":
            return lambda raw: (
                Quality.ABSENT if not any(raw) or _says_absent(raw, absent) else ".".join(map(str, raw))
            )
        case "bool":
            return lambda raw: Quality.ABSENT if raw in absent else bool(raw)
    if form.is_clock:
        return lambda raw: (
            Quality.ABSENT
            if not any(raw) or _says_absent(raw, absent)
            else shown_s(form.type, raw) or Quality.BAD
        )
    if form.states is not None:
        states = {_as_typed(raw, form): name for raw, name in form.states.items()}
        return lambda raw: Quality.ABSENT if raw in absent else states.get(raw) or Uncertain(f"unknown:{raw}")
    width = _width(form) if not point.table.is_bits else 1
    mask = (1 << width) - 1
    return lambda raw: (
        Quality.ABSENT if raw in absent else ",".join(str(n) for n in range(width) if (raw & mask) >> n & 1)
    )


def has_seven_digits(point: Point) -> bool:
    return point.format.type == "f32" and point.value_type == "number" and not point.counter


def seven_digits(value: Value | None) -> Value | None:
    """49.97999954 is how a single says 49.98; a counter keeps every bit, for its small steps."""
    return float(f"{value:.7g}") if isinstance(value, float) else value


def unpercented(value: float) -> float:
    """See `Format.percent`."""
    return value if -1 <= value <= 1 else value / 100


def absent_of(form: Format) -> frozenset[float]:
    """The raw values that mean "not available", as the type sees them."""
    # as a float, 0x80000000 is -0.0 and would take every 0.0 with it
    typed = {raw: _as_typed(raw, form) for raw in form.absent}
    return frozenset(value for raw, value in typed.items() if value or not raw)


def decimal_digits(raw: int) -> int | None:
    """The number whose decimal digits are the hexadecimal ones of `raw`; None where they are none."""
    digits = f"{raw:x}"
    return int(digits) if digits.isdecimal() else None


def _ratio(scale: float) -> tuple[int, int]:
    if not 1 / _SCALE_LIMIT <= abs(scale) <= _SCALE_LIMIT:
        raise ValueError(f"scale {scale} is outside +-{_SCALE_LIMIT:g}")
    exact = Decimal(f"{scale:.12g}")
    factor, divisor = exact.as_integer_ratio()
    tens = 10 ** max(0, -int(exact.normalize().as_tuple().exponent))
    return (factor * (tens // divisor), tens) if tens % divisor == 0 else (factor, divisor)


def _whole(factor: float) -> float:
    return int(factor) if factor == int(factor) else factor


def _text_of(absent: frozenset[float]) -> Callable[[bytes], Value]:
    def convert(raw: bytes) -> Value:
        if _says_absent(raw, absent | {0}):
            return Quality.ABSENT
        text = raw.lstrip(b"\0 ").split(b"\0", 1)[0].decode("utf-8", errors="replace").strip()
        return text or Quality.ABSENT

    return convert


def _says_absent(raw: bytes, absent: frozenset[float]) -> bool:
    return set(unpack(f">{len(raw) // 2}H", raw)) <= absent


def _indices(form: Format, at: int) -> tuple[int, ...]:
    """Of the words of one raw value, high word first."""
    if form.high_at is not None:
        return at + form.high_at, at
    own = tuple(range(at, at + form.registers))
    return own[::-1] if form.word_order == "little" and form.type not in BYTE_TYPES else own


def _raw_of(point: Point) -> Callable[[Sequence[int]], Any]:
    """Straight words, high word first → the raw value as its type sees it."""
    form = point.format
    if point.table.is_bits:
        return lambda own: own[0]
    if (form.type in MADE_TYPES or form.mask is not None) and form.registers != REGISTERS[form.type]:
        raise ValueError(f"the type {form.type} takes {REGISTERS[form.type]} registers, not {form.registers}")
    packed = Struct(f">{form.registers}H").pack
    if form.type in BYTE_TYPES:
        return lambda own: packed(*own)
    if form.type in MADE_TYPES or form.mask is not None:
        mask, is_signed = form.mask or (1 << 16 * form.registers) - 1, form.type[0] == "i"
        return lambda own: _field(int.from_bytes(packed(*own), "big"), mask, is_signed=is_signed)
    typed = Struct(f">{code_of(form)}").unpack
    return lambda own: typed(packed(*own))[0]


def _field(raw: int, mask: int, *, is_signed: bool) -> int:
    """The bits of `mask`, shifted down to bit 0."""
    field = (raw & mask) >> lowest_bit(mask)
    width = (mask >> lowest_bit(mask)).bit_length()
    return field - (1 << width) if is_signed and field >> (width - 1) else field


def lowest_bit(mask: int) -> int:
    """The number of the lowest bit that is set."""
    return (mask & -mask).bit_length() - 1


def _width(form: Format) -> int:
    """Bits of a raw value."""
    return 16 * form.registers if form.mask is None else (form.mask >> lowest_bit(form.mask)).bit_length()


def _as_typed(raw: int, form: Format) -> float:
    """A raw value, written as the register's bits or as its meaning, as the type sees it."""
    if form.type in BYTE_TYPES:
        return raw
    if form.type in MADE_TYPES or form.mask is not None:
        return _field(raw % (1 << _width(form)), (1 << _width(form)) - 1, is_signed=form.type[0] == "i")
    code = code_of(form)
    size = calcsize(f">{code}")
    typed: float = unpack(f">{code}", (raw % (1 << 8 * size)).to_bytes(size, "big"))[0]
    return typed


def _signed(word: int) -> int:
    return word - 0x10000 if word & 0x8000 else word
