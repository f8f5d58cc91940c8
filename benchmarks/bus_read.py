"""CPU of one 60-register read over TCP with all our checks, beside stock pymodbus on the same kind of loop.

    .venv/bin/python benchmarks/bus_read.py [--reads 20000] [--rounds 3]

Both run in this process on one core against the reference load's servers on the other; process time by
`time.process_time_ns`, interleaved rounds.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from pymodbus.client import AsyncModbusTcpClient

from agent.device import BusLine
from agent.modbus.address import Span, Table
from agent.modbus.bus import open_bus

HERE = Path(__file__).parent
SPAN = Span(Table.HOLDING, 0, 60)


async def ours(port: int, reads: int) -> float:
    bus = open_bus(BusLine("bench", f"tcp://127.0.0.1:{port}"), {})
    await bus.fetch(1, SPAN)
    before = time.process_time_ns()
    for _ in range(reads):
        await bus.fetch(1, SPAN)
    took = time.process_time_ns() - before
    bus.close()
    return took / reads / 1_000


async def stock(port: int, reads: int) -> float:
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    before = time.process_time_ns()
    for _ in range(reads):
        reply = await client.read_holding_registers(0, count=60, device_id=1)
        assert not reply.isError()
    took = time.process_time_ns() - before
    client.close()
    return took / reads / 1_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reads", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    farm = subprocess.Popen(
        [sys.executable, HERE / "modbus_farm.py", "1"],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {cores[-1]}),
    )
    (port,) = json.loads(farm.stdout.readline())
    os.sched_setaffinity(0, {cores[0]})
    results: dict[str, list[float]] = {"our bus": [], "pymodbus": []}
    for _ in range(options.rounds):
        results["our bus"].append(asyncio.run(ours(port, options.reads)))
        results["pymodbus"].append(asyncio.run(stock(port, options.reads)))
    farm.terminate()
    for name, each in results.items():
        print(
            f"{name:10} {statistics.median(each):6.1f} us a read (min {min(each):.1f}, max {max(each):.1f})"
        )
    ratio = statistics.median(results["our bus"]) / statistics.median(results["pymodbus"])
    print(f"ratio our bus / pymodbus: {ratio:.2f}")


if __name__ == "__main__":
    main()
