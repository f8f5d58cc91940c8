"""What outlives a run: changes in their order, every number accounted for, and brokers that do not hold each other up."""

import asyncio
import os
import time
from dataclasses import replace

import pytest

from agent.clock import SystemClock
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from gateway.sinks.config import MqttConfig
from gateway.sinks.mqtt import MqttSink
from tests.gateway.sinks.conftest import Feed
from tests.gateway.sinks.mqtt_site import DEVICES, QUICK

pytestmark = pytest.mark.mosquitto

CHANGES = "microgrid/hall/changes"


async def earlier_run(folder, *, changes, frames):
    """A run of the gateway without any broker; its boot."""
    journal = await Journal.open(folder, JournalConfig(), SystemClock())
    journal.cursor("mqtt")
    feed = Feed(journal, journal.boot)
    for number in range(max(changes, frames)):
        if number < frames:
            feed.frame()
        if number < changes:
            feed.change({"alert": {"id": f"a{number}", "state": "active"}})
    await journal.commit()
    await journal.close()
    return journal.boot


@pytest.fixture
async def earlier(tmp_path):
    """Two runs before this one."""
    return [await earlier_run(tmp_path / "journal", changes=150, frames=600) for _ in range(2)]


async def test_changes_of_earlier_runs_come_before_those_of_this_one(
    earlier, journal, mosquitto, subscriber, sink_for, running, feed, until
):
    broker = mosquitto()
    heard = subscriber(broker.port)
    feed.change({"alert": {"id": "now", "state": "active"}})
    await journal.commit()
    running(sink_for(broker.port))
    await until(lambda: len(heard.on(CHANGES)) == 301)
    for number in range(5):
        feed.change({"alert": {"id": f"next{number}", "state": "active"}})
    await until(lambda: len(heard.on(CHANGES)) == 306)
    said = [(change["boot"], change["seq"], change.get("late", False)) for change in heard.on(CHANGES)]
    runs = [(boot, seq, True) for boot in earlier for seq in range(1, 151)]
    now = [(feed.boot, seq, seq == 1) for seq in range(1, 7)]
    assert said == runs + now
    await until(lambda: journal.cursor("mqtt") == journal.head())
    await until(lambda: len({frame[:3] for frame in heard.frames()}) == 1_200, "the subscriber has them, too")


async def test_changes_that_were_on_their_way_when_the_link_broke_come_again_in_order(
    journal, mosquitto, subscriber, sink_for, running, feed, until
):
    broker = mosquitto(persistent=True)
    heard = subscriber(broker.port, CHANGES)
    sink = sink_for(broker.port)
    running(sink)
    await until(lambda: sink.connected)
    for turn in range(6):
        for _ in range(40):
            feed.change({"alert": {"id": "a", "state": "active"}})
        await asyncio.sleep(0.06)
        if turn in {1, 3}:
            broker.kill()
            broker.start()
    await until(lambda: journal.cursor("mqtt") == journal.head() == 240)
    await until(lambda: heard.on(CHANGES) and heard.on(CHANGES)[-1]["seq"] == 240)
    seen = 0
    for change in heard.on(CHANGES):
        assert change["seq"] <= seen + 1, "nothing overtakes what came before it"
        seen = max(seen, change["seq"])
    assert seen == 240


async def test_one_broker_that_is_dead_or_frozen_does_not_hold_another(
    journal, mosquitto, subscriber, sink_for, running, feed, until
):
    well, frozen = mosquitto(), mosquitto()
    heard = subscriber(well.port)
    sinks = {
        name: sink_for(0, config=MqttConfig(name=name, url=f"mqtt://127.0.0.1:{port}"))
        for name, port in (("well", well.port), ("frozen", frozen.port), ("dead", 1))
    }
    for sink in sinks.values():
        running(sink)
    await until(lambda: sinks["well"].connected and sinks["frozen"].connected)
    frozen.freeze()
    worst_s = 0.0
    for number in range(1, 21):
        feed.frame()
        begun = time.monotonic()
        await until(lambda wanted=number: len(heard.frames()) == wanted)
        worst_s = max(worst_s, time.monotonic() - begun)
    assert worst_s < 1.0
    await until(lambda: journal.cursor("well") == 20)
    assert journal.cursor("frozen") == journal.cursor("dead") == 0
    frozen.thaw()
    await until(lambda: journal.cursor("frozen") == 20)
    assert journal.cursor("dead") == 0


