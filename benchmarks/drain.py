"""A site comes back after seven days without its broker: size, memory, rate, and how late live data are meanwhile.

    .venv/bin/python benchmarks/drain.py [--days 7] [--seconds 120] [--whole] [--database]

400 points every 5 s (8 devices x 50 points). The journal and its history are made ahead by the program's own code, then the
whole gateway runs on it with live devices, mosquitto and a subscriber of its own that counts what arrives.
`--whole` waits for the end and holds every number against the journal; else the first `--seconds` are measured.
`--database` drains into VictoriaMetrics beside it.
"""

import argparse
import asyncio
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho

from agent.clock import ManualClock
from gateway.history.history import History
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal

sys.path.insert(0, str(Path(__file__).parent))
from device_values import POINTS, frame
from reference_load import HERE, SUT_CORE, WORLD_CORE, cpu_ns, free_port, profile_yaml, started

DEVICES, EVERY_S, DAY_S = 8, 5, 86_400
BOOT = "offline"


async def offline(data: Path, days: float) -> dict:
    """A journal of so many days that nobody has taken, ending now."""
    seconds = int(days * DAY_S)
    clock = ManualClock(utc_ms=int(time.time() * 1_000) - (seconds + 5) * 1_000, boot=BOOT)
    journal = await Journal.open(data, JournalConfig(), clock)
    journal.cursor("mqtt")
    journal.cursor("influxdb")
    history = await History.open(data, journal)
    seq = 0
    for second in range(EVERY_S, seconds + 1, EVERY_S):
        clock.advance(EVERY_S * 1_000)
        seq += 1
        for device in range(DEVICES):
            journal.append(frame(f"dev-{device}", device, BOOT, seq, second, clock.utc_ms()))
        await journal.commit()
        if second % 3_600 == 0:
            await history.catch_up()
    await history.catch_up()
    journal.settle("desk", 1, journal.head())
    await journal.commit()
    await history.close()
    await journal.close()
    size = sum(path.stat().st_size for path in (data / "journal").iterdir())
    return {"frames": seq * DEVICES, "seq": seq, "journal_mb": round(size / 1e6, 1),
            "bytes_per_value": round(size / (seq * DEVICES * len(POINTS)), 2)}  # fmt: skip


def site_yaml(folder: Path, ports: list[int], broker: int, database: str) -> Path:
    (folder / "profiles").mkdir()
    (folder / "profiles/bench.yaml").write_text(profile_yaml().replace("every: 1s", f"every: {EVERY_S}s"))
    buses = "".join(f'  - {{id: b{i}, url: "tcp://127.0.0.1:{port}"}}\n' for i, port in enumerate(ports))
    devices = "".join(f"  - {{id: dev-{i}, profile: bench, bus: b{i}}}\n" for i in range(len(ports)))
    path = folder / "site.yaml"
    path.write_text(
        "version: 1\nsite:\n  id: bench\n  name: {en: Bench, zh: 测试}\n"
        f"buses:\n{buses}devices:\n{devices}"
        f'mqtt: {{url: "mqtt://127.0.0.1:{broker}"}}\n'
        + (f'influxdb: {{url: "{database}", org: bench, bucket: bench}}\n' if database else "")
        + 'console: {listen: "127.0.0.1:0"}\n'
    )
    return path


class Tap:
    """A subscriber: which numbers came, and how late live frames were."""

    def __init__(self, broker: int) -> None:
        self.late, self.live_ms = 0, []
        self.seen: dict[str, bytearray] = {}
        self._lock = threading.Lock()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", broker)
        self.client.subscribe("microgrid/+/+/readings", 1)
        self.client.loop_start()

    def _on_message(self, _client, _userdata, message) -> None:
        document = json.loads(message.payload)
        device = message.topic.split("/")[2]
        with self._lock:
            if document["boot"] == BOOT:
                if self.seen.setdefault(device, bytearray(2_000_000))[document["seq"]] == 0:
                    self.late += 1
                self.seen[device][document["seq"]] = 1
            elif device.startswith("dev-") and not document.get("late"):
                self.live_ms.append(time.time() * 1_000 - document["ts"])


def peak_rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1_024 for line in status.splitlines() if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--database", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="maplebridge-drain-"))
    made = asyncio.run(offline(folder / "data", options.days))
    print(json.dumps(made), flush=True)
    broker, database_port = free_port(), free_port()
    conf = folder / "mosquitto.conf"
    conf.write_text(f"listener {broker} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    world = [started(["mosquitto", "-c", conf], WORLD_CORE, **quiet)]
    database = ""
    if options.database:
        database = f"http://127.0.0.1:{database_port}"
        command = ["victoria-metrics", f"-httpListenAddr=127.0.0.1:{database_port}",
                   f"-storageDataPath={folder / 'vm'}", "-retentionPeriod=1y"]  # fmt: skip
        world.append(started(command, WORLD_CORE, **quiet))
    farm = started([sys.executable, HERE / "modbus_farm.py", DEVICES], WORLD_CORE, stdout=subprocess.PIPE)
    ports = json.loads(farm.stdout.readline())
    time.sleep(1.5)
    site, log = site_yaml(folder, ports, broker, database), (folder / "log").open("w")
    tap = Tap(broker)
    command = [
        sys.executable,
        "-c",
        "from gateway.commands import main; main()",
        "run",
        site,
        "--data",
        folder / "data",
    ]
    began = time.monotonic()
    process = started(command, SUT_CORE, stdout=subprocess.PIPE, stderr=log)
    try:
        if not process.stdout.readline():
            raise SystemExit((folder / "log").read_text())
        ready_s = time.monotonic() - began
        while tap.late == 0:
            time.sleep(0.05)
        cpu, count, start = cpu_ns(process.pid), tap.late, time.monotonic()
        if options.whole:
            while tap.late < made["frames"] and time.monotonic() - start < 3 * 3_600:
                time.sleep(0.5)
        else:
            time.sleep(options.seconds)
        cpu, count, took = cpu_ns(process.pid) - cpu, tap.late - count, time.monotonic() - start
        live = sorted(tap.live_ms)
        holes = sum(marks.rfind(1) - sum(marks) for marks in tap.seen.values())
        live_per_s = DEVICES / EVERY_S
        print(json.dumps({
            "ready_s": round(ready_s, 2),
            "peak_rss_mib": round(peak_rss_mb(process.pid), 1),
            "drained": count,
            "lost": made["frames"] - tap.late if options.whole else None,
            "holes": holes,
            "drain_frames_per_s": round(count / took, 1),
            "times_live_rate": round(count / took / live_per_s, 1),
            "cpu_us_per_frame": round(cpu / 1_000 / max(1, count), 1),
            "core_pct": round(cpu / took / 1e7, 1),
            "live_frames": len(live),
            "live_of_due_pct": round(100 * len(live) / (live_per_s * took), 1),
            "live_ms_median": round(live[len(live) // 2]) if live else None,
            "live_ms_worst": round(live[-1]) if live else None,
        }))  # fmt: skip
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        for other in (*world, farm):
            other.terminate()
            other.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
