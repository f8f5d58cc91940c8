"""With a station a record is done with when its receipt names it, and not before; nothing a station says can hurt."""

import asyncio
import json
import os
from dataclasses import replace

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.clock import ManualClock
from gateway.sinks.config import MqttConfig
from tests.gateway.sinks.mqtt_site import QUICK
from tests.gateway.sinks.station_double import StationDouble

pytestmark = pytest.mark.mosquitto

RECEIPTS, REQUESTS = "microgrid/hall/receipts", "microgrid/hall/requests"
SOON = replace(QUICK, receipt_ms=600)


def with_station(port):
    return MqttConfig(url=f"mqtt://127.0.0.1:{port}", station="county-1")


@pytest.fixture
def say():
    """`say(port, topic, payload)` publishes at QoS 1, as a station does."""
    clients = {}

    def publish(port, topic, payload):
        client = clients.get(port)
        if client is None:
            client = clients[port] = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
            client.connect("127.0.0.1", port)
            client.loop_start()
        payload = payload if isinstance(payload, bytes) else json.dumps(payload)
        client.publish(topic, payload, 1).wait_for_publish(10)

    yield publish
    for client in clients.values():
        client.disconnect()
        client.loop_stop()


@pytest.fixture
def station(tmp_path):
    started = []

    def start(port):
        started.append(StationDouble(port, tmp_path / "station.db").start())
        return started[-1]

    yield start
    for one in started:
        one.kill()


def receipt(boot, device, first, last, station="county-1"):
    return {"station": station, "ranges": [{"boot": boot, "device": device, "from": first, "to": last}]}


async def test_only_what_a_receipt_names_is_settled(
    mosquitto, subscriber, sink_for, running, feed, until, journal, say
):
    broker = mosquitto()
    heard = subscriber(broker.port)
    sink = sink_for(broker.port, config=with_station(broker.port))
    running(sink)
    await until(lambda: sink.connected)
    for _ in range(6):
        feed.frame("inv-1")
    feed.change({"alert": {"id": "a1", "state": "active"}})
    await until(lambda: len(heard.frames()) == 6 and heard.on("microgrid/hall/changes"))
    await asyncio.sleep(0.3)
    assert journal.cursor("mqtt") == 0
    say(broker.port, RECEIPTS, receipt(feed.boot, "inv-1", 2, 3))
    say(broker.port, RECEIPTS, receipt(feed.boot, "changes", 1, 1))
    await until(lambda: list(journal.settled("mqtt")) == [(2, 3), (7, 7)])
    say(broker.port, RECEIPTS, receipt(feed.boot, "inv-1", 1, 10**15))
    await until(lambda: journal.cursor("mqtt") == 7)
    assert sink.station.unknown == 0


async def test_receipts_for_what_nobody_awaits_are_ignored_and_counted(
    mosquitto, sink_for, running, feed, until, journal, say
):
    broker = mosquitto()
    sink = sink_for(broker.port, config=with_station(broker.port))
    running(sink)
    await until(lambda: sink.connected)
    feed.frame("inv-1")
    await until(sink.first_sent.is_set)
    for boot, device in (("another-boot", "inv-1"), (feed.boot, "bat-1"), (feed.boot, "changes")):
        say(broker.port, RECEIPTS, receipt(boot, device, 1, 100))
    say(broker.port, RECEIPTS, receipt(feed.boot, "inv-1", 2, 9))
    await until(lambda: sink.station.unknown == 4)
    assert journal.cursor("mqtt") == 0
    assert sink.dropped == 0


async def test_what_has_no_receipt_in_time_goes_again_late_and_changes_in_their_order(
    mosquitto, subscriber, sink_for, running, feed, until, journal, say
):
    broker = mosquitto()
    heard = subscriber(broker.port)
    sink = sink_for(broker.port, config=with_station(broker.port), pace=SOON)
    running(sink)
    await until(lambda: sink.connected)
    for _ in range(3):
        feed.frame("inv-1")
        feed.change({"alert": {"id": "a1", "state": "active"}})
    changes = "microgrid/hall/changes"
    await until(lambda: len(heard.frames()) >= 6 and len(heard.on(changes)) >= 6, "twice")
    say(broker.port, RECEIPTS, receipt(feed.boot, "inv-1", 1, 3))
    say(broker.port, RECEIPTS, receipt(feed.boot, "changes", 1, 3))
    await until(lambda: journal.cursor("mqtt") == 6)
    again = len(heard.messages)
    await asyncio.sleep(1.0)
    assert len(heard.messages) == again, "what is confirmed does not come again"
    assert [late for *_, late in heard.frames()[:6]] == [False] * 3 + [True] * 3
    said = [(change["seq"], change.get("late", False)) for change in heard.on(changes)[:6]]
    assert said == [(1, False), (2, False), (3, False), (1, True), (2, True), (3, True)]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        pytest.param(RECEIPTS, b"", id="empty"),
        pytest.param(RECEIPTS, os.urandom(5_000), id="random bytes"),
        pytest.param(RECEIPTS, b"[" * 50_000, id="deep nesting"),
        pytest.param(RECEIPTS, b'{"station":"county-1","ranges":7}', id="no list"),
        pytest.param(RECEIPTS, receipt("b", "inv-1", 0, 1), id="numbers from 1"),
        pytest.param(RECEIPTS, receipt("b", "inv-1", True, 1.5), id="no numbers"),
        pytest.param(RECEIPTS, receipt("b", "inv-1", 1, 1, station="county-2"), id="another station"),
        pytest.param(REQUESTS, os.urandom(5_000), id="a request of random bytes"),
        pytest.param(REQUESTS, b"[1]", id="a request that is no object"),
    ],
)
async def test_what_makes_no_sense_is_dropped_and_counted(
    topic, payload, mosquitto, sink_for, running, feed, until, journal, say
):
    broker = mosquitto()
    sink = sink_for(broker.port, config=with_station(broker.port))
    running(sink)
    await until(lambda: sink.connected)
    feed.frame("inv-1")
    await until(sink.first_sent.is_set)
    say(broker.port, topic, payload)
    await until(lambda: sink.dropped == 1)
    say(broker.port, RECEIPTS, receipt(feed.boot, "inv-1", 1, 1))
    await until(lambda: journal.cursor("mqtt") == 1, "and the next receipt counts")


