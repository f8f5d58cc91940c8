"""What pydantic cannot see in a site file: names that must exist, values that must agree.

Every check yields faults with their place; nothing stops at the first one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.device import BusLine, Device
from agent.document import Document, DocumentError, Fault
from agent.modbus.endpoint import Endpoint, parse_url
from agent.modbus.sunspec import assumed
from agent.plain_yaml import Path as Place
from agent.profile import Profile
from agent.profile_file import with_ratios
from agent.rules.rule import RuleSet
from gateway.calendar_check import calendar_faults
from gateway.config import NOT_YET, RESERVED_DEVICES, DeviceBlock, SiteFile, closest, duplicates
from gateway.console.config import TlsFiles
from gateway.field_types import clashes
from gateway.maintenance_check import maintenance_faults
from gateway.profiles import ProfileShelf, UnknownProfileError
from gateway.rules import load_site_rules, site_facts, site_findings
from gateway.secret import SecretError, find_file, find_secret
from gateway.team_check import team_faults
from gateway.tickets.checklist import load_checklists

_NUMBERED_PORTS = ("/dev/ttyUSB", "/dev/ttyACM")
"""Numbered by the kernel in the order in which they are found."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a site file refers to, as far as it could be read, and all that is wrong."""

    devices: tuple[Device, ...]
    buses: tuple[BusLine, ...]
    rules: RuleSet
    faults: tuple[Fault, ...]


def find_out(file: SiteFile, document: Document, folder: Path) -> Found:
    """Look up profiles, rules and secrets, and check that all agree."""
    endpoints = dict(_endpoints(file))
    profiles: dict[str, Profile] = {}
    faults = [
        *_bus_faults(file, document, endpoints),
        *_profile_faults(file, document, ProfileShelf(folder), profiles),
        *_device_faults(file, document, endpoints, profiles),
        *_secret_faults(file, document, folder),
        *_sink_faults(file, document),
        *_field_faults(file, document, profiles),
        *team_faults(file, document),
        *_not_yet_faults(file, document),
        *calendar_faults(file.calendar, document, folder),
    ]
    devices = tuple(
        _device(block, profiles[block.profile], file.site.timezone)
        for block in file.devices
        if block.profile in profiles
    )
    buses = tuple(BusLine(bus.id, bus.url, bus.timeout) for bus in file.buses)
    rules, rule_faults = _rules(file, document, folder)
    faults += rule_faults
    faults += maintenance_faults(file, document, rules)
    faults += _ticket_faults(file, document, folder, rules)
    if not any(fault.level == "error" for fault in faults):
        faults += _findings(file, document, Found(devices, buses, rules, ()))
    return Found(devices, buses, rules, tuple(faults))


def _device(block: DeviceBlock, profile: Profile, timezone: str) -> Device:
    return Device(
        id=block.id,
        profile=with_ratios(profile, block.ct_ratio, block.pt_ratio),
        bus=block.bus,
        unit=block.unit,
        every_ms=block.every,
        role=block.role,
        parent=block.parent,
        serial=block.serial,
        rated_kw=block.rated_kw,
        rated_kwp=block.rated_kwp,
        rated_kwh=block.rated_kwh,
        tilt_deg=block.tilt_deg,
        azimuth_deg=block.azimuth_deg,
        party=block.party,
        timezone=timezone,
        params=block.params,
        labels=block.labels,
    )


def _endpoints(file: SiteFile) -> Iterator[tuple[str, Endpoint | ValueError]]:
    for bus in file.buses:
        try:
            yield bus.id, parse_url(bus.url)
        except ValueError as error:
            yield bus.id, error


def _bus_faults(
    file: SiteFile, document: Document, endpoints: dict[str, Endpoint | ValueError]
) -> Iterator[Fault]:
    for index in duplicates([bus.id for bus in file.buses]):
        yield document.fault(
            ("buses", index, "id"), f"the bus {file.buses[index].id!r} is defined twice", "rename one"
        )
    for index, bus in enumerate(file.buses):
        endpoint = endpoints[bus.id]
        if isinstance(endpoint, ValueError):
            message, _, remedy = str(endpoint).partition("; ")
            yield document.fault(("buses", index, "url"), message, remedy)
        elif endpoint.path.startswith(_NUMBERED_PORTS):
            yield document.fault(
                ("buses", index, "url"),
                f"{endpoint.path} may be another adapter after a restart",
                "use its name in /dev/serial/by-id/ or /dev/serial/by-path/",
                "warning",
            )
    wires = [_wire(bus.url) for bus in file.buses]
    for index in duplicates(wires):
        first = file.buses[wires.index(wires[index])].id
        yield document.fault(
            ("buses", index, "url"),
            f"the buses {first!r} and {file.buses[index].id!r} have the same address",
            "one wire has one master: put their devices on one bus",
        )
    used = {device.bus for device in file.devices}
    for index, bus in enumerate(file.buses):
        if bus.id not in used:
            yield document.fault(
                ("buses", index, "id"), f"no device is on the bus {bus.id!r}", "remove it", "warning"
            )


