"""A device model as data, ready to use: what can be read, where, and what it means.

`agent.profile_file` reads the YAML form (`interfaces.md` §7) into these frozen shapes.
Signs: import +, charge +, PV generation ≥ 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from agent.modbus.address import Span, Table
from agent.reading import Text, Value

Kind: TypeAlias = Literal["inverter", "battery", "charger", "meter", "weather", "gateway", "bus", "ledger"]
WordOrder: TypeAlias = Literal["big", "little"]
"""`big`: high word first."""

POLLED_KINDS: tuple[Kind, ...] = ("inverter", "battery", "charger", "meter", "weather")


@dataclass(frozen=True, slots=True)
class Format:
    """How raw words become a value: (raw + raw_offset) x 10^scale_register x scale, then `range`.

    Args:
        type: `u16 i16 u32 i32 u64 i64 f32 f64 bool string`; further widths as decode knows them.
        registers: how many registers (or bits, in the bit tables) the value itself takes.
        word_order: of values wider than one register.
        absent: raw values, before scaling, that mean "not available"; NaN always does.
        range: outside it the value is bad.
        percent: the register holds percent, or -1..1 on devices that know no better: a value within
            -1..1 stays, any other is divided by 100 (`scale` is 1).
        scale_at: offset in registers, relative to the point's address, of an i16 exponent.
        times_at: offset in registers of an u16 that the value is multiplied with, such as the
            voltage beside a current where a maker gives no power; not with `range`.
        states: raw value → state name; any other gives `unknown:<n>`, uncertain.
        bits: bit number → text of the fault; the value is the set bits' numbers, `"0,3"`.
    """

    type: str
    registers: int
    word_order: WordOrder = "big"
    scale: float = 1.0
    raw_offset: int = 0
    absent: frozenset[int] = frozenset()
    range: tuple[float, float] | None = None
    percent: bool = False
    scale_at: int | None = None
    times_at: int | None = None
    states: Mapping[int, str] | None = None
    bits: Mapping[int, Text] | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """A line of the device's map."""

    name: str
    table: Table
    address: int
    format: Format
    unit: str = ""
    label: Text | None = None
    counter: bool = False
    optional: bool = False
    every_ms: int | None = None

    @property
    def span(self) -> Span:
        """All registers that one request must bring to decode this point."""
        start, end = self.address, self.address + self.format.registers
        for offset in (self.format.scale_at, self.format.times_at):
            if offset is not None:
                at = self.address + offset
                start, end = min(start, at), max(end, at + 1)
        return Span(self.table, start, end - start)

    @property
    def value_type(self) -> Literal["number", "string", "bool"]:
        if self.format.type == "bool":
            return "bool"
        if self.format.type == "string" or self.format.states is not None or self.format.bits is not None:
            return "string"
        return "number"


@dataclass(frozen=True, slots=True)
class Link:
    """What the device's own port allows."""

    word_order: WordOrder = "big"
    max_registers: int = 125
    gap_ms: int = 0
    connect_delay_ms: int = 0
    timeout_ms: int = 1_000
    connections: int = 1
    close_between_polls: bool = False
    forbidden: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SunSpecPoint:
    """A point found by model and name instead of by address; `models` are tried in order."""

    name: str
    models: tuple[tuple[int, str], ...]
    """(model id, SunSpec point name); a repeating group's point is written `group[1].point`, all of
    them `group[{n}].point`; a minus before it turns the sign."""
    scale: float = 1.0
    unit: str = ""
    label: Text | None = None
    counter: bool = False
    optional: bool = True
    every_ms: int | None = None
    range: tuple[float, float] | None = None
    states: Mapping[str, str] | None = None
    """SunSpec symbol → our state name."""
    percent: bool = False
    """See `Format.percent`."""
    bits: Mapping[str, Text] | None = None
    """SunSpec symbol → text of the fault."""


@dataclass(frozen=True, slots=True)
class SunSpecMap:
    """The part of a profile that a SunSpec device fills in itself by its model chain."""

    bases: tuple[int, ...]
    assume: tuple[int, ...]
    """The chain that planning and simulation take for granted before the device was asked."""
    points: tuple[SunSpecPoint, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """Registers whose content gives a device model away; the content fits one of what is listed.

    Args:
        format: type, width and word order; nothing is scaled.
        equals: whole numbers, as the registers hold them.
        texts: patterns with `*` and `?`, for a string.
        range: limits of a number that every such device shows, such as a mains frequency.
    """

    table: Table
    address: int
    format: Format
    equals: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()
    range: tuple[float, float] | None = None

    @property
    def span(self) -> Span:
        return Span(self.table, self.address, self.format.registers)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """How a device of this model is known: by all `marks`, or by its answers to function 43/14.

    `vendor` and `product` are patterns with `*` and `?`; none says nothing.
    """

    marks: tuple[Mark, ...] = ()
    vendor: tuple[str, ...] = ()
    product: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """Recorded registers of a real unit and what they mean; replayed by the suite."""

    holding: Mapping[int, Sequence[int]] = field(default_factory=dict)
    input: Mapping[int, Sequence[int]] = field(default_factory=dict)
    coil: Mapping[int, Sequence[int]] = field(default_factory=dict)
    discrete: Mapping[int, Sequence[int]] = field(default_factory=dict)
    expect: Mapping[str, Value | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """One device model. With `sunspec`, `points` is empty until the chain is resolved."""

    name: str
    kind: Kind
    also: tuple[Kind, ...]
    vendor: str
    model: str
    title: Text
    sources: tuple[str, ...]
    link: Link
    every_ms: int
    points: tuple[Point, ...]
    samples: tuple[Sample, ...] = ()
    sunspec: SunSpecMap | None = None
    ratio_applied: bool = False
    identify: Fingerprint | None = None

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return (self.kind, *self.also)

    def point(self, name: str) -> Point | None:
        return next((p for p in self.points if p.name == name), None)
