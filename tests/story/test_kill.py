"""kill -9, twenty times at any moment: what was read, kept, published and stored agrees to the last frame.

Each answered read of a simulated unit has a number of its own and a word that follows from it, so that
a value that nobody served, or a frame put together from two, cannot hide.
"""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from agent.modbus.address import Table
from agent.reading import Frame
from agent.simulator.unit import Unit
from gateway.journal.query import FILE, LogReader

KILLS = 20
DEVICES = {"one": 1, "two": 2, "three": 3}

PROFILE = """\
version: 1
profile: sequence
kind: meter
vendor: Test
model: Sequence
title: {en: Sequence, zh: 序列}
sources: ["made for this test"]
every: 200ms
points:
  - {name: served, table: holding, address: 0, type: u32, unit: "", label: {en: Served, zh: 序号}}
  - {name: check_word, table: holding, address: 2, type: u32, unit: "", label: {en: Check, zh: 校验}}
"""

SITE = """\
version: 1
site: {{id: kill-hall, name: {{en: Kill, zh: 断电}}}}
buses: [{{id: lan-1, url: "{lan}"}}]
devices:
{devices}
journal: {{commit_every: 250ms}}
mqtt: {{url: "mqtt://127.0.0.1:{mqtt}"}}
influxdb: {{url: "{influxdb}", bucket: microgrid, flush_every: 200ms}}
"""


def check_word(unit: int, served: int) -> int:
    return (served * 2_654_435_761 + unit * 97) & 0xFFFFFFFF


class Sequence(Unit):
    """Counts the answers that it gave."""

    def __init__(self, unit: int, functions: set[int]) -> None:
        super().__init__()
        self.served = 0
        self._unit = unit
        self._functions = functions

    def answer(self, pdu):
        self._functions.add(pdu[0])
        return super().answer(pdu)

    def read(self, table, start, count):
        assert (table, start, count) == (Table.HOLDING, 0, 4)
        self.served += 1
        return [
            half for number in (self.served, check_word(self._unit, self.served)) for half in divmod(number, 65_536)
        ]  # fmt: skip


@dataclass
class Account:
    """What each place knows. Keys of frames: (device, boot, seq); values: (served, check word) or None."""

    served: dict[str, int] = field(default_factory=dict)
    journal: dict[tuple, tuple | None] = field(default_factory=dict)
    times: dict[tuple, tuple] = field(default_factory=dict)
    """(device, ts) → key, of the journal's frames."""
    mqtt: dict[tuple, tuple | None] = field(default_factory=dict)
    rows: Counter = field(default_factory=Counter)
    """(device, ts, seq) → how often it is in the database."""
    row_values: dict[tuple, tuple] = field(default_factory=dict)

    def faults(self) -> list[str]:
        """All in which the places differ; empty when they agree."""
        found = [*self._invented(), *self._holes()]
        for key, pair in self.journal.items():
            if key not in self.mqtt:
                found.append(f"{key} is in the journal and was never published")
            elif self.mqtt[key] != pair:
                found.append(f"{key} is {pair} in the journal and {self.mqtt[key]} on MQTT")
        found += [f"{key} was published and is not in the journal" for key in self.mqtt.keys() - self.journal]
        if len(self.times) != len(self.journal):
            found.append("two frames of one device have one time")
        wanted = {(device, ts, key[2]) for (device, ts), key in self.times.items()}
        found += [f"{row} is in the journal and not in the database" for row in wanted - self.rows.keys()]
        found += [f"{row} is in the database and not in the journal" for row in self.rows.keys() - wanted]
        found += [f"{row} is {times} times in the database" for row, times in self.rows.items() if times != 1]
        for (device, ts), key in self.times.items():
            stored = self.row_values.get((device, ts))
            if stored != self.journal.get(key):
                found.append(f"{key} is {self.journal.get(key)} in the journal and {stored} in the database")
        return found

    def _invented(self) -> list[str]:
        found = []
        for where, pairs in (("journal", self.journal), ("MQTT", self.mqtt)):
            values = [(key[0], pair) for key, pair in pairs.items() if pair is not None]
            for device, (served, word) in values:
                if not 1 <= served <= self.served[device] or word != check_word(DEVICES[device], served):
                    found.append(f"{where}: {device} never said {(served, word)}")
            twice = [
                one
                for one, times in Counter((device, pair[0]) for device, pair in values).items()
                if times > 1
            ]
            found += [f"{where}: the answer {one} stands in two frames" for one in twice]
        return found

    def _holes(self) -> list[str]:
        numbers: dict[tuple, list[int]] = {}
        for device, boot, seq in self.journal:
            numbers.setdefault((device, boot), []).append(seq)
        return [
            f"{who} has holes: {len(seqs)} frames up to {max(seqs)}"
            for who, seqs in numbers.items()
            if sorted(seqs) != list(range(1, len(seqs) + 1))
        ]


def pair_of(values) -> tuple[int, int] | None:
    if "served" not in values:
        return None
    return int(values["served"]), int(values["check_word"])


def journal_of(account: Account, folder) -> None:
    reader = LogReader(folder / "journal" / FILE)
    found = reader.after(0, 1_000_000)
    reader.close()
    assert not found.damaged
    for record in found.records:
        frame = record.entry
        if not isinstance(frame, Frame) or frame.device not in DEVICES:
            continue
        key = (frame.device, frame.boot, frame.seq)
        assert key not in account.journal, f"{key} is twice in the journal"
        values = dict(zip(frame.points, frame.values, strict=True)) if frame.reason is None else {}
        account.journal[key] = pair_of(values)
        account.times[frame.device, frame.ts_ms] = key