async def test_changes_are_found_in_a_long_journal_without_its_frames(tmp_path):
    await earlier_run(tmp_path / "journal", changes=1, frames=8_000)
    journal = await Journal.open(tmp_path / "journal", JournalConfig(), SystemClock())
    try:
        found = await journal.read(0, 10, changes=True)
        assert [(record.position, record.entry.seq) for record in found] == [(2, 1)]
        assert await journal.read(2, 10, changes=True) == []
    finally:
        await journal.close()


@pytest.fixture
async def small(tmp_path):
    """A journal of a megabyte that nobody has read."""
    journal = await Journal.open(
        tmp_path / "small", JournalConfig(max_size="1MB", commit_every="50ms"), SystemClock()
    )
    journal.cursor("mqtt")
    task = asyncio.get_running_loop().create_task(journal.run())
    yield journal
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await journal.close()


async def test_after_a_full_journal_every_number_is_a_frame_or_inside_one_gap(
    small, tmp_path, mosquitto, subscriber, running, until
):
    """Nobody took the data for so long that the oldest had to go; what was on its way just then may be both."""
    feed, sent = Feed(small, small.boot), 0
    while not await small.gaps():
        for _ in range(200):
            feed.frame(value=os.urandom(500).hex())
        sent += 200
        await small.commit()
    broker = mosquitto("max_queued_messages 0")
    heard = subscriber(broker.port)
    facts = {"site": "hall", "version": "0.1.0", "devices": DEVICES, "secrets": tmp_path, "state": tmp_path}
    pace = replace(QUICK, backlog_per_s=10_000)
    url = f"mqtt://127.0.0.1:{broker.port}"
    running(MqttSink(MqttConfig(url=url), small, SystemClock(boot=small.boot), pace=pace, **facts))
    await until(lambda: small.cursor("mqtt") == small.head(), "all told", 30)

    def gaps():
        return heard.on("microgrid/hall/inv-1/gaps")

    def missing():
        return [seq for first, last in (gap["seq"] for gap in gaps()) for seq in range(first, last + 1)]

    def numbers():
        return {seq for _, _, seq, _ in heard.frames()}

    await until(lambda: len(numbers() | set(missing())) >= sent, "the subscriber has it all")
    assert {gap["reason"] for gap in gaps()} == {"journal_full"}
    assert len(missing()) == len(set(missing())) == sum(gap["slots"] for gap in gaps())
    assert numbers() | set(missing()) == set(range(1, sent + 1))


async def test_gaps_are_told_again_after_a_broken_connection_until_one_has_lasted(
    journal, mosquitto, subscriber, sink_for, running, until, monkeypatch
):
    monkeypatch.setattr("gateway.sinks.mqtt_gaps._EVERY_MS", 50)
    monkeypatch.setattr("gateway.sinks.mqtt_gaps._SAFE_AFTER_MS", 300)
    journal.gap("inv-1", 1, 2, 1, (1, 1), "backoff")
    broker = mosquitto(persistent=True)
    heard = subscriber(broker.port, "microgrid/hall/inv-1/gaps")
    sink = sink_for(broker.port)
    run = running(sink)
    await until(lambda: len(heard.messages) == 1)
    broker.kill()
    broker.start()
    await until(lambda: len(heard.messages) == 2, "it may have been lost: once more")
    await until(lambda: sink._outbox._gaps._safe)
    await run.stop()
    await journal.commit()
    running(sink)
    journal.gap("inv-1", 3, 4, 1, (9, 9), "backoff")
    await until(lambda: len(heard.messages) == 3)
    assert [gap["seq"] for gap in heard.on("microgrid/hall/inv-1/gaps")] == [[1, 1], [1, 1], [9, 9]]
