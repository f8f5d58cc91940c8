"""Brokers that misbehave: what is in flight stays bounded, the connection is made again, and nothing is lost."""

import asyncio
import gc
import sys
import time
from dataclasses import replace
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from aiomqtt import ProtocolVersion, Will
from paho.mqtt.enums import CallbackAPIVersion

from gateway.sinks.backoff import BackOff
from gateway.sinks.config import MqttConfig
from gateway.sinks.mqtt_link import DEFAULT_WINDOW, Link, Target
from gateway.sinks.mqtt_pace import Pace
from tests.gateway.sinks.broker_double import BrokerDouble
from tests.gateway.sinks.mqtt_site import QUICK


@pytest.fixture
async def double():
    """`await double(**how)` → a broker that misbehaves."""
    opened = []

    async def start(**how):
        opened.append(await BrokerDouble(**how).__aenter__())
        return opened[-1]

    yield start
    for one in opened:
        await one.__aexit__()


async def test_a_broker_that_never_acknowledges_gets_a_window_and_then_a_new_connection(
    double, sink_for, running, feed, until, journal
):
    broker = await double(puback=lambda _writer, _mid: None)
    for _ in range(200):
        feed.frame()
    await journal.commit()
    running(sink_for(broker.port, pace=replace(QUICK, stall_s=0.5)))
    await until(lambda: broker.connections >= 3)
    assert 10 < broker.most_unanswered <= DEFAULT_WINDOW == 20
    broker.puback = broker.acknowledge
    await until(lambda: journal.cursor("mqtt") == 200)


async def test_an_acknowledgement_of_something_else_counts_for_nothing(
    double, sink_for, running, feed, until, journal
):
    broker = await double()
    broker.puback = lambda writer, mid: writer.write(b"\x40\x02" + (mid % 60_000 + 1_000).to_bytes(2))
    feed.frame()
    running(sink_for(broker.port, pace=replace(QUICK, stall_s=0.5)))
    await until(lambda: broker.connections >= 2)
    assert journal.cursor("mqtt") == 0
    broker.puback = broker.acknowledge
    await until(lambda: journal.cursor("mqtt") == 1)


async def test_an_acknowledgement_that_comes_twice_settles_one_record(
    double, sink_for, running, feed, until, journal
):
    broker = await double()
    broker.puback = lambda writer, mid: [broker.acknowledge(writer, mid) for _ in range(2)]
    running(sink_for(broker.port))
    for _ in range(100):
        feed.frame()
    await until(lambda: journal.cursor("mqtt") == 100)
    assert broker.count("readings") == 100
    assert broker.connections == 1


async def test_a_line_that_breaks_before_each_acknowledgement_still_moves_on_by_receipts(
    double, sink_for, running, feed, until, journal
):
    """The station hears every frame; its receipts wait at the broker until we are back."""
    broker = await double(waiting=lambda: _receipt(feed.boot, broker.count("readings")))

    def cut(writer, _mid):
        if broker.unanswered >= 15:
            writer.transport.abort()

    broker.puback = cut
    for _ in range(60):
        feed.frame()
    await journal.commit()
    config = MqttConfig(url=f"mqtt://127.0.0.1:{broker.port}", station="county-1")
    running(sink_for(broker.port, config=config, pace=replace(QUICK, receipt_ms=2_000)))
    await until(lambda: journal.cursor("mqtt") == 60, "all confirmed", 15)
    assert broker.connections < 60, "more than one frame for each connection"


def _receipt(boot: str, upto: int) -> bytes:
    if not upto:
        return b""
    said = f'{{"station":"county-1","ranges":[{{"boot":"{boot}","device":"inv-1","from":1,"to":{upto}}}]}}'
    topic = b"microgrid/hall/receipts"
    body = len(topic).to_bytes(2) + topic + b"\0" + said.encode()
    return b"\x30" + _length(len(body)) + body


def _length(size: int) -> bytes:
    coded = bytearray()
    while True:
        size, low = divmod(size, 128)
        coded.append(low | (128 if size else 0))
        if not size:
            return bytes(coded)


async def test_a_half_open_line_is_given_up(double, sink_for, running, feed, until, journal):
    """All that we send is swallowed, nothing ever comes back."""
    broker = await double()
    sink = sink_for(broker.port, pace=replace(QUICK, stall_s=60.0))
    running(sink)
    await until(lambda: sink.connected)
    broker.puback = lambda _writer, _mid: None
    broker._packet = _deaf
    begun = time.monotonic()
    await until(lambda: not sink.connected, "the keep-alive tells", 1.5 * QUICK.keepalive_s + 5)
    assert time.monotonic() - begun < 1.5 * QUICK.keepalive_s + 5


async def _deaf(_reader):
    await asyncio.sleep(3_600)
    return 0, b""