async def test_requests_reach_the_desk_one_by_one_and_nothing_else_is_listened_to(
    mosquitto, sink_for, running, until, say
):
    broker = mosquitto()
    asked = []

    async def desk(request, station):
        asked.append((request, station))

    sink = sink_for(broker.port, config=with_station(broker.port), ask_desk=desk)
    running(sink)
    await until(lambda: sink.published, "the subscriptions went before")
    requests = [{"key": f"k{n}", "ticket": "t1", "event": "comment", "text": "x"} for n in range(5)]
    for topic in ("microgrid/hall/status", "microgrid/other/requests", "microgrid/hall/inv-1/requests"):
        say(broker.port, topic, requests[0])
    for request in requests:
        say(broker.port, REQUESTS, request)
    await until(lambda: len(asked) == 5)
    assert asked == [(request, "county-1") for request in requests]


async def test_a_frame_whose_time_is_not_known_is_settled_by_its_true_time_only(
    mosquitto, subscriber, sink_for, running, feed, until, journal
):
    clock = ManualClock(boot=journal.boot, trusted=False)
    journal._clock = clock
    journal.boots._boots[journal.boot] = replace(
        journal.boots._boots[journal.boot], offset_ms=None, kernel_boot="", trusted=False
    )
    journal.boots._work_out()
    broker = mosquitto()
    heard = subscriber(broker.port, "microgrid/hall/+/readings")
    sink = sink_for(broker.port)
    running(sink)
    await until(lambda: sink.connected)
    frame = feed.frame("inv-1", unsure=True)
    await until(heard.frames)
    await asyncio.sleep(0.3)
    assert journal.cursor("mqtt") == 0
    journal.boots.learn(journal.boot, 86_400_000)
    await until(lambda: journal.cursor("mqtt") == 1)
    await until(lambda: len(heard.frames()) == 2)
    first, second = heard.on("microgrid/hall/inv-1/readings")
    assert (first["clock"], first["ts"], "late" in first) == ("unsure", frame.ts_ms, False)
    assert ("clock" in second, second["late"]) == (False, True)
    assert (second["seq"], second["ts"]) == (first["seq"], frame.mono_ms + 86_400_000)


async def test_a_broker_that_dies_between_puback_and_delivery_loses_nothing(
    mosquitto, sink_for, running, feed, until, journal, station
):
    broker = mosquitto()  # keeps nothing over a kill, whatever it has acknowledged
    county = station(broker.port)
    running(sink_for(broker.port, config=with_station(broker.port), pace=SOON))
    for turn in range(4):
        for _ in range(100):
            feed.frame("inv-1")
        feed.change({"alert": {"id": f"a{turn}", "state": "active"}})
        await asyncio.sleep(0.1)
        broker.kill()
        broker.start()
    await until(lambda: journal.cursor("mqtt") == journal.head() == 404, "all confirmed", 20)
    assert county.keys() == {*feed.sent, *(("changes", feed.boot, n) for n in range(1, 5))}


async def test_a_broker_whose_queue_is_full_loses_nothing(
    mosquitto, sink_for, running, feed, until, journal, station
):
    broker = mosquitto("max_queued_messages 10", "max_inflight_messages 5")
    county = station(broker.port)
    await until(county._file.exists)
    await asyncio.sleep(0.5)
    county.kill()  # away: its session overflows
    sink = sink_for(broker.port, config=with_station(broker.port), pace=SOON)
    running(sink)
    for _ in range(300):
        feed.frame("bat-1")
    await until(lambda: sink.published >= 300)
    county.start()
    await until(lambda: journal.cursor("mqtt") == journal.head() == 300, "all confirmed", 20)
    assert county.keys() == set(feed.sent)