def mqtt_of(account: Account, heard) -> int:
    """How many messages came, repeated ones too."""
    messages = 0
    for topic, payload, _ in heard.messages.copy():
        *_, device, kind = topic.split("/")
        if kind != "readings" or device not in DEVICES:
            continue
        messages += 1
        frame = json.loads(payload)
        key, pair = (device, frame["boot"], frame["seq"]), pair_of(frame["values"])
        assert account.mqtt.setdefault(key, pair) == pair, f"{key} was sent with two contents"
    return messages


def database_of(account: Account, database) -> None:
    read: dict[str, dict[tuple, int]] = {}
    for name in ("served", "check_word"):
        rows = database.rows(f"meter_{name}")
        read[name] = {(labels["device"], ts): int(value) for labels, ts, value in rows}
    account.rows = Counter(
        (labels["device"], ts, int(value)) for labels, ts, value in database.rows("meter_seq")
    )
    account.row_values = {
        at: (served, read["check_word"][at]) for at, served in read["served"].items()
    }  # fmt: skip


@pytest.fixture
async def accounted(
    tmp_path, functions, serve, mosquitto, victoria, subscriber, gateway, maplebridge, eventually
):
    """The account after twenty kills and one orderly end."""
    chance = random.Random(20_260_530)  # noqa: S311  # moments, no secrets
    units = {number: Sequence(number, functions) for number in DEVICES.values()}
    broker, database = mosquitto(persistent=True), victoria()
    heard = subscriber(broker.port, "microgrid/#")
    folder = tmp_path / "site"
    (folder / "profiles").mkdir(parents=True)
    (folder / "profiles" / "sequence.yaml").write_text(PROFILE)
    site, data = folder / "site.yaml", tmp_path / "data"
    devices = "\n".join(
        f"  - {{id: {name}, profile: sequence, bus: lan-1, unit: {unit}}}" for name, unit in DEVICES.items()
    )
    site.write_text(
        SITE.format(lan=await serve(units), devices=devices, mqtt=broker.port, influxdb=database.url)
    )
    for _ in range(KILLS):
        process = await gateway("run", site, "--data", data)
        if chance.random() < 0.85:
            await process.until_ready()
        await asyncio.sleep(chance.uniform(0.1, 1.5))
        await process.kill()
    last = await (await gateway("run", site, "--data", data)).until_ready()
    polled = units[1].served
    await eventually(lambda: asyncio.sleep(0, units[1].served > polled + 5), "a few more polls")
    assert await last.stop() == 0, last.log
    statistics = (await maplebridge("journal", "stats", site, "--data", data, "--json")).json
    backlogs = {name: statistics["cursors"][name]["backlog_frames"] for name in ("mqtt", "influxdb")}
    assert backlogs == {"mqtt": 0, "influxdb": 0}, "an orderly end leaves nothing unsent"
    account = Account(served={name: units[unit].served for name, unit in DEVICES.items()})
    await asyncio.to_thread(journal_of, account, data)
    messages = mqtt_of(account, heard)
    await asyncio.to_thread(database_of, account, database)
    boots = {boot for _, boot, _ in account.journal}
    print(  # noqa: T201  # shown by -s and on failure
        f"kills {KILLS}, boots with frames {len(boots)}; served {sum(account.served.values())}, "
        f"journal {len(account.journal)}, published {len(account.mqtt)} in {messages} messages, "
        f"database {len(account.rows)}"
    )
    return account


async def test_after_twenty_kills_all_places_agree(accounted):
    assert accounted.faults() == []
    assert len(accounted.journal) > 100
    assert len({boot for _, boot, _ in accounted.journal}) > KILLS / 2
    assert sum(accounted.served.values()) >= len(accounted.journal)


def an_account() -> Account:
    account = Account(served={"one": 3, "two": 0, "three": 0})
    for seq in (1, 2, 3):
        key, pair = ("one", "boot", seq), (seq, check_word(1, seq))
        account.journal[key] = account.mqtt[key] = pair
        account.times["one", 1_000 * seq] = key
        account.rows["one", 1_000 * seq, seq] = 1
        account.row_values["one", 1_000 * seq] = pair
    return account


LIES = {
    "never published": lambda a: a.mqtt.pop(("one", "boot", 2)),
    "never stored": lambda a: (a.rows.pop(("one", 2_000, 2)), a.row_values.pop(("one", 2_000))),
    "stored twice": lambda a: a.rows.update([("one", 2_000, 2)]),
    "stored but not kept": lambda a: a.rows.update([("one", 9_000, 9)]),
    "published but not kept": lambda a: a.mqtt.update({("one", "boot", 4): (3, check_word(1, 3))}),
    "never served": lambda a: a.journal.update({("one", "boot", 3): (4, check_word(1, 4))}),
    "two answers in one frame": lambda a: a.journal.update({("one", "boot", 3): (3, check_word(1, 2))}),
    "one answer in two frames": lambda a: a.journal.update({("one", "boot", 3): (2, check_word(1, 2))}),
    "a hole": lambda a: [place.pop(("one", "boot", 2)) for place in (a.journal, a.mqtt)],
    "another value on MQTT": lambda a: a.mqtt.update({("one", "boot", 3): None}),
    "another value in the database": lambda a: a.row_values.update({("one", 3_000): (2, check_word(1, 2))}),
}


def test_an_honest_account_has_no_fault():
    assert an_account().faults() == []


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_the_comparison_sees(lie):
    account = an_account()
    lie(account)
    assert account.faults()
