"""Words → values with quality, a block at a time.

Raw values are held against `absent` before any scaling. Numbers scale by a whole
factor and a whole divisor, so 561 x 0.1 is 56.1 and not 56.1000000000000005.
`judge` is the plain statement of what a point's words mean; `Decoder` gives the
same answers for whole blocks, fast: one precompiled struct (one more where points
overlap or have the low word first) and one comprehension over the numbers.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from struct import Struct, calcsize, pack, unpack
from typing import Any, TypeAlias

from agent.modbus.layout import Layout, code_of
from agent.modbus.plan import Block
from agent.profile import Format, Point
from agent.reading import Quality, Value

Values: TypeAlias = list[Value | None]
Faults: TypeAlias = dict[int, Quality]
Why: TypeAlias = str | None

_NO_SCALE = -0x8000  # SunSpec's "not implemented" of a scale factor; nobody means 10^-32768
_LARGEST = 1.7976931348623157e308  # the largest double: a range that only infinity and NaN are outside of
_POWERS: Mapping[int, tuple[int, int]] = {  # sunssf: -10..10, SunSpec Device Information Model
    n: (10 ** max(n, 0), 10 ** max(-n, 0)) for n in range(-10, 11)
}
_NO_POWER = (math.nan, 1)
_SCALE_LIMIT = 1e12
_WORD = Format("u16", 1)


@dataclass(frozen=True, slots=True)
class _Number:
    """(raw + offset) x factor / divisor, inside low..high, unless raw is in `absent`."""

    offset: int
    factor: int
    divisor: int
    absent: frozenset[float]
    low: float
    high: float

    @classmethod
    def of(cls, form: Format) -> "_Number":
        if not 1 / _SCALE_LIMIT <= abs(form.scale) <= _SCALE_LIMIT:
            raise ValueError(f"scale {form.scale} is outside +-{_SCALE_LIMIT:g}")
        scale = Decimal(f"{form.scale:.12g}")
        factor, divisor = scale.as_integer_ratio()
        tens = 10 ** max(0, -int(scale.normalize().as_tuple().exponent))
        if tens % divisor == 0:
            factor, divisor = factor * (tens // divisor), tens
        low, high = (None if form.percent else form.range) or (-_LARGEST, _LARGEST)
        return cls(
            form.raw_offset,
            factor,
            divisor,
            _absent(form),
            max(low, -_LARGEST),
            min(high, _LARGEST),
        )

    def value(self, raw: float, power: tuple[float, int] = (1, 1)) -> float:
        return (raw + self.offset) * self.factor * power[0] / (self.divisor * power[1]) + 0.0

    def parameters(self) -> tuple[int, int, int, frozenset[float], float, float]:
        return self.offset, self.factor, self.divisor, self.absent, self.low, self.high


class _Uncertain(str):
    """A text with a value but little trust in it."""

    __slots__ = ()


def judge(point: Point, words: Sequence[int]) -> tuple[Value | None, Quality, Why]:
    """What the words of `point.span` mean: the value, how far to trust it, and why it is not good.

    Raises:
        ValueError: not as many words as the span has.
    """
    if len(words) != point.span.count:
        raise ValueError(f"{point.name} needs {point.span.count} words, not {len(words)}")
    at = point.address - point.span.start
    own = words[at : at + point.format.registers]
    hexadecimal = "0x" + "".join(f"{w:04X}" for w in own)
    raw = _raw(point, own)
    if _is_special(point):
        value = _special(point)(raw)
        if value is Quality.ABSENT:
            return None, Quality.ABSENT, f"the device says not available ({hexadecimal})"
        if isinstance(value, _Uncertain):
            return str(value), Quality.UNCERTAIN, f"{raw} is not among the known states"
        return value, Quality.GOOD, None
    exponent = _signed(words[at + point.format.scale_at]) if point.format.scale_at is not None else 0
    number, quality, why = _judge_number(point.format, raw, exponent, hexadecimal)
    if _has_seven_digits(point):
        number = _seven_digits(number)
    if point.format.times_at is not None:
        number = _times(number, words[at + point.format.times_at])
    return number, quality, why


def _has_seven_digits(point: Point) -> bool:
    return point.format.type == "f32" and point.value_type == "number" and not point.counter


def _seven_digits(value: Value | None) -> Value | None:
    """49.97999954 is how a single says 49.98; a counter keeps every bit, for its small steps."""
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _times(value: Value | None, factor: int) -> Value | None:
    """See `Format.times_at`."""
    return value * factor + 0.0 if isinstance(value, float) else value


def _judge_number(
    form: Format, raw: float, exponent: int, hexadecimal: str
) -> tuple[Value | None, Quality, Why]:
    number = _Number.of(form)
    if raw in number.absent or raw != raw:  # noqa: PLR0124  # NaN differs from itself
        return None, Quality.ABSENT, f"the device says not available ({hexadecimal})"
    if exponent == _NO_SCALE:
        return None, Quality.ABSENT, "the device says not available (its scale register holds 0x8000)"
    if exponent not in _POWERS:
        return None, Quality.BAD, f"the scale register holds {exponent}, outside -10..10"
    scaled = number.value(raw, _POWERS[exponent])
    low, high = number.low, number.high
    if form.percent:
        scaled = _unpercented(scaled)
        low, high = form.range or (low, high)
    if not low <= scaled <= high:
        if math.isinf(scaled):
            return None, Quality.BAD, f"the device sent infinity ({hexadecimal})"
        return None, Quality.BAD, f"{scaled:.10g} is outside {low:.10g}..{high:.10g}"
    return scaled, Quality.GOOD, None


def explain(point: Point, words: Sequence[int]) -> str | None:
    """Why a point's words do not make a good value, None when they do."""
    return judge(point, words)[2]


