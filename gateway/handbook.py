"""The pages of `docs/` that are made from data: the standard points, the shipped devices and rules.

`python -m gateway.handbook docs` writes them; a test holds them against the data.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.modbus.sunspec import assumed
from agent.points import (
    BATTERY_STATES,
    CONNECTOR_STATES,
    INVERTER_STATES,
    MANDATORY,
    STANDARD,
    StandardPoint,
)
from agent.profile import POLLED_KINDS, Profile
from agent.quantity import duration_text
from agent.rules.rule import Rule
from gateway.profiles import ProfileShelf
from gateway.rules import shipped_rules

_POINTS_INTRO = """\
# Standard points

One name, unit, type and sign for each thing, whatever the maker calls it. Rules, charts, MQTT, the
database and the ledger know devices by these names only. This page is made from `agent/points.py` by
`python -m gateway.handbook docs`.

- A `{n}` in a name stands for 1, 2, 3 and on: strings, cells, connectors.
- Signs: import +, charge +, PV ≥ 0. A point whose sign is not obvious says it.
- A number that changes faster than its `≤ .. /s` is doubted for one reading:
  [profile-file.md](profile-file.md) says how.
- A missing value is a quality (`absent`, `bad`, `stale`), never 0.
- A point with any other name is welcome in a profile, with its own `label` and `unit`.
- `failed_polls` and `good_polls` are known to rules for every polled device; they are not in its frames.
"""
_DEVICES_INTRO = """\
# Devices

The device models whose profiles are shipped, in `configs/profiles/`. This page is made from them by
`python -m gateway.handbook docs`. Every profile carries a sample of registers and what they mean, recorded
from a real unit where a recording is public and worked out from the register list where none is; its sources
say which. The suite replays them all. A profile of your own goes into `profiles/` beside the site file, see
`profile-file.md`; the names stand in `points.md`.
"""

_RULES_INTRO = """\
# Shipped rules

The standard library, in `configs/rules/`; [rules.md](rules.md) explains the words. This page is made from
the files by `python -m gateway.handbook docs`. Numbers that a site may set per device are parameters:
`params: {BAT-01: {high: 48}}` at the device.
"""


def points_page() -> str:
    """`docs/points.md`."""
    parts = [_POINTS_INTRO, *_states(), *_mandatory()]
    for title, points in _by_kinds():
        parts += [
            "",
            f"## {title}",
            "",
            "| name | unit | type | what | 中文 | meaning |",
            "|---|---|---|---|---|---|",
        ]
        parts += [_row(point) for point in points]
    return "\n".join(parts) + "\n"


def devices_page(profiles: Iterable[Profile]) -> str:
    """`docs/devices.md`."""
    parts = [_DEVICES_INTRO, "| profile | maker and model | kinds | points |", "|---|---|---|---|"]
    known = sorted(profiles, key=lambda profile: (POLLED_KINDS.index(profile.kind), profile.name))
    for profile in known:
        count = len(assumed(profile).points)
        points = f"{count} on the usual chain" if profile.sunspec is not None else str(count)
        kinds = ", ".join(profile.kinds)
        parts.append(
            f"| [`{profile.name}`](#{profile.name}) | {profile.vendor} {profile.model} | {kinds} | {points} |"
        )
    for profile in known:
        parts += ["", f"## {profile.name}", "", f"{profile.title.en} · {profile.title.zh}", ""]
        parts += [f"- {source}" for source in profile.sources]
        parts += ["", ", ".join(f"`{name}`" for name in _names(profile))]
    return "\n".join(parts) + "\n"


def rules_page(rules: Iterable[Rule]) -> str:
    """`docs/shipped-rules.md`."""
    parts = [
        _RULES_INTRO,
        "| rule | what | 中文 | for | severity | after | clear | ticket | not told while |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    known = sorted(rules, key=lambda rule: rule.id)
    parts += [_rule_row(rule) for rule in known]
    parts += ["", "## Conditions", ""]
    for rule in known:
        params = ", ".join(f"{name} = {value}" for name, value in rule.params.items())
        only = f", only if `{rule.only_if.text}`" if rule.only_if is not None else ""
        parts.append(f"- {rule.id}: `{rule.when.text}`{only}{f' ({params})' if params else ''}")
    return "\n".join(parts) + "\n"


def _rule_row(rule: Rule) -> str:
    steps = (step.severity for step in rule.steps)
    ticket = rule.ticket
    later = f" after {duration_text(ticket.open_after_ms)}" if ticket and ticket.open_after_ms else ""
    clear = duration_text(rule.clear_for_ms) + (", then a reset on site" if rule.latch else "")
    return _table_row(
        rule.id,
        rule.title.en,
        rule.title.zh,
        ", ".join(rule.scope.roles or rule.scope.kinds),
        " → ".join((rule.severity, *steps)),
        duration_text(rule.for_ms),
        clear,
        f"{ticket.kind}{later}" if ticket is not None else "",
        ", ".join(inhibitor.rule for inhibitor in rule.inhibited_by),
    )


def _table_row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _names(profile: Profile) -> Iterator[str]:
    for point in profile.points:
        yield point.name
    for wanted in profile.sunspec.points if profile.sunspec is not None else ():
        yield wanted.name


def _states() -> Iterator[str]:
    yield "## States\n"
    for name, states in (
        ("`state` of an inverter", INVERTER_STATES),
        ("`state` of a battery, `battery_state` of a hybrid inverter", BATTERY_STATES),
        ("`connector_state` of a charger", CONNECTOR_STATES),
    ):
        yield f"- {name}: {', '.join(f'`{state}`' for state in states)}"


def _mandatory() -> Iterator[str]:
    yield "\n## What a profile must have\n"
    for kind, names in MANDATORY.items():
        yield f"- {kind}: {', '.join(f'`{name}`' for name in names)}"
    yield "- weather: any one point"


def _by_kinds() -> Iterator[tuple[str, list[StandardPoint]]]:
    groups: dict[tuple[str, ...], list[StandardPoint]] = {}
    for point in STANDARD.values():
        groups.setdefault(point.kinds, []).append(point)
    for kinds, points in sorted(groups.items(), key=lambda group: (-len(group[0]), group[0])):
        yield ", ".join(kinds), points


def _row(point: StandardPoint) -> str:
    kind = f"{point.type}, counter" if point.counter else point.type
    if point.max_rate is not None:
        kind += f", ≤ {point.max_rate:g} {point.unit}/s"
    meaning = f"{point.meaning.en}; {point.meaning.zh}" if point.meaning is not None else ""
    return _table_row(f"`{point.name}`", point.unit, kind, point.label.en, point.label.zh, meaning)


def pages() -> dict[str, str]:
    """File name → text."""
    shelf = ProfileShelf()
    return {
        "points.md": points_page(),
        "devices.md": devices_page(shelf.find(name) for name in shelf.names()),
        "shipped-rules.md": rules_page(shipped_rules()),
    }


if __name__ == "__main__":
    for file, text in pages().items():
        (Path(sys.argv[1]) / file).write_text(text, encoding="utf-8")
