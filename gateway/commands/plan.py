"""`maplebridge plan SITE.yaml`: the reads per bus, their cost on the wire, and how long the disk lasts."""

import sys
from collections import Counter
from typing import Any

import typer

from agent.device import Device
from agent.forecast import BusForecast, DeviceForecast, forecast
from agent.modbus.endpoint import parse_url
from agent.modbus.plan import Block, Turn
from agent.quantity import DAY_MS, HOUR_MS
from gateway.commands.failing import exits
from gateway.commands.language import LangOption, Language, language
from gateway.commands.options import JsonOption, SiteArgument, UnusedDataOption, show
from gateway.config import SiteConfig, load_site

# what the journal takes on disk, by benchmarks/README.md: 4.4 bytes per value in frames of fifty values,
# of which a frame of the same device takes some whatever it holds
_BYTES_PER_VALUE = 4.0
_BYTES_PER_FRAME = 14.0
_BYTES_PER_COMMIT = 150.0

_TEXTS = {
    "bus": {
        "en": "bus {id}: {requests} requests, {cycle_s:.2f} s for a full round, line load {load_pct:.1f} %",
        "zh": "总线 {id}:{requests} 个请求,全部轮询一遍 {cycle_s:.2f} 秒,线路负载 {load_pct:.1f} %",
    },
    "infeasible": {
        "en": "bus {id} cannot keep its rates: poll less often (every:), raise the baud rate or split it",
        "zh": "总线 {id} 跟不上设定的采样周期:请加大周期(every:)、提高波特率或拆分总线",
    },
    "block": {
        "en": "  {device} unit {unit}: {table} {start}..{end}, {used} of {count} used, every {every_s:g} s",
        "zh": "  {device} 单元 {unit}:{table} {start}..{end},使用 {used}/{count},每 {every_s:g} 秒",
    },
    "turn": {
        "en": "  {device} when {rates} s are due, {per_h:g} times an hour: {requests} requests,"
        " {registers} registers, {line_ms:.0f} ms",
        "zh": "  {device} 在 {rates} 秒周期到期时,每小时 {per_h:g} 次:{requests} 个请求,"
        "{registers} 个寄存器,{line_ms:.0f} 毫秒",
    },
    "waste": {
        "en": "  {waste_pct:.0f} % of what is read only saves requests",
        "zh": "  读取量中有 {waste_pct:.0f} % 只为减少请求次数",
    },
    "assumed": {
        "en": "  {device} says itself what it has; shown is what its profile assumes",
        "zh": "  {device} 的测点由设备自报,此处按其型号文件的假定显示",
    },
    "history": {
        "en": "history: about {megabytes:.0f} MB a day; {days:.0f} days fit into {budget_mb:.0f} MB",
        "zh": "历史数据:每天约 {megabytes:.0f} MB;{budget_mb:.0f} MB 可存 {days:.0f} 天",
    },
}


def plan(
    site: SiteArgument,
    *,
    _data: UnusedDataOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Show the reads per bus and what they cost. Exit 1 if a bus cannot keep its rates."""
    speaks = language(lang)
    with exits():
        config = load_site(site)
    buses = {
        line.id: forecast(parse_url(line.url), (d for d in config.devices if d.bus == line.id))
        for line in config.buses
    }
    document: dict[str, Any] = {
        "buses": [_bus_document(bus, expected) for bus, expected in buses.items()],
        "history": _history(config, list(buses.values())),
    }
    if as_json:
        show(document)
    else:
        _print(document, config, speaks)
    raise typer.Exit(0 if all(bus["feasible"] for bus in document["buses"]) else 1)


def _bus_document(bus: str, expected: BusForecast) -> dict[str, Any]:
    blocks = [_block_document(each.device, block) for each in expected.devices for block in each.blocks]
    read, used = sum(block["count"] for block in blocks), sum(block["used"] for block in blocks)
    return {
        "id": bus,
        "cycle_s": round(expected.cycle_ms / 1_000, 3),
        "load_pct": round(100 * expected.load, 1),
        "feasible": expected.is_feasible,
        "requests": expected.requests,
        "waste_pct": round(100 * (1 - used / read), 1) if read else 0.0,
        "blocks": blocks,
        "turns": [_turn_document(each, turn) for each in expected.devices for turn in each.turns],
    }


def _block_document(device: Device, block: Block) -> dict[str, Any]:
    return {
        "device": device.id,
        "unit": device.unit,
        "table": block.span.table.value,
        "start": block.span.start,
        "count": block.span.count,
        "used": block.used,
        "every_s": block.every_ms / 1_000,
    }


def _turn_document(expected: DeviceForecast, turn: Turn) -> dict[str, Any]:
    """`line_ms`: of the line's time, each."""
    return {
        "device": expected.device.id,
        "rates_s": [rate_ms / 1_000 for rate_ms in sorted(turn.rates_ms)],
        "per_h": round(turn.per_ms * HOUR_MS, 2),
        "requests": len(turn.blocks),
        "registers": sum(block.span.count for block in turn.blocks),
        "line_ms": round(sum(expected.cost.request_ms(block.span) for block in turn.blocks), 1),
    }


def _history(config: SiteConfig, buses: list[BusForecast]) -> dict[str, Any]:
    turns = [turn for bus in buses for each in bus.devices for turn in each.turns]
    values = DAY_MS * sum(t.per_ms * sum(len(block.points) for block in t.blocks) for t in turns)
    frames = DAY_MS * sum(turn.per_ms for turn in turns)
    journal = config.file.journal
    commits = min(DAY_MS / journal.commit_every, frames)
    daily = values * _BYTES_PER_VALUE + frames * _BYTES_PER_FRAME + commits * _BYTES_PER_COMMIT
    return {
        "values_per_day": round(values),
        "bytes_per_day": round(daily),
        "max_size": journal.max_size,
        "days": round(journal.max_size / daily, 1) if daily else None,
    }


def _print(document: dict[str, Any], config: SiteConfig, lang: Language) -> None:
    asks_itself = {device.id for device in config.devices if device.profile.sunspec is not None}
    for bus in document["buses"]:
        print(_TEXTS["bus"][lang].format(**bus))
        for block in bus["blocks"]:
            end = block["start"] + block["count"] - 1
            print(_TEXTS["block"][lang].format(**block, end=end))
        kinds = Counter(turn["device"] for turn in bus["turns"])
        for turn in (turn for turn in bus["turns"] if kinds[turn["device"]] > 1):
            rates = "+".join(f"{rate:g}" for rate in turn["rates_s"])
            print(_TEXTS["turn"][lang].format(**turn, rates=rates))
        print(_TEXTS["waste"][lang].format(**bus))
        for device in dict.fromkeys(b["device"] for b in bus["blocks"]):
            if device in asks_itself:
                print(_TEXTS["assumed"][lang].format(device=device))
        if not bus["feasible"]:
            print(_TEXTS["infeasible"][lang].format(**bus), file=sys.stderr)
    history = document["history"]
    if history["days"] is not None:
        megabytes, budget_mb = history["bytes_per_day"] / 1e6, history["max_size"] / 1e6
        print(_TEXTS["history"][lang].format(megabytes=megabytes, budget_mb=budget_mb, days=history["days"]))
