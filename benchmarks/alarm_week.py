"""A week of a site of about 800 points, with the noise and the mishaps of one: what the shipped rules make of it.

    .venv/bin/python benchmarks/alarm_week.py [--every 30] [--seed 1]

Three villages of the simulator as one site, polled each `--every` seconds of simulated time, with the noise of
transducers, polls that fail by chance, devices that fall silent, a lost bus, a tripped inverter, faulted chargers, hot
afternoons, evenings of high voltage, an outage of the grid, of the broker and of the time. Nothing is waited for:
the engine gets frames and ticks with their times. Alarms are activations that are not suppressed.
"""

import argparse
import random
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from agent.modbus.sunspec import assumed
from agent.reading import Frame, Quality
from agent.rules.engine import Engine
from agent.simulator.village import Village
from gateway.config import load_site
from gateway.demo import _DETAILS, _SITE, BUSES
from gateway.rules import site_facts

COPIES, DAYS, DAY_S = 3, 7, 86_400
START = datetime(2026, 5, 31, 16, tzinfo=UTC)  # midnight of Monday, 1 June, in Shanghai
NOISE = 0.003
"""Of a reading: class 0.5 transducers and their last digit."""
FAILS = 0.002
"""Polls that fail by chance."""


def the_site(folder: Path, every_s: int):
    buses, devices = [], []
    for copy in range(COPIES):
        for bus, members in BUSES.items():
            buses.append(f'  - {{id: {bus}-{copy}, url: "tcp://127.0.0.1:{1_000 + len(buses)}"}}')
            for name, (unit, profile) in members.items():
                if copy and name == "weather-1":  # one sensor for the site
                    continue
                details = _DETAILS.get(name, "").replace(
                    "main_meter", "main_meter" if copy == 0 else "sub_meter"
                )
                details = details.replace("parent: meter-main", f"parent: meter-main-{copy}")
                if copy and name == "meter-main":
                    details += ", parent: meter-main-0"
                details = f", {details}" if details else ""
                devices.append(
                    f"  - {{id: {name}-{copy}, profile: {profile}, bus: {bus}-{copy}, unit: {unit}, every: {every_s}s{details}}}"
                )
    path = folder / "site.yaml"
    path.write_text(_SITE.format(buses="\n".join(buses), devices="\n".join(devices), port=8080))
    return load_site(path)


