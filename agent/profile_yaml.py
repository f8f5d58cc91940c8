"""The shapes of a profile file as people write them; `agent.profile_file` turns them into a `Profile`."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from agent.modbus.address import MAX_REGISTERS, Table
from agent.points import StandardPoint, standard
from agent.profile import (
    Fingerprint,
    Format,
    Link,
    Mark,
    Point,
    Sample,
    SunSpecMap,
    SunSpecPoint,
    WordOrder,
)
from agent.quantity import DurationMs
from agent.reading import Text, Value

PolledKind = Literal["inverter", "battery", "charger", "meter", "weather"]

REGISTERS = {"u16": 1, "i16": 1, "u32": 2, "i32": 2, "u64": 4, "i64": 4, "f32": 2, "f64": 4, "bool": 1}
_STRING = re.compile(r"string:([1-9][0-9]{0,2})")
_NAME = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
_FAMILY_NAME = r"^[a-z][a-z0-9]*(_([a-z0-9]+|\{n\}))*$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TextYaml(_Part):
    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)

    def text(self) -> Text:
        return Text(self.en, self.zh)


def _type_name(text: object) -> object:
    if isinstance(text, str) and (text in REGISTERS or _STRING.fullmatch(text)):
        return text
    raise ValueError(f"{text!r} is not a type; use one of {', '.join(REGISTERS)}, string:<registers>")


def _zero_based(address: int) -> int:
    if not 0 <= address <= 0xFFFF:
        raise ValueError(f"{address} is no address; write 0..65535, zero-based as on the wire")
    return address


Address = Annotated[int, AfterValidator(_zero_based)]
TypeName = Annotated[str, BeforeValidator(_type_name)]
Limits = tuple[float, float]


class LinkYaml(_Part):
    word_order: WordOrder = "big"
    max_registers: int = Field(default=125, ge=1, le=MAX_REGISTERS)
    gap: DurationMs = 0
    connect_delay: DurationMs = 0
    timeout: DurationMs = 1_000
    connections: int = Field(default=1, ge=1)
    close_between_polls: bool = False
    forbidden: tuple[tuple[Address, Annotated[int, Field(ge=1, le=65_536)]], ...] = ()

    def link(self) -> Link:
        return Link(
            word_order=self.word_order,
            max_registers=self.max_registers,
            gap_ms=self.gap,
            connect_delay_ms=self.connect_delay,
            timeout_ms=self.timeout,
            connections=self.connections,
            close_between_polls=self.close_between_polls,
            forbidden=self.forbidden,
        )


class PointYaml(_Part):
    name: str = Field(pattern=_NAME)
    table: Table
    address: Address
    type: TypeName
    word_order: WordOrder | None = None
    scale: float = Field(default=1.0, allow_inf_nan=False)
    raw_offset: int = 0
    scale_register: Address | None = None
    times_register: Address | None = None
    absent: tuple[int, ...] = ()
    range: Limits | None = None
    states: Mapping[int, str] | None = Field(default=None, min_length=1)
    bits: Mapping[int, TextYaml] | None = None
    counter: bool = False
    optional: bool = False
    every: DurationMs | None = None
    unit: str | None = None
    label: TextYaml | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> "PointYaml":
        _named(self)
        if self.table.is_bits and self.type != "bool":
            raise ValueError(f"a {self.table} holds a bool, not {self.type}; write `type: bool`")
        if self.scale_register is not None and self.table.is_bits:
            raise ValueError("bits have no scale register; remove scale_register")
        if self.times_register is not None and (self.table.is_bits or self.range is not None):
            raise ValueError("times_register goes with a register, and without range; remove one of them")
        if self.scale == 0:
            raise ValueError("scale 0 makes every value 0; write a factor")
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError(f"the range {list(self.range)} is empty; write [lowest, highest]")
        self._texts_fit()
        return self

    def _texts_fit(self) -> None:
        if self.states is not None and self.bits is not None:
            raise ValueError("a point has either states or bits; remove one of them")
        whole = self.type[0] in "ui" and self.type[1:].isdigit()
        if (self.states is not None or self.bits is not None) and not whole:
            raise ValueError(f"states and bits need a whole number, not {self.type}; use u16 or the like")
        width = 16 * REGISTERS.get(self.type, 1)
        wrong = [bit for bit in self.bits or () if not 0 <= bit < width]
        if wrong:
            raise ValueError(
                f"bit {wrong[0]} does not exist in {self.type}; bits count from 0 to {width - 1}"
            )
        if whole and any(not -(1 << width - 1) <= raw < 1 << width for raw in self.absent):
            raise ValueError(f"a raw value in absent does not fit {self.type}; correct it")
        lowest, beyond = (0, 1 << width) if self.type[0] == "u" else (-(1 << width - 1), 1 << width - 1)
        unfit = [raw for raw in self.states or () if not lowest <= raw < beyond]
        if unfit:
            raise ValueError(f"the state {unfit[0]} does not fit {self.type}; correct it")

    def point(self, word_order: WordOrder) -> Point:
        text = _STRING.fullmatch(self.type)
        registers = int(text[1]) if text else REGISTERS[self.type]
        mask = (1 << 16 * registers) - 1
        return Point(
            name=self.name,
            table=self.table,
            address=self.address,
            format=Format(
                type="string" if text else self.type,
                registers=registers,
                word_order=self.word_order or word_order,
                scale=self.scale,
                raw_offset=self.raw_offset,
                absent=frozenset(raw & mask for raw in self.absent),
                range=self.range,
                scale_at=None if self.scale_register is None else self.scale_register - self.address,
                times_at=None if self.times_register is None else self.times_register - self.address,
                states=self.states,
                bits=None if self.bits is None else {bit: text.text() for bit, text in self.bits.items()},
            ),
            unit=self.unit or "",
            label=None if self.label is None else self.label.text(),
            counter=self.counter,
            optional=self.optional,
            every_ms=self.every,
        )


def _named(point: "PointYaml | SunSpecPointYaml") -> None:
    if standard(point.name) is None and (point.label is None or point.unit is None):
        absent = " and a ".join(key for key in ("label", "unit") if getattr(point, key) is None)
        raise ValueError(
            f"{point.name!r} is not a standard point and needs a {absent}; "
            'add them (unit "" for a bare number) or use a standard name of docs/points.md'
        )


_FIND = re.compile(
    r"(?P<sign>-?)(?P<low>\d+)(?:-(?P<high>\d+))?\.(?P<point>[A-Za-z_][\w]*(?:\[(?:\d+|\{n\})\]\.[A-Za-z_]\w*)?)"
)


class SunSpecPointYaml(_Part):
    name: str = Field(pattern=_FAMILY_NAME)
    find: tuple[str, ...] = Field(min_length=1)
    scale: float = Field(default=1.0, allow_inf_nan=False)
    percent: bool = False
    range: Limits | None = None
    states: Mapping[str, str] | None = Field(default=None, min_length=1)
    bits: Mapping[str, TextYaml] | None = None
    counter: bool = False
    optional: bool = True
    every: DurationMs | None = None
    unit: str | None = None
    label: TextYaml | None = None

    @model_validator(mode="after")
    def _places_are_readable(self) -> "SunSpecPointYaml":
        _named(self)
        for text in self.find:
            if _FIND.fullmatch(text) is None:
                raise ValueError(
                    f"{text!r} names no SunSpec point; write model.point, such as 103.W, 101-103.W"
                )
            if ("{n}" in self.name) != ("{n}" in text):
                raise ValueError(f"{self.name!r} and {text!r} must both have {{n}} or neither; correct one")
        return self

    def places(self) -> tuple[tuple[int, str], ...]:
        found = [match for text in self.find if (match := _FIND.fullmatch(text))]
        return tuple(
            (model, match["sign"] + match["point"])
            for match in found
            for model in range(int(match["low"]), int(match["high"] or match["low"]) + 1)
        )

    def point(self, known: StandardPoint | None) -> SunSpecPoint:
        label = None if self.label is None else self.label.text()
        return SunSpecPoint(
            name=self.name,
            models=self.places(),
            scale=self.scale,
            percent=self.percent,
            unit=self.unit or (known.unit if known else ""),
            label=label or (known.label if known else None),
            counter=self.counter or (known is not None and known.counter),
            optional=self.optional,
            every_ms=self.every,
            range=self.range,
            states=self.states,
            bits=None if self.bits is None else {bit: text.text() for bit, text in self.bits.items()},
        )


class SunSpecYaml(_Part):
    bases: tuple[int, ...] = (40000, 50000, 0)
    assume: tuple[int, ...] = Field(min_length=1)
    points: tuple[SunSpecPointYaml, ...] = Field(min_length=1)

    def map(self, known: Mapping[str, StandardPoint]) -> SunSpecMap:
        return SunSpecMap(self.bases, self.assume, tuple(p.point(known.get(p.name)) for p in self.points))


_TextPattern = Annotated[str, Field(min_length=1, max_length=64)]
_Word = Annotated[int, Field(ge=0, lt=1 << 64)]


class MarkYaml(_Part):
    table: Table
    address: Address
    type: TypeName
    word_order: WordOrder | None = None
    equals: tuple[_Word, ...] = ()
    text: tuple[_TextPattern, ...] = ()
    range: Limits | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> "MarkYaml":
        if bool(self.equals) + bool(self.text) + (self.range is not None) != 1:
            raise ValueError("a register is known by equals, text or range; write exactly one of them")
        if self.text and not self.type.startswith("string"):
            raise ValueError(f"text needs a string, not {self.type}; use string:<registers>")
        if self.equals and self.type[0] not in "ub":
            raise ValueError(
                f"equals needs a whole number without sign, not {self.type}; use u16 or the like"
            )
        if self.range is not None and (self.type == "bool" or self.type.startswith("string")):
            raise ValueError(f"range needs a number, not {self.type}; use u16, f32 or the like")
        if self.table.is_bits and self.type != "bool":
            raise ValueError(f"a {self.table} holds a bool, not {self.type}; write `type: bool`")
        return self

    def mark(self, word_order: WordOrder) -> Mark:
        text = _STRING.fullmatch(self.type)
        form = Format(
            type="string" if text else self.type,
            registers=int(text[1]) if text else REGISTERS[self.type],
            word_order=self.word_order or word_order,
        )
        return Mark(self.table, self.address, form, self.equals, self.text, self.range)


class IdentifyYaml(_Part):
    registers: tuple[MarkYaml, ...] = ()
    vendor: tuple[_TextPattern, ...] = ()
    product: tuple[_TextPattern, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> "IdentifyYaml":
        if not (self.registers or self.vendor or self.product):
            raise ValueError("nothing is said to know the device by; write registers, vendor or product")
        return self

    def fingerprint(self, word_order: WordOrder) -> Fingerprint:
        return Fingerprint(tuple(m.mark(word_order) for m in self.registers), self.vendor, self.product)


Blocks = Mapping[int, tuple[Annotated[int, Field(ge=0, le=65_535)], ...]]


def _starts(blocks: object) -> object:
    """Addresses are written as text keys; anything else is left to the field's own check."""
    if not isinstance(blocks, dict):
        return blocks
    return {int(key, 0) if isinstance(key, str) and key.isdigit() else key: w for key, w in blocks.items()}


BlocksYaml = Annotated[Blocks, BeforeValidator(_starts)]


class SampleYaml(_Part):
    holding: BlocksYaml = Field(default_factory=dict)
    input: BlocksYaml = Field(default_factory=dict)
    coil: BlocksYaml = Field(default_factory=dict)
    discrete: BlocksYaml = Field(default_factory=dict)
    expect: Mapping[str, Value | None] = Field(min_length=1)

    def sample(self) -> Sample:
        return Sample(self.holding, self.input, self.coil, self.discrete, self.expect)


class ProfileYaml(_Part):
    version: Literal[1]
    profile: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    kind: PolledKind
    also: tuple[PolledKind, ...] = ()
    vendor: str = Field(min_length=1)
    model: str = Field(min_length=1)
    title: TextYaml
    sources: tuple[str, ...] = ()
    link: LinkYaml = LinkYaml()
    every: DurationMs = 10_000
    ratio_applied: bool = False
    points: tuple[PointYaml, ...] = ()
    sunspec: SunSpecYaml | None = None
    identify: IdentifyYaml | None = None
    samples: tuple[SampleYaml, ...] = ()
