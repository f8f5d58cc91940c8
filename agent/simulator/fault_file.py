"""The script of faults of `simulate --faults` and of the demo: which device or bus misbehaves, how and when.

    version: 1
    faults:
      - {device: inv-1, do: dead, from: 10s, to: 60s}             # it never answers
      - {bus: rs485-1, do: late, late: 3s, chance: 0.1}           # one reply in ten comes so much later
      - {device: meter-1, do: refuse, code: 2, at: [[100, 10]]}   # a hole in its map
      - {device: bat-1, do: set, values: {cell_temperature_max_c: 58}, from: 1m}

Times count from the start; without `to` a fault stays. All that can be done: docs/simulator.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.document import Document, DocumentError, read
from agent.document import Fault as FileFault
from agent.plain_yaml import KEY, Path
from agent.quantity import DurationMs
from agent.reading import Text, Value
from agent.simulator.altered import VALUE_FAULTS, end_of, is_number
from agent.simulator.device import SimulatedDevice
from agent.simulator.fault import Fault
from agent.simulator.server import DOORS, RTU_DOORS, TCP_DOORS
from agent.simulator.stage import Stage

TAKES: Mapping[str, frozenset[str]] = {
    "dead": frozenset(),
    "refuse": frozenset({"code"}),
    "refuse_other": frozenset({"code"}),
    "wrong_function": frozenset(),
    "wrong_unit": frozenset({"unit"}),
    "wrong_transaction": frozenset(),
    "wrong_protocol": frozenset(),
    "wrong_length": frozenset({"length"}),
    "short_count": frozenset({"registers"}),
    "long_count": frozenset({"registers"}),
    "lying_count": frozenset({"registers"}),
    "odd_count": frozenset(),
    "fill": frozenset({"word"}),
    "stale": frozenset(),
    "late": frozenset({"late", "jitter"}),
    "slow": frozenset({"pause"}),
    "drip": frozenset({"pause"}),
    "split": frozenset({"pause"}),
    "garbage": frozenset(),
    "garbage_before": frozenset(),
    "shifted": frozenset({"pause"}),
    "twice": frozenset({"pause"}),
    "truncate": frozenset({"keep", "closes"}),
    "close": frozenset(),
    "bad_crc": frozenset(),
    "bit_noise": frozenset({"bits"}),
    "echo": frozenset(),
    "set": frozenset({"values"}),
    "shift": frozenset({"values", "over"}),
    "reset": frozenset({"values"}),
    "wrap": frozenset({"values"}),
    **dict.fromkeys(DOORS, frozenset[str]()),
}
"""What can be done → the keys that it takes beside those of every fault."""

_OF_REPLIES = frozenset({"chance", "seed", "times", "at"})
_TCP_ONLY = frozenset({"wrong_transaction", "wrong_protocol", "wrong_length"})
_SOCKETS_ONLY = TCP_DOORS | {"close"}
_RTU_ONLY = frozenset({"bad_crc", "echo"})

Word = Annotated[int, Field(ge=0, le=0xFFFF)]


class _TextYaml(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    en: str
    zh: str


class _FaultYaml(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    do: str
    device: str | None = None
    bus: str | None = None
    from_: DurationMs = Field(0, alias="from")
    to: DurationMs | None = None
    says: _TextYaml | None = None
    ends: _TextYaml | None = None
    chance: float = Field(1.0, gt=0, le=1)
    seed: int = 0
    times: int | None = Field(None, ge=1)
    at: tuple[tuple[Word, Annotated[int, Field(ge=1)]], ...] = ()
    code: int = Field(4, ge=1, le=255)
    late: DurationMs = 3_000
    jitter: DurationMs = 0
    pause: DurationMs = 30
    registers: int = Field(1, ge=-125, le=125)
    unit: int | None = Field(None, ge=0, le=255)
    length: Word = 0xFFFF
    word: Word = 0x8000
    keep: int = Field(5, ge=1, le=255)
    closes: bool = False
    bits: int = Field(1, ge=1, le=64)
    over: DurationMs = 0
    values: Mapping[str, Value | None] = Field(default_factory=dict)

    def fault(self) -> Fault:
        return Fault(
            do=self.do,
            device=self.device,
            bus=self.bus,
            from_ms=self.from_,
            until_ms=self.to,
            says=_text(self.says),
            ends=_text(self.ends),
            chance=self.chance,
            seed=self.seed,
            times=self.times,
            at=self.at,
            code=self.code,
            late_ms=self.late,
            jitter_ms=self.jitter,
            pause_ms=self.pause,
            registers=self.registers,
            unit=self.unit,
            length=self.length,
            word=self.word,
            keep=self.keep,
            closes=self.closes,
            bits=self.bits,
            over_ms=self.over,
            values=dict(self.values),
        )


class _FileYaml(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    version: Literal[1]
    faults: tuple[_FaultYaml, ...]


def _text(yaml: _TextYaml | None) -> Text | None:
    return None if yaml is None else Text(yaml.en, yaml.zh)


def read_faults(document: Document, stage: Stage) -> tuple[Fault, ...]:
    """The faults in a file.

    Raises:
        DocumentError: not in this form, or about something that is not there or cannot do this.
    """
    items = read(_FileYaml, document).faults
    wrong = [
        fault
        for index, item in enumerate(items)
        for fault in _Check(document, ("faults", index), item, stage).faults()
    ]
    if wrong:
        raise DocumentError(wrong)
    return tuple(item.fault() for item in items)


@dataclass(frozen=True, slots=True)
class _Check:
    """What is wrong with one entry."""

    document: Document
    at: Path
    item: _FaultYaml
    stage: Stage

    def faults(self) -> Iterator[FileFault]:
        item = self.item
        if item.do not in TAKES:
            known = ", ".join(sorted(TAKES))
            yield self._fault("do", f"nothing does {item.do!r}", f"use one of {known}")
            return
        yield from self._keys()
        yield from self._whom()
        device = self.stage.devices.get(item.device or "")
        if item.do in VALUE_FAULTS and device is not None:
            yield from self._values(device)
        if item.to is not None and item.to <= item.from_:
            yield self._fault("to", "it is over before it begins", "let `to` be later than `from`")

    def _fault(self, key: str | Path, message: str, remedy: str) -> FileFault:
        path = (key,) if isinstance(key, str) else key
        return self.document.fault((*self.at, *path), message, remedy)

    def _keys(self) -> Iterator[FileFault]:
        item = self.item
        takes = TAKES[item.do] | {"do", "device", "bus", "from_", "to", "says", "ends"}
        if item.do not in VALUE_FAULTS | DOORS:
            takes |= _OF_REPLIES
        for key in sorted(item.model_fields_set - takes):
            yield self._fault((key, KEY), f"{item.do} takes no {key!r}", "remove it")
        if item.registers < 1 and (item.registers == 0 or item.do != "lying_count"):
            yield self._fault("registers", f"{item.do} needs at least one register", "write 1 or more")
        if "values" in takes and not item.values:
            yield self._fault("do", f"{item.do} needs `values`", "write values: {point: number}")

    def _whom(self) -> Iterator[FileFault]:
        item, stage = self.item, self.stage
        if item.device is not None and item.device not in stage.devices:
            known = ", ".join(stage.devices)
            yield self._fault("device", f"there is no device {item.device!r}", f"use one of {known}")
            return
        if item.bus is not None and item.bus not in stage.servers:
            known = ", ".join(stage.servers)
            yield self._fault("bus", f"there is no bus {item.bus!r}", f"use one of {known}")
            return
        if item.device is not None and item.bus is not None:
            yield self._fault(
                "bus", "a device and a bus at once", "name one of them, the device knows its bus"
            )
        if item.do in VALUE_FAULTS and item.device is None:
            yield self._fault("do", f"{item.do} needs a device", "write device: ID")
        elif item.do in DOORS and item.bus is None:
            yield self._fault("do", f"{item.do} is a bus's fault", "write bus: ID")
        else:
            yield from self._scheme()

    def _scheme(self) -> Iterator[FileFault]:
        item, stage = self.item, self.stage
        bus = item.bus if item.device is None else stage.bus_of[item.device]
        schemes = {server.scheme for name, server in stage.servers.items() if bus in (None, name)}
        needs = (
            (_TCP_ONLY, {"tcp"}),
            (_SOCKETS_ONLY, {"tcp", "rtu+tcp"}),
            (_RTU_ONLY, {"rtu", "rtu+tcp"}),
            (RTU_DOORS, {"rtu"}),
        )
        for kinds, able in needs:
            if item.do in kinds and not schemes & able:
                yield self._fault(
                    "do",
                    f"{item.do} needs a bus of {' or '.join(sorted(able))}",
                    "choose another bus or fault",
                )

    def _values(self, device: SimulatedDevice) -> Iterator[FileFault]:
        item = self.item
        points = {point.name: point for point in device.profile.points}
        for name, value in item.values.items():
            place = ("values", name)
            if name not in points:
                yield self._fault(place, f"{item.device} has no point {name!r}", "correct the name")
            elif item.do != "set" and not is_number(value):
                yield self._fault(place, f"{item.do} takes a number for {name}", "write a number")
            elif item.do == "wrap" and not end_of(points[name]):
                remedy = "choose another point, or say wraps_at in its profile"
                yield self._fault(place, f"{name} is no counter of whole numbers and cannot wrap", remedy)
