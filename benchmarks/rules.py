"""CPU of the rules alone: 200 rules x 20 devices each second, in four states of the site, beside simpleeval.

    .venv/bin/python benchmarks/rules.py [--beside SITE_PACKAGES]

`quiet`: values that change all the time, nothing wrong. `windows`: a quarter of the rules are on a mean of ten minutes or a
rate. `busy`: besides, each tenth rule holds (alerts open, counting, clearing). `bad`: besides, 5 % of the readings are not
good and a device in twenty is silent. `--beside` names a folder with `simpleeval` (a general-purpose expression library,
its expressions parsed beforehand), which then evaluates the same conditions, without windows, timers, quality or alerts.
"""

import argparse
import random
import sys
import time

from agent.document import parse
from agent.reading import Frame, Quality
from agent.rules.engine import Engine
from agent.rules.facts import DeviceFacts, SiteFacts
from agent.rules.rule import RuleSet
from agent.rules.rule_file import read_rules

RULES, DEVICES, SECONDS = 200, 20, 60
POINTS = (
    *(f"ac_voltage_l{phase}_v" for phase in (1, 2, 3)),
    *("ac_power_kw", "temperature_c", "frequency_hz", "dc_power_kw", "dc_voltage_1_v", "energy_total_kwh"),
    *(f"dc_current_{string}_a" for string in range(1, 12)),
)


def condition(number: int, *, windows: bool, busy: bool) -> tuple[str, str]:
    """`when` and `clear` of a rule."""
    point = POINTS[number % len(POINTS)]
    said = point
    if windows and number % 8 == 0:
        said = f"avg({point}, '10m')"
    elif windows and number % 8 == 4:
        said = f"max({point}, '2m')"
    limit = 200 if busy and number % 10 == 3 else 1_000 + number
    return f"{said} > {limit}", f"{said} < {limit - 60}"


def measured(name: str, *, windows: bool = False, busy: bool = False, bad: bool = False) -> None:
    texts = "title: {en: T, zh: t}, action: {en: A, zh: a}, scope: {kind: inverter}, severity: low, for: 10s, clear_for: 10s"
    lines = []
    for number in range(RULES):
        when, clear = condition(number, windows=windows, busy=busy)
        lines.append(f'  - {{id: X-{number}, {texts}, when: "{when}", clear: "{clear}"}}')
    rules = read_rules(parse("version: 1\nrules:\n" + "\n".join(lines), "rules.yaml"))
    devices = tuple(DeviceFacts(f"inv-{n}", ("inverter",), frozenset(POINTS), 1_000) for n in range(DEVICES))
    engine = Engine(SiteFacts("site", devices), RuleSet({r.id: r for r in rules}), {}, lambda: "alert")
    draw = random.Random(1)
    frames = []
    for second in range(SECONDS):
        for number, device in enumerate(devices):
            silent = bad and number == 7
            values = tuple(draw.random() * 400 for _ in POINTS)
            faults = {i: Quality.BAD for i in range(len(POINTS)) if silent or (bad and draw.random() < 0.05)}
            values = tuple(None if i in faults else value for i, value in enumerate(values))
            frames.append(
                Frame(device.id, "boot", second + 1, second * 1_000, second * 1_000, False, 0, POINTS, values, faults,
                      "timeout" if silent else None)
            )  # fmt: skip
    for frame in frames[:DEVICES]:
        engine.on_frame(frame)
    start = time.process_time()
    for at, frame in enumerate(frames[DEVICES:], DEVICES):
        engine.on_frame(frame)
        if at % (10 * DEVICES) == 0:
            engine.on_tick(frame.mono_ms, frame.ts_ms)
    us = (time.process_time() - start) / (len(frames) - DEVICES) * 1e6
    share = us * DEVICES / 1e6 * 100
    print(
        f"{name:8} {us:7.1f} us per frame  {us / RULES:.3f} us per evaluation  {share:.2f} % of a core  {len(engine.open_alerts())} alerts open"
    )


def beside(folder: str) -> None:
    """The same quiet conditions by a general-purpose library."""
    sys.path.insert(0, folder)
    from simpleeval import SimpleEval  # noqa: PLC0415  # only where its folder was named

    evaluate = SimpleEval()
    parsed = [
        (text, evaluate.parse(text))
        for text, _ in (condition(n, windows=False, busy=False) for n in range(RULES))
    ]
    draw, start = random.Random(1), 0.0
    rounds = 20
    for _ in range(rounds):
        evaluate.names = {point: draw.random() * 400 for point in POINTS}
        begin = time.process_time()
        for text, tree in parsed:
            evaluate.eval(text, previously_parsed=tree)
        start += time.process_time() - begin
    us = start / rounds / RULES * 1e6
    print(
        f"simpleeval                     {us:.3f} us per evaluation  {us * RULES * DEVICES / 1e6 * 100:.2f} % of a core"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--beside", metavar="SITE_PACKAGES")
    options = parser.parse_args()
    measured("quiet")
    measured("windows", windows=True)
    measured("busy", windows=True, busy=True)
    measured("bad", windows=True, busy=True, bad=True)
    if options.beside:
        beside(options.beside)


if __name__ == "__main__":
    main()
