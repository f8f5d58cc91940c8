"""Words → values with quality, a block at a time, fast.

One precompiled struct (one more where points overlap or are in another order) and one
comprehension over the numbers. What takes more than unpacking and scaling is left to
`agent.modbus.meaning`, point by point; for all others, too, that is the plain statement.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from struct import Struct
from typing import Any, TypeAlias

from agent.modbus.layout import Field, Layout
from agent.modbus.meaning import (
    LARGEST,
    NO_SCALE,
    POWERS,
    Meaning,
    Number,
    Uncertain,
    has_seven_digits,
    is_made,
    is_special,
    seven_digits,
    special,
    unpercented,
)
from agent.modbus.plan import Block
from agent.profile import Point
from agent.reading import Quality, Value

Values: TypeAlias = list[Value | None]
Faults: TypeAlias = dict[int, Quality]

_NO_POWER = (float("nan"), 1)


class Decoder:
    """Decodes the replies to one block; values and faults are in the order of `block.points`."""

    __slots__ = (
        "_bits",
        "_exponents",
        "_made",
        "_order",
        "_percent",
        "_pick",
        "_plain",
        "_scaled",
        "_singles",
        "_special",
        "_tell",
        "_unpack",
        "_words",
    )

    def __init__(self, block: Block) -> None:
        layout = Layout(block.span)
        plain, scaled, converted, made = _sorted_by_kind(block)
        numbers = {i: Number.of(block.points[i].format) for i in (*plain, *scaled)}
        self._bits = block.span.table.is_bits
        self._words = Struct(f">{block.span.count}H") if not self._bits else None
        at = {
            i: layout.add(block.points[i].address, block.points[i].format)
            for i in (*plain, *scaled, *converted)
        }
        exponent_at = {i: _add_exponent(layout, block.points[i]) for i in scaled}
        self._unpack, where = layout.finish()
        exponents = sorted({where[exponent_at[i]] for i in scaled})
        self._exponents = tuple(exponents)
        self._pick = _picker([where[at[i]] for i in (*plain, *scaled)])
        self._plain = tuple(numbers[i].parameters() for i in plain)
        self._scaled = tuple(
            (*numbers[i].parameters(), exponents.index(where[exponent_at[i]])) for i in scaled
        )
        self._special = tuple((i, where[at[i]], special(block.points[i])) for i in converted)
        self._made = tuple((i, *_words_of(block.points[i], block), Meaning(block.points[i])) for i in made)
        self._singles = tuple(i for i in numbers if has_seven_digits(block.points[i]))
        self._percent = tuple(
            (i, *(block.points[i].format.range or (-LARGEST, LARGEST)))
            for i in numbers
            if block.points[i].format.percent
        )
        moved = [*plain, *scaled, *converted, *made]
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
            tens = [POWERS.get(raw[at], _NO_POWER) for at in self._exponents]
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
            if type(value) is Uncertain:
                faults[index] = Quality.UNCERTAIN
                value = str(value)
            values.append(value if type(value) is not Quality else None)
        if self._made:
            self._make(data, values, faults)
        if self._order is not None:
            values = list(self._order(values))
        for index, low, high in self._percent:
            percent = values[index]
            if percent is not None:
                x = unpercented(float(percent))
                values[index] = x if low <= x <= high else None
        for index in self._singles:
            values[index] = seven_digits(values[index])
        if None in values:
            self._tell_why(values, raw, faults)
        return values, faults

    def _make(self, data: bytes, values: Values, faults: Faults) -> None:
        for index, words_of, first, meaning in self._made:
            value, quality, _ = meaning(words_of(data, first))
            if quality is not Quality.GOOD:
                faults[index] = quality
            values.append(value)

    def _tell_why(self, values: Values, raw: Sequence[Any], faults: Faults) -> None:
        for index, value in enumerate(values):
            if value is None and index not in faults:
                number = self._tell[index]
                faults[index] = Quality.ABSENT
                if number is None:
                    continue
                at, absent, exponent_at = number
                v = raw[at]
                no_scale = exponent_at is not None and raw[exponent_at] == NO_SCALE
                if not (v in absent or v != v or no_scale):  # noqa: PLR0124  # NaN differs from itself
                    faults[index] = Quality.BAD


def compile_block(block: Block) -> Decoder:
    """Prepare the decoding of a block, once.

    Raises:
        ValueError: a type that cannot be decoded, or a scale that is none.
    """
    return Decoder(block)


def _sorted_by_kind(block: Block) -> tuple[list[int], list[int], list[int], list[int]]:
    plain: list[int] = []
    scaled: list[int] = []
    converted: list[int] = []
    made: list[int] = []
    for index, point in enumerate(block.points):
        if is_made(point.format):
            made.append(index)
        elif is_special(point):
            converted.append(index)
        elif point.format.scale_at is not None:
            scaled.append(index)
        else:
            plain.append(index)
    return plain, scaled, converted, made


def _add_exponent(layout: Layout, point: Point) -> Field:
    return layout.add_exponent(point.address + (point.format.scale_at or 0), point.format)


def _words_of(point: Point, block: Block) -> tuple[Callable[[bytes, int], tuple[int, ...]], int]:
    """How to get the words of a point's span out of a reply, and the byte where they start."""
    span = point.span
    return Struct(f">{span.count}H").unpack_from, 2 * (span.start - block.span.start)


def _picker(places: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    if len(places) > 1:
        return itemgetter(*places)
    return lambda raw: tuple(raw[at] for at in places)