def _wire(url: str) -> str:
    """The same for all addresses that lead to one wire."""
    try:
        endpoint = parse_url(url)
    except ValueError:
        return url
    return f"{endpoint.host}:{endpoint.port}{endpoint.path}"


def _profile_faults(
    file: SiteFile, document: Document, shelf: ProfileShelf, profiles: dict[str, Profile]
) -> Iterator[Fault]:
    """Fills `profiles` with those that can be used."""
    told: set[str] = set()
    for index, device in enumerate(file.devices):
        name = device.profile
        if name in profiles:
            continue
        try:
            profiles[name] = shelf.find(name)
        except UnknownProfileError:
            remedy = closest(name, shelf.names())
            yield document.fault(("devices", index, "profile"), f"there is no profile {name!r}", remedy)
        except DocumentError as error:
            if name not in told:
                told.add(name)
                yield from error.faults


def _device_faults(
    file: SiteFile,
    document: Document,
    endpoints: dict[str, Endpoint | ValueError],
    profiles: dict[str, Profile],
) -> Iterator[Fault]:
    for index in duplicates([device.id for device in file.devices]):
        yield document.fault(
            ("devices", index, "id"), f"the device {file.devices[index].id!r} is defined twice", "rename one"
        )
    for index in duplicates([(device.bus, device.unit) for device in file.devices]):
        twin = file.devices[index]
        first = next(d.id for d in file.devices if (d.bus, d.unit) == (twin.bus, twin.unit))
        yield document.fault(
            ("devices", index, "unit"),
            f"unit {twin.unit} on the bus {twin.bus!r} is already {first!r}",
            "give each device on a bus its own unit",
        )
    mains = [index for index, device in enumerate(file.devices) if device.role == "main_meter"]
    for index in mains[1:]:
        yield document.fault(
            ("devices", index, "role"), "the site has two main meters", "one of them is a sub_meter"
        )
    for index, device in enumerate(file.devices):
        at: Place = ("devices", index)
        profile = profiles.get(device.profile)
        yield from _address_faults(device, at, document, endpoints, file)
        if device.id in RESERVED_DEVICES or device.id.startswith("bus-"):
            yield document.fault(
                (*at, "id"), f"the name {device.id!r} belongs to the gateway itself", "choose another"
            )
        if device.parent is not None:
            yield from _parent_faults(device, at, document, file)
            above = profiles.get(next((d.profile for d in file.devices if d.id == device.parent), ""))
            if above is not None and "meter" not in above.kinds:
                yield document.fault(
                    (*at, "parent"), f"{device.parent!r} is no meter", "a parent is the meter above"
                )
        if device.role is not None and profile is not None and "meter" not in profile.kinds:
            yield document.fault(
                (*at, "role"),
                f"{device.id!r} is a {profile.kind}; only a meter can be a {device.role}",
                "remove the role",
            )


def _address_faults(
    device: DeviceBlock,
    at: Place,
    document: Document,
    endpoints: dict[str, Endpoint | ValueError],
    file: SiteFile,
) -> Iterator[Fault]:
    endpoint = endpoints.get(device.bus)
    if endpoint is None:
        remedy = closest(device.bus, sorted({bus.id for bus in file.buses}))
        yield document.fault((*at, "bus"), f"there is no bus {device.bus!r}", remedy)
    elif isinstance(endpoint, Endpoint) and endpoint.is_rtu and not 1 <= device.unit <= 247:
        yield document.fault(
            (*at, "unit"), f"unit {device.unit} is not possible on a serial bus", "units there are 1..247"
        )


def _parent_faults(device: DeviceBlock, at: Place, document: Document, file: SiteFile) -> Iterator[Fault]:
    parents = {other.id: other.parent for other in file.devices}
    if device.parent not in parents:
        remedy = closest(device.parent or "", list(parents))
        yield document.fault((*at, "parent"), f"there is no device {device.parent!r}", remedy)
        return
    above: str | None = device.parent
    seen = {device.id}
    while above in parents and above not in seen:
        seen.add(above)
        above = parents[above]
    if above == device.id:
        yield document.fault(
            (*at, "parent"),
            f"{device.id!r} is its own parent through {device.parent!r}",
            "break the circle",
        )


def _secret_faults(file: SiteFile, document: Document, folder: Path) -> Iterator[Fault]:
    places: list[tuple[Place, str | None, bool]] = []
    several = isinstance(file.mqtt, tuple)
    for index, broker in enumerate(file.brokers):
        at: Place = ("mqtt", index) if several else ("mqtt",)
        places += [
            ((*at, "password_file"), broker.password_file, True),
            ((*at, "key_file"), broker.key_file, True),
            ((*at, "ca_file"), broker.ca_file, False),
            ((*at, "cert_file"), broker.cert_file, False),
        ]
    if file.influxdb is not None:
        places += [
            (("influxdb", "token_file"), file.influxdb.token_file, True),
            (("influxdb", "ca_file"), file.influxdb.ca_file, False),
        ]
    places.append((("tickets", "password_file"), file.tickets.password_file, True))
    if file.console is not None and isinstance(file.console.tls, TlsFiles):
        places += [
            (("console", "tls", "cert_file"), file.console.tls.cert_file, False),
            (("console", "tls", "key_file"), file.console.tls.key_file, True),
        ]
    for place, name, is_secret in places:
        if name is None:
            continue
        try:
            find_secret(name, folder) if is_secret else find_file(name, folder)
        except SecretError as error:
            message, _, remedy = str(error).partition("; ")
            yield document.fault(place, message, remedy)


