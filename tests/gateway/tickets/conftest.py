"""A desk on a real journal and a real store, with time that the test moves."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from agent.clock import ManualClock
from agent.document import parse
from agent.reading import Frame, Quality, Text
from agent.rules.alert import Acknowledgement, Alert, Suppression
from agent.rules.rule import Rule
from agent.rules.rule_file import read_rules
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from gateway.journal.record import Change
from gateway.tickets.config import BilingualText, Member, Team
from gateway.tickets.desk import Desk
from gateway.tickets.place import DeskDevice, DeskSite

CELL_WARM = (Path(__file__).parents[2] / "data/rules/cell-warm.yaml").read_text()
MORE = """
  - id: BAT-02
    title: {en: Cell over-temperature, zh: 电芯超温}
    cause: {en: cooling, zh: 冷却}
    consequence: {en: fire, zh: 起火}
    action: {en: keep away, zh: 远离}
    scope: {kind: battery}
    when: cell_temperature_max_c >= 55
    clear: cell_temperature_max_c <= 45
    latch: true
    severity: critical
    ticket: {kind: emergency, team: station}
  - id: COM-02
    title: {en: Device silent, zh: 设备无响应}
    cause: {en: cable, zh: 线缆}
    consequence: {en: blind, zh: 失去监视}
    action: {en: check the bus, zh: 检查总线}
    scope: {kind: battery}
    when: failed_polls >= 5
    clear: good_polls >= 3
    severity: medium
    ticket: {kind: communication, team: station, open_after: 2m, verify_for: 5m}
  - id: COM-06
    title: {en: Bus down, zh: 总线中断}
    cause: {en: cable, zh: 线缆}
    consequence: {en: blind, zh: 失去监视}
    action: {en: check the bus, zh: 检查总线}
    scope: {kind: bus}
    when: devices_silent >= 2
    severity: high
    ticket: {kind: communication, team: elsewhere, verify_for: 5m}
  - id: GRID-99
    title: {en: Just an alert, zh: 仅告警}
    cause: {en: x, zh: x}
    consequence: {en: x, zh: x}
    action: {en: look, zh: 看}
    scope: {kind: meter}
    when: frequency_hz > 50.2
    severity: low
"""
CHECKLIST = (
    {
        "id": "quiet",
        "text": {"en": "gas quiet", "zh": "无报警"},
        "kind": "yes_no",
        "unit": None,
        "mandatory": True,
    },
)


def rule_set() -> dict[str, Rule]:
    return {
        rule.id: rule
        for rule in read_rules(parse(CELL_WARM.replace("CL-BAT-A", "CL-T-A") + MORE, "rules.yaml"))
    }


SITE = DeskSite(
    "s1",
    ZoneInfo("Asia/Shanghai"),
    cell={"village": "v1", "town": "t1", "county": "c1"},
    devices={
        **{f"bat-{n}": DeskDevice(10_000) for n in range(1, 10)},
        "bat-hot": DeskDevice(10_000, {"BAT-01": {"ok": 40.0}}),
    },
    version="test",
)
TEAM = Team(
    id="station", name=BilingualText(en="Station", zh="供电所"), members=(Member(id="zhang", name="Zhang"),)
)


class Acts:
    """The engine's side, as far as the desk reaches back to it."""

    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []

    async def acknowledge(self, alert_id: str, by: str) -> None:
        self.done.append(("acknowledge", alert_id, by))

    async def reset_latch(self, alert_id: str, by: str) -> None:
        self.done.append(("reset_latch", alert_id, by))

    async def attach_ticket(self, alert_id: str, ticket_id: str) -> None:
        self.done.append(("attach_ticket", alert_id, ticket_id))


