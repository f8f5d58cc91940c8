"""A site told in the words of its rooms: what console, desk and MQTT each need to know of it. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from zoneinfo import ZoneInfo

from agent.device import Device
from agent.plausible import limits_of
from agent.points import STANDARD, standard
from agent.profile import Kind, Point, Profile
from agent.reading import Text
from agent.reason import shown_span
from gateway import __version__
from gateway.config import SiteConfig
from gateway.console.ports import DeviceFacts, PointFacts, SiteFacts, TeamFacts, TeamMember
from gateway.rules import GATEWAY_PERIOD_MS
from gateway.sinks.mqtt_json import DeviceMeta
from gateway.tickets.calendar import calendar_files, load_calendar
from gateway.tickets.config import BilingualText
from gateway.tickets.place import DeskDevice, DeskSite
from gateway.tickets.routing import Route

GATEWAY = "gateway"
_OWN_TITLES: Mapping[Kind, Text] = {
    "gateway": Text("Gateway", "站端网关"),
    "bus": Text("Bus", "总线"),
}


def bus_device(bus: str) -> str:
    """The device that shows how a bus fares."""
    return f"bus-{bus}"


def own_devices(site: SiteConfig) -> dict[str, Kind]:
    """The devices that the gateway makes itself."""
    return {GATEWAY: "gateway", **{bus_device(bus.id): "bus" for bus in site.buses}}


def text_of(name: BilingualText) -> Text:
    """English stands in where there is no Chinese."""
    return Text(name.en, name.zh or name.en)


def console_site(site: SiteConfig) -> SiteFacts:
    """The site's block for the console."""
    block = site.file.site
    return SiteFacts(
        id=block.id,
        name=text_of(block.name),
        timezone=block.timezone,
        latitude=block.location.latitude if block.location else None,
        longitude=block.location.longitude if block.location else None,
        remoteness=block.remoteness,
        cell=block.cell.model_dump() if block.cell else None,
        users_served=block.users_served,
        transformer_kva=block.transformer_kva,
        export_permit_kw=block.export_permit_kw,
        contract_kw=block.contract_kw,
        teams=tuple(
            TeamFacts(
                team.id,
                text_of(team.name),
                team.kinds,
                tuple(TeamMember(person.id, person.name, person.role) for person in team.members),
            )
            for team in site.file.teams
        ),
    )


def desk_site(site: SiteConfig) -> DeskSite:
    """The site for the ticket desk."""
    block, named = site.file.site, site.file.calendar
    return DeskSite(
        id=block.id,
        zone=ZoneInfo(block.timezone),
        remoteness=block.remoteness,
        cell=block.cell.model_dump() if block.cell else {},
        devices={
            device.id: DeskDevice(device.period_ms, device.params, bus_device(device.bus))
            for device in site.devices
        },
        version=__version__,
        config=hashlib.sha256(site.file.model_dump_json().encode()).hexdigest(),
        arrival_code=block.arrival_code,
        routes=tuple(
            Route(
                route.team,
                route.person,
                route.match.ticket_kind,
                route.match.severity,
                route.match.rule,
                route.match.device,
            )
            for route in site.file.routes
            if route.team is not None
        ),
        weather=tuple(device.id for device in site.devices if "weather" in device.profile.kinds),
        raised=bool(block.serves),
        calendar=None if named is None else load_calendar(calendar_files(site.folder)[named]),
    )


def console_device(device: Device, profile: Profile) -> DeviceFacts:
    """A polled device for the console; `profile` is the resolved one as soon as it is known."""
    return DeviceFacts(
        id=device.id,
        profile=profile.name,
        title=profile.title,
        kind=profile.kind,
        points={point.name: _shown(point, device) for point in profile.points},
        also=profile.also,
        vendor=profile.vendor,
        model=profile.model,
        serial=device.serial,
        role=device.role,
        parent=device.parent,
        bus=device.bus,
        unit=device.unit,
        labels=device.labels,
        rated_kw=device.rated_kw,
        rated_kwp=device.rated_kwp,
        rated_kwh=device.rated_kwh,
        period_ms=device.period_ms,
    )


def own_console_device(name: str, kind: Kind) -> DeviceFacts:
    """One of the gateway's own devices for the console."""
    title = _OWN_TITLES[kind]
    if kind == "bus":
        bus = name.removeprefix("bus-")
        title = Text(f"{title.en} {bus}", f"{title.zh} {bus}")
    return DeviceFacts(
        id=name,
        profile=kind,
        title=title,
        kind=kind,
        points={point.name: point for point in _own_shown(kind)},
        vendor="Maplebridge",
        model=kind,
        period_ms=GATEWAY_PERIOD_MS,
    )


def device_meta(facts: DeviceFacts) -> DeviceMeta:
    """What MQTT's retained `meta` says of a device."""
    return DeviceMeta(
        kind=facts.kind,
        profile=facts.profile,
        vendor=facts.vendor,
        model=facts.model,
        serial=facts.serial,
        also=facts.also,
        points={name: (point.unit, point.type) for name, point in facts.points.items()},
        title=facts.title,
        labels={name: point.label for name, point in facts.points.items()},
        counters=frozenset(name for name, point in facts.points.items() if point.counter),
        period_ms=facts.period_ms,
    )


def identified(facts: DeviceFacts, *, vendor: str, model: str, serial: str) -> DeviceFacts:
    """With what the device said of itself; the site file's serial number stays."""
    return replace(
        facts,
        vendor=vendor or facts.vendor,
        model=model or facts.model,
        serial=facts.serial or serial,
    )


def _shown(point: Point, device: Device) -> PointFacts:
    known, span = standard(point.name), shown_span(point)
    return PointFacts(
        name=point.name,
        unit=point.unit,
        type=point.value_type,
        label=point.label or (known.label if known else Text(point.name, point.name)),
        meaning=known.meaning if known else None,
        range=point.format.range,
        counter=point.counter,
        period_ms=max(device.period_ms, point.every_ms or 0),
        bits=point.format.bits,
        words=(span.table.value, span.start, span.count),
        limits=limits_of(point, device.rated_kw) if point.counter else None,
    )


def _own_shown(kind: Kind) -> Iterable[PointFacts]:
    for name, point in STANDARD.items():
        if kind not in point.kinds:
            continue
        yield PointFacts(
            name=name,
            unit=point.unit,
            type=point.type,
            label=point.label,
            meaning=point.meaning,
            counter=point.counter,
            period_ms=GATEWAY_PERIOD_MS,
        )
