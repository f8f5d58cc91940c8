"""The shape of a point with an address, as people write it in a profile file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from agent.modbus.address import Table
from agent.modbus.layout import REGISTERS
from agent.modbus.meaning import lowest_bit
from agent.points import standard
from agent.profile import TEXT_TYPES, Format, Link, Point, WordOrder
from agent.quantity import DurationMs
from agent.reading import Text

_TEXT = re.compile(rf"({'|'.join(sorted(TEXT_TYPES))}):([1-9][0-9]{{0,2}})")
_NAME = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
_CLOCK = "device_clock_offset_s"
_WIDEST_STATES = 256
_MOST_FACTORS = 3
_RANGE = re.compile(r"(0x[0-9A-Fa-f]+|\d+)-(0x[0-9A-Fa-f]+|\d+)")


class Part(BaseModel):
    """A map in the file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TextYaml(Part):
    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)

    def text(self) -> Text:
        return Text(self.en, self.zh)


def _type_name(text: object) -> object:
    if isinstance(text, str) and (text in REGISTERS or _TEXT.fullmatch(text)):
        return text
    texts = ", ".join(f"{name}:<registers>" for name in sorted(TEXT_TYPES, reverse=True))
    raise ValueError(f"{text!r} is not a type; use one of {', '.join(REGISTERS)}, {texts}")


def width_of(type_name: str) -> tuple[str, int]:
    """The type's own name, and how many registers it takes: `string:4` is a `string` of 4."""
    text = _TEXT.fullmatch(type_name)
    return (text[1], int(text[2])) if text else (type_name, REGISTERS[type_name])


def _zero_based(address: int) -> int:
    if not 0 <= address <= 0xFFFF:
        raise ValueError(f"{address} is no address; write 0..65535, zero-based as on the wire")
    return address


Address = Annotated[int, AfterValidator(_zero_based)]
TypeName = Annotated[str, BeforeValidator(_type_name)]
Limits = tuple[float, float]
_Mask = Annotated[int, Field(gt=0, lt=1 << 64)]
_WordMask = Annotated[int, Field(gt=0, lt=1 << 16)]
_Factor = Annotated[float, Field(allow_inf_nan=False)]


class SignYaml(Part):
    address: Address
    mask: _WordMask


class ScaleYaml(Part):
    address: Address
    mask: _WordMask | None = None
    scales: Mapping[int, _Factor] | None = Field(default=None, min_length=1)


def _one_or_many(addresses: object) -> object:
    return addresses if isinstance(addresses, list) else [addresses]


def _of_exponents(register: object) -> object:
    return {"address": register} if isinstance(register, int) else register


def _in_ranges(states: Any) -> Any:
    """`1-5: running` stands for each whole number from 1 to 5."""
    if not isinstance(states, dict):
        return states
    plain: dict[Any, Any] = {}
    for key, name in states.items():
        found = _RANGE.fullmatch(key) if isinstance(key, str) else None
        numbers: Sequence[Any] = [key]
        if found is not None:
            numbers = range(int(found[1], 0), int(found[2], 0) + 1)
            if not 1 < len(numbers) <= _WIDEST_STATES:
                raise ValueError(f"{key} is no range of states; write first-last, {_WIDEST_STATES} at most")
        twice = [number for number in numbers if number in plain]
        if twice:
            raise ValueError(f"the state {twice[0]} is named twice; write it once")
        plain |= dict.fromkeys(numbers, name)
    return plain


