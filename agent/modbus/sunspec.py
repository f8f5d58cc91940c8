"""SunSpec: find the model chain of a device and turn model.point names into addresses.

`walk` asks, `resolve` and `assumed` only think. What real devices do is forgiven:
odd lengths are followed as announced, points beyond a model's length do not exist,
unknown models are passed over, and a chain without its end marker ends where the
device refuses.
"""

import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from agent.modbus.address import MAX_REGISTERS, Span, Table
from agent.modbus.pdu import UnitRefused
from agent.modbus.sunspec_models import IN_GROUP, Definition, Field, Repeated, definition
from agent.points import standard
from agent.profile import Format, Point, Profile, SunSpecPoint
from agent.reading import Text

MARKER = (0x5375, 0x6E53)  # "SunS"
COMMON = 1
END = 0xFFFF
MAX_MODELS = 200
ASSUMED_GROUPS = 2
"""How many inputs, ports or strings a device is taken to have before it was asked."""

Read: TypeAlias = Callable[[Span], Awaitable[Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Model:
    """A model found in a device.

    Args:
        address: of the register that holds the id.
        length: as announced, without id and length.
        fixed: words from `address` on, where scale factors lie too far from their values
            to be read in the same request; they are then taken once.
    """

    id: int
    address: int
    length: int
    fixed: tuple[int, ...] = ()

    @property
    def next_address(self) -> int:
        return self.address + 2 + self.length


@dataclass(frozen=True, slots=True)
class Chain:
    """What a SunSpec device says about itself; texts are empty where it says nothing."""

    base: int
    models: tuple[Model, ...]
    vendor: str = ""
    model: str = ""
    version: str = ""
    serial: str = ""

    def find(self, model: int) -> Model | None:
        return next((found for found in self.models if found.id == model), None)


async def walk(read: Read, bases: Iterable[int]) -> Chain | None:
    """Look for the marker at each base and follow the chain; None where no base has it.

    `read` brings the words of a span; what it raises other than a refused address passes through.
    """
    for base in bases:
        words = await _try(read, base, 2)
        if words is not None and tuple(words) == MARKER:
            models = await _models(read, base + 2)
            chain = Chain(base, models)
            common = chain.find(COMMON)
            return chain if common is None else await _introduced(read, chain, common)
    return None


async def _models(read: Read, address: int) -> tuple[Model, ...]:
    models: list[Model] = []
    while len(models) < MAX_MODELS and address <= 0xFFFE:
        head = await _try(read, address, 2)
        if head is None or head[0] in (0, END):
            break
        model = Model(head[0], address, head[1])
        models.append(await _with_fixed_part(read, model))
        address = model.next_address
    return tuple(models)


async def _with_fixed_part(read: Read, model: Model) -> Model:
    known = definition(model.id)
    if known is None or not known.groups or model.length + 2 <= MAX_REGISTERS:
        return model
    words = await _try(read, model.address, min(known.registers, MAX_REGISTERS))
    return model if words is None else replace(model, fixed=tuple(words))


async def _introduced(read: Read, chain: Chain, common: Model) -> Chain:
    words = await _try(read, common.address, min(common.length + 2, MAX_REGISTERS))
    known = definition(COMMON)
    if words is None or known is None:
        return chain

    def text(name: str) -> str:
        field = known.fields[name]
        own = words[field.offset : field.offset + field.registers]
        data = struct.pack(f">{len(own)}H", *own)
        return data.lstrip(b"\0 ").split(b"\0", 1)[0].decode("utf-8", errors="replace").strip()

    return replace(chain, vendor=text("Mn"), model=text("Md"), version=text("Vr"), serial=text("SN"))


async def _try(read: Read, address: int, count: int) -> Sequence[int] | None:
    try:
        return await read(Span(Table.HOLDING, address, count))
    except UnitRefused as refused:
        if refused.about_address:
            return None
        raise


def resolve(profile: Profile, chain: Chain) -> Profile:
    """The profile with concrete points at the addresses of this device's chain.

    Of each point's models the first that the device has, and that is long enough, is taken;
    a point that none of them has is left out. Maker and model become the device's own.
    """
    if profile.sunspec is None:
        return profile
    found: list[Point] = list(profile.points)
    for wanted in profile.sunspec.points:
        found += _found(wanted, chain, profile.link.max_registers)
    return replace(
        profile,
        points=tuple(found),
        sunspec=None,
        vendor=chain.vendor or profile.vendor,
        model=chain.model or profile.model,
    )


def assumed(profile: Profile) -> Profile:
    """The profile as it would be on a device with the chain that the profile assumes."""
    return profile if profile.sunspec is None else resolve(profile, assumed_chain(profile))


def assumed_chain(profile: Profile) -> Chain:
    """The chain of `assume`, each model as long as its definition says."""
    if profile.sunspec is None:
        raise ValueError(f"{profile.name} is no SunSpec profile")
    address = profile.sunspec.bases[0] + 2
    models: list[Model] = []
    for model in profile.sunspec.assume:
        known = definition(model)
        if known is None:
            raise ValueError(f"SunSpec model {model} is not known")
        groups = sum(group.registers * ASSUMED_GROUPS for group in known.groups.values())
        models.append(Model(model, address, known.registers + groups - 2))
        address = models[-1].next_address
    return Chain(profile.sunspec.bases[0], tuple(models))


def _found(wanted: SunSpecPoint, chain: Chain, width: int) -> list[Point]:
    for model_id, place in wanted.models:
        model, known = chain.find(model_id), definition(model_id)
        if model is None or known is None:
            continue
        sign, name = (-1.0, place[1:]) if place.startswith("-") else (1.0, place)
        maker = _Maker(model, known, width)
        points = maker.points(replace(wanted, scale=wanted.scale * sign), name)
        if points:
            return points
    return []


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes points of one model of a device; `width` registers can be read at once."""

    model: Model
    known: Definition
    width: int

    def points(self, wanted: SunSpecPoint, place: str) -> list[Point]:
        """One point, or one for each of a repeated group; none where the device lacks it."""
        match = IN_GROUP.fullmatch(place)
        if match is None:
            field = self.known.fields.get(place)
            return self._one(wanted, field, field.offset, None) if field is not None else []
        group = self.known.groups.get(match["group"])
        field = group.fields.get(match["point"]) if group is not None else None
        if group is None or field is None:
            return []
        count = group.count_in(self.model.length)
        numbers = range(1, count + 1) if match["index"] == "{n}" else (int(match["index"]),)
        made: list[Point] = []
        for number in numbers:
            if number <= count:
                start = group.offset + (number - 1) * group.registers
                named = replace(wanted, name=wanted.name.replace("{n}", str(number)))
                made += self._one(named, field, start + field.offset, (group, start))
        return made

    def _one(
        self, wanted: SunSpecPoint, field: Field, offset: int, inside: tuple[Repeated, int] | None
    ) -> list[Point]:
        """`offset` counts from the model's id register; `inside` is the group and where it starts."""
        if offset + field.registers > self.model.length + 2:
            return []
        scale, scale_at = wanted.scale * field.scale, None
        if field.scale_field is not None:
            factor = self._scale_offset(field.scale_field, inside)
            if factor is None:
                return []
            scale_at = factor - offset
            if max(factor + 1, offset + field.registers) - min(factor, offset) > self.width:
                exponent = self._fixed_exponent(factor)
                if exponent is None:
                    return []
                scale, scale_at = scale * 10.0**exponent, None
        numeric = wanted.states is None and not field.is_flags
        return [
            Point(
                name=wanted.name,
                table=Table.HOLDING,
                address=self.model.address + offset,
                format=Format(
                    type=field.type,
                    registers=field.registers,
                    scale=scale if numeric else 1.0,
                    absent=field.absent,
                    range=wanted.range,
                    percent=wanted.percent,
                    scale_at=scale_at if numeric else None,
                    states=_states(wanted, field),
                    bits=_bits(wanted, field),
                ),
                unit=wanted.unit,
                label=_numbered(wanted),
                counter=wanted.counter,
                optional=wanted.optional,
                every_ms=wanted.every_ms,
            )
        ]

    def _scale_offset(self, name: str, inside: tuple[Repeated, int] | None) -> int | None:
        own = self.known.fields.get(name)
        if own is not None:
            offset = own.offset
        elif inside is not None and name in inside[0].fields:
            offset = inside[1] + inside[0].fields[name].offset
        else:
            return None
        return offset if offset < self.model.length + 2 else None

    def _fixed_exponent(self, offset: int) -> int | None:
        if offset >= len(self.model.fixed) or self.model.fixed[offset] == 0x8000:
            return None
        word = self.model.fixed[offset]
        return word - 0x10000 if word & 0x8000 else word


def _states(wanted: SunSpecPoint, field: Field) -> dict[int, str] | None:
    if wanted.states is None:
        return None
    return {field.symbols[name]: state for name, state in wanted.states.items() if name in field.symbols}


def _bits(wanted: SunSpecPoint, field: Field) -> dict[int, Text] | None:
    if not field.is_flags:
        return None
    texts = wanted.bits or {}
    return {field.symbols[name]: text for name, text in texts.items() if name in field.symbols}


def _numbered(wanted: SunSpecPoint) -> Text | None:
    known = standard(wanted.name)
    return known.label if known is not None else wanted.label


def image(profile: Profile, serial: str = "SIM-1") -> dict[int, int]:
    """Holding registers of a simulated device with the assumed chain, all points not implemented.

    Empty for a profile that is no SunSpec one.
    """
    if profile.sunspec is None:
        return {}
    chain = assumed_chain(profile)
    words = {chain.base: MARKER[0], chain.base + 1: MARKER[1]}
    for model in chain.models:
        known = definition(model.id)
        if known is None:
            continue
        words |= dict.fromkeys(range(model.address, model.next_address), 0)
        for group in known.groups.values():
            for number in range(group.count_in(model.length)):
                start = group.offset + number * group.registers
                _put_absent(words, model.address + start, group.fields.values())
        _put_absent(words, model.address, known.fields.values())
        for group in known.groups.values():
            if group.count_field is not None:
                words[model.address + known.fields[group.count_field].offset] = ASSUMED_GROUPS
        words[model.address], words[model.address + 1] = model.id, model.length
        if model.id == COMMON:
            _put_texts(words, model, known, {**_SIMULATED, "Md": f"simulated {profile.kind}", "SN": serial})
    end = chain.models[-1].next_address
    return words | {end: END, end + 1: 0}


_NAN = (0x7FC0, 0)


def _put_absent(words: dict[int, int], address: int, fields: Iterable[Field]) -> None:
    for field in fields:
        at = address + field.offset
        if field.type in ("f32", "f64"):
            words |= dict(enumerate(_NAN, at))
        for raw in field.absent:
            for index in range(field.registers):
                words[at + index] = raw >> 16 * (field.registers - 1 - index) & 0xFFFF


_SIMULATED = {"Mn": "Maplebridge", "Vr": "1"}


def _put_texts(words: dict[int, int], model: Model, known: Definition, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        field = known.fields[name]
        size = 2 * field.registers
        data = text.encode()[:size].ljust(size, b"\0")
        at = model.address + field.offset
        words |= dict(enumerate(struct.unpack(f">{field.registers}H", data), at))
