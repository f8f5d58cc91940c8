"""What a search found: a unit, what it may be, and the entry that a site file needs for it. Pure."""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.commission.finding import Finding
from agent.modbus.address import Span
from agent.modbus.endpoint import Endpoint
from agent.modbus.identity import Identity
from agent.modbus.sunspec import Chain
from agent.profile import Profile
from agent.reading import Value
from agent.scan.line import url_of

_ID = {"inverter": "inv", "battery": "bat", "charger": "charger", "meter": "meter", "weather": "weather"}
_SAME_COUNT = 1e-3
"""Between two reads of one counter it may have counted on; no two devices agree so well in all of theirs,"""
_MUCH_COUNTED = 1_000
"""of which one must have counted so many steps: new devices all say 0 or 1 kWh."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A profile that may be the device's.

    Args:
        profile: with concrete points.
        confidence: 0 to 1, by the rule of `agent.fingerprint`.
        values: good values of its last poll.
        findings: what its readings contradict.
    """

    profile: Profile
    confidence: float
    values: Mapping[str, Value] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that answers.

    Args:
        proposals: best first; empty where nothing fits.
        said: what it gave when it was asked who it is, None for what it refused.
        also: further unit ids under which the same device answers.
    """

    line: Endpoint
    unit: int
    proposals: tuple[Proposal, ...]
    chain: Chain | None = None
    identity: Identity | None = None
    said: Mapping[Span, tuple[int, ...] | None] = field(default_factory=dict)
    also: tuple[int, ...] = ()

    @property
    def best(self) -> Proposal | None:
        return self.proposals[0] if self.proposals else None

    @property
    def tied(self) -> tuple[Proposal, ...]:
        """Further proposals that are as good as the first."""
        return tuple(p for p in self.proposals[1:] if p.confidence == self.proposals[0].confidence)

    @property
    def vendor(self) -> str:
        said = self.chain.vendor if self.chain is not None else self.identity.vendor if self.identity else ""
        return self._text("vendor") or said or (self.best.profile.vendor if self.best else "")

    @property
    def model(self) -> str:
        said = self.chain.model if self.chain is not None else _name(self.identity)
        return self._text("model") or said or (self.best.profile.model if self.best else "")

    @property
    def serial(self) -> str:
        return self._text("serial") or (self.chain.serial if self.chain is not None else "")

    @property
    def version(self) -> str:
        said = (
            self.chain.version if self.chain is not None else self.identity.revision if self.identity else ""
        )
        return self._text("firmware") or said

    def _text(self, point: str) -> str:
        value = self.best.values.get(point, "") if self.best is not None else ""
        return f"{value:.0f}" if isinstance(value, float) else str(value)


def _name(identity: Identity | None) -> str:
    return (identity.model_name or identity.product_name or identity.product_code) if identity else ""


def is_same(one: Unit, other: Unit) -> bool:
    """Whether two unit ids lead to one device.

    Serial numbers tell devices apart, but do not make two ids one: some makers leave the same text
    in all of theirs. What they have counted does, and only where nothing is counted yet the serial
    number alone. Units that nothing is known of are the same where they gave the same words, and
    not just zeros.
    """
    if one.best is None or other.best is None:
        words = (said for said in one.said.values() if said is not None)
        return one.best is other.best and any(map(any, words)) and one.said == other.said
    if one.best.profile.name != other.best.profile.name:
        return False
    if one.serial != other.serial:
        return False
    counts = _counts(one.best, other.best)
    if not all(abs(second - first) <= _SAME_COUNT * abs(first) for _, first, second in counts):
        return False
    is_telling = any(abs(first) >= _MUCH_COUNTED * step for step, first, _ in counts)
    return is_telling or len(set(one.serial)) > 1


def _counts(one: Proposal, other: Proposal) -> list[tuple[float, float, float]]:
    """Of each counter that has counted with one of the two: its step, and what each says."""
    counts = []
    for point in one.profile.points:
        first, second = (p.values.get(point.name) for p in (one, other))
        if point.counter and isinstance(first, float) and isinstance(second, float) and (first or second):
            counts.append((abs(point.format.scale), first, second))
    return counts


def bus_id(line: Endpoint) -> str:
    """A name for the line in a site file."""
    place = line.path.rsplit("/", 1)[-1] if line.scheme == "rtu" else line.host
    begin = "lan" if line.scheme == "tcp" else "rs485"
    name = re.sub(r"[^a-z0-9]+", "-", f"{begin}-{place}".lower()).strip("-")
    port = f"-{line.port}" if line.port not in (0, 502) else ""
    return f"{name[: 64 - len(port)]}{port}"


def buses(units: Iterable[Unit]) -> list[dict[str, str]]:
    """The lines of the units, as a site file's `buses` has them."""
    return [{"id": bus_id(line), "url": url_of(line)} for line in dict.fromkeys(u.line for u in units)]


def entries(
    units: Sequence[Unit], *, bus: str | None = None, taken: Collection[str] = ()
) -> list[dict[str, Any]]:
    """For each unit its entry under a site file's `devices`; without a profile where none fits.

    Args:
        units: what a search has found.
        bus: the id of their line in the site file; a name is made of its address unless given.
        taken: ids of devices that the site file has already.
    """
    counts: dict[str, int] = {}
    made: list[dict[str, Any]] = []
    for unit in units:
        begin = _ID.get(unit.best.profile.kind, "unit") if unit.best is not None else "unknown"
        counts[begin] = _free(begin, counts.get(begin, 0) + 1, taken)
        entry: dict[str, Any] = {"id": f"{begin}-{counts[begin]}"}
        if unit.best is not None:
            entry["profile"] = unit.best.profile.name
        entry |= {"bus": bus or bus_id(unit.line), "unit": unit.unit}
        if unit.serial:
            entry["serial"] = unit.serial
        rated = unit.best.values.get("rated_power_kw") if unit.best is not None else None
        if isinstance(rated, float) and rated > 0:
            entry["rated_kw"] = rated
        made.append(entry)
    return made


def _free(begin: str, number: int, taken: Collection[str]) -> int:
    while f"{begin}-{number}" in taken:
        number += 1
    return number


def entry_line(entry: Mapping[str, Any]) -> str:
    """An entry on one line of YAML; texts in quotes where they could be read as something else."""
    return "{" + ", ".join(f"{key}: {_scalar(key, value)}" for key, value in entry.items()) + "}"


def device_lines(made: Iterable[Mapping[str, Any]]) -> list[str]:
    """The lines of a site file's `devices`; one without a profile is a comment until somebody names one."""
    return [
        "devices:",
        *(f"  {'- ' if 'profile' in entry else '# - '}{entry_line(entry)}" for entry in made),
    ]


def _scalar(key: str, value: Any) -> str:
    return value if key in ("id", "bus", "profile") else json.dumps(value, ensure_ascii=False)