class PointYaml(Part):
    name: str = Field(pattern=_NAME)
    table: Table
    address: Address
    type: TypeName
    word_order: WordOrder | None = None
    byte_order: WordOrder | None = None
    scale: float = Field(default=1.0, allow_inf_nan=False)
    raw_offset: int = 0
    high_register: Address | None = None
    mask: _Mask | None = None
    plus: Mapping[Address, _Factor] = Field(default_factory=dict)
    sign_register: SignYaml | None = None
    scale_register: Annotated[ScaleYaml | None, BeforeValidator(_of_exponents)] = None
    times_register: Annotated[
        tuple[Address, ...], BeforeValidator(_one_or_many), Field(max_length=_MOST_FACTORS)
    ] = ()
    utc: bool = False
    absent: tuple[int, ...] = ()
    range: Limits | None = None
    states: Mapping[int, str] | None = Field(default=None, min_length=1)
    bits: Mapping[int, TextYaml] | None = None
    counter: bool = False
    optional: bool = False
    every: DurationMs | None = None
    max_rate: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    wraps_at: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    unit: str | None = None
    label: TextYaml | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_ranges(cls, keys: Any) -> Any:
        if isinstance(keys, dict) and "states" in keys:
            return {**keys, "states": _in_ranges(keys["states"])}
        return keys

    @model_validator(mode="after")
    def _fits_together(self) -> "PointYaml":
        named(self)
        fault = next(self._faults(), None)
        if fault is not None:
            raise ValueError(fault)
        return self

    @property
    def _is_whole(self) -> bool:
        return self.type[0] in "ui" and self.type[1:].isdigit()

    def _faults(self) -> Iterator[str]:
        if self.table.is_bits and self.type != "bool":
            yield f"a {self.table} holds a bool, not {self.type}; write `type: bool`"
        is_number = self._is_whole or self.type[0] == "f" or self.type.startswith("bcd")
        has_texts = self.states is not None or self.bits is not None
        used = [key for key in _OF_NUMBERS if getattr(self, key) not in (None, (), {})]
        if used and (has_texts or not is_number):
            yield f"{used[0]} goes with a number, not with {self.type} or states or bits; remove it"
        if self.mask is not None and not (self._is_whole or self.type == "bool"):
            yield f"mask needs a whole number or a bool, not {self.type}; use u16 or the like"
        if self.mask is not None and (self.table.is_bits or self.mask >> 16 * width_of(self.type)[1]):
            yield f"the mask {self.mask:#x} does not fit {self.type} of a {self.table}; correct it"
        if self.high_register is not None and (width_of(self.type)[1] != 2 or self.plus):
            yield "high_register goes with a number of two registers, and without plus; correct it"
        if self.type.startswith("time_") != (self.name == _CLOCK):
            yield f"a time_ type and the point {_CLOCK} go together; correct type or name"
        if self.utc and self.name != _CLOCK:
            yield f"utc goes with {_CLOCK}; remove it"
        yield from self._faults_of_numbers()
        yield from self._faults_of_texts()

    def _faults_of_numbers(self) -> Iterator[str]:
        if self.scale == 0 or 0 in self.plus.values():
            yield "scale 0 makes every value 0; write a factor"
        if self.range is not None and self.range[0] >= self.range[1]:
            yield f"the range {list(self.range)} is empty; write [lowest, highest]"
        if self.wraps_at is not None and not (self.counter or self._is_standard_counter):
            yield "wraps_at goes with `counter: true`; remove it"

    @property
    def _is_standard_counter(self) -> bool:
        known = standard(self.name)
        return known is not None and known.counter

    def _faults_of_texts(self) -> Iterator[str]:
        if self.states is not None and self.bits is not None:
            yield "a point has either states or bits; remove one of them"
        if (self.states is not None or self.bits is not None) and not self._is_whole:
            yield f"states and bits need a whole number, not {self.type}; use u16 or the like"
        width = self._width
        wrong = [bit for bit in self.bits or () if not 0 <= bit < width]
        if wrong:
            yield f"bit {wrong[0]} does not exist in {self._what}; bits count from 0 to {width - 1}"
        if self._is_whole and any(not -(1 << width - 1) <= raw < 1 << width for raw in self.absent):
            yield f"a raw value in absent does not fit {self._what}; correct it"
        lowest, beyond = (0, 1 << width) if self.type[0] == "u" else (-(1 << width - 1), 1 << width - 1)
        unfit = [raw for raw in self.states or () if not lowest <= raw < beyond]
        if unfit:
            yield f"the state {unfit[0]} does not fit {self._what}; correct it"

    @property
    def _width(self) -> int:
        """Bits of a raw value."""
        if self.mask is not None:
            return (self.mask >> lowest_bit(self.mask)).bit_length()
        return 16 * REGISTERS.get(self.type, 1)

    @property
    def _what(self) -> str:
        return self.type if self.mask is None else f"the {self._width} bits of the mask"

    def point(self, link: Link) -> Point:
        """The frozen form; orders that it does not name are the link's."""
        kind, registers = width_of(self.type)
        every_bit = (1 << (self._width if self._is_whole else 16 * registers)) - 1
        scale = self.scale_register
        return Point(
            name=self.name,
            table=self.table,
            address=self.address,
            format=Format(
                type=kind,
                registers=registers,
                word_order=self.word_order or link.word_order,
                byte_order=self.byte_order or link.byte_order,
                scale=self.scale,
                raw_offset=self.raw_offset,
                absent=frozenset(raw & every_bit for raw in self.absent),
                range=self.range,
                high_at=None if self.high_register is None else self.high_register - self.address,
                mask=self.mask,
                plus=tuple((address - self.address, factor) for address, factor in self.plus.items()),
                sign_at=None
                if self.sign_register is None
                else (self.sign_register.address - self.address, self.sign_register.mask),
                scale_at=None if scale is None else scale.address - self.address,
                scale_mask=None if scale is None else scale.mask,
                scales=None if scale is None else scale.scales,
                times_at=tuple(address - self.address for address in self.times_register),
                utc=self.utc,
                states=self.states,
                bits=None if self.bits is None else {bit: text.text() for bit, text in self.bits.items()},
            ),
            unit=self.unit or "",
            label=None if self.label is None else self.label.text(),
            counter=self.counter,
            optional=self.optional,
            every_ms=self.every,
            max_rate=self.max_rate,
            wraps_at=self.wraps_at,
        )


_OF_NUMBERS = ("high_register", "plus", "sign_register", "scale_register", "times_register", "max_rate")


def named(point: Any) -> None:
    """A point without a standard name says what it is itself.

    Raises:
        ValueError: it does not.
    """
    if standard(point.name) is None and (point.label is None or point.unit is None):
        absent = " and a ".join(key for key in ("label", "unit") if getattr(point, key) is None)
        raise ValueError(
            f"{point.name!r} is not a standard point and needs a {absent}; "
            'add them (unit "" for a bare number) or use a standard name of docs/points.md'
        )
