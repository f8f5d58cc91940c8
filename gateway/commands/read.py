"""`maplebridge read URL --profile NAME`: polls one device once and shows what it said."""

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Any

import typer

from agent.clock import SystemClock
from agent.commission.check import findings
from agent.commission.finding import Circumstances, Finding, Snapshot
from agent.device import BusLine, Device, Role
from agent.last_poll import LastPoll
from agent.modbus.address import Span
from agent.modbus.endpoint import Endpoint, parse_url
from agent.poll import Poll
from agent.profile import Point
from agent.reading import Quality, Value
from agent.reason import in_hex, reason, set_bits, shown_span
from agent.scan.recognise import good_values
from agent.unit_poll import UnitPoll
from gateway.commands.failing import exits, fail
from gateway.commands.language import LangOption, Language, language
from gateway.commands.options import JsonOption, show
from gateway.guests.shared_bus import open_shared_bus
from gateway.profiles import ProfileShelf

_TRIES = 2

_HEAD = {
    "en": ("point", "value", "unit", "quality", "raw", "meaning or why"),
    "zh": ("测点", "数值", "单位", "质量", "原始值", "含义或原因"),
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
    role: Role | None = typer.Option(
        None, "--role", help="of a meter, as in the site file: tells which way its power must flow"
    ),
    dark: bool = typer.Option(False, "--dark", help="the sun is down: nothing here can be from solar power"),
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
    known = Circumstances(asked.profile or found, role, dark or None)
    document = _document(name, asked, poll, known)
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


def _document(name: str, asked: UnitPoll, poll: Poll, known: Circumstances) -> dict[str, Any]:
    profile, last = known.profile, asked.last()
    found = {
        name: (value, poll.faults.get(index, Quality.GOOD))
        for index, (name, value) in enumerate(zip(poll.points, poll.values, strict=True))
    }
    return {
        "device": name,
        "profile": asked.device.profile.name,
        "vendor": profile.vendor,
        "model": profile.model,
        "serial": asked.chain.serial if asked.chain is not None else "",
        "points": {p.name: _point(p, *found[p.name], last) for p in profile.points if p.name in found},
        "findings": [finding.document() for finding in _findings(poll, known)],
    }


def _findings(poll: Poll, known: Circumstances) -> tuple[Finding, ...]:
    """What the readings of this one poll contradict."""
    return findings([Snapshot(poll.last_ms, good_values(poll))], known)


def _point(point: Point, value: Value | None, quality: Quality, last: LastPoll) -> dict[str, Any]:
    """What the contract names, and beside it what bits mean and why a value is not good."""
    entry: dict[str, Any] = {"value": value, "unit": point.unit, "quality": quality.value}
    if point.format.bits:
        bits = set_bits(point.format.bits, value)
        entry["bits"] = [{"bit": number, "text": text.document()} for number, text in bits]
    why = last.why.get(point.name)
    if quality is Quality.GOOD or why is None:
        return entry
    span = shown_span(point)
    words = _words(last, span)
    where = {"table": span.table.value, "start": span.start, "count": span.count}
    return entry | {"why": why, "why_text": reason(why).document(), "where": where, "words": words}


def _words(last: LastPoll, span: Span) -> tuple[int, ...] | None:
    """The registers of a point as they came, None where the read of them brought nothing."""
    for block in last.blocks:
        if block.words is not None and Span(block.table, block.start, block.count).covers(span):
            at = span.start - block.start
            return block.words[at : at + span.count]
    return None


def _print_table(document: dict[str, Any], lang: Language) -> None:
    print(" ".join(str(document[key]) for key in ("device", "vendor", "model", "serial")).rstrip())
    rows = [_HEAD[lang], *(_row(name, entry, lang) for name, entry in document["points"].items())]
    widths = [max(_width(row[column]) for row in rows) for column in range(len(_HEAD[lang]))]
    for row in rows:
        cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    if document["findings"]:
        print({"en": "\nCommissioning check:", "zh": "\n调试检查:"}[lang])
    for finding in document["findings"]:
        print(f"  {finding['message'][lang]}: {finding['remedy'][lang]}")


def _row(name: str, entry: dict[str, Any], lang: Language) -> tuple[str, ...]:
    why = (
        [entry["why_text"][lang]] if "why" in entry else [bit["text"][lang] for bit in entry.get("bits", ())]
    )
    raw = ""
    if "where" in entry:
        raw = f"{entry['where']['table']} {entry['where']['start']}"
        raw += f": {in_hex(entry['words'])}" if entry["words"] else ""
    quality = _QUALITY[entry["quality"]][lang]
    return name, _shown(entry["value"]), entry["unit"], quality, raw, "; ".join(why)


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
