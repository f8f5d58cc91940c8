"""The pages of `docs/` that are made from data: the standard points and the shipped devices.

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
from gateway.profiles import ProfileShelf

_POINTS_INTRO = """\
# Standard points

One name, unit, type and sign for each thing, whatever the maker calls it. Rules, charts, MQTT, the
database and the ledger know devices by these names only. This page is made from `agent/points.py` by
`python -m gateway.handbook docs`.

- A `{n}` in a name stands for 1, 2, 3 and on: strings, cells, connectors.
- Signs: import +, charge +, PV ≥ 0. A point whose sign is not obvious says it.
- A missing value is a quality (`absent`, `bad`, `stale`), never 0.
- A point with any other name is welcome in a profile, with its own `label` and `unit`.
- `failed_polls` and `good_polls` are known to rules for every polled device; they are not in its frames.
"""
_DEVICES_INTRO = """\
# Devices

The device models whose profiles are shipped, in `configs/profiles/`. This page is made from them by
`python -m gateway.handbook docs`. Every profile carries registers recorded from a real unit, and the suite
replays them. A profile of your own goes into `profiles/` beside the site file, see `profile-file.md`; the
names stand in `points.md`.
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
    meaning = f"{point.meaning.en}; {point.meaning.zh}" if point.meaning is not None else ""
    cells = (f"`{point.name}`", point.unit, kind, point.label.en, point.label.zh, meaning)
    return f"| {' | '.join(cells)} |"


def pages() -> dict[str, str]:
    """File name → text."""
    shelf = ProfileShelf()
    return {
        "points.md": points_page(),
        "devices.md": devices_page(shelf.find(name) for name in shelf.names()),
    }


if __name__ == "__main__":
    for file, text in pages().items():
        (Path(sys.argv[1]) / file).write_text(text, encoding="utf-8")
