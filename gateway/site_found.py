"""What a scan found, in the words of the page: pure documents."""

from collections.abc import Mapping, Sequence

from agent.device import Device
from agent.fingerprint import SURE
from agent.points import MANDATORY, standard
from agent.profile import Point
from agent.reading import Text
from agent.scan.found import Proposal, Unit, device_lines, entries
from gateway.console.ports import Json

_TELLING = ("frequency_hz", "ac_voltage_l1_v", "ac_voltage_l2_v", "ac_voltage_l3_v")
"""What anybody can hold against a display or a meter of their own."""


def known_as(unit: Unit, bus: str, devices: Sequence[Device]) -> str | None:
    """The device of the site file that this unit is."""
    ids = (unit.unit, *unit.also)
    return next((device.id for device in devices if device.bus == bus and device.unit in ids), None)


def unit_documents(
    units: Sequence[Unit], bus: str, devices: Sequence[Device], read_ms: Mapping[int, int]
) -> list[Json]:
    """Each unit with what it may be, its values and what contradicts itself in them."""
    return [_unit(unit, known_as(unit, bus, devices), read_ms.get(unit.unit)) for unit in units]


def yaml_of(units: Sequence[Unit], bus: str, devices: Sequence[Device]) -> str | None:
    """The entries of those that the site file does not have yet; None where there are none."""
    new = [unit for unit in units if known_as(unit, bus, devices) is None]
    if not new:
        return None
    made = entries(new, bus=bus, taken=frozenset(device.id for device in devices))
    return "\n".join(device_lines(made)) + "\n"


def _unit(unit: Unit, device: str | None, read_ms: int | None) -> Json:
    best = unit.best
    return {
        "unit": unit.unit,
        "also_units": list(unit.also),
        "device": device,
        "profile": None if best is None else best.profile.name,
        "title": None if best is None else best.profile.title.document(),
        "kind": None if best is None else best.profile.kind,
        "confidence": 0.0 if best is None else round(best.confidence, 2),
        "sure": best is not None and best.confidence >= SURE and not unit.tied,
        "candidates": [
            {"profile": proposal.profile.name, "confidence": round(proposal.confidence, 2)}
            for proposal in unit.proposals[1:]
        ],
        "vendor": unit.vendor,
        "model": unit.model,
        "serial": unit.serial,
        "version": unit.version,
        "read": read_ms,
        "values": [] if best is None else _values(best),
        "findings": [] if best is None else [finding.document() for finding in best.findings],
    }


def _values(best: Proposal) -> list[Json]:
    """The good values: those that tell most first, then in the order of the profile."""
    telling = (*MANDATORY.get(best.profile.kind, ()), *_TELLING)
    order = {name: place for place, name in reversed(list(enumerate(telling)))}
    return [
        {
            "point": point.name,
            "label": _label(point).document(),
            "unit": point.unit,
            "value": best.values[point.name],
        }
        for point in sorted(best.profile.points, key=lambda point: order.get(point.name, len(telling)))
        if point.name in best.values
    ]


def _label(point: Point) -> Text:
    known = standard(point.name)
    return point.label or (known.label if known is not None else Text(point.name, point.name))