class Decoder:
    """Decodes the replies to one block; values and faults are in the order of `block.points`."""

    __slots__ = (
        "_bits",
        "_exponents",
        "_order",
        "_percent",
        "_pick",
        "_plain",
        "_scaled",
        "_singles",
        "_special",
        "_tell",
        "_times",
        "_unpack",
        "_words",
    )

    def __init__(self, block: Block) -> None:
        layout = Layout(block.span)
        plain, scaled, special = _sorted_by_kind(block)
        numbers = {i: _Number.of(block.points[i].format) for i in (*plain, *scaled)}
        self._bits = block.span.table.is_bits
        self._words = Struct(f">{block.span.count}H") if not self._bits else None
        at = [layout.add(p.address, p.format) for p in block.points]
        exponent_at = {i: layout.add_exponent(_scale_address(block.points[i])) for i in scaled}
        times_at = [
            (i, layout.add(p.address + p.format.times_at, _WORD))
            for i, p in enumerate(block.points)
            if p.format.times_at is not None
        ]
        self._unpack, where = layout.finish()
        self._times = tuple((i, where[at]) for i, at in times_at)
        exponents = sorted({where[exponent_at[i]] for i in scaled})
        self._exponents = tuple(exponents)
        self._pick = _picker([where[at[i]] for i in (*plain, *scaled)])
        self._plain = tuple(numbers[i].parameters() for i in plain)
        self._scaled = tuple(
            (*numbers[i].parameters(), exponents.index(where[exponent_at[i]])) for i in scaled
        )
        self._special = tuple((i, where[at[i]], _special(block.points[i])) for i in special)
        self._singles = tuple(i for i, p in enumerate(block.points) if _has_seven_digits(p))
        self._percent = tuple(
            (i, *(block.points[i].format.range or (-_LARGEST, _LARGEST)))
            for i in numbers
            if block.points[i].format.percent
        )
        moved = [*plain, *scaled, *special]
        self._order = None if moved == sorted(moved) else _picker([moved.index(i) for i in range(len(moved))])
        self._tell = tuple(
            (where[at[i]], numbers[i].absent, where[exponent_at[i]] if i in exponent_at else None)
            if i in numbers
            else None
            for i in range(len(moved))
        )

    def __call__(self, words: Sequence[int]) -> tuple[Values, Faults]:
        """Decode registers, or bits one each, as `Bus.read` gives them."""
        if self._words is not None:
            return self.of_bytes(self._words.pack(*words))
        data = bytearray((len(words) + 7) // 8)
        for i, bit in enumerate(words):
            data[i >> 3] |= bool(bit) << (i & 7)
        return self.of_bytes(bytes(data))

    def of_bytes(self, data: bytes) -> tuple[Values, Faults]:
        """Decode the data bytes of a checked reply to this block."""
        raw = self._unpack(data)
        numbers = self._pick(raw)
        values: Values = [
            x if v not in absent and low <= (x := (v + offset) * factor / divisor + 0.0) <= high else None
            for v, (offset, factor, divisor, absent, low, high) in zip(numbers, self._plain, strict=False)
        ]
        if self._scaled:
            tens = [_POWERS.get(raw[at], _NO_POWER) for at in self._exponents]
            values += [
                x
                if v not in absent
                and low <= (x := (v + offset) * factor * tens[e][0] / (divisor * tens[e][1]) + 0.0) <= high
                else None
                for v, (offset, factor, divisor, absent, low, high, e) in zip(
                    numbers[len(self._plain) :], self._scaled, strict=True
                )
            ]
        faults: Faults = {}
        for index, at, convert in self._special:
            value = convert(raw[at])
            if type(value) is _Uncertain:
                faults[index] = Quality.UNCERTAIN
                value = str(value)
            values.append(value if type(value) is not Quality else None)
        if self._order is not None:
            values = list(self._order(values))
        for index, low, high in self._percent:
            percent = values[index]
            if percent is not None:
                x = _unpercented(float(percent))
                values[index] = x if low <= x <= high else None
        for index in self._singles:
            values[index] = _seven_digits(values[index])
        for index, factor_at in self._times:
            values[index] = _times(values[index], raw[factor_at])
        if None in values:
            self._tell_why(values, raw, faults)
        return values, faults

    def _tell_why(self, values: Values, raw: Sequence[Any], faults: Faults) -> None:
        for index, value in enumerate(values):
            if value is None:
                number = self._tell[index]
                faults[index] = Quality.ABSENT
                if number is None:
                    continue
                at, absent, exponent_at = number
                v = raw[at]
                no_scale = exponent_at is not None and raw[exponent_at] == _NO_SCALE
                if not (v in absent or v != v or no_scale):  # noqa: PLR0124  # NaN differs from itself
                    faults[index] = Quality.BAD


def compile_block(block: Block) -> Decoder:
    """Prepare the decoding of a block, once.

    Raises:
        ValueError: a type that cannot be decoded, or a scale that is none.
    """
    return Decoder(block)


def _unpercented(value: float) -> float:
    return value if -1 <= value <= 1 else value / 100


def _sorted_by_kind(block: Block) -> tuple[list[int], list[int], list[int]]:
    plain: list[int] = []
    scaled: list[int] = []
    special: list[int] = []
    for index, point in enumerate(block.points):
        if _is_special(point):
            special.append(index)
        elif point.format.scale_at is not None:
            scaled.append(index)
        else:
            plain.append(index)
    return plain, scaled, special


def _is_special(point: Point) -> bool:
    return point.value_type != "number"


def _scale_address(point: Point) -> int:
    return point.address + (point.format.scale_at or 0)


def _special(point: Point) -> Callable[[Any], Value]:
    """The conversion of a text, flag, state or fault word; gives `Quality.ABSENT` for an absent one."""
    form = point.format
    absent = _absent(form)
    if form.type == "string":
        return _text_of(absent)
    if form.type == "bool":
        return lambda raw: Quality.ABSENT if raw in absent else bool(raw)
    if form.states is not None:
        states = {_as_typed(raw, form): name for raw, name in form.states.items()}
        return lambda raw: (
            Quality.ABSENT if raw in absent else states.get(raw) or _Uncertain(f"unknown:{raw}")
        )
    width = 16 * form.registers if not point.table.is_bits else 1
    mask = (1 << width) - 1
    return lambda raw: (
        Quality.ABSENT if raw in absent else ",".join(str(n) for n in range(width) if (raw & mask) >> n & 1)
    )


def _text_of(absent: frozenset[float]) -> Callable[[bytes], Value]:
    def convert(raw: bytes) -> Value:
        words = set(unpack(f">{len(raw) // 2}H", raw))
        if words <= absent | {0}:
            return Quality.ABSENT
        text = raw.lstrip(b"\0 ").split(b"\0", 1)[0].decode("utf-8", errors="replace").strip()
        return text or Quality.ABSENT

    return convert


def _absent(form: Format) -> frozenset[float]:
    # as a float, 0x80000000 is -0.0 and would take every 0.0 with it
    typed = {raw: _as_typed(raw, form) for raw in form.absent}
    return frozenset(value for raw, value in typed.items() if value or not raw)


def _as_typed(raw: int, form: Format) -> float:
    """A raw value, written as the register's bits or as its meaning, as the type sees it."""
    if form.type == "string":
        return raw
    code = code_of(form)
    size = calcsize(f">{code}")
    typed: float = unpack(f">{code}", (raw % (1 << 8 * size)).to_bytes(size, "big"))[0]
    return typed


def _raw(point: Point, own: Sequence[int]) -> Any:
    form = point.format
    if point.table.is_bits:
        return own[0]
    code = code_of(form)
    if code not in "HhB" and form.type != "string" and form.word_order == "little":
        own = own[::-1]
    data = pack(f">{len(own)}H", *own)
    return data if form.type == "string" else unpack(f">{code}", data)[0]


def _signed(word: int) -> int:
    return word - 0x10000 if word & 0x8000 else word


def _picker(places: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    if len(places) > 1:
        return itemgetter(*places)
    return lambda raw: tuple(raw[at] for at in places)
