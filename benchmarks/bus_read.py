"""CPU of one 100-register read over TCP with all our checks, beside stock pymodbus and libmodbus in C.

    .venv/bin/python benchmarks/bus_read.py [--reads 10000] [--rounds 5] [--apart]

Interleaved rounds against one server of the reference load, all on one core; with `--apart` the server
has another one (then a request wakes the other core, which costs whoever sends it). CPU of the reading
process alone, its system calls included. libmodbus needs a C compiler and `libmodbus-dev`.
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pymodbus.client import AsyncModbusTcpClient

from agent.device import BusLine
from agent.modbus.address import Span, Table
from agent.modbus.bus import open_bus

HERE = Path(__file__).parent
SPAN = Span(Table.HOLDING, 0, 100)


async def ours(port: int, reads: int) -> tuple[list[int], float]:
    bus = open_bus(BusLine("bench", f"tcp://127.0.0.1:{port}"), {})
    words = list(await bus.read(1, SPAN))
    before = time.process_time_ns()
    for _ in range(reads):
        await bus.read(1, SPAN)
    took = time.process_time_ns() - before
    bus.close()
    return words, took / max(reads, 1) / 1_000


async def stock(port: int, reads: int) -> tuple[list[int], float]:
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    words = (await client.read_holding_registers(0, count=100, device_id=1)).registers
    before = time.process_time_ns()
    for _ in range(reads):
        reply = await client.read_holding_registers(0, count=100, device_id=1)
        assert not reply.isError()
    took = time.process_time_ns() - before
    client.close()
    return words, took / max(reads, 1) / 1_000


def compiled(folder: str) -> Path | None:
    """The C client; None where it cannot be built here."""
    program = Path(folder) / "libmodbus_read"
    if not shutil.which("cc") or not shutil.which("pkg-config"):
        return None
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libmodbus"], capture_output=True, text=True)
    if flags.returncode:
        return None
    source = HERE / "libmodbus_read.c"
    subprocess.run(["cc", "-O2", "-o", program, source, *flags.stdout.split()], check=True)
    return program


def in_c(program: Path, port: int, reads: int) -> tuple[list[int], float]:
    run = subprocess.run([program, str(port), str(reads)], capture_output=True, text=True, check=True)
    words, took = run.stdout.splitlines()
    return list(map(int, words.split())), float(took)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reads", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--apart", action="store_true")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    core, servers = cores[0], cores[-1] if options.apart else cores[0]
    os.sched_setaffinity(0, {core})  # whatever is started from here on stays there, too
    farm = subprocess.Popen(
        [sys.executable, HERE / "modbus_farm.py", "1", "100"],
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {servers}),
    )
    try:
        (port,) = json.loads(farm.stdout.readline())
        with tempfile.TemporaryDirectory() as folder:
            compare(port, compiled(folder), options, f"readers on core {core}, server on core {servers}")
    finally:
        farm.terminate()
        farm.wait()


def compare(port: int, program: Path | None, options: argparse.Namespace, where: str) -> None:
    ways = {
        "our bus": lambda reads: asyncio.run(ours(port, reads)),
        "stock pymodbus": lambda reads: asyncio.run(stock(port, reads)),
    }
    if program is not None:
        ways["libmodbus in C"] = lambda reads: in_c(program, port, reads)
    else:
        print("libmodbus in C: skipped, there is no C compiler or no libmodbus-dev here")
    for _ in range(10):  # the registers change each second
        answers = [way(0)[0] for way in ways.values()]
        if equal := all(answer == answers[0] for answer in answers):
            break
    assert equal, "the clients do not read the same"
    results: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            results[name].append(way(options.reads)[1])
    print(
        f"{where}; {options.rounds} rounds of {options.reads} reads of {SPAN.count} registers, equal results"
    )
    median = {name: statistics.median(each) for name, each in results.items()}
    for name, each in results.items():
        line = f"{name:14} {median[name]:6.1f} us a read (min {min(each):.1f}, max {max(each):.1f})"
        print(
            line
            + ("" if name == "our bus" else f"; our bus takes {median['our bus'] / median[name]:.2f} of it")
        )


if __name__ == "__main__":
    main()
