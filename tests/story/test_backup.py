"""A gateway dies for good, its successor goes on from the backup: same site, new boot, one ticket, no doubles."""

import asyncio
import json
from collections import Counter

from agent.reading import Frame
from agent.simulator.unit import Unit
from gateway.journal.query import FILE, LogReader
from tests.story.conftest import MAPLEBRIDGE, Answer

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
"""
PASSWORD = b"a password of some length\n"
SITE = """\
version: 1
site: {{id: swap-hall, name: {{en: Swap, zh: 换机}}}}
buses: [{{id: lan-1, url: "{lan}"}}]
devices: [{{id: one, profile: sequence, bus: lan-1, unit: 1}}]
rules: [rules/]
standard_rules: false
teams: [{{id: station, name: {{en: Station, zh: 供电所}}, kinds: [inspection], members: []}}]
journal: {{commit_every: 100ms}}
mqtt: {{url: "mqtt://127.0.0.1:{mqtt}", username: site, password_file: mqtt.pass}}
"""
RULE = """\
version: 1
rules:
  - id: X-01
    title: {en: It counts, zh: 正在计数}
    cause: {en: it was read, zh: 已读取}
    consequence: {en: none, zh: 无}
    action: {en: none, zh: 无}
    scope: {kind: meter}
    when: served > 0
    for: 0s
    severity: high
    ticket: {kind: inspection, team: station, open_after: 0s}
    tests:
      - {name: raises, every: 1s, samples: {served: "1"}, expect: {"0s": active}}
"""


class Counting(Unit):
    """Counts its answers."""

    def __init__(self, functions: set[int]) -> None:
        super().__init__()
        self._served = 0
        self._functions = functions

    def answer(self, pdu):
        self._functions.add(pdu[0])
        return super().answer(pdu)

    def read(self, table, start, count):
        self._served += 1
        return list(divmod(self._served, 65_536))


async def told(*arguments: object, password: bytes = PASSWORD) -> Answer:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *MAPLEBRIDGE, *map(str, arguments), stdin=pipe, stdout=pipe, stderr=pipe
    )
    out, err = await asyncio.wait_for(process.communicate(password), 60)
    return Answer(process.returncode, out, err)


def keys_of(data) -> list[tuple[str, str, int]]:
    reader = LogReader(data / "journal" / FILE)
    try:
        entries = [record.entry for record in reader.after(0, 100_000).records]
    finally:
        reader.close()
    return [(e.device, e.boot, e.seq) for e in entries if isinstance(e, Frame)]


async def tickets(maplebridge, site, data) -> list[dict]:
    return (await maplebridge("tickets", "list", site, "--data", data, "--json")).json["items"]


async def test_a_successor_goes_on_from_the_backup(
    tmp_path, serve, functions, mosquitto, gateway, maplebridge
):
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in ("profiles", "rules"):
        (old / folder).mkdir(parents=True)
    (old / "profiles/sequence.yaml").write_text(PROFILE)
    (old / "rules/x.yaml").write_text(RULE)
    secret = old / "mqtt.pass"
    secret.write_text("hush")
    secret.chmod(0o600)
    site = old / "site.yaml"
    lan = await serve({1: Counting(functions)})
    site.write_text(SITE.format(lan=lan, mqtt=mosquitto().port))
    data, backup = tmp_path / "old-data", tmp_path / "site.backup"

    first = await (await gateway("run", site, "--data", data)).until_ready()
    open_tickets: list[dict] = []
    while not open_tickets and first.alive:
        await asyncio.sleep(0.3)
        open_tickets = await tickets(maplebridge, site, data)
    said = await told("backup", site, backup, "--data", data)
    assert said.code == 0, said.err
    assert b"hush" not in backup.read_bytes()
    assert backup.stat().st_mode & 0o077 == 0
    await asyncio.sleep(0.5)
    await first.kill()
    before = keys_of(data)

    wrong = await told("restore", backup, "--out", new, password=b"not that password\n")
    assert (wrong.code, "password is wrong" in wrong.err) == (1, True)
    assert not (new / "site.yaml").exists()
    said = await told("restore", backup, "--out", new, "--data", tmp_path / "new-data", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out) == {"site": str(new / "site.yaml"), "data": str(tmp_path / "new-data")}
    assert (new / "mqtt.pass").stat().st_mode & 0o077 == 0
    again = await told("restore", backup, "--out", new, "--data", tmp_path / "new-data")
    assert (again.code, "is not empty" in again.err) == (1, True)

    second = await (await gateway("run", new / "site.yaml", "--data", tmp_path / "new-data")).until_ready()
    await asyncio.sleep(2.5)
    assert [t["id"] for t in await tickets(maplebridge, new / "site.yaml", tmp_path / "new-data")] == [
        open_tickets[0]["id"]
    ]
    assert await second.stop() == 0
    after = keys_of(tmp_path / "new-data")
    assert max(Counter(after).values()) == 1
    boots = {boot for _, boot, _ in after}
    assert len(boots) == 2, "the old one's, and its own"
    (old_boot,) = {boot for _, boot, _ in before}
    own = [key for key in after if key[1] != old_boot]
    assert own
    assert {key for key in after if key[1] == old_boot} <= set(before)


async def test_a_short_password_is_refused(tmp_path):
    said = await told("restore", tmp_path / "none", password=b"short\n")
    assert said.code == 2
    assert len(said.err.splitlines()) == 1