def _sink_faults(file: SiteFile, document: Document) -> Iterator[Fault]:
    several = isinstance(file.mqtt, tuple)
    for index in duplicates([broker.name for broker in file.brokers]):
        yield document.fault(
            ("mqtt", index), f"two brokers are called {file.brokers[index].name!r}", "give each its own name"
        )
    for index, broker in enumerate(file.brokers):
        at: Place = ("mqtt", index) if several else ("mqtt",)
        if broker.embedded is not None:
            yield document.fault(
                at,
                "the embedded broker is for demo and tests: it keeps nothing for a subscriber who is away",
                "install mosquitto and write url: mqtt://localhost:1883",
                "warning",
            )


def _field_faults(file: SiteFile, document: Document, profiles: dict[str, Profile]) -> Iterator[Fault]:
    if file.influxdb is None:
        return
    for clash in clashes(profiles.values()):
        index = next(n for n, block in enumerate(file.devices) if block.profile == clash.profile)
        yield document.fault(
            ("devices", index, "profile"),
            f"the database cannot hold the point {clash.point!r} of profile {clash.profile!r}: {clash.why}",
            "rename the point in the profile",
        )


def _rules(file: SiteFile, document: Document, folder: Path) -> tuple[RuleSet, list[Fault]]:
    faults = [
        document.fault(("rules", index), f"there is no file or folder {folder / name}", "correct the name")
        for index, name in enumerate(file.rules)
        if not (folder / name).exists()
    ]
    if faults:
        return RuleSet(), faults
    try:
        rules, warnings = load_site_rules(
            [folder / name for name in file.rules], standard=file.standard_rules
        )
    except DocumentError as error:
        return RuleSet(), list(error.faults)
    return rules, [*warnings, *_param_faults(file, document, rules)]


def _param_faults(file: SiteFile, document: Document, rules: RuleSet) -> Iterator[Fault]:
    for index, device in enumerate(file.devices):
        for rule_id, params in device.params.items():
            at: Place = ("devices", index, "params", rule_id)
            rule = rules.get(rule_id)
            if rule is None:
                yield document.fault(at, f"there is no rule {rule_id!r}", closest(rule_id, list(rules.rules)))
                continue
            for name, value in params.items():
                usual = rule.params.get(name)
                if usual is None:
                    message = f"the rule {rule_id} has no parameter {name!r}"
                    yield document.fault((*at, name), message, closest(name, list(rule.params)))
                elif type(value) is not type(usual):
                    message = f"{value!r} is not possible for {name!r} of the rule {rule_id}"
                    yield document.fault((*at, name), message, f"write a value like {usual!r}")


def _ticket_faults(file: SiteFile, document: Document, folder: Path, rules: RuleSet) -> Iterator[Fault]:
    """What the rules' tickets name: checklists, and teams where the site has any."""
    try:
        checklists = load_checklists(folder)
    except DocumentError as error:
        yield from error.faults
        return
    plans = [(rule.id, rule.ticket) for rule in rules if rule.ticket is not None]
    for rule_id, plan in plans:
        if plan.checklist is not None and plan.checklist not in checklists:
            yield document.fault(
                ("rules",),
                f"the rule {rule_id} names the checklist {plan.checklist!r}, which is not there",
                f"{closest(plan.checklist, sorted(checklists))}; or put it into {folder / 'checklists'}",
            )
    teams = [team.id for team in file.teams]
    for team in dict.fromkeys(plan.team for _, plan in plans if teams and plan.team not in teams):
        named = [rule_id for rule_id, plan in plans if plan.team == team]
        shown = ", ".join(named[:3]) + (", .." if len(named) > 3 else "")
        yield document.fault(
            ("teams",),
            f"there is no team {team!r} for the tickets of {shown}: they wait for somebody to dispatch them",
            "add the team",
            "warning",
        )


def _findings(file: SiteFile, document: Document, found: Found) -> Iterator[Fault]:
    """What only shows when rules meet devices; SunSpec devices count as what their profile assumes."""
    place = file.site.location
    location = None if place is None else (place.latitude, place.longitude)
    facts = site_facts(file.site.id, found.devices, found.buses, location, resolve=assumed)
    at = {device.id: index for index, device in enumerate(file.devices)}
    for finding in site_findings(found.rules, facts):
        where: Place = ("devices", at[finding.device]) if finding.device in at else ()
        yield document.fault(where, finding.message, finding.remedy, finding.level)


def _not_yet_faults(file: SiteFile, document: Document) -> Iterator[Fault]:
    for key, words in NOT_YET.items():
        if getattr(file, key):
            yield document.fault((key,), f"this version reads {key!r} but has no {words} yet", "", "warning")
