"""What a changed site file means for a running site. Pure: old and new in, a plan out.

Changing one device never touches another bus, and what cannot be changed in flight
is refused by name, with the old file kept running.
"""

from dataclasses import dataclass

from gateway.config import SiteConfig


@dataclass(frozen=True, slots=True)
class Reload:
    """Parts by name: `bus:<id>`, `mqtt:<name>`, `influxdb`. `refused` names what needs a restart."""

    refused: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    rules: bool = False
    """The rules, the devices that they watch, or the planned maintenance are others now."""


def parts_of(site: SiteConfig) -> dict[str, object]:
    """Each part that can be replaced, with all that it was made from."""
    parts: dict[str, object] = {}
    for bus in site.buses:
        parts[f"bus:{bus.id}"] = (bus, tuple(device for device in site.devices if device.bus == bus.id))
    meta = tuple((device.id, device.profile.name) for device in site.devices)
    for broker in site.file.brokers:
        parts[f"mqtt:{broker.name}"] = (broker, meta)
    if site.file.influxdb is not None:
        parts["influxdb"] = (site.file.influxdb, meta)
    return parts


def plan_reload(old: SiteConfig, new: SiteConfig) -> Reload:
    """What to stop and start to get from `old` to `new`."""
    fixed = {
        "site": (old.file.site, new.file.site),
        "teams": (old.file.teams, new.file.teams),
        "routes": (old.file.routes, new.file.routes),
        "time": (old.file.time, new.file.time),
        "journal": (old.file.journal, new.file.journal),
        "tickets": (old.file.tickets, new.file.tickets),
        "calendar": (old.file.calendar, new.file.calendar),
        "console": (old.file.console, new.file.console),
        "mqtt.embedded": (_embedded(old), _embedded(new)),
    }
    refused = tuple(name for name, (was, now) in fixed.items() if was != now)
    if refused:
        return Reload(refused=refused)
    before, after = parts_of(old), parts_of(new)
    changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    return Reload(
        stop=tuple(name for name in before if name not in after or name in changed),
        start=tuple(name for name in after if name not in before or name in changed),
        rules=old.rules.hashes() != new.rules.hashes()
        or old.devices != new.devices
        or old.file.maintenance != new.file.maintenance,
    )


def _embedded(site: SiteConfig) -> dict[str, str]:
    """The brokers that run in the gateway itself: they start and stop with it."""
    return {broker.name: broker.embedded for broker in site.file.brokers if broker.embedded is not None}