class Mishaps:
    """What goes wrong in this week, by second: name → spans."""

    def __init__(self, names: list[str], dice: random.Random) -> None:
        self.spans: dict[str, list[tuple[float, float]]] = {}

        def add(name: str, day: float, hour: float, minutes: float) -> None:
            start = day * DAY_S + hour * 3_600
            self.spans.setdefault(name, []).append((start, start + minutes * 60))

        for name in dice.sample(names, 8):
            add(f"silent {name}", dice.randrange(DAYS), dice.uniform(0, 24), dice.choice((0.5, 3, 20, 90)))
        add("bus rs485-1-1", 2, 10.5, 25)
        add("off inv-1-2", 3, 11, 200)
        for number in range(3):
            add(
                f"faulted charger-{number + 1}-{number}",
                dice.randrange(DAYS),
                dice.uniform(8, 20),
                dice.choice((0.5, 8, 45)),
            )
        for day in (1, 4):
            add("hot", day, 13, 150)
        for day in (0, 3, 5):
            add("high", day, 19, 120)
        add("outage", 6, 4, 12)
        add("broker", 2, 21, 100)
        add("time", 5, 6, 150)

    def share(self, name: str, second: float) -> float:
        """0 outside; inside it rises to 1 in the middle and falls again."""
        for start, end in self.spans.get(name, ()):
            if start <= second < end:
                return 1 - abs(2 * (second - start) / (end - start) - 1)
        return 0.0

    def on(self, name: str, second: float) -> bool:
        return any(start <= second < end for start, end in self.spans.get(name, ()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        site = the_site(Path(folder), options.every)
    place = site.file.site.location
    facts = site_facts(site.id, site.devices, site.buses, (place.latitude, place.longitude), resolve=assumed)
    ids = count()
    engine = Engine(facts, site.rules, {}, lambda: str(next(ids)))
    names = {d.id: tuple(p.name for p in assumed(d.profile).points) for d in site.devices}
    bus_of = {device.id: device.bus for device in site.devices}
    members = Counter(bus_of.values())
    mishaps = Mishaps(list(names), dice)
    villages = [Village(time_s=0.0) for _ in range(COPIES)]
    raised: list[tuple[int, str, str]] = []
    suppressed: Counter[str] = Counter()
    moves: dict[tuple[str, str], list[int]] = {}
    known: set[str] = set()
    seqs: Counter[str] = Counter()
    frames = 0
    began = time.process_time()

    def take(outcome, second: int) -> None:
        for alert in outcome.alerts:
            moves.setdefault((alert.rule, alert.device), []).append(second)
            if alert.state != "active" or alert.id in known:
                continue
            known.add(alert.id)
            if alert.suppressed is not None:
                suppressed[alert.rule] += 1
            else:
                raised.append((second, alert.rule, alert.severity))

    def feed(device: str, values: dict, second: int, reason: str | None = None) -> None:
        nonlocal frames
        seqs[device] += 1
        frames += 1
        keys = tuple(values)
        ts_ms = round((START + timedelta(seconds=second)).timestamp() * 1_000)
        if reason is None:
            frame = Frame(
                device, "week", seqs[device], second * 1_000, ts_ms, False, 5, keys, tuple(values.values())
            )
        else:
            bad = dict.fromkeys(range(len(keys)), Quality.BAD)
            frame = Frame(
                device,
                "week",
                seqs[device],
                second * 1_000,
                ts_ms,
                False,
                0,
                keys,
                (None,) * len(keys),
                bad,
                reason,
            )
        take(engine.on_frame(frame), second)

    for second in range(options.every, DAYS * DAY_S, options.every):
        silent: Counter[str] = Counter()
        dark, hot, high = (
            mishaps.on("outage", second),
            mishaps.share("hot", second),
            mishaps.share("high", second),
        )
        for copy, village in enumerate(villages):
            village.advance(options.every)
            for name, said in village.readings().items():
                device = f"{name}-{copy}"
                if device not in names:
                    continue
                shown = {p: said[p] for p in names[device] if p in said}
                lost = mishaps.on(f"silent {device}", second) or mishaps.on(f"bus {bus_of[device]}", second)
                silent[bus_of[device]] += lost
                if lost or dice.random() < FAILS:
                    feed(device, shown, second, "timeout")
                    continue
                for point, value in shown.items():
                    if value.__class__ is float:
                        value *= 1 + NOISE * dice.gauss(0, 1)
                        if point.startswith("ac_voltage"):
                            value = 0.0 if dark else value + 9 * high
                        elif point == "cell_temperature_max_c":
                            value += 24 * hot
                        shown[point] = value
                if mishaps.on(f"off {device}", second):
                    shown |= {"state": "off", "ac_power_kw": 0.0}
                if mishaps.on(f"faulted {device}", second):
                    shown["connector_state"] = "faulted"
                feed(device, shown, second)
        for bus, total in members.items():
            load = {"load_pct": 35 + dice.gauss(0, 5), "cycle_s": 0.8, "requests_per_s": 12.0, "errors_pct": abs(dice.gauss(0.2, 0.2)),
                    "devices_silent": float(silent[bus]), "devices_total": float(total)}  # fmt: skip
            feed(f"bus-{bus}", load, second)
        away = next((second - s for s, e in mishaps.spans["broker"] if s <= second < e), 0)
        feed("gateway", {
            "cpu_pct": abs(dice.gauss(12, 5)), "memory_available_pct": 70.0, "disk_used_pct": 40.0, "disk_free_mb": 9_000.0,
            "clock_synchronized": not mishaps.on("time", second), "clock_offset_s": abs(dice.gauss(0, 0.003)), "restarts_1h": 0.0,
            "backlog_frames": away * 3.0, "backlog_age_s": float(away), "influxdb_errors_pct": 0.0, "mqtt_connected": not away,
            "under_voltage": False, "throttled": False, "storage_refuses": False, "uptime_s": float(second),
        }, second)  # fmt: skip
        if second % 10 == 0:
            take(
                engine.on_tick(
                    second * 1_000, round((START + timedelta(seconds=second)).timestamp() * 1_000)
                ),
                second,
            )

    cpu_s = time.process_time() - began
    report(raised, suppressed, moves, engine, sum(map(len, names.values())), frames, cpu_s)


def report(raised, suppressed, moves, engine, points, frames, cpu_s) -> None:
    per_hour = Counter(second // 3_600 for second, *_ in raised)
    per_ten = Counter(second // 600 for second, *_ in raised)
    mix = Counter(severity for *_, severity in raised)
    total = max(1, len(raised))
    chatter = sum(
        1 for times in moves.values() if any(b - a <= 60 for a, b in zip(times, times[2:], strict=False))
    )
    print(f"{points} points, {frames} frames, {cpu_s:.0f} s of CPU (simulation included)")
    print(
        f"alarms in the week      {len(raised)}: {len(raised) / DAYS:.1f} a day (ISA-18.2: about 150 acceptable, 300 the most)"
    )
    print(f"worst hour              {max(per_hour.values(), default=0)} (6 good, 12 manageable, 30 the most)")
    print(
        f"ten minutes with > 10   {sum(1 for n in per_ten.values() if n > 10)} of {DAYS * 144} (under 1 %); worst {max(per_ten.values(), default=0)}"
    )
    print(
        "priority mix            "
        + ", ".join(f"{s} {100 * n / total:.0f} %" for s, n in mix.most_common())
        + " (80 / 15 / 5)"
    )
    print(f"chattering watches      {chatter} (none)")
    print(f"still open at the end   {len(engine.open_alerts())}")
    print(
        f"suppressed              {sum(suppressed.values())}: "
        + ", ".join(f"{r} {n}" for r, n in suppressed.most_common(6))
    )
    print(
        "top ten                 "
        + ", ".join(f"{r} {n}" for r, n in Counter(rule for _, rule, _ in raised).most_common(10))
    )


if __name__ == "__main__":
    main()
