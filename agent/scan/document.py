"""What a search found, for machines and for a site file. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from agent.scan.found import Unit, buses, entries
from agent.scan.line import url_of
from agent.scan.search import Outcome


def document(outcome: Outcome) -> dict[str, Any]:
    """The JSON form of `scan`: devices, their buses, how many could not be read."""
    return {
        "devices": [
            {
                "url": url_of(unit.line),
                "unit": unit.unit,
                "profile": unit.best.profile.name if unit.best is not None else None,
                "vendor": unit.vendor,
                "model": unit.model,
                "serial": unit.serial,
                "version": unit.version,
                "confidence": unit.best.confidence if unit.best is not None else 0.0,
                "entry": entry,
                "candidates": [
                    {"profile": proposal.profile.name, "confidence": proposal.confidence}
                    for proposal in unit.proposals
                ],
                "also_units": list(unit.also),
                "findings": [f.document() for f in unit.best.findings] if unit.best is not None else [],
                "values": dict(unit.best.values) if unit.best is not None else {},
            }
            for unit, entry in zip(outcome.units, entries(outcome.units), strict=True)
        ],
        "buses": buses(outcome.units),
        "missing": outcome.missing,
    }


def as_yaml(units: Sequence[Unit]) -> str:
    """`buses:` and `devices:` as a site file has them; what no profile fits is a comment."""
    return "".join(f"{line}\n" for line in _yaml(units))


def _yaml(units: Sequence[Unit]) -> Iterator[str]:
    yield "buses:"
    for bus in buses(units):
        yield f"  - {_flow(bus)}"
    yield "devices:"
    for entry in entries(units):
        yield f"  {'- ' if 'profile' in entry else '# - '}{_flow(entry)}"


def _flow(entry: dict[str, Any]) -> str:
    """An entry on one line of YAML; texts in quotes where they could be read as something else."""
    pairs = (f"{key}: {_scalar(key, value)}" for key, value in entry.items())
    return "{" + ", ".join(pairs) + "}"


def _scalar(key: str, value: Any) -> str:
    return value if key in ("id", "bus", "profile") else orjson.dumps(value).decode()
