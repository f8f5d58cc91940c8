"""`maplebridge read URL --profile NAME`: polls one device once and shows what it said."""

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Any

import typer

from agent.clock import SystemClock
from agent.device import BusLine, Device
from agent.modbus.endpoint import Endpoint, parse_url
from agent.profile import Profile
from agent.reading import Quality, Value
from agent.unit_poll import Poll, UnitPoll
from gateway.commands.failing import exits, fail
from gateway.commands.language import LangOption, Language, language
from gateway.commands.options import JsonOption, show
from gateway.guests.shared_bus import open_shared_bus
from gateway.profiles import ProfileShelf

_TRIES = 2

_HEAD = {
    "en": ("point", "value", "unit", "quality", "why"),
    "zh": ("测点", "数值", "单位", "质量", "原因"),
}
_QUALITY = {
    "good": {"en": "good", "zh": "有效"},
    "uncertain": {"en": "uncertain", "zh": "存疑"},
    "substituted": {"en": "substituted", "zh": "替代"},
    "stale": {"en": "stale", "zh": "过期"},
    "bad": {"en": "bad", "zh": "无效"},
    "absent": {"en": "absent", "zh": "设备未提供"},
}


def read(
    url: str = typer.Argument(
        ...,
        metavar="URL",
        help="tcp://host:502, rtu:///dev/ttyUSB0?baudrate=9600 or rtu+tcp://host:port",
    ),
    *,
    profile: str = typer.Option(..., "--profile", help="the device's profile, by name"),
    unit: int = typer.Option(1, "--unit", help="its unit id: serial 1-247, TCP 0-255"),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Poll one device once. Exit 1 when it does not answer."""
    speaks = language(lang)
    try:
        _check_unit(parse_url(url), unit)
    except ValueError as error:
        fail(2, str(error))
    with exits():
        found = ProfileShelf(Path.cwd()).find(profile)
        name = f"{url} unit {unit}"
        asked, poll = asyncio.run(_poll(url, Device(name, found, "read", unit)))
    if poll.reason is not None:
        fail(
            1, f"{name} gave no readings: {asked.problem} ({poll.reason}); check address, unit id and wiring"
        )
    document = _document(name, profile, asked, poll)
    if as_json:
        show(document)
    else:
        _print_table(document, speaks)


async def _poll(url: str, device: Device) -> tuple[UnitPoll, Poll]:
    links = {device.unit: device.profile.link}
    bus = await open_shared_bus(BusLine("read", url), links, partial(print, file=sys.stderr))
    asked = UnitPoll(device, bus, SystemClock())
    try:
        for _ in range(_TRIES):
            # a SunSpec device's rates are known only once it has said what it is
            before = asked.identified
            poll = await asked.poll(asked.rates_ms)
            if poll.reason is None and asked.identified != before:
                poll = await asked.poll(asked.rates_ms)
            if poll.reason is None:
                break
        return asked, poll
    finally:
        bus.close()


def _document(name: str, profile_name: str, asked: UnitPoll, poll: Poll) -> dict[str, Any]:
    profile = asked.profile or asked.device.profile
    why = asked.last().why
    points = {
        point: _point(profile, point, value, poll.faults.get(index, Quality.GOOD), why.get(point))
        for index, (point, value) in enumerate(zip(poll.points, poll.values, strict=True))
    }
    return {
        "device": name,
        "profile": profile_name,
        "vendor": profile.vendor,
        "model": profile.model,
        "serial": asked.chain.serial if asked.chain is not None else "",
        "points": {point.name: points[point.name] for point in profile.points if point.name in points},
    }


def _point(
    profile: Profile, name: str, value: Value | None, quality: Quality, why: str | None
) -> dict[str, Any]:
    point = profile.point(name)
    entry = {"value": value, "unit": point.unit if point is not None else "", "quality": quality.value}
    return entry if why is None or quality is Quality.GOOD else entry | {"why": why}


def _print_table(document: dict[str, Any], lang: Language) -> None:
    print(" ".join(str(document[key]) for key in ("device", "vendor", "model", "serial")).rstrip())
    rows = [_HEAD[lang]]
    for name, entry in document["points"].items():
        quality = _QUALITY[entry["quality"]][lang]
        rows.append((name, _shown(entry["value"]), entry["unit"], quality, entry.get("why", "")))
    widths = [max(_width(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _shown(value: Value | None) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else value


def _width(text: str) -> int:
    """Columns on a terminal; a Chinese character takes two."""
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text)


def _check_unit(endpoint: Endpoint, unit: int) -> None:
    low, high = (0, 255) if endpoint.scheme == "tcp" else (1, 247)
    if not low <= unit <= high:
        raise ValueError(f"unit {unit} is not possible on {endpoint.scheme}; use {low} to {high}")
