"""A site with all that is around it, and what each of them has in the end."""

import json
import sqlite3
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import orjson

from agent.modbus.address import Table
from agent.reading import Frame
from agent.simulator.unit import Unit
from gateway.journal.query import FILE, LogReader
from tests.faults.account import Account, Desk, Hole, Place

DEVICES = {"one": 1, "two": 2, "three": 3}
PERIOD_MS = 200
FAULTY_FOR = 15
"""So many answers with a fault, then as many without."""

PROFILE = """\
version: 1
profile: sequence
kind: inverter
vendor: Test
model: Sequence
title: {en: Sequence, zh: 序列}
sources: ["made for this test"]
every: 200ms
points:
  - {name: served, table: holding, address: 0, type: u32, unit: "", label: {en: Served, zh: 序号}}
  - {name: check_word, table: holding, address: 2, type: u32, unit: "", label: {en: Check, zh: 校验}}
  - {name: state, table: holding, address: 4, type: u16, states: {0: running, 1: fault}}
"""

SITE = """\
version: 1
site: {{id: fault-hall, name: {{en: Fault hall, zh: 故障村部}}}}
buses: [{{id: lan-1, url: "{lan}"}}]
devices:
{devices}
journal: {{commit_every: 250ms}}
mqtt: {{url: "mqtt://127.0.0.1:{mqtt}"}}
influxdb: {{url: "{influxdb}", bucket: microgrid, flush_every: 200ms}}
rules: [rules/]
standard_rules: false
teams: [{{id: station, name: {{en: Station, zh: 供电所}}, members: [{{id: zhang, name: Zhang, role: inspector}}]}}]
"""

RULE = """\
version: 1
rules:
  - id: SEQ-1
    title: {en: It says fault, zh: 报告故障}
    cause: {en: the test wants it, zh: 测试需要}
    consequence: {en: a ticket, zh: 产生工单}
    action: {en: look, zh: 查看}
    scope: {kind: inverter}
    when: state == 'fault'
    for: 0s
    clear_for: 0s
    severity: high
    ticket: {kind: defect, team: station}
    tests:
      - {name: at once, every: 1s, samples: {state: "'running' 'fault' 'running'"}, expect: {"1s": active, "2s": normal}}
"""


def truth(device: str, served: int) -> tuple[float, float, str]:
    """What a device says at its n-th answer: n, a word that follows from it, and whether it has a fault."""
    word = (served * 2_654_435_761 + DEVICES[device] * 97) & 0xFFFFFFFF
    return float(served), float(word), "fault" if served // FAULTY_FOR % 2 else "running"


class Sequence(Unit):
    """Counts its answers and writes down when it gave each, before it gives it."""

    def __init__(self, device: str, functions: set[int]) -> None:
        super().__init__()
        self.served: dict[int, int] = {}
        self._device = device
        self._functions = functions

    def answer(self, pdu):
        self._functions.add(pdu[0])
        return super().answer(pdu)

    def read(self, table, start, count):
        assert (table, start, count) == (Table.HOLDING, 0, 5)
        number = len(self.served) + 1
        self.served[number] = time.time_ns() // 1_000_000
        served, word, state = truth(self._device, number)
        return [*divmod(int(served), 65_536), *divmod(int(word), 65_536), int(state == "fault")]


