"""CPU of the rules alone: 200 rules x 20 devices, values that change all the time, nothing wrong.

    .venv/bin/python benchmarks/rules.py

Latest (2 cores, x86-64, Python 3.11): 0.19 us per evaluation, against a budget of 0.6.
"""

import random
import time

from agent.document import parse
from agent.reading import Frame
from agent.rules.engine import Engine
from agent.rules.facts import DeviceFacts, SiteFacts
from agent.rules.rule import RuleSet
from agent.rules.rule_file import read_rules

RULES, DEVICES, SECONDS = 200, 20, 30
POINTS = (
    *(f"ac_voltage_l{phase}_v" for phase in (1, 2, 3)),
    *("ac_power_kw", "temperature_c", "frequency_hz", "dc_power_kw", "dc_voltage_1_v", "energy_total_kwh"),
    *(f"dc_current_{string}_a" for string in range(1, 12)),
)


def main() -> None:
    texts = "title: {en: T, zh: t}, action: {en: A, zh: a}, scope: {kind: inverter}, severity: low, for: 10s"
    lines = [
        f"  - {{id: X-{n}, {texts}, params: {{high: {1000 + n}, ok: 900}}, "
        f"when: {POINTS[n % len(POINTS)]} > high, clear: {POINTS[n % len(POINTS)]} < ok}}"
        for n in range(RULES)
    ]
    rules = read_rules(parse("version: 1\nrules:\n" + "\n".join(lines), "rules.yaml"))
    devices = tuple(DeviceFacts(f"inv-{n}", ("inverter",), frozenset(POINTS), 1_000) for n in range(DEVICES))
    engine = Engine(SiteFacts("site", devices), RuleSet({r.id: r for r in rules}), {}, lambda: "alert")
    draw = random.Random(1)
    frames = [
        Frame(device.id, "boot", second + 1, second * 1_000, second * 1_000, False, 0, POINTS,
              tuple(draw.random() * 400 for _ in POINTS))
        for second in range(SECONDS)
        for device in devices
    ]  # fmt: skip
    for frame in frames[:DEVICES]:
        engine.on_frame(frame)
    start = time.process_time()
    for frame in frames[DEVICES:]:
        engine.on_frame(frame)
    us = (time.process_time() - start) / (len(frames) - DEVICES) * 1e6
    print(f"{us:.1f} us per frame of {len(POINTS)} points, {us / RULES:.3f} us per evaluation")


if __name__ == "__main__":
    main()
