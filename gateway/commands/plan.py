"""`maplebridge plan SITE.yaml`: the reads per bus, their cost on the wire, and how long the disk lasts."""

import sys
from dataclasses import dataclass
from typing import Any

import typer

from agent.device import BusLine, Device
from agent.modbus.endpoint import parse_url
from agent.modbus.plan import Block, line_load
from agent.modbus.plan import plan as plan_reads
from agent.modbus.sunspec import assumed
from agent.quantity import DAY_MS
from gateway.commands.failing import exits
from gateway.commands.language import LangOption, Language, language
from gateway.commands.options import JsonOption, SiteArgument, UnusedDataOption, show
from gateway.config import SiteConfig, load_site

FEASIBLE_LOAD = 0.95
"""Above this share of the line's time there is no room for a lost reply."""

# what the journal takes on disk; it deflates frames of one commit together
_BYTES_PER_VALUE = 3.0
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
    "assumed": {
        "en": "  {device} says itself what it has; shown is what its profile assumes",
        "zh": "  {device} 的测点由设备自报,此处按其型号文件的假定显示",
    },
    "history": {
        "en": "history: about {megabytes:.0f} MB a day; {days:.0f} days fit into {budget_mb:.0f} MB",
        "zh": "历史数据:每天约 {megabytes:.0f} MB;{budget_mb:.0f} MB 可存 {days:.0f} 天",
    },
}


@dataclass(frozen=True, slots=True)
class _BusPlan:
    line: BusLine
    blocks: tuple[tuple[Device, Block], ...]
    load: float
    cycle_ms: float

    def document(self) -> dict[str, Any]:
        return {
            "id": self.line.id,
            "cycle_s": round(self.cycle_ms / 1_000, 3),
            "load_pct": round(100 * self.load, 1),
            "feasible": self.load <= FEASIBLE_LOAD,
            "requests": len(self.blocks),
            "blocks": [_block_document(device, block) for device, block in self.blocks],
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
    buses = [_plan_bus(line, config) for line in config.buses]
    document: dict[str, Any] = {
        "buses": [bus.document() for bus in buses],
        "history": _history(config, buses),
    }
    if as_json:
        show(document)
    else:
        _print(document, config, speaks)
    raise typer.Exit(0 if all(bus["feasible"] for bus in document["buses"]) else 1)


def _plan_bus(line: BusLine, config: SiteConfig) -> _BusPlan:
    endpoint = parse_url(line.url)
    blocks: list[tuple[Device, Block]] = []
    load = cycle_ms = 0.0
    for device in config.devices:
        if device.bus != line.id:
            continue
        cost = endpoint.cost(device.profile.link.gap_ms)
        own = plan_reads(assumed(device.profile), cost=cost, every_ms=device.every_ms)
        blocks.extend((device, block) for block in own)
        load += line_load(own, cost)
        cycle_ms += sum(cost.request_ms(block.span) for block in own)
    return _BusPlan(line, tuple(blocks), load, cycle_ms)


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


def _history(config: SiteConfig, buses: list[_BusPlan]) -> dict[str, Any]:
    reads = [block for bus in buses for _, block in bus.blocks]
    values = sum(len(block.points) * DAY_MS / block.every_ms for block in reads)
    frames = sum(DAY_MS / device.period_ms for device in config.devices)
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
        for device in dict.fromkeys(b["device"] for b in bus["blocks"]):
            if device in asks_itself:
                print(_TEXTS["assumed"][lang].format(device=device))
        if not bus["feasible"]:
            print(_TEXTS["infeasible"][lang].format(**bus), file=sys.stderr)
    history = document["history"]
    if history["days"] is not None:
        megabytes, budget_mb = history["bytes_per_day"] / 1e6, history["max_size"] / 1e6
        print(_TEXTS["history"][lang].format(megabytes=megabytes, budget_mb=budget_mb, days=history["days"]))