class World:
    """The parts of one test; `account()` reads all books when the gateway has stopped."""

    def __init__(self, folder: Path, units, broker, database, heard) -> None:
        self.site, self.data = folder / "site.yaml", folder / "data"
        self.units, self.broker, self.database, self.heard = units, broker, database, heard

    @classmethod
    async def made(cls, folder: Path, functions, serve, broker, database, heard) -> "World":
        units = {name: Sequence(name, functions) for name in DEVICES}
        for name, content in (("profiles/sequence.yaml", PROFILE), ("rules/rules.yaml", RULE)):
            (folder / name).parent.mkdir(parents=True)
            (folder / name).write_text(content)
        world = cls(folder, units, broker, database, heard)
        devices = "\n".join(
            f"  - {{id: {name}, profile: sequence, bus: lan-1, unit: {unit}}}"
            for name, unit in DEVICES.items()
        )
        lan = await serve({DEVICES[name]: unit for name, unit in units.items()})
        world.site.write_text(SITE.format(lan=lan, devices=devices, mqtt=broker.port, influxdb=database.url))
        return world

    def program(self, *illnesses: str, **job: object) -> tuple[str, ...]:
        """The gateway with something wrong in it; without an illness only its clock is taken at its word."""
        job = {"doctor": ["trusted_clock", *illnesses], **job}
        return sys.executable, "-m", "tests.faults.doctored", json.dumps(job)

    def answers(self) -> int:
        return min(len(unit.served) for unit in self.units.values())

    def account(self) -> Account:
        journal, changes, alerts = self._journal()
        mqtt, published = self._mqtt()
        account = Account(
            journal,
            truth,
            served={name: unit.served for name, unit in self.units.items()},
            period_ms=PERIOD_MS,
            downstream=[mqtt, self._database(journal)],
            changes=(changes, published),
        )
        account.desk = Desk(_incidents(journal), alerts, self._tickets())
        return account

    def _journal(self) -> tuple[Place, Place, dict[str, str]]:
        journal, changes, alerts = Place("journal"), Place("changes"), {}
        reader = LogReader(self.data / "journal" / FILE)
        found = reader.after(0, 1_000_000)
        gaps = reader.gaps(0, 100_000)
        reader.close()
        assert not found.damaged
        for record in found.records:
            entry = record.entry
            if not isinstance(entry, Frame):
                changes.put(("changes", entry.boot, entry.seq), entry.ts_ms, _about(entry.body))
                if "alert" in entry.body:
                    alerts[entry.body["alert"]["id"]] = entry.body["alert"]["device"]
            elif entry.device in DEVICES:
                values = dict(zip(entry.points, entry.values, strict=True)) if entry.reason is None else {}
                journal.put((entry.device, entry.boot, entry.seq), entry.ts_ms, _content(values))
        journal.holes = [
            Hole(g.device, g.boot, g.from_ms, g.to_ms, g.slots, g.seq, g.reason)
            for g in gaps
            if g.device in (*DEVICES, "*")
        ]
        return journal, changes, alerts

    def _mqtt(self) -> tuple[Place, Place]:
        frames, changes = Place("MQTT"), Place("changes")
        for topic, payload, _ in self.heard.messages.copy():
            kind = topic.rpartition("/")[2]
            if kind not in ("readings", "gaps", "changes"):
                continue
            document, device = json.loads(payload), topic.split("/")[-2]
            if kind == "changes":
                changes.put(("changes", document["boot"], document["seq"]), document["ts"], _about(document))
            elif device not in DEVICES:
                continue
            elif kind == "gaps":
                seq = None if document["seq"] is None else tuple(document["seq"])
                times = document["from"], document["to"]
                frames.holes.append(
                    Hole(device, document["boot"], *times, document["slots"], seq, document["reason"])
                )
            else:
                key = (device, document["boot"], document["seq"])
                frames.put(key, document["ts"], _content(document["values"]))
        frames.copies.clear()  # QoS 1: the same frame may come twice, with the same content
        changes.copies.clear()
        return frames, changes

    def _database(self, journal: Place) -> Place:
        place = Place("database")
        known = {(key[0], ts_ms): key for key, ts_ms in journal.times.items()}
        columns = {}
        for name in ("served", "check_word"):
            rows = self.database.rows(f"inverter_{name}")
            columns[name] = {(labels["device"], ts): value for labels, ts, value in rows}
        for labels, ts_ms, seq in self.database.rows("inverter_seq"):
            at = (labels["device"], ts_ms)
            key = known.get(at)
            if key is None or key[2] != seq:
                place.strangers.append(f"a row of {at} with seq {seq:g} is of no frame")
                continue
            served = columns["served"].get(at)
            content = (
                None if served is None else (served, columns["check_word"][at], truth(at[0], int(served))[2])
            )
            place.put(key, ts_ms, content)
        return place

    def _tickets(self) -> dict[str, tuple[str, bool, tuple[str, ...]]]:
        with sqlite3.connect(self.data / "tickets.db") as store:
            rows = store.execute("SELECT id, dedupe_key, open FROM tickets").fetchall()
            events = store.execute("SELECT ticket, document FROM ticket_events").fetchall()
        store.close()
        alerts: dict[str, set[str]] = defaultdict(set)
        for ticket, document in events:
            alerts[ticket].update(orjson.loads(document).get("alerts", ()))
        return {ticket: (key, bool(is_open), tuple(alerts[ticket])) for ticket, key, is_open in rows}


def _content(values) -> tuple | None:
    return (values["served"], values["check_word"], values["state"]) if "served" in values else None


def _about(body) -> tuple:
    if "alert" in body:
        return "alert", body["alert"]["id"], body["alert"]["state"]
    return "ticket", body["ticket"], orjson.dumps(body["event"]["event"]).decode()


def _incidents(journal: Place) -> Counter[str]:
    """How often each device's frames go from well to faulty."""
    found: Counter[str] = Counter()
    was: dict[str, str] = {}
    for key in sorted(journal.frames, key=lambda key: (key[0], journal.times[key])):
        content = journal.frames[key]
        if content is None:
            continue
        if content[2] == "fault" and was.get(key[0]) != "fault":
            found[key[0]] += 1
        was[key[0]] = content[2]
    return found
