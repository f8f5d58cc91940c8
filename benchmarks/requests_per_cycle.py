"""Requests and line time of a cycle on real maps: our plan beside what others do.

    .venv/bin/python benchmarks/requests_per_cycle.py [PROFILE ...]

- one by one: a request for each point
- gap N: neighbours are merged when no more than N registers lie between them, each rate for itself
- widest: merged as long as the device's widest request allows, whatever lies between, each rate for itself
- ours: the plan of `agent.modbus.plan`; the requests are also counted at a simulated device

All keep the device's widest request, its forbidden ranges and each point in one request. Line time is the cost
model's (docs/acquisition.md): so much of an hour, and of a round in which everything is due.
"""

import argparse
import asyncio

from agent.clock import SystemClock
from agent.device import BusLine, Device
from agent.modbus.bus import open_bus
from agent.modbus.endpoint import parse_url
from agent.modbus.plan import Block, block_of, plan, rate_ms, turns
from agent.modbus.sunspec import assumed
from agent.quantity import HOUR_MS
from agent.simulator.device import SimulatedDevice
from agent.simulator.server import TcpServer
from agent.unit_poll import UnitPoll
from gateway.profiles import ProfileShelf

MAPS = ("huawei-sun2000", "goodwe-et", "eastron-sdm630", "sunspec-inverter")
LINES = {"TCP": "tcp://plant", "9,600 baud": "rtu:///dev/ttyUSB0?baudrate=9600"}


def merged(points, link, gap: int, every_ms: int) -> list[Block]:
    """Greedy, in order of address."""
    blocks: list[Block] = []
    for point in sorted(points, key=lambda p: (p.table, p.span.start, p.span.end)):
        if blocks and blocks[-1].span.table is point.table:
            wider = block_of([*blocks[-1].points, point], every_ms)
            near = point.span.start - blocks[-1].span.end <= gap
            free = not any(a < wider.span.end and wider.span.start < a + n for a, n in link.forbidden)
            if near and free and wider.span.count <= link.max_registers:
                blocks[-1] = wider
                continue
        blocks.append(block_of([point], every_ms))
    return blocks


def by_rate(profile, gap: int | None) -> list[Block]:
    """Every rate for itself; without a gap, every point for itself."""
    rates: dict[int, list] = {}
    for point in profile.points:
        rates.setdefault(rate_ms(point, profile, None), []).append(point)
    if gap is None:
        return [block_of([p], rate) for rate, points in rates.items() for p in points]
    return [b for rate, points in rates.items() for b in merged(points, profile.link, gap, rate)]


def row(name: str, requests: float, hour_ms: float, round_requests: int, round_ms: float) -> str:
    return f"| {name} | {round_requests} | {round_ms:,.0f} | {requests:,.0f} | {hour_ms / 36_000:.1f} % |"


async def counted(profile) -> int:
    """Requests of a round as a simulated device sees them."""
    device = SimulatedDevice(profile)
    server = TcpServer({1: device})
    bus = open_bus(BusLine("b", f"tcp://127.0.0.1:{await server.start()}"), {1: profile.link})
    unit = UnitPoll(Device("d", profile, "b", 1), bus, SystemClock())
    await unit.poll(unit.rates_ms)  # on which it also says what it is
    before = device.requests
    poll = await unit.poll(unit.rates_ms)
    assert poll.reason is None
    bus.close()
    await server.close()
    return device.requests - before


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("profiles", nargs="*", default=MAPS)
    options = parser.parse_args()
    for name in options.profiles:
        shipped = ProfileShelf().find(name)
        profile = assumed(shipped)
        rates = sorted({rate_ms(p, profile, None) for p in profile.points})
        print(
            f"\n**{name}**: {len(profile.points)} points at {', '.join(f'{r / 1_000:g} s' for r in rates)};"
            f" at most {profile.link.max_registers} registers a request;"
            f" {asyncio.run(counted(shipped))} requests of ours counted in a round over TCP"
        )
        for line, url in LINES.items():
            cost = parse_url(url).cost(profile.link.gap_ms)
            print(f"\n| {line} | requests a round | ms a round | requests an hour | line time |")
            print("|---|---|---|---|---|")
            others = {"one by one": None, "gap 10": 10, "gap 50": 50, "widest": 0x10000}
            for strategy, gap in others.items():
                blocks = by_rate(profile, gap)
                print(
                    row(
                        strategy,
                        sum(HOUR_MS / b.every_ms for b in blocks),
                        sum(HOUR_MS / b.every_ms * cost.request_ms(b.span) for b in blocks),
                        len(blocks),
                        sum(cost.request_ms(b.span) for b in blocks),
                    )
                )
            kinds = turns(profile, cost=cost)
            ours = plan(profile, cost=cost)
            print(
                row(
                    "**ours**",
                    HOUR_MS * sum(t.per_ms * len(t.blocks) for t in kinds),
                    HOUR_MS * sum(t.per_ms * sum(cost.request_ms(b.span) for b in t.blocks) for t in kinds),
                    len(ours),
                    sum(cost.request_ms(b.span) for b in ours),
                )
            )


if __name__ == "__main__":
    main()
