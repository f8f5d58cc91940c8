"""What is killed between a rule's hit and its ticket: journal, engine and desk in one child of the nursery."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.clock import SystemClock
from agent.document import parse
from agent.reading import Frame
from agent.rules.engine import Engine
from agent.rules.facts import DeviceFacts, SiteFacts
from agent.rules.rule import RuleSet
from agent.rules.rule_file import read_rules
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from gateway.tickets.config import BilingualText, Team
from gateway.tickets.desk import Desk
from gateway.tickets.place import DeskDevice, DeskSite

RULE = """\
version: 1
rules:
  - id: BAT-01
    title: {en: Cell warm, zh: 电芯偏热}
    cause: {en: cooling, zh: 冷却}
    consequence: {en: ageing, zh: 老化}
    action: {en: check cooling, zh: 检查冷却}
    scope: {kind: battery}
    when: cell_temperature_max_c >= 45
    clear: cell_temperature_max_c <= 42
    for: 0s
    severity: medium
    ticket: {kind: inspection, team: station}
"""
DEVICES = 200
POINTS = ("cell_temperature_max_c",)
EVERY_S = 0.02


def device(number: int) -> str:
    return f"bat-{number}"


class NoPort:
    """Nobody to reach back to."""

    async def acknowledge(self, alert_id: str, by: str) -> None: ...
    async def reset_latch(self, alert_id: str, by: str) -> None: ...
    async def attach_ticket(self, alert_id: str, ticket_id: str) -> None: ...


async def desk_at_work(job: dict) -> None:
    """Frames of one device: the first cool unless `hot`, then hot ones; as a site's frames and changes are handed on."""
    folder, clock, name = Path(job["folder"]), SystemClock(), device(job["round"])
    rules = {rule.id: rule for rule in read_rules(parse(RULE, "rules.yaml"))}
    facts = tuple(DeviceFacts(device(n), ("battery",), frozenset(POINTS), 1_000) for n in range(DEVICES))
    async with AsyncExitStack() as rooms:
        journal = await Journal.open(folder, JournalConfig(commit_every="50ms"), clock)
        rooms.push_async_callback(journal.close)
        site = DeskSite(
            "s1",
            ZoneInfo("Asia/Shanghai"),
            devices={device(n): DeskDevice(1_000) for n in range(DEVICES)},
            version="t",
        )
        desk = await Desk.open(
            store_url="sqlite:///tickets.db",
            data=folder,
            site=site,
            rules=rules,
            teams=(Team(id="station", name=BilingualText(en="Station", zh="供电所")),),
            clock=clock,
            journal=journal,
        )
        rooms.push_async_callback(desk.close)
        desk.alert_port = NoPort()
        ids = iter(range(10**9))
        engine = Engine(
            SiteFacts("s1", facts), RuleSet(rules), journal.watches(), lambda: f"{clock.boot}-{next(ids)}"
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(journal.run()), group.create_task(desk.run())]
            for seq in range(1, job.get("frames", 25) + 1):
                celsius = 20.0 if seq == 1 and not job.get("hot") else 50.0
                mono_ms = clock.monotonic_ms()
                frame = Frame(
                    name, clock.boot, seq, mono_ms, clock.utc_at(mono_ms), False, 1, POINTS, (celsius,)
                )
                journal.append(frame)
                outcome = engine.on_frame(frame)
                if outcome:
                    bodies = [{"alert": alert.document()} for alert in outcome.alerts]
                    journal.append_outcome(
                        bodies, outcome.watches, mono_ms=mono_ms, ts_ms=frame.ts_ms, unsure=False
                    )
                await asyncio.sleep(EVERY_S)
            for task in reversed(tasks):
                task.cancel()


def run(job: dict) -> None:
    asyncio.run(desk_at_work(job))
