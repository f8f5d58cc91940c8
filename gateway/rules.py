"""Finds and loads rule files: the shipped library, and what a site adds or replaces."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import get_args

from agent.device import BusLine, Device
from agent.document import Document, DocumentError, Fault, Level
from agent.points import STANDARD
from agent.profile import Profile
from agent.quantity import duration_text
from agent.rules.check import Type
from agent.rules.engine import Engine
from agent.rules.facts import DeviceFacts, SiteFacts
from agent.rules.lint import warnings_of
from agent.rules.rule import Rule, RuleSet
from agent.rules.rule_file import read_rules
from gateway.profiles import ProfileShelf, read_document, shipped_configs
from gateway.sun import sun_elevation_at
from gateway.tickets.config import TicketKind

STATION_RULES = frozenset({"COM-01"})
"""Rules that only a station can run; a site's rules may name them as inhibitors."""
GATEWAY_PERIOD_MS = 10_000
"""How often the gateway measures itself and its buses."""


def shipped_rule_files() -> tuple[Path, ...]:
    """The files of the standard library."""
    return tuple(sorted((shipped_configs() / "rules").glob("*.yaml")))


@cache
def shipped_rules() -> tuple[Rule, ...]:
    """The standard library, read once."""
    return tuple(rule for path in shipped_rule_files() for rule in read_rules(read_document(path)))


def rule_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The rule files that are meant: files as they are, folders by their YAML files."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    return tuple(found)


def load_rules(paths: Sequence[Path] = (), *, standard: bool = True) -> RuleSet:
    """All rules of a site; one with a shipped id replaces the shipped one.

    Raises:
        DocumentError: with all faults of all files.
    """
    return load_site_rules(paths, standard=standard)[0]


def load_site_rules(
    paths: Sequence[Path] = (), *, standard: bool = True
) -> tuple[RuleSet, tuple[Fault, ...]]:
    """As `load_rules`, with the warnings about the site's own files.

    Raises:
        DocumentError: with all faults of all files.
    """
    rules: dict[str, Rule] = {}
    own: dict[str, str] = {}
    faults: list[Fault] = []
    if standard:
        rules = {rule.id: rule for rule in shipped_rules()}
    for path in rule_files(paths):
        try:
            document = read_document(path)
            read = _checked(document, known=rules.keys() | own.keys(), folder=path.parent)
        except DocumentError as error:
            faults += error.faults
            continue
        for rule in read[0]:
            if rule.id in own:
                message = f"the rule {rule.id} is also in {own[rule.id]}"
                faults.append(document.fault(("rules",), message, "rename or remove one"))
            own[rule.id] = str(path)
            rules[rule.id] = rule
        faults += read[1]
    if any(fault.level == "error" for fault in faults):
        raise DocumentError(faults)
    return RuleSet(rules), tuple(faults)


def check_rules(document: Document, folder: Path | None = None) -> list[Fault]:
    """All errors and warnings of a rule file; profiles beside `folder` may have points of their own."""
    try:
        known = {rule.id for rule in shipped_rules()}
        return list(_checked(document, known=known, folder=folder)[1])
    except DocumentError as error:
        return list(error.faults)


def _checked(
    document: Document, *, known: set[str], folder: Path | None
) -> tuple[tuple[Rule, ...], list[Fault]]:
    rules = read_rules(document, profile_points(folder))
    faults = list(warnings_of(rules, document))
    known = known | {rule.id for rule in rules} | STATION_RULES
    for index, rule in enumerate(rules):
        for number, inhibitor in enumerate(rule.inhibited_by):
            if inhibitor.rule not in known:
                place = ("rules", index, "inhibited_by", number, "rule")
                message = f"there is no rule {inhibitor.rule!r} to inhibit {rule.id}"
                faults.append(document.fault(place, message, "correct its id", "warning"))
        kinds = get_args(TicketKind)
        if rule.ticket is not None and rule.ticket.kind not in kinds:
            message = f"{rule.ticket.kind!r} is no kind of ticket"
            remedy = f"use one of {', '.join(kinds)}"
            faults.append(document.fault(("rules", index, "ticket", "kind"), message, remedy))
    if any(fault.level == "error" for fault in faults):
        raise DocumentError(faults)
    return rules, faults


