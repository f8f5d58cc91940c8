"""How the gateway fares, for the console's system page: buses, clock, journal, destinations, rules."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gateway import __version__

if TYPE_CHECKING:
    from gateway.site import Site


async def system_document(site: Site) -> dict[str, Any]:
    """All of it, as it is now; nothing in it is secret."""
    clock = site.clock
    reports = site.engine.bindings()
    return {
        "version": __version__,
        "boot": clock.boot,
        "now": clock.utc_ms(),
        "clock": {
            "trusted": clock.trusted(),
            "synchronised": clock.synchronised(),
            "offset_s": clock.offset_s(),
            "skew_ppm": clock.skew_ppm(),
        },
        "checks": {
            name: {"ok": check.ok, "detail": check.detail} for name, check in site.north.checks().items()
        },
        "buses": [_bus(site, line.id, line.url) for line in site.config.buses],
        "journal": await site.journal.statistics(),
        "sinks": _sinks(site),
        "rules": {
            "bound": sum(report.bound for report in reports),
            "unbound": [
                {"rule": r.rule, "device": r.device, "channel": r.channel, "reason": r.reason}
                for r in reports
                if not r.bound
            ],
        },
    }


def _bus(site: Site, bus: str, url: str) -> dict[str, Any]:
    poller = site.pollers.get(bus)
    return {
        "id": bus,
        "url": url,
        "devices": [device.id for device in site.devices.of_bus(bus)],
        "statistics": None if poller is None else asdict(poller.statistics()),
    }


def _sinks(site: Site) -> list[dict[str, Any]]:
    north = site.north
    found: list[dict[str, Any]] = [
        {"name": name, "kind": "mqtt", "connected": sink.connected, "trouble": sink.trouble}
        for name, sink in north.mqtt.items()
    ]
    database = north.influxdb
    if database is not None:
        found.append(
            {
                "name": "influxdb",
                "kind": "influxdb",
                "connected": database.connected,
                "trouble": database.trouble,
                "errors_pct": round(database.errors_pct, 1),
                "rejected": database.rejected,
            }
        )
    return found
