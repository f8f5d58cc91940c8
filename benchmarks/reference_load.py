"""The reference load: 20 devices x 50 points each second, everything on, beside an afternoon's script.

    make bench                        three interleaved rounds of 60 s each (about 8 minutes)
    ... reference_load.py --seconds 20 --rounds 1

Counts what arrived independently: requests at the devices' own process, messages at a subscriber of its
own. CPU is the process's run time in nanoseconds (/proc/PID/schedstat, all threads), after a warm-up,
divided by the points that arrived. Both programs run pinned to one core, the rest of the world to the other.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import paho.mqtt.client as paho
from device_values import POINTS as NAMES

HERE = Path(__file__).parent
DEVICES, POINTS = 20, 50
WARM_UP_S = 20
SUT_CORE, WORLD_CORE = 0, min(1, (os.cpu_count() or 1) - 1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def started(command, core, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [str(part) for part in command], preexec_fn=lambda: os.sched_setaffinity(0, {core}), **options
    )


def profile_yaml() -> str:
    floats, words = NAMES[:10], NAMES[10:]
    points = [
        f"  - {{name: {name}, table: holding, address: {2 * i}, type: f32}}" for i, name in enumerate(floats)
    ]
    points += [
        f"  - {{name: {name}, table: holding, address: {20 + i}, type: u16, scale: 0.1, absent: [0xFFFF]}}"
        for i, name in enumerate(words)
    ]
    head = (
        "version: 1\nprofile: bench\nkind: inverter\nvendor: Bench\nmodel: B\ntitle: {en: Bench, zh: 测试}\n"
    )
    return head + "sources: [made up for the benchmark]\nevery: 1s\npoints:\n" + "\n".join(points) + "\n"


def rules_yaml(count: int) -> str:
    rules = []
    for n in range(count):
        point = f"dc_voltage_{n % 20 + 1}_v" if n % 2 else f"dc_current_{n % 20 + 1}_a"
        rules.append(
            f"  - id: BENCH-{n + 1}\n"
            f"    title: {{en: Bench {n}, zh: 测试 {n}}}\n"
            "    cause: {en: none, zh: 无}\n    consequence: {en: none, zh: 无}\n    action: {en: none, zh: 无}\n"
            "    scope: {kind: inverter}\n    params: {hi: 5000.0, ok: 4900.0}\n"
            f"    when: {point} > hi and {point} > 0\n    clear: {point} < ok\n    for: 10s\n    severity: low\n"
        )
    return "version: 1\nrules:\n" + "".join(rules)


def site_yaml(folder: Path, ports, broker: int, database: str, *, console: bool, rules: int) -> Path:
    (folder / "profiles").mkdir()
    (folder / "profiles" / "bench.yaml").write_text(profile_yaml())
    (folder / "rules.yaml").write_text(rules_yaml(rules))
    buses = "".join(f'  - {{id: b{i}, url: "tcp://127.0.0.1:{port}"}}\n' for i, port in enumerate(ports))
    devices = "".join(f"  - {{id: dev-{port}, profile: bench, bus: b{i}}}\n" for i, port in enumerate(ports))
    text = (
        "version: 1\nsite:\n  id: bench\n  name: {en: Bench, zh: 测试}\n"
        f"buses:\n{buses}devices:\n{devices}"
        f'mqtt: {{url: "mqtt://127.0.0.1:{broker}", root: bench-root}}\n'
        + (f'influxdb: {{url: "{database}", org: bench, bucket: bench}}\n' if database else "")
        + "standard_rules: false\nrules: [rules.yaml]\n"
        + ('console: {listen: "127.0.0.1:0"}\n' if console else "")
    )
    path = folder / "site.yaml"
    path.write_text(text)
    return path


def cpu_ns(pid: int) -> int:
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total


def rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise SystemExit("no VmRSS")


def measure(process: subprocess.Popen, broker: int, seconds: int) -> dict:
    points = 0

    def on_message(_client, _userdata, message) -> None:
        nonlocal points
        points += len(json.loads(message.payload)["values"])

    tap = paho.Client(paho.CallbackAPIVersion.VERSION2)
    tap.on_message = on_message
    tap.connect("127.0.0.1", broker)
    tap.subscribe([("bench/+/readings", 1), ("bench-root/+/+/readings", 1)])
    tap.loop_start()
    time.sleep(WARM_UP_S)
    if process.poll() is not None:
        raise SystemExit("the program under test ended early")
    cpu, arrived, start = cpu_ns(process.pid), points, time.monotonic()
    time.sleep(seconds)
    cpu, arrived, took = cpu_ns(process.pid) - cpu, points - arrived, time.monotonic() - start
    rss = rss_mb(process.pid)
    tap.loop_stop()
    return {
        "us_per_point": round(cpu / 1_000 / max(1, arrived), 3),
        "points_per_s": round(arrived / took, 1),
        "lost_pct": round(100 * (1 - arrived / (DEVICES * POINTS * took)), 2),
        "core_pct": round(cpu / took / 1e7, 2),
        "rss_mb": round(rss, 1),
    }


def run_round(seconds: int, rules: int, what: str) -> dict:
    folder = Path(tempfile.mkdtemp(prefix="maplebridge-bench-"))
    broker, database_port = free_port(), free_port()
    (folder / "mosquitto.conf").write_text(
        f"listener {broker} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 100000\n"
    )
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    world = [started(["mosquitto", "-c", folder / "mosquitto.conf"], WORLD_CORE, **quiet)]
    database = ""
    if not what.endswith("without database"):
        database = f"http://127.0.0.1:{database_port}"
        world.append(
            started(
                [
                    "victoria-metrics",
                    f"-httpListenAddr=127.0.0.1:{database_port}",
                    f"-storageDataPath={folder / 'vm'}",
                    "-dedup.minScrapeInterval=1ms",
                ],
                WORLD_CORE,
                **quiet,
            )
        )
    farm = started([sys.executable, HERE / "modbus_farm.py", DEVICES], WORLD_CORE, stdout=subprocess.PIPE)
    ports = json.loads(farm.stdout.readline())
    time.sleep(1.5)
    if what.startswith("maplebridge"):
        site = site_yaml(
            folder,
            ports,
            broker,
            database,
            console="console" in what and "without console" not in what,
            rules=rules,
        )
        command = [
            sys.executable,
            "-c",
            "from gateway.commands import main; main()",
            "run",
            site,
            "--data",
            folder / "data",
        ]
    else:
        command = [sys.executable, HERE / "afternoon_script.py", broker, database, *ports]
    log = (folder / "log").open("w")
    process = started(command, SUT_CORE, stdout=log, stderr=log)
    try:
        return measure(process, broker, seconds)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        for other in (*world, farm):
            other.terminate()
            other.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rules", type=int, default=200)
    options = parser.parse_args()
    programs = [
        "maplebridge, database, console",
        "maplebridge, database, without console",
        "afternoon script, database",
        "afternoon script, without database",
    ]
    results: dict[str, list[dict]] = {name: [] for name in programs}
    for number in range(options.rounds):
        for name in programs:
            result = run_round(options.seconds, options.rules, name)
            results[name].append(result)
            print(json.dumps({"round": number + 1, "program": name, **result}), flush=True)
    print(f"\n{'program':42} {'us/point':>8} {'min':>6} {'max':>6} {'core %':>7} {'RSS MB':>7} {'lost %':>7}")
    for name, rounds in results.items():
        each = [result["us_per_point"] for result in rounds]
        print(
            f"{name:42} {statistics.median(each):8.2f} {min(each):6.2f} {max(each):6.2f} "
            f"{statistics.median(r['core_pct'] for r in rounds):7.2f} "
            f"{statistics.median(r['rss_mb'] for r in rounds):7.1f} "
            f"{statistics.median(r['lost_pct'] for r in rounds):7.2f}"
        )
    ours = statistics.median(r["us_per_point"] for r in results[programs[0]])
    theirs = statistics.median(r["us_per_point"] for r in results[programs[2]])
    print(f"\nratio maplebridge / afternoon script, both with the database: {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
