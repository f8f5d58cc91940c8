"""A serial line of thirty meters goes dead and comes back: one ticket, within a minute, that closes by itself.

On the real clock, the real line (a pty with the time of 9,600 baud) and the whole site; the shipped rules, but
`verify_for` of COM-06 is a minute here in place of thirty. Minutes long, so it runs in the long set only; in
`tests/gateway/test_root_causes.py` the same passes in simulated time.
"""

import asyncio
import time
from pathlib import Path

import pytest

from agent.simulator.device import SimulatedDevice
from agent.simulator.line import Speed
from agent.simulator.server import RtuServer
from gateway.config import load_site
from gateway.profiles import ProfileShelf, shipped_configs
from gateway.site import Site

pytestmark = pytest.mark.long

UNITS = range(1, 31)


def site_file(folder: Path, url: str) -> Path:
    (folder / "rules").mkdir()
    text = (shipped_configs() / "rules" / "communication.yaml").read_text()
    start = text.index("  - id: COM-06")
    rule = text[start : text.index("  - id: COM-08")]
    head = text[: text.index("rules:")] + "rules:\n"
    ticket = "ticket: {kind: communication, team: station, checklist: CL-COM-A"
    assert ticket in rule
    (folder / "rules/com-06.yaml").write_text(head + rule.replace(ticket, f"{ticket}, verify_for: 1m"))
    devices = "\n".join(
        f"  - {{id: meter-{unit:02}, profile: eastron-sdm630, bus: rs485-1, unit: {unit}, every: 10s}}"
        for unit in UNITS
    )
    path = folder / "site.yaml"
    path.write_text(
        "version: 1\nsite: {id: hall, name: {en: Hall, zh: 村部}}\ntime: {source: always}\n"
        f'buses: [{{id: rs485-1, url: "{url}"}}]\ndevices:\n{devices}\nrules: [rules/]\n'
    )
    return path


async def until(condition, within_s: float, what: str) -> float:
    """Seconds until it holds."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < within_s, f"{what}: not within {within_s} s"
        await asyncio.sleep(0.5)
    return time.monotonic() - began


async def test_a_dead_line_of_thirty_is_one_ticket_that_closes_by_itself(tmp_path, capsys):
    profile = ProfileShelf().find("eastron-sdm630")
    meters = {unit: SimulatedDevice(profile, f"SIM-{unit}") for unit in UNITS}
    units = dict(meters)
    server = RtuServer(units, speed=Speed(9_600))
    link = await server.start()
    site, stop = (
        Site(load_site(site_file(tmp_path, f"rtu://{link}?baudrate=9600")), tmp_path / "data"),
        asyncio.Event(),
    )

    async def tickets() -> list[dict]:
        return (await site.desk.tickets(state="all")).items

    async def all_answer() -> bool:
        return len(site.live.last) >= 31 and not any(frame.failed for frame in site.live.last.values())

    async def one_ticket() -> bool:
        return bool(await tickets())

    async def quiet() -> bool:
        return not site.open_alerts()

    async def archived() -> bool:
        return (await tickets())[0]["state"] == "archived"

    async def story() -> None:
        await until(all_answer, 120, "all thirty answer")
        await asyncio.sleep(20)
        units.clear()
        opened_s = await until(one_ticket, 60, "a ticket")
        await asyncio.sleep(200)  # its children had time enough for tickets of their own
        (ticket,) = await tickets()
        assert ticket["rule"] == "COM-06"
        assert len(ticket["devices"]) == 31
        units.update(meters)
        clear_s = await until(quiet, 120, "the alert clear")
        closed_s = await until(archived, 120, "the ticket closed by itself")
        assert len(await tickets()) == 1
        told = f"ticket after {opened_s:.0f} s, alert clear {clear_s:.0f} s after recovery, closed {closed_s:.0f} s later"
        with capsys.disabled():
            print(f"\n{told}")  # noqa: T201  # the figure of this run
        stop.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(site.run(stop, lambda _ready: None))
        group.create_task(story())
    await server.close()
