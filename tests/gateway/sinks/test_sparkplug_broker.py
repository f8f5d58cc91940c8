"""An edge node and a real broker: what is on the wire, and what a host makes of it.

The statements are those of Sparkplug 3.0.0.
"""

import asyncio
import json
import threading
import time
from collections import deque

import paho.mqtt.client as paho
import pytest
from aiomqtt import ProtocolVersion
from paho.mqtt.enums import CallbackAPIVersion

from agent.clock import SystemClock
from gateway.sinks.config import MqttConfig
from gateway.sinks.mqtt import MqttSink, Pace
from tests.gateway.sinks.sparkplug_application import Application
from tests.gateway.sinks.sparkplug_reference import command, read
from tests.gateway.sinks.sparkplug_site import META
from tests.gateway.sinks.sparkplug_wiretap import CONNECT, DISCONNECT, PUBLISH, SUBSCRIBE, Wiretap

pytestmark = pytest.mark.mosquitto
tck = pytest.mark.tck

KINDS = ("NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH")

QUICK = Pace(
    keepalive_s=2,
    connect_s=2.0,
    stall_s=1.0,
    retry_first_ms=50,
    retry_cap_ms=200,
    retry_spread_ms=0,
    refused_ms=300,
    taken_over_ms=300,
)


class Host:
    """A host application on a connection of its own: listens, then says that it is there."""

    def __init__(self, port, *, primary):
        self.application = Application()
        self._primary = primary
        self._heard = deque()
        self._listening = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client._reconnect_min_delay = self._client._reconnect_max_delay = 0.05
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._listening.set()
        self._client.on_message = lambda _c, _u, m: self._heard.append((m.topic, m.payload))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._listening.wait(10)

    def _on_connect(self, client, *_):
        client.subscribe([(f"spBv1.0/microgrid/{kind}/#", 1) for kind in KINDS])
        if self._primary:
            said = json.dumps({"online": True, "timestamp": time.time_ns() // 1_000_000})
            client.publish("spBv1.0/STATE/scada", said, qos=1, retain=True)

    def look(self):
        while self._heard:
            self.application.take(*self._heard.popleft())
        return self.application

    def say(self, topic, payload, *, retain=False):
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(5)

    def state(self, online, at_ms):
        said = json.dumps({"online": online, "timestamp": at_ms}).encode()
        self.say("spBv1.0/STATE/scada", said, retain=True)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def host_of():
    hosts = []

    def make(port, *, primary=False):
        hosts.append(Host(port, primary=primary))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


@pytest.fixture
def sink_for(journal, tmp_path):
    def make(port, *, old=False, **block):
        config = MqttConfig(url=f"mqtt://127.0.0.1:{port}", format="sparkplug", **block)
        sink = MqttSink(
            config,
            journal,
            SystemClock(boot=journal.boot),
            pace=QUICK,
            devices={"inv-1": META, "bat-1": META},
            secrets=tmp_path,
            state=tmp_path,
            site="hall",
            version="0.1.0",
        )
        if old:
            sink._protocol = sink._first_protocol = ProtocolVersion.V311
        return sink

    return make


@tck(
    "tck-id-payloads-ndeath-will-message",
    "tck-id-payloads-ndeath-will-message-qos",
    "tck-id-payloads-ndeath-will-message-retain",
    "tck-id-message-flow-edge-node-birth-publish-will-message",
    "tck-id-message-flow-edge-node-birth-publish-will-message-qos",
    "tck-id-message-flow-edge-node-birth-publish-will-message-will-retained",
    "tck-id-principles-persistence-clean-session-50",
    "tck-id-principles-persistence-clean-session-311",
    "tck-id-message-flow-edge-node-birth-publish-connect",
    "tck-id-message-flow-edge-node-ncmd-subscribe",
    "tck-id-principles-birth-certificates-order",
    "tck-id-payloads-nbirth-qos",
    "tck-id-payloads-nbirth-retain",
    "tck-id-topics-nbirth-mqtt",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-qos",
    "tck-id-message-flow-edge-node-birth-publish-nbirth-retained",
    "tck-id-payloads-dbirth-qos",
    "tck-id-payloads-dbirth-retain",
    "tck-id-topics-dbirth-mqtt",
    "tck-id-message-flow-device-birth-publish-dbirth-qos",
    "tck-id-message-flow-device-birth-publish-dbirth-retained",
    "tck-id-payloads-ddata-qos",
    "tck-id-payloads-ddata-retain",
    "tck-id-topics-ddata-mqtt",
    "tck-id-payloads-ndata-qos",
    "tck-id-payloads-ndata-retain",
    "tck-id-topics-ndata-mqtt",
    "tck-id-topics-ddeath-mqtt",
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-single-server",
)
@pytest.mark.parametrize("old", [False, True], ids=["MQTT 5", "MQTT 3.1.1"])
async def test_what_is_on_the_wire_from_the_connect_on(mosquitto, sink_for, running, feed, until, old):
    async with Wiretap(mosquitto().port) as tap:
        sink = sink_for(tap.port, old=old)
        running(sink)
        await until(lambda: sink.connected)
        for reason in (None, None, "timeout", "timeout", "timeout"):
            feed.frame(reason=reason)
        feed.change({"ticket": "t1", "event": {"event": "accept"}})
        kinds = {"NBIRTH", "DBIRTH", "DDATA", "NDATA", "DDEATH"}
        await until(lambda: {p.facts["topic"].split("/")[2] for p in tap.published()} == kinds)

        (connect,) = tap.of(CONNECT)
        will = read(connect.facts["will_topic"], connect.facts["will_payload"])
        assert connect.facts["version"] == (4 if old else 5)
        assert (connect.facts["clean"], connect.facts["session_expiry"]) == (True, 0)
        assert (connect.facts["will"], connect.facts["will_qos"], connect.facts["will_retain"]) == (
            True,
            1,
            False,
        )
        assert will.topic == "spBv1.0/microgrid/NDEATH/hall"

        (subscribe,) = tap.of(SUBSCRIBE)
        assert subscribe.facts["topics"]["spBv1.0/microgrid/NCMD/hall"] == 1
        order = [packet.kind for packet in tap.packets]
        assert order[:3] == [CONNECT, SUBSCRIBE, PUBLISH]
        published = tap.published()
        assert published[0].facts["topic"] == "spBv1.0/microgrid/NBIRTH/hall"
        assert {(p.facts["qos"], p.facts["retain"]) for p in published} == {(0, False)}
        birth = read(published[0].facts["topic"], published[0].facts["payload"])
        assert birth.value("bdSeq") == will.value("bdSeq")


async def test_a_host_sees_every_frame_and_the_present_values(
    mosquitto, host_of, sink_for, running, feed, until, journal
):
    broker = mosquitto()
    host = host_of(broker.port)
    sink = sink_for(broker.port)
    running(sink)
    await until(lambda: sink.connected)
    for _ in range(300):
        feed.frame("inv-1")
        feed.frame("bat-1")
    await until(lambda: len(host.look().frames) == 600)
    await until(lambda: journal.cursor(sink.name) == journal.head(), "what a host has is settled")
    frames = host.application.frames
    assert all(
        points == {"ac_power_kw": float(seq), "state": "running"}
        for (_, _, seq), (points, _) in frames.items()
    )
    assert host.application.now["bat-1", "ac_power_kw"] == 300.0


@tck(
    "tck-id-topics-nbirth-bdseq-matching",
    "tck-id-payloads-ndeath-bdseq",
    "tck-id-topics-nbirth-bdseq-increment",
    "tck-id-message-flow-edge-node-birth-publish-will-message-payload-bdSeq",
)
async def test_a_cut_line_says_the_will_and_what_was_missed_comes_as_history(
    mosquitto, host_of, sink_for, running, feed, until
):
    broker = mosquitto()
    host = host_of(broker.port)
    async with Wiretap(broker.port) as tap:
        sink = sink_for(tap.port)
        running(sink)
        for cut in range(3):
            await until(lambda: sink.connected)
            feed.frame()
            await until(lambda n=cut: len(host.look().frames) == 2 * n + 1)
            tap.cut()
            feed.frame()
            await until(lambda n=cut: len(host.look().frames) == 2 * n + 2)
        wills = [read(c.facts["will_topic"], c.facts["will_payload"]).value("bdSeq") for c in tap.of(CONNECT)]
        assert wills == list(range(len(wills)))
        for packet in tap.packets:
            if packet.kind == CONNECT:
                will = wills.pop(0)
            elif "/NBIRTH/" in packet.facts.get("topic", ""):
                assert read(packet.facts["topic"], packet.facts["payload"]).value("bdSeq") == will
    application = host.look()
    assert application.kinds.count("NDEATH") >= 3
    assert any(historical for _, historical in application.frames.values())
    assert application.now["inv-1", "ac_power_kw"] == 6.0


async def test_frames_on_a_line_that_is_cut_again_and_again_all_come_although_they_go_at_qos_0(
    mosquitto, host_of, sink_for, running, feed, until, journal
):
    broker = mosquitto()
    host = host_of(broker.port)
    async with Wiretap(broker.port) as tap:
        sink = sink_for(tap.port)
        running(sink)
        for _ in range(5):
            await until(lambda: sink.connected)
            for _ in range(40):
                feed.frame()
            await journal.commit()
            await until(lambda: journal.cursor(sink.name) == journal.head(), "the line is empty")
            tap.swallows = True
            sent = len(tap.published())
            feed.frame()
            await until(lambda n=sent: len(tap.published()) > n)
            tap.cut()
            tap.swallows = False
            await until(lambda: not sink.connected)
        await until(lambda: journal.cursor(sink.name) == journal.head(), "all is settled")
    await until(lambda: len(host.look().frames) == 205, "every frame came")


async def test_a_killed_broker_loses_nothing_for_the_primary_host(
    mosquitto, host_of, sink_for, running, feed, until, journal
):
    broker = mosquitto()
    host = host_of(broker.port, primary=True)
    sink = sink_for(broker.port, sparkplug={"primary_host": "scada"})
    running(sink)
    for kill in range(3):
        await until(lambda n=kill: host.look().births == n + 1)
        for _ in range(100):
            feed.frame()
        await feed.journal.commit()
        await asyncio.sleep(0.02)
        broker.kill()
        feed.frame()
        broker.start()
    await until(lambda: journal.cursor(sink.name) == journal.head(), "all is settled")
    await until(lambda: len(host.look().frames) == 303, "every frame came")


@tck("tck-id-topics-nbirth-bdseq-increment")
async def test_the_numbers_go_on_after_a_restart(mosquitto, host_of, sink_for, running, until):
    broker = mosquitto()
    host = host_of(broker.port)
    for number in range(3):
        sink = sink_for(broker.port)
        run = running(sink)
        await until(lambda n=number: host.look().births == n + 1)
        assert host.application.bdseq == number
        await run.stop()
        await until(lambda: not host.look().online)


@tck(
    "tck-id-operational-behavior-edge-node-intentional-disconnect-ndeath",
    "tck-id-operational-behavior-edge-node-intentional-disconnect-packet",
    "tck-id-payloads-ndeath-will-message-publisher",
    "tck-id-payloads-ndeath-will-message-publisher-disconnect-mqtt311",
    "tck-id-payloads-ndeath-will-message-publisher-disconnect-mqtt50",
)
@pytest.mark.parametrize("old", [False, True], ids=["MQTT 5", "MQTT 3.1.1"])
async def test_a_stop_says_the_death_and_disconnects(mosquitto, host_of, sink_for, running, until, old):
    broker = mosquitto()
    host = host_of(broker.port)
    async with Wiretap(broker.port) as tap:
        sink = sink_for(tap.port, old=old)
        run = running(sink)
        await until(lambda: host.look().online)
        await run.stop()
        await until(lambda: tap.of(DISCONNECT))
        last = tap.packets[-2:]
        assert [packet.kind for packet in last] == [PUBLISH, DISCONNECT]
        assert last[0].facts["topic"] == "spBv1.0/microgrid/NDEATH/hall"
        assert last[1].facts["reason"] == (0 if old else 4)
    await until(lambda: not host.look().online)


@tck(
    "tck-id-operational-behavior-data-commands-rebirth-action-2",
    "tck-id-operational-behavior-data-commands-rebirth-action-3",
)
async def test_a_host_asks_for_a_rebirth_and_can_ask_for_nothing_else(
    mosquitto, host_of, sink_for, running, feed, until
):
    broker = mosquitto()
    host = host_of(broker.port)
    sink = sink_for(broker.port)
    running(sink)
    await until(lambda: sink.connected)
    feed.frame()
    await until(lambda: host.look().frames)
    host.say("spBv1.0/microgrid/NCMD/hall", command())
    await until(lambda: host.look().births == 2)
    assert host.application.bdseq == 0
    host.say("spBv1.0/microgrid/DCMD/hall/inv-1", command("ac_power_kw", value=5.0))
    host.say("spBv1.0/microgrid/NCMD/hall", command("Node Control/Reboot"))
    host.say("spBv1.0/microgrid/NCMD/hall", b"\xff" * 200_000)
    await until(lambda: sink._format.ignored >= 2)
    feed.frame()
    await until(lambda: len(host.look().frames) == 2)
    assert (host.application.births, host.application.now["inv-1", "ac_power_kw"]) == (2, 2.0)


@tck(
    "tck-id-message-flow-edge-node-birth-publish-phid-wait",
    "tck-id-message-flow-edge-node-birth-publish-phid-offline",
    "tck-id-operational-behavior-edge-node-termination-host-offline",
    "tck-id-operational-behavior-edge-node-termination-host-offline-reconnect",
    "tck-id-operational-behavior-edge-node-birth-sequence-wait",
    "tck-id-operational-behavior-primary-application-state-with-multiple-servers-walk",
)
async def test_nothing_is_said_while_the_primary_host_is_away_and_nothing_is_lost(
    mosquitto, host_of, sink_for, running, feed, until
):
    broker = mosquitto()
    host = host_of(broker.port)
    host.state(online=False, at_ms=1_000)
    async with Wiretap(broker.port) as tap:
        sink = sink_for(tap.port, sparkplug={"primary_host": "scada"})
        running(sink)
        await until(lambda: sink.connected and sink._format.holds)
        feed.frame()
        await feed.journal.commit()
        assert host.look().kinds == []
        host.state(online=True, at_ms=2_000)
        await until(lambda: len(host.look().frames) == 1)
        host.state(online=False, at_ms=1_999)
        feed.frame()
        await until(lambda: len(host.look().frames) == 2, "an old word ends nothing")

        host.state(online=False, at_ms=3_000)
        await until(lambda: len(tap.of(CONNECT)) == 2, "it left, and is here again")
        kinds = [p.facts["topic"].split("/")[2] for p in tap.published()]
        assert kinds[-1] == "NDEATH"
        feed.frame()
        await feed.journal.commit()
        assert len(host.look().frames) == 2
        host.state(online=True, at_ms=4_000)
        await until(lambda: len(host.look().frames) == 3)
    assert host.application.now["inv-1", "ac_power_kw"] == 3.0