class House:
    """Journal, desk and time together; `open` and `close` may be repeated on the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.store_url = "sqlite:///tickets.db"
        self.acts = Acts()
        self.changed: list[str] = []
        self.known: dict[str, Alert] = {}
        self._seq: dict[str, int] = {}
        self.desk: Desk
        self.journal: Journal

    async def open(self) -> None:
        self.journal = await Journal.open(self.folder, JournalConfig(), self.clock)
        self.desk = await self.another_desk(self.journal)

    async def another_desk(self, journal: Journal | None, **facts: Any) -> Desk:
        desk = await Desk.open(
            **{
                "store_url": self.store_url,
                "data": self.folder,
                "site": SITE,
                "rules": rule_set(),
                "teams": (TEAM,),
                "clock": self.clock,
                "journal": journal,
                "checklists": {"CL-T-A": CHECKLIST},
                **facts,
            }
        )
        desk.alert_port = self.acts
        desk.raw_port = lambda device: [{"device": device, "words": [462]}]
        desk.on_change = self.changed.append
        return desk

    async def close(self) -> None:
        await self.desk.close()
        await self.journal.close()

    def wait(self, *, minutes: float = 0, seconds: float = 0) -> None:
        self.clock.advance(round((minutes * 60 + seconds) * 1_000))

    async def poll(
        self, device: str = "bat-1", *, minutes: float, every_s: float = 10, **values: Any
    ) -> None:
        """Let time pass with a frame of the device every few seconds; a value None is bad."""
        for _ in range(round(minutes * 60 / every_s)):
            self.wait(seconds=every_s)
            self._frame(device, values)
        await self.journal.commit()

    def _frame(self, device: str, values: Mapping[str, Any]) -> None:
        self._seq[device] = self._seq.get(device, 0) + 1
        faults = {i: Quality.BAD for i, v in enumerate(values.values()) if v is None}
        ts_ms, mono_ms = self.clock.utc_ms(), self.clock.monotonic_ms()
        self.journal.append(
            Frame(
                device,
                self.clock.boot,
                self._seq[device],
                mono_ms,
                ts_ms,
                False,
                5,
                tuple(values),
                tuple(values.values()),
                faults,
            )
        )

    def alert(self, alert_id: str, state: str = "active", **facts: Any) -> None:
        """A change of an alert, written into the journal as the engine does."""
        now_ms = self.clock.utc_ms()
        before = self.known.get(alert_id)
        defaults: dict[str, Any] = {
            "rule": "BAT-01",
            "device": "bat-1",
            "severity": "medium",
            "channel": None,
            "since_ms": now_ms,
            "until_ms": now_ms if state == "cleared" else None,
            "title": Text("Cell warm", "电芯偏热"),
            "values": {"cell_temperature_max_c": 46.2},
        }
        if before is not None:
            defaults |= {
                name: getattr(before, name)
                for name in ("rule", "device", "severity", "since_ms", "title", "values", "acknowledged")
            }
        alert = Alert(id=alert_id, site="s1", state=state, **{**defaults, **facts})  # type: ignore[arg-type]
        self.known[alert_id] = alert
        self.journal.append_outcome(
            [{"alert": alert.document()}], {}, mono_ms=self.clock.monotonic_ms(), ts_ms=now_ms, unsure=False
        )

    async def settle(self, desk: Desk | None = None) -> None:
        """Let the desk take in what the journal has, and do all that it owes."""
        at_work = desk or self.desk
        await self.journal.commit()
        place = await at_work._place(self.journal)
        while place < self.journal.head():
            place = await at_work._take(self.journal, place)
        await at_work.tend(self.journal)
        await at_work.tend(self.journal)

    async def tickets(self, state: str = "all") -> list[dict[str, Any]]:
        return list(reversed((await self.desk.tickets(state=state)).items))

    async def only(self) -> dict[str, Any]:
        (ticket,) = await self.tickets()
        return ticket

    async def act(
        self, event: str, *, by: str = "zhang", role: str = "operator", **arguments: Any
    ) -> dict[str, Any]:
        ticket = (await self.tickets())[0]
        return await self.desk.act(ticket["id"], {"event": event, **arguments}, by=by, role=role)

    async def work(self) -> dict[str, Any]:
        """Accept, arrive, start and report."""
        await self.act("accept", person="zhang")
        await self.act("arrive", code=self.desk.site_code)
        await self.act("start", safety={"isolated": True, "gas_quiet": True})
        listed = (await self.tickets())[0]["checklist"] is not None
        return await self.act("report", **self.report() | ({} if listed else {"checklist": {}}))

    @staticmethod
    def report() -> dict[str, Any]:
        return {
            "cause": "filter",
            "action": "cleaned",
            "checklist": {"quiet": True},
            "measurements": [{"name": "T", "value": 38, "unit": "°C", "instrument": "camera"}],
        }

    async def published(self) -> list[tuple[str, str]]:
        """(ticket, event) of the ticket changes in the journal, in order."""
        records = await self.journal.read(0, 100_000)
        bodies = [r.entry.body for r in records if isinstance(r.entry, Change)]
        return [(body["ticket"], body["event"]["event"]) for body in bodies if "ticket" in body]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    await house.open()
    yield house
    await house.close()


@pytest.fixture
def suppressed() -> type[Suppression]:
    return Suppression


@pytest.fixture
def acknowledged() -> type[Acknowledgement]:
    return Acknowledgement
