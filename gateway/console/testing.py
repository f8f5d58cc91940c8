"""A small village behind real console ports: for tests, and for looking at the pages.

Behaving doubles, not mocks: devices move, alerts are acknowledged, tickets refuse.
    python -m gateway.console.testing --port 8080
"""

import argparse
import asyncio
import itertools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from agent.clock import Clock, SystemClock
from agent.reading import Text
from gateway.console.app import create_app
from gateway.console.config import ConsoleConfig
from gateway.console.password import PasswordHash
from gateway.console.ports import Check, ConsolePorts
from gateway.console.server import ConsoleServer
from gateway.console.testing_desk import SmallDesk
from gateway.console.testing_scan import SmallScan
from gateway.console.testing_village import DEVICES, FACTS, RecordedDay, Village
from gateway.console.users import Users

VISITOR = "visitor"
VISITOR_PASSWORD = "one lamp by the gate"  # noqa: S105  # of a make-believe village


@dataclass(frozen=True, slots=True)
class FakeSite:
    """A village, its desk, its health, and the ports that a console gets."""

    village: Village
    desk: SmallDesk
    checks: dict[str, Check]
    ports: ConsolePorts


def fake_site(clock: Clock) -> FakeSite:
    """A village hall before its first poll, without alerts."""
    village = Village(clock)
    desk = SmallDesk(clock, village.live)
    checks = {"journal": Check(ok=True, detail="commits"), "buses": Check(ok=True, detail="2 of 2 up")}
    ports = ConsolePorts(
        site=FACTS,
        live=village.live,
        clock=clock,
        version="0.0.test",
        devices=lambda: DEVICES,
        open_alerts=desk.open_alerts,
        history=RecordedDay(),
        desk=desk,
        alert_acts=desk,
        pausing=desk,
        scanner=SmallScan(clock),
        last_poll=village.last_poll,
        checks=lambda: checks,
        system=partial(_system, clock),
    )
    return FakeSite(village, desk, checks, ports)


async def _system(clock: Clock) -> Mapping[str, Any]:
    """A gateway that fares well, with one bus that does not."""
    statistics = {
        "load_pct": 41.2,
        "planned_load_pct": 38.0,
        "cycle_s": 0.8,
        "requests_per_s": 12.5,
        "errors_pct": 6.1,
        "devices_total": 4,
        "devices_silent": 1,
        "devices_dead": 1,
        "silent_for_s": 0.0,
        "missed_polls_pct": 0.4,
        "longest_delay_s": 0.2,
        "skipped": 3,
    }
    now_ms = clock.utc_ms()
    return {
        "version": "0.0.test",
        "boot": "b00t",
        "now": now_ms,
        "clock": {"trusted": True, "synchronised": False, "offset_s": -0.012, "skew_ppm": None},
        "checks": {
            "journal": {"ok": True, "detail": "commits"},
            "mqtt:mqtt": {"ok": False, "detail": "refused"},
        },
        "buses": [
            {
                "id": "rs485-1",
                "url": "rtu:///dev/serial/by-id/usb",
                "devices": ["meter-main"],
                "statistics": statistics,
            }
        ],
        "journal": {
            "frames": 120_000,
            "values": 2_400_000,
            "bytes": 12_000_000,
            "first": now_ms - 86_400_000,
            "last": now_ms,
            "cursors": {"mqtt": {"backlog_frames": 12, "backlog_age_s": 3.2}},
            "dead_letters": 0,
            "set_aside": [],
        },
        "sinks": [{"name": "mqtt", "kind": "mqtt", "connected": False, "trouble": "<i>refused</i>"}],
        "rules": {
            "bound": 31,
            "unbound": [
                {"rule": "GRID-03", "device": "meter-main", "channel": None, "reason": "no ac_voltage_l2_v"}
            ],
        },
    }


def trouble(site: FakeSite) -> None:
    """A warm battery with a ticket, and more alerts."""
    desk = site.desk
    warm = desk.raise_alert(
        "BAT-02", "bat-1", "high", Text("Cell over-temperature", "电芯过温"), {"cell_temperature_max_c": 46.2}
    )
    desk.add_ticket(
        "inspection", "P2", Text("Cell over-temperature", "电芯过温"), ["bat-1"], by="desk", alert=warm["id"]
    )
    desk.raise_alert(
        "PV-01",
        "inv-2",
        "critical",
        Text("Inverter silent in daylight", "逆变器白天无应答"),
        {"ac_power_kw": 0.0},
    )
    desk.raise_alert(
        "GRID-03", "meter-main", "medium", Text("Voltage high", "电压偏高"), {"ac_voltage_l1_v": 247.1}
    )
    desk.raise_alert("GW-05", "gateway", "low", Text("Clock unsure", "时钟未同步"), {})


async def serve_fake_village(port: int, folder: Path, *, has_users: bool = True) -> None:
    """Serve the pages over a moving village until interrupted."""
    site = fake_site(SystemClock())
    trouble(site)
    users = Users(folder)
    if has_users:
        users.add(VISITOR, "viewer", PasswordHash.of(VISITOR_PASSWORD))
    console = create_app(site.ports, users)
    server = ConsoleServer(console, ConsoleConfig(listen=f"127.0.0.1:{port}"), folder=folder, data=folder)
    print(f"{server.bind()}  one-time code {console.code.issue()}", flush=True)  # noqa: T201  # what the caller is here for
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run())
        for second in itertools.count():
            site.village.silent = {"inv-2"} if second % 120 >= 90 else set()
            site.village.poll()
            await asyncio.sleep(1)


def main() -> None:
    """`python -m gateway.console.testing --port N [--first-run]`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--first-run", action="store_true", help="nobody has an account yet")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            asyncio.run(serve_fake_village(given.port, Path(folder), has_users=not given.first_run))
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
