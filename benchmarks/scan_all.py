"""What `scan` makes of everything at once: all shipped profiles, and all recorded devices, on one TCP endpoint.

    .venv/bin/python benchmarks/scan_all.py [simulated] [recorded]

Prints a row for each device that is not surely recognised, and the sums. The exit code is 1 where a device is
lost, taken for another unit, or called wrong with a confidence that invites to take it: >= 0.8.

A simulated device serves the marks of its own profile, so what this shows is that no profile's marks fit another
device; the recorded ones show that real registers carry the marks.
"""

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path

from agent.clock import SystemClock
from agent.fingerprint import SURE
from agent.modbus.bus import Bus
from agent.modbus.endpoint import parse_url
from agent.scan.line import Pace
from agent.scan.search import Search
from agent.simulator.device import SimulatedDevice
from agent.simulator.dump import DumpedDevice, read_dump
from agent.simulator.motion import Motion
from agent.simulator.server import TcpServer
from gateway.profiles import ProfileShelf

SHELF = ProfileShelf()
DUMPS = Path(__file__).parents[1] / "tests" / "data" / "dumps"


class Hurried(SystemClock):
    """Does not wait between the polls of a unit."""

    async def sleep_until(self, monotonic_ms: int) -> None:
        """At once."""


def simulated():
    """Name, profiles that are right, and a device, of each shipped profile."""
    for name in SHELF.names():
        device = SimulatedDevice(SHELF.find(name), f"SIM-{name}")
        device.set(**Motion(name, device.free_points).values(0.0))
        yield name, {name}, device


def recorded():
    """The same of each dump in tests/data/dumps; several may be of one device model."""
    for path in sorted(DUMPS.glob("*.json")):
        record = json.loads(path.read_text())
        yield path.stem, {record["profile"], *record.get("also", ())}, DumpedDevice(read_dump(record))


async def search(devices) -> dict:
    """Unit → what was found there, a merged unit under each of its ids."""
    server = TcpServer(dict(enumerate(devices, 1)))
    port = await server.start()

    async def open_line(line):
        return Bus(line, None, {}), False

    outcome = await Search(
        open_line=open_line,
        settings=[parse_url(f"tcp://127.0.0.1:{port}")],
        units=range(1, 248),
        pace=Pace(gap_ms=0, probe_ms=200),
        profiles=[SHELF.find(name) for name in SHELF.recognisable()],
        clock=Hurried(),
        thorough=False,
        told=lambda _: None,
    ).run()
    await server.close()
    return {number: unit for unit in outcome.units for number in (unit.unit, *unit.also)}


def judged(number: int, right: set[str], found: dict) -> tuple[str, float, str]:
    """Right, tied, null, wrong, merged or lost; the confidence; and what was said."""
    unit = found.get(number)
    if unit is None:
        return "lost", 0.0, ""
    if unit.unit != number:
        return "merged", 0.0, f"unit {unit.unit}"
    if unit.best is None:
        return "null", 0.0, ""
    said = unit.best.profile.name
    is_tied = bool(right & {proposal.profile.name for proposal in unit.tied})
    return "right" if said in right else "tied" if is_tied else "wrong", unit.best.confidence, said


def table(what: str, cases) -> bool:
    """Print it; whether nothing is lost, merged or surely wrong."""
    cases = list(cases)
    found = asyncio.run(search([device for _, _, device in cases]))
    known = set(SHELF.recognisable())
    sums, is_good = Counter(), True
    print(f"\n| {what} | result | confidence | said |\n|---|---|---|---|")
    for number, (name, right, _) in enumerate(cases, 1):
        result, confidence, said = judged(number, right, found)
        if result == "null" and not right & known:
            result = "null: its profile has no marks"
        sums[f"{result}, sure" if confidence >= SURE else result] += 1
        if result != "right" or confidence < SURE:
            print(f"| {name} | {result} | {confidence:.2f} | {said} |")
        is_good &= result not in ("lost", "merged") and not (result == "wrong" and confidence >= SURE)
    print(f"\n{len(cases)} {what}: " + "; ".join(f"{n} {result}" for result, n in sums.most_common()))
    return is_good


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["simulated", "recorded"]
    sources = {"simulated": simulated, "recorded": recorded}
    is_good = [table(f"{name} devices", sources[name]()) for name in wanted]
    sys.exit(0 if all(is_good) else 1)
