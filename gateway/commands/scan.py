"""`maplebridge scan URL`: finds units on a line, says what they are, and proposes their site-file entries."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from agent.clock import SystemClock
from agent.device import BusLine
from agent.document import DocumentError
from agent.fingerprint import SURE
from agent.modbus.endpoint import Endpoint, parse_url
from agent.modbus.pdu import BusDown
from agent.modbus.reader import Reader
from agent.profile import Profile
from agent.scan.found import Unit, buses, device_lines, entries, entry_line
from agent.scan.line import longest_s, pace_of, settings_of, units_of, url_of
from agent.scan.search import Outcome, Search, Step
from gateway.commands.failing import exits, fail
from gateway.commands.language import LangOption, Language, language
from gateway.commands.options import JsonOption, show
from gateway.commands.progress import OneLine
from gateway.guests.guest_bus import GuestBus
from gateway.guests.shared_bus import open_shared_bus
from gateway.profiles import ProfileShelf

_WORDS = {
    "en": {
        "begin": "asking {units} unit ids on {url}{settings}: at most {time} where nobody answers, "
        "and some seconds for each unit found",
        "settings": " with {n} line settings",
        "asking": "{url}  asked {done} of {total}, {found} answer",
        "identifying": "{url}  identifying {done} of {total}",
        "nobody": "no unit answers on {url}; check address, unit ids, baud rate and parity, A and B, power",
        "garbled": "{url}: something that is no reply came from unit {unit}: another baud rate or parity, "
        "two devices with one unit id, or noise",
        "missing": "a gateway says of {n} unit ids that nobody is there",
        "unit": "unit {unit}",
        "also": "(also answers as unit {ids})",
        "unknown": "no profile fits; name one with `read --profile`, or write one (docs/profile-file.md)",
        "unsure": "not sure: compare its readings with the display",
        "tied": "just as likely: {names}",
        "serial": "serial",
        "paste": "for the site file:",
    },
    "zh": {
        "begin": "在 {url} 上询问 {units} 个站号{settings}:若无应答最多 {time},每找到一台另需数秒",
        "settings": ",{n} 种串口参数",
        "asking": "{url}  已询问 {done}/{total},{found} 个应答",
        "identifying": "{url}  正在识别 {done}/{total}",
        "nobody": "{url} 上没有设备应答;请检查地址、站号、波特率和校验、A/B 线、电源",
        "garbled": "{url}:站号 {unit} 返回的不是应答:波特率或校验不符、站号重复或干扰",
        "missing": "网关报告 {n} 个站号无设备",
        "unit": "站号 {unit}",
        "also": "(站号 {ids} 也由它应答)",
        "unknown": "没有相符的设备模型;可用 `read --profile` 指定,或自行编写(docs/profile-file.md)",
        "unsure": "不确定:请与设备显示核对读数",
        "tied": "同样可能:{names}",
        "serial": "序列号",
        "paste": "可写入站点文件:",
    },
}


def scan(
    url: str = typer.Argument(
        ...,
        metavar="URL",
        help="tcp://host:502, rtu+tcp://host:port, or rtu:///dev/ttyUSB0, whose baud rate and parity are "
        "searched unless the address says them",
    ),
    *,
    units: str | None = typer.Option(
        None, "--units", help="unit ids, such as 1-247 (the default; on tcp with 0 and 255) or 1,3,10-20"
    ),
    thorough: bool = typer.Option(
        False, "--thorough", help="wait longer, try all line settings even when a unit was found"
    ),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Find and identify the units on a line. Only reads, gently; beside a running gateway through it."""
    speaks = language(lang)
    try:
        endpoint = parse_url(url)
        search_units = units_of(units, endpoint)
    except ValueError as error:
        fail(2, str(error))
    with exits():
        profiles = _profiles(ProfileShelf(Path.cwd()))
        progress = _Progress(speaks)
        search = Search(
            open_line=_Opener(),
            settings=settings_of(url, endpoint),
            units=search_units,
            pace=pace_of(endpoint, thorough=thorough),
            profiles=profiles,
            clock=SystemClock(),
            thorough=thorough,
            told=progress.step,
        )
        _say_how_long(search, endpoint, speaks)
        try:
            outcome = asyncio.run(search.run())
        except BusDown as error:
            progress.end()
            fail(1, f"{url_of(endpoint)}: {error}; check address and cable")
        progress.end()
    _remark(outcome, endpoint, speaks)
    if as_json:
        show(_document(outcome))
    else:
        _print(outcome.units, speaks)


