"""The console: how much a browser must load, and what three viewers cost the server.

    python benchmarks/console.py [--seconds 60]

A console of its own gets frames of 20 devices x 50 points each second. Its run time (/proc/PID/schedstat)
without viewers is taken off its run time with three: one of the fleet, one of the site, one of a device.
"""

import argparse
import asyncio
import http.client
import json
import math
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from agent.clock import SystemClock
from agent.reading import Frame, Text
from gateway.console.app import create_app
from gateway.console.config import ConsoleConfig
from gateway.console.ports import DeviceFacts, PointFacts
from gateway.console.server import ConsoleServer
from gateway.console.testing import fake_site
from gateway.console.users import Users

STATIC = Path(__file__).parents[1] / "gateway/console/static"
DEVICES, POINTS = 20, 50
VIEWERS = ("fleet", "site", "device")
WARM_UP_S = 5


def devices() -> dict[str, DeviceFacts]:
    names = [
        "ac_power_kw",
        "frequency_hz",
        "temperature_c",
        *(f"dc_voltage_{n}_v" for n in range(1, POINTS - 2)),
    ]
    points = {name: PointFacts(name, "kW", "number", Text(name, name)) for name in names}
    title = Text("Inverter", "逆变器")
    return {f"inv-{n}": DeviceFacts(f"inv-{n}", "bench", title, "inverter", points) for n in range(DEVICES)}


async def serve(folder: Path) -> None:
    site = fake_site(SystemClock())
    facts = devices()
    ports = replace(site.ports, devices=lambda: facts, last_poll=lambda _device: None)
    users = Users(folder)
    users.add("viewer", "viewer", None)
    server = ConsoleServer(
        create_app(ports, users), ConsoleConfig(listen="127.0.0.1:0"), folder=folder, data=folder
    )
    print(server.bind(), users.add_token("viewer"), flush=True)
    names = tuple(next(iter(facts.values())).points)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run())
        for seq in range(1, 1_000_000):
            ts_ms, mono_ms = ports.clock.utc_ms(), ports.clock.monotonic_ms()
            for number, device in enumerate(facts):
                values = tuple(round(50 + 40 * math.sin(seq / 60 + number + i), 2) for i in range(POINTS))
                ports.live.frame(
                    Frame(device, ports.clock.boot, seq, mono_ms, ts_ms, False, 12, names, values, {})
                )
            await asyncio.sleep(1)


def watch(host: str, token: str, detail: str, counts: dict[str, int]) -> None:
    link = http.client.HTTPConnection(host, timeout=30)
    link.request("GET", f"/api/v1/events?detail={detail}", headers={"Authorization": f"Bearer {token}"})
    answer = link.getresponse()
    assert answer.status == 200, answer.status
    counts[detail] = 0
    try:
        while line := answer.readline():
            counts[detail] += len(line)
    except OSError:
        return


def run_time_s(pid: int) -> float:
    return (
        sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    )


def measured(pid: int, seconds: int) -> float:
    """Percent of a core over so many seconds."""
    time.sleep(WARM_UP_S)
    began_s, before_s = time.monotonic(), run_time_s(pid)
    time.sleep(seconds)
    return 100 * (run_time_s(pid) - before_s) / (time.monotonic() - began_s)


def bundle() -> dict[str, float]:
    sizes = {path.name: path.stat().st_size / 1_000 for path in STATIC.rglob("*.gz")}
    first = sum(kb for name, kb in sizes.items() if name.startswith(("first-", "index.", "favicon.", "zh-")))
    return {"all_files_kb_gzip": round(sum(sizes.values()), 1), "first_page_kb_gzip": round(first, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.serve))
        return
    counts: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, __file__, "--serve", folder], stdout=subprocess.PIPE, text=True
        )
        try:
            url, token = server.stdout.readline().split()
            alone_pct = measured(server.pid, options.seconds)
            for detail in VIEWERS:
                arguments = (url.removeprefix("http://"), token, detail, counts)
                threading.Thread(target=watch, args=arguments, daemon=True).start()
            watched_pct = measured(server.pid, options.seconds)
        finally:
            server.terminate()
            server.wait(20)
    result = bundle() | {
        "core_pct_alone": round(alone_pct, 2),
        "core_pct_3_viewers": round(watched_pct, 2),
        "viewers_core_pct": round(watched_pct - alone_pct, 2),
        "kb_per_s": {
            detail: round(size / 1_000 / (options.seconds + WARM_UP_S), 1) for detail, size in counts.items()
        },
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
