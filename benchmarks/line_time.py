"""Busy time of a 9,600-baud line with ten meters beside the least that their planned reads can take.

    .venv/bin/python benchmarks/line_time.py [--seconds 20]

The least time of a read of n registers: (8 + 5 + 2 n) bytes x 10 bits / 9,600 + turnaround + 3.5 bytes of silence
(Modbus over Serial Line V1.02, 2.5.1.1: 8 bytes of request, 5 of reply around the data). The line is simulated: each
byte takes its time, units answer after 5 ms. It counts by itself what occupies it; the poller counts by the clock.
Run once with all ten alive, once with two dead, one of which comes back at the end.
"""

import argparse
import asyncio
from dataclasses import replace

import structlog

from agent.clock import SystemClock
from agent.device import BusLine, Device
from agent.poller import BusPoller
from agent.simulator.device import SimulatedDevice
from agent.simulator.fault import Acting, Fault
from agent.simulator.line import Speed
from agent.simulator.server import RtuServer
from gateway.profiles import ProfileShelf

LINE = Speed(9_600, 10, turnaround_ms=5)
EVERY_MS = 4_000
DEAD = (4, 9)


def least_s(count: int) -> float:
    return (8 + 5 + 2 * count) * LINE.byte_s + LINE.turnaround_ms / 1_000 + LINE.silence_s


async def measure(seconds: float, dead: tuple[int, ...]) -> None:
    shipped = ProfileShelf().find("eastron-sdm630")
    profile = replace(shipped, link=replace(shipped.link, gap_ms=0))
    units = {n: SimulatedDevice(profile) for n in range(1, 11)}
    for n in dead:
        units[n].faults = (Acting(Fault("dead")),)
    server = RtuServer(units, speed=LINE)
    line = BusLine("rs485", f"rtu://{await server.start()}?baudrate=9600")
    devices = [Device(f"m{n}", profile, "rs485", n, every_ms=EVERY_MS) for n in units]
    frames = []
    poller = BusPoller(line, devices, SystemClock(), frames.append)
    planned = {"s": 0.0}

    def planning(unit):
        poll = unit.poll

        async def polled(rates_ms):
            outcome = await poll(rates_ms)
            if outcome.reason is None:
                planned["s"] += sum(least_s(r.block.span.count) for r in unit._reads.due(rates_ms).reads)
            return outcome

        unit.poll = polled

    for unit in poller._units.values():
        planning(unit)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(poller.run())
        await asyncio.sleep(EVERY_MS / 1_000 * (4 if dead else 1) - 0.2)
        clock = SystemClock()
        begun_ms, first = clock.monotonic_ms(), len(frames)
        bus_s, line_s, asked, planned_s = (
            poller._bus.busy_s,
            server.line.busy_s,
            server.line.requests,
            planned["s"],
        )
        await asyncio.sleep(seconds)
        took_s = (clock.monotonic_ms() - begun_ms) / 1_000
        seen = frames[first:]
        bus_s, line_s = poller._bus.busy_s - bus_s, server.line.busy_s - line_s
        line_s += (server.line.requests - asked) * LINE.silence_s
        planned_s = planned["s"] - planned_s
        alive = [f for f in seen if not f.failed]
        due = sum(f.device not in {f"m{n}" for n in dead} for f in seen)
        print(f"\n{len(dead)} of {len(units)} dead, {took_s:.0f} s:")
        print(f"  least time of the planned reads  {planned_s:7.3f} s")
        print(f"  the line was occupied            {line_s:7.3f} s  = {line_s / planned_s:.3f} x")
        print(f"  the poller's busy time           {bus_s:7.3f} s  = {bus_s / planned_s:.3f} x")
        print(f"  frames of the living: {len(alive)} good of {due} due; missed {poller.statistics().skipped}")
        print(f"  requests that met another: {server.line.overlaps}; too early: {server.line.hurried}")
        if dead:
            units[dead[0]].faults = ()
            back_ms = clock.monotonic_ms()
            while not any(f.device == f"m{dead[0]}" and not f.failed for f in frames):
                await asyncio.sleep(0.01)
            print(f"  the revived unit was read after  {(clock.monotonic_ms() - back_ms) / 1_000:7.3f} s")
        task.cancel()
    await server.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    for dead in ((), DEAD):
        asyncio.run(measure(options.seconds, dead))


if __name__ == "__main__":
    main()