async def test_a_broker_that_takes_one_at_a_time_gets_one_at_a_time(
    double, sink_for, running, feed, until, journal
):
    broker = await double(connack=b"\x21\x00\x01")  # receive maximum 1
    broker.puback = lambda writer, mid: asyncio.get_running_loop().call_later(
        0.01, broker.acknowledge, writer, mid
    )
    running(sink_for(broker.port))
    for _ in range(30):
        feed.frame()
    await until(lambda: journal.cursor("mqtt") == 30)
    assert broker.most_unanswered == 1


async def test_no_packet_is_larger_than_the_broker_takes_and_no_alias_is_used(
    double, sink_for, running, feed, until, journal
):
    broker = await double(connack=b"\x27\x00\x00\x01\x2c\x22\x00\x00")  # at most 300 bytes, no aliases
    running(sink_for(broker.port))
    feed.frame(value="x" * 400)
    feed.frame()
    await until(lambda: journal.cursor("mqtt") == 2)
    await journal.commit()
    assert broker.largest <= 300
    assert all(topic for topic, _ in broker.heard)
    assert (await journal.statistics())["dead_letters"] == 1


@pytest.mark.mosquitto
async def test_a_second_client_with_our_name_is_told_of_and_not_fought(mosquitto, sink_for, running, until):
    """mosquitto 2.0 closes the older connection without a word; that it does so each time is the sign."""
    broker = mosquitto()
    sink = sink_for(broker.port, pace=replace(QUICK, taken_over_ms=500))
    running(sink)
    begun, flaps = time.monotonic(), 0
    while not sink.identity_in_use:
        await until(lambda: sink.connected)
        rival = paho.Client(CallbackAPIVersion.VERSION2, client_id="maplebridge-hall", protocol=paho.MQTTv5)
        rival.connect("127.0.0.1", broker.port)
        rival.loop_start()
        await until(lambda: not sink.connected)
        flaps += 1
        rival.disconnect()
        rival.loop_stop()
    assert flaps == 3
    assert time.monotonic() - begun > 2 * 0.5, "at least the stated pause before each attempt"
    assert "client_id" in sink.trouble
    await until(lambda: sink.connected)
    assert sink.identity_in_use, "it may come back: still said for a while"


async def test_a_broker_that_says_why_needs_to_say_it_once(double, sink_for, running, until):
    broker = await double()
    sink = sink_for(broker.port)
    running(sink)
    await until(lambda: sink.published)
    broker.writers[-1].write(b"\xe0\x02\x8e\x00")
    await until(lambda: sink.identity_in_use)
    assert "client_id" in sink.trouble


ENORMOUS = """
import sys, paho.mqtt.publish as publish
publish.single("microgrid/hall/requests", bytes(64 * 1024 * 1024), port=int(sys.argv[1]))
publish.single("microgrid/hall/requests", b"small", port=int(sys.argv[1]), qos=1)
"""


@pytest.mark.mosquitto
@pytest.mark.parametrize("version", [ProtocolVersion.V5, ProtocolVersion.V311])
async def test_an_enormous_message_is_never_held_in_memory(version, mosquitto, until):
    """Brokers of MQTT 5 are told the largest packet; what an older one sends is read over."""
    broker = mosquitto()
    heard = []
    link = Link(
        Target("127.0.0.1", broker.port, "maplebridge-hall"),
        version,
        Will("w", b"", qos=1, retain=True),
        on_ack=lambda _token, _refused: None,
        on_message=lambda topic, payload: heard.append((topic, payload)),
        on_news=lambda: None,
        keepalive_s=30,
        timeout_s=5,
    )
    await link.open()
    link.listen(["microgrid/hall/requests"])
    await until(lambda: not link._asked)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before_kb = _memory_kb("VmRSS")
    sender = await asyncio.create_subprocess_exec(sys.executable, "-c", ENORMOUS, str(broker.port))
    await until(lambda: heard, "the next message", 30)
    assert _memory_kb("VmHWM") - before_kb < 1_024
    assert heard == [("microgrid/hall/requests", b"small")]
    assert link.dropped == (version is ProtocolVersion.V311)
    link.check()
    await sender.wait()
    await link.close()


def _memory_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def test_many_sites_come_back_over_half_a_minute_and_one_comes_back_soon():
    """By design: half of the first attempts within 3 s or so, the last of 200 after 30 s; then doubling waits."""
    pace = Pace()
    waits_ms = []
    for _ in range(200):
        backoff = BackOff(pace.retry_first_ms, pace.retry_cap_ms, spread_ms=pace.retry_spread_ms)
        waits_ms.append(backoff.next_ms())
        later_ms = [backoff.next_ms() for _ in range(8)]
        assert all(1_000 <= wait_ms <= 60_000 for wait_ms in later_ms)
        assert later_ms[-1] >= 30_000
        assert BackOff(1, 1).next_ms(60_000) == 60_000
    waits_ms.sort()
    assert waits_ms[-1] - waits_ms[0] >= 30_000
    assert waits_ms[100] < 6_000
    busiest = max(sum(at <= other < at + 1_000 for other in waits_ms) for at in waits_ms)
    assert busiest <= 120, "connections in the worst second"
