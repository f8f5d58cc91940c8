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

TEXT_TYPES = frozenset({"string", "hex", "bytes"})
"""Characters; hexadecimal digits (serial numbers in BCD); the bytes as numbers with dots (versions)."""

POLLED_KINDS: tuple[Kind, ...] = ("inverter", "battery", "charger", "meter", "weather")


@dataclass(frozen=True, slots=True)
class Format:
    """How raw words become a value: (raw + raw_offset) x 10^scale_register x scale, then `range`.

    Places are offsets in registers, relative to the point's address; all of them come in one request.

    Args:
        type: a name in `agent.modbus.layout.TYPES`.
        registers: how many registers (or bits, in the bit tables) the value itself takes.
        word_order: of values wider than one register.
        byte_order: `little`: the two bytes of every register are swapped.
        absent: raw values, before scaling, that mean "not available"; NaN always does.
        range: outside it the value is bad.
        percent: the register holds percent, or -1..1 on devices that know no better: a value within
            -1..1 stays, any other is divided by 100 (`scale` is 1).
        high_at: place of the high word, where it lies apart; the low word is at the address.
        mask: the bits that count, shifted down to bit 0; of a signed type, the highest is the sign.
        plus: place → factor: raw values of the same type that are added to the point's own.
        sign_at: place and mask of a word: the value is negative where one of these bits is set.
        scale_at: place of an i16 exponent of ten, or with `scales` of a word that stands for a factor.
        scale_mask: the bits of that word that count, shifted down; without it the word is signed.
        scales: what the word says → factor; what is not listed is bad.
        times_at: places of u16 factors, such as a transformer's ratio, or the voltage beside a
            current where a maker gives no power.
        utc: a device clock keeps UTC; else it shows the site's local time.
        states: raw value → state name; any other gives `unknown:<n>`, uncertain.
        bits: bit number → text of the fault; the value is the set bits' numbers, `"0,3"`.
    """

    type: str
    registers: int
    word_order: WordOrder = "big"
    byte_order: WordOrder = "big"
    scale: float = 1.0
    raw_offset: int = 0
    absent: frozenset[int] = frozenset()
    range: tuple[float, float] | None = None
    percent: bool = False
    high_at: int | None = None
    mask: int | None = None
    plus: tuple[tuple[int, float], ...] = ()
    sign_at: tuple[int, int] | None = None
    scale_at: int | None = None
    scale_mask: int | None = None
    scales: Mapping[int, float] | None = None
    times_at: tuple[int, ...] = ()
    utc: bool = False
    states: Mapping[int, str] | None = None
    bits: Mapping[int, Text] | None = None

    @property
    def places(self) -> tuple[int, ...]:
        """Of all registers that make the value."""
        own = (0, self.high_at) if self.high_at is not None else tuple(range(self.registers))
        for place, _ in self.plus:
            own += tuple(range(place, place + self.registers))
        if self.sign_at is not None:
            own += (self.sign_at[0],)
        return own + self.times_at + (() if self.scale_at is None else (self.scale_at,))

    @property
    def is_clock(self) -> bool:
        """The device's own time: its value is the seconds since 1970 that the device's clock shows."""
        return self.type.startswith("time_")


@dataclass(frozen=True, slots=True)
class Point:
    """A line of the device's map.

    Args:
        max_rate: the fastest believable change, in its unit per second; None leaves it to the
            standard point of this name, 0 believes all.
        wraps_at: where a counter starts again from 0, if that is not what its type can hold.
    """

    name: str
    table: Table
    address: int
    format: Format
    unit: str = ""
    label: Text | None = None
    counter: bool = False
    optional: bool = False
    every_ms: int | None = None
    max_rate: float | None = None
    wraps_at: float | None = None

    @property
    def span(self) -> Span:
        """All registers that one request must bring to decode this point."""
        places = self.format.places
        start, end = min(places), max(places) + 1
        return Span(self.table, self.address + start, end - start)

    @property
    def value_type(self) -> Literal["number", "string", "bool"]:
        form = self.format
        if form.type == "bool":
            return "bool"
        if form.type in TEXT_TYPES or form.states is not None or form.bits is not None:
            return "string"
        return "number"


@dataclass(frozen=True, slots=True)
class Link:
    """What the device's own port allows."""

    word_order: WordOrder = "big"
    byte_order: WordOrder = "big"
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
