"""How fast `rules replay` goes through a journal: frames per second of CPU, against real time.

    .venv/bin/python benchmarks/replay.py [--hours 12]

A journal of the village at 5 s (its 11 polled devices, some 300 points), replayed with all shipped rules.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from agent.clock import ManualClock
from agent.modbus.sunspec import assumed
from agent.reading import Frame
from agent.simulator.village import Village
from gateway.config import load_site
from gateway.demo import _DETAILS, _SITE, BUSES
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal

EVERY_S = 5


async def fill(site: Path, data: Path, hours: float) -> int:
    config, clock, village = load_site(site), ManualClock(1_780_000_000_000), Village(time_s=8 * 3_600.0)
    points = {d.id: tuple(p.name for p in assumed(d.profile).points) for d in config.devices}
    journal = await Journal.open(data, JournalConfig(), clock)
    frames = 0
    for step in range(round(hours * 3_600 / EVERY_S)):
        clock.advance(EVERY_S * 1_000)
        village.advance(EVERY_S)
        for device, said in village.readings().items():
            shown = {p: said[p] for p in points.get(device, ()) if p in said}
            if shown:
                frames += 1
                now_ms = clock.monotonic_ms()
                journal.append(Frame(device, clock.boot, step + 1, now_ms, clock.utc_ms(), False, 5,
                                     tuple(shown), tuple(shown.values())))  # fmt: skip
        await journal.commit()
    await journal.close()
    return frames


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=12.0)
    hours = parser.parse_args().hours
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        buses = "\n".join(
            f'  - {{id: {bus}, url: "tcp://127.0.0.1:{n}"}}' for n, bus in enumerate(BUSES, 1_000)
        )
        devices = "\n".join(
            f"  - {{id: {device}, profile: {profile}, bus: {bus}, unit: {unit}, every: {EVERY_S}s"
            + (f", {_DETAILS[device]}" if device in _DETAILS else "") + "}"
            for bus, members in BUSES.items() for device, (unit, profile) in members.items()
        )  # fmt: skip
        site = folder / "site.yaml"
        site.write_text(_SITE.format(buses=buses, devices=devices, port=8080))
        frames = asyncio.run(fill(site, folder / "data", hours))
        began = time.monotonic()
        run = [str(Path(sys.executable).with_name("maplebridge")), "rules", "replay", str(site), "--from", "2026-05-01", "--to", "2026-12-01"]  # fmt: skip
        done = subprocess.run(run, capture_output=True, text=True, check=True)
        seconds = time.monotonic() - began
    print(done.stdout.splitlines()[-2])
    print(
        f"{frames} frames, {seconds:.1f} s: {frames / seconds:.0f} frames/s, {hours * 3_600 / seconds:.0f} x real time"
    )


if __name__ == "__main__":
    main()
