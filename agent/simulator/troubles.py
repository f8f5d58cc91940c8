"""The faults file of `simulate`: which device misbehaves, how, and when.

    version: 1
    faults:
      - {device: inv-1, do: dead, from: 10s, to: 60s}                 # it never answers
      - {device: bat-1, do: late, late: 3s, from: 30s}                # it answers so much later
      - {device: meter-1, do: refuse, code: 4}                        # it answers with an exception
      - {device: bat-1, do: set, values: {cell_temperature_max_c: 58}, from: 1m}

Times count from the start of the simulation; without `to` a fault stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.document import Document, DocumentError, read
from agent.quantity import DurationMs
from agent.reading import Value
from agent.simulator.device import SimulatedDevice


@dataclass(frozen=True, slots=True)
class Trouble:
    """One fault of one device; `until_ms` None: to the end."""

    device: str
    kind: Literal["dead", "late", "refuse", "set"]
    from_ms: int
    until_ms: int | None
    late_ms: int = 0
    code: int = 4
    values: Mapping[str, Value] = field(default_factory=dict)

    def active(self, elapsed_ms: int) -> bool:
        return self.from_ms <= elapsed_ms and (self.until_ms is None or elapsed_ms < self.until_ms)


class _TroubleYaml(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    device: str
    do: Literal["dead", "late", "refuse", "set"]
    from_: DurationMs = Field(0, alias="from")
    to: DurationMs | None = None
    late: DurationMs = 1_000
    code: int = Field(4, ge=1, le=255)
    values: Mapping[str, Value] = Field(default_factory=dict)


class _FileYaml(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    version: Literal[1]
    faults: tuple[_TroubleYaml, ...]


def read_troubles(document: Document, devices: Mapping[str, SimulatedDevice]) -> tuple[Trouble, ...]:
    """The faults in a file, for these devices.

    Raises:
        DocumentError: not in this form, or about a device or point that is not there.
    """
    faults = []
    troubles = []
    for index, item in enumerate(read(_FileYaml, document).faults):
        at = ("faults", index)
        if item.device not in devices:
            known = ", ".join(devices)
            faults.append(
                document.fault((*at, "device"), f"there is no device {item.device!r}", f"use one of {known}")
            )
            continue
        faults += [
            document.fault((*at, "values", name), f"{item.device} has no point {name!r}", "correct the name")
            for name in item.values
            if name not in devices[item.device].names
        ]
        troubles.append(
            Trouble(item.device, item.do, item.from_, item.to, item.late, item.code, dict(item.values))
        )
    if faults:
        raise DocumentError(faults)
    return tuple(troubles)


def apply(troubles: tuple[Trouble, ...], devices: Mapping[str, SimulatedDevice], elapsed_ms: int) -> None:
    """Give each device the troubles of this moment, and take away those that are over."""
    for device in devices.values():
        device.dead, device.late_ms, device.refuses = False, 0, None
    for trouble in troubles:
        if not trouble.active(elapsed_ms):
            continue
        device = devices[trouble.device]
        match trouble.kind:
            case "dead":
                device.dead = True
            case "late":
                device.late_ms = trouble.late_ms
            case "refuse":
                device.refuses = trouble.code
            case "set":
                device.set(**trouble.values)