def profile_points(folder: Path | None) -> Callable[[str], Type | None]:
    """Types of points in the profiles at hand; a profile is read only when its text has the name."""
    beside = folder if folder is None or (folder / "profiles").is_dir() else folder.parent
    shelf = ProfileShelf(beside)

    def lookup(point: str) -> Type | None:
        first = point.replace("{n}", "1")
        for profile in _profiles(shelf, {point, first, re.sub(r"\d+", "{n}", first)}):
            for known in profile.points:
                if known.name in (point, first):
                    return known.value_type
        return None

    return lookup


def _profiles(shelf: ProfileShelf, words: set[str]) -> Iterator[Profile]:
    for name in shelf.names():
        try:
            if shelf.mentions(name, words):
                yield shelf.find(name)
        except DocumentError:  # its faults are told where the profile itself is checked
            continue


def device_facts(device: Device, known: Profile | None = None) -> DeviceFacts:
    """A device of the site as rules see it.

    Args:
        device: as in the site file.
        known: its profile with all points; without it those of a SunSpec device are not known.
    """
    profile = known or device.profile
    unknown = known is None and profile.sunspec is not None and not profile.points
    return DeviceFacts(
        id=device.id,
        kinds=profile.kinds,
        points=None if unknown else frozenset(point.name for point in profile.points),
        period_ms=device.period_ms,
        role=device.role,
        bus=device.bus,
        labels=device.labels,
        params=device.params,
        periods={p.name: max(p.every_ms, device.period_ms) for p in profile.points if p.every_ms is not None},
    )


def site_facts(
    site: str,
    devices: Sequence[Device],
    buses: Sequence[BusLine],
    location: tuple[float, float] | None,
    *,
    resolve: Callable[[Profile], Profile] | None = None,
) -> SiteFacts:
    """The site as rules see it, with the devices that the gateway makes itself.

    Args:
        site: its id.
        devices: as in the site file.
        buses: the same.
        location: latitude and longitude in degrees; without it the sun is unknown.
        resolve: gives a SunSpec profile its points, `assumed` for instance; without it they are unknown.
    """
    facts = [device_facts(device, resolve(device.profile) if resolve else None) for device in devices]
    facts.append(DeviceFacts("gateway", ("gateway",), _own_points("gateway"), GATEWAY_PERIOD_MS))
    facts += [
        DeviceFacts(f"bus-{bus.id}", ("bus",), _own_points("bus"), GATEWAY_PERIOD_MS, bus=bus.id)
        for bus in buses
    ]
    if location is None:
        return SiteFacts(site, tuple(facts))
    return SiteFacts(site, tuple(facts), *location, sun_elevation_at(*location))


@dataclass(frozen=True, slots=True)
class SiteFinding:
    """Something wrong, or doubtful, about a rule at one device of a site."""

    rule: str
    device: str
    message: str
    remedy: str
    level: Level


def site_findings(rules: RuleSet, facts: SiteFacts) -> Iterator[SiteFinding]:
    """What only shows when rules meet devices: ambiguous `site.` points, wrong parameters, hasty timers."""
    engine = Engine(facts, rules, {}, lambda: "")
    periods = {device.id: device.period_ms for device in facts.devices}
    for report in engine.bindings():
        rule = rules.rules[report.rule]
        if report.mistake:
            remedy = "give one of them the role main_meter, or correct the device's params"
            yield SiteFinding(rule.id, report.device, report.reason, remedy, "error")
        elif report.bound and 1_000 < rule.for_ms < periods[report.device]:
            period = duration_text(periods[report.device])
            message = f"{rule.id} waits {duration_text(rule.for_ms)}, less than the poll period {period}"
            yield SiteFinding(rule.id, report.device, message, "poll more often", "warning")


def _own_points(kind: str) -> frozenset[str]:
    return frozenset(name for name, point in STANDARD.items() if kind in point.kinds)