class _Opener:
    """Opens a line, or takes a seat on a running gateway's; what there is to tell is told once."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    async def __call__(self, line: Endpoint) -> tuple[Reader, bool]:
        bus = await open_shared_bus(BusLine("scan", url_of(line)), {}, self._tell)
        return bus, isinstance(bus, GuestBus)

    def _tell(self, word: str) -> None:
        if word not in self._told:
            self._told.add(word)
            print(word, file=sys.stderr)


def _profiles(shelf: ProfileShelf) -> list[Profile]:
    """All that a device can be known by; a faulty one is told and left out."""
    profiles: list[Profile] = []
    for name in shelf.recognisable():
        try:
            profiles.append(shelf.find(name))
        except DocumentError as error:
            print(error, file=sys.stderr)
    return profiles


def _say_how_long(search: Search, endpoint: Endpoint, lang: Language) -> None:
    words = _WORDS[lang]
    seconds = longest_s(search.settings, search.units, search.pace)
    time = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    several = len(search.settings) > 1
    begin = words["begin"].format(
        units=len(search.units),
        url=f"rtu://{endpoint.path}" if several else url_of(endpoint),
        settings=words["settings"].format(n=len(search.settings)) if several else "",
        time=time,
    )
    print(begin, file=sys.stderr)


class _Progress:
    """Tells each step."""

    def __init__(self, lang: Language) -> None:
        self._words = _WORDS[lang]
        self._line = OneLine()
        self.end = self._line.end

    def step(self, step: Step) -> None:
        words = self._words[step.doing]
        self._line.show(
            words.format(url=url_of(step.line), done=step.done, total=step.total, found=step.found)
        )


def _remark(outcome: Outcome, endpoint: Endpoint, lang: Language) -> None:
    words = _WORDS[lang]
    if outcome.missing:
        print(words["missing"].format(n=outcome.missing), file=sys.stderr)
    for line, unit in outcome.garbled[:3]:
        print(words["garbled"].format(url=url_of(line), unit=unit), file=sys.stderr)
    if not outcome.units:
        print(words["nobody"].format(url=url_of(endpoint)), file=sys.stderr)


def _document(outcome: Outcome) -> dict[str, Any]:
    return {
        "devices": [
            {
                "url": url_of(unit.line),
                "unit": unit.unit,
                "profile": unit.best.profile.name if unit.best is not None else None,
                "vendor": unit.vendor,
                "model": unit.model,
                "serial": unit.serial,
                "version": unit.version,
                "confidence": unit.best.confidence if unit.best is not None else 0.0,
                "entry": entry,
                "candidates": [
                    {"profile": proposal.profile.name, "confidence": proposal.confidence}
                    for proposal in unit.proposals
                ],
                "also_units": list(unit.also),
                "findings": [f.document() for f in unit.best.findings] if unit.best is not None else [],
                "values": dict(unit.best.values) if unit.best is not None else {},
            }
            for unit, entry in zip(outcome.units, entries(outcome.units), strict=True)
        ],
        "buses": buses(outcome.units),
        "missing": outcome.missing,
    }


def _print(units: Sequence[Unit], lang: Language) -> None:
    for unit in units:
        _print_unit(unit, lang)
    if not units:
        return
    print(f"\n{_WORDS[lang]['paste']}\n\nbuses:")
    for bus in buses(units):
        print(f"  - {entry_line(bus)}")
    print("\n".join(device_lines(entries(units))))


def _print_unit(unit: Unit, lang: Language) -> None:
    words = _WORDS[lang]
    place = f"{url_of(unit.line)} {words['unit'].format(unit=unit.unit)}"
    named = " ".join(text for text in (unit.vendor, unit.model) if text)
    serial = f"{words['serial']} {unit.serial}" if unit.serial else ""
    also = words["also"].format(ids=", ".join(map(str, unit.also))) if unit.also else ""
    best = unit.best
    known = f"{best.profile.name} {best.confidence:.2f}" if best is not None else words["unknown"]
    print("  ".join(text for text in (place, known, named, serial, also) if text))
    if best is None:
        return
    if best.confidence < SURE:
        print(f"    {words['unsure']}")
    if unit.tied:
        names = ", ".join(proposal.profile.name for proposal in unit.tied)
        print(f"    {words['tied'].format(names=names)}")
    for finding in best.findings:
        print(f"    ! {finding.message.in_(lang)}: {finding.remedy.in_(lang)}")
