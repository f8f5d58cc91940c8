"""Bytes that reach the card: our journal beside a row per sample in SQLite, both with synchronous=FULL.

    sudo .venv/bin/python benchmarks/journal_wear.py [--seconds 3600] [--warm-up 900] [--noisy 1.0]

1,000 values each second (20 devices x 50 points), on an ext4 of its own in a loop-mounted image (root). What is
counted are the sectors that the block device was given, from /sys/dev/block, after `sync`, once the
write-ahead logs have wrapped. Simulated seconds follow each other without waiting; the journal's clock
goes with them.
"""

import argparse
import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.clock import ManualClock
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal

sys.path.insert(0, str(Path(__file__).parent))
from device_values import POINTS, frame, values

DEVICES, SECTOR, DAY_S = 20, 512, 86_400
NOW_MS = 1_780_000_000_000


@contextmanager
def a_card(megabytes: int) -> Iterator[Path]:
    """An empty ext4 on a loop device; its mount point."""
    folder = Path(tempfile.mkdtemp(prefix="maplebridge-wear-"))
    image, place = folder / "card", folder / "mounted"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(megabytes * 1_000_000)
    try:
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
        subprocess.run(["mount", "-o", "loop,noatime", image, place], check=True)
        try:
            yield place
        finally:
            subprocess.run(["umount", place], check=True)
    finally:
        shutil.rmtree(folder)


def written(place: Path) -> int:
    """Bytes that the device below was given so far."""
    os.sync()
    device = place.stat().st_dev
    stat = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat").read_text().split()
    return int(stat[6]) * SECTOR


async def ours(place: Path, every_s: int, warm_up_s: int, seconds: int, noisy: float) -> tuple[int, int, int]:
    clock = ManualClock(utc_ms=NOW_MS)
    journal = await Journal.open(place, JournalConfig(commit_every=f"{every_s}s"), clock)
    before = start_ns = 0
    for second in range(1, warm_up_s + seconds + 1):
        clock.advance(1_000)
        for device in range(DEVICES):
            journal.append(frame(f"dev-{device}", device, clock.boot, second, second, clock.utc_ms(), noisy))
        if second % every_s == 0:
            journal.settle("mqtt", 1, journal.head() or 1)
            await journal.commit()
        if second == warm_up_s:
            before, start_ns, size = written(place), time.process_time_ns(), journal.bytes
    done = written(place) - before
    cpu_ns, grown = time.process_time_ns() - start_ns, journal.bytes - size
    await journal.close()
    return done, grown, cpu_ns


def a_row_each(place: Path, every_s: int, warm_up_s: int, seconds: int, noisy: float) -> tuple[int, int, int]:
    path = place / "rows.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE sample (ts INTEGER, device INTEGER, point INTEGER, value REAL);"
    )
    before = start_ns = size = 0
    rows = []
    for second in range(1, warm_up_s + seconds + 1):
        ts_ms = NOW_MS + second * 1_000
        for device in range(DEVICES):
            rows += [
                (ts_ms, device, point, value) for point, value in enumerate(values(device, second, noisy))
            ]
        if second % every_s == 0:
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO sample VALUES (?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
            rows.clear()
        if second == warm_up_s:
            before, start_ns, size = written(place), time.process_time_ns(), path.stat().st_size
    done = written(place) - before
    cpu_ns, grown = time.process_time_ns() - start_ns, path.stat().st_size - size
    connection.close()
    return done, grown, cpu_ns


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=3_600)
    parser.add_argument("--warm-up", type=int, default=900)
    parser.add_argument("--noisy", type=float, default=1.0)
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("only root can mount an image; call it with sudo")
    print(f"{'':30} {'B/value on the device':>22} {'MB/day':>8} {'B/value in the file':>20}")
    found = {}
    for name, every_s in (("ours", 1), ("ours", 5), ("a row per sample", 1), ("a row per sample", 5)):
        with a_card(2_000) as place:
            job = (place, every_s, options.warm_up, options.seconds, options.noisy)
            done, grown, cpu_ns = asyncio.run(ours(*job)) if name == "ours" else a_row_each(*job)
        count = DEVICES * len(POINTS) * options.seconds
        found[name, every_s] = done / count
        print(
            f"{name + f', commit each {every_s} s':30} {done / count:22.1f}"
            f" {done / options.seconds * DAY_S / 1e6:8.0f} {grown / count:20.1f}",
            json.dumps({"cpu_us_per_value": round(cpu_ns / 1_000 / count, 2)}),
            flush=True,
        )
    for every_s in (1, 5):
        ratio = found["ours", every_s] / found["a row per sample", every_s]
        print(f"ratio at {every_s} s: {ratio:.2f}")


if __name__ == "__main__":
    main()
