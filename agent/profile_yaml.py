"""The shapes of a profile file as people write them; `agent.profile_file` turns them into a `Profile`."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from agent.modbus.address import MAX_REGISTERS, Table
from agent.point_yaml import Address, Limits, Part, PointYaml, TextYaml, TypeName, named, width_of
from agent.points import StandardPoint
from agent.profile import (
    Fingerprint,
    Format,
    Link,
    Mark,
    Sample,
    SunSpecMap,
    SunSpecPoint,
    WordOrder,
)
from agent.quantity import DurationMs
from agent.reading import Value

PolledKind = Literal["inverter", "battery", "charger", "meter", "weather"]

_FAMILY_NAME = r"^[a-z][a-z0-9]*(_([a-z0-9]+|\{n\}))*$"


class LinkYaml(Part):
    word_order: WordOrder = "big"
    byte_order: WordOrder = "big"
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
            byte_order=self.byte_order,
            max_registers=self.max_registers,
            gap_ms=self.gap,
            connect_delay_ms=self.connect_delay,
            timeout_ms=self.timeout,
            connections=self.connections,
            close_between_polls=self.close_between_polls,
            forbidden=self.forbidden,
        )


_FIND = re.compile(
    r"(?P<sign>-?)(?P<low>\d+)(?:-(?P<high>\d+))?\.(?P<point>[A-Za-z_][\w]*(?:\[(?:\d+|\{n\})\]\.[A-Za-z_]\w*)?)"
)


class SunSpecPointYaml(Part):
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
        named(self)
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


class SunSpecYaml(Part):
    bases: tuple[int, ...] = (40000, 50000, 0)
    assume: tuple[int, ...] = Field(min_length=1)
    points: tuple[SunSpecPointYaml, ...] = Field(min_length=1)

    def map(self, known: Mapping[str, StandardPoint]) -> SunSpecMap:
        return SunSpecMap(self.bases, self.assume, tuple(p.point(known.get(p.name)) for p in self.points))


_TextPattern = Annotated[str, Field(min_length=1, max_length=64)]
_Word = Annotated[int, Field(ge=0, lt=1 << 64)]


class MarkYaml(Part):
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

    def mark(self, link: Link) -> Mark:
        kind, registers = width_of(self.type)
        order = self.word_order or link.word_order
        form = Format(kind, registers, word_order=order, byte_order=link.byte_order)
        return Mark(self.table, self.address, form, self.equals, self.text, self.range)


class IdentifyYaml(Part):
    registers: tuple[MarkYaml, ...] = ()
    vendor: tuple[_TextPattern, ...] = ()
    product: tuple[_TextPattern, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> "IdentifyYaml":
        if not (self.registers or self.vendor or self.product):
            raise ValueError("nothing is said to know the device by; write registers, vendor or product")
        return self

    def fingerprint(self, link: Link) -> Fingerprint:
        return Fingerprint(tuple(m.mark(link) for m in self.registers), self.vendor, self.product)


Blocks = Mapping[int, tuple[Annotated[int, Field(ge=0, le=65_535)], ...]]


def _starts(blocks: object) -> object:
    """Addresses are written as text keys; anything else is left to the field's own check."""
    if not isinstance(blocks, dict):
        return blocks
    return {int(key, 0) if isinstance(key, str) and key.isdigit() else key: w for key, w in blocks.items()}


BlocksYaml = Annotated[Blocks, BeforeValidator(_starts)]


class SampleYaml(Part):
    holding: BlocksYaml = Field(default_factory=dict)
    input: BlocksYaml = Field(default_factory=dict)
    coil: BlocksYaml = Field(default_factory=dict)
    discrete: BlocksYaml = Field(default_factory=dict)
    expect: Mapping[str, Value | None] = Field(min_length=1)

    def sample(self) -> Sample:
        return Sample(self.holding, self.input, self.coil, self.discrete, self.expect)


class ProfileYaml(Part):
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
