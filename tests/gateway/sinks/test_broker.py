"""The embedded broker, and with it the fall-back to MQTT 3.1.1: it speaks no other."""

import socket

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.clock import SystemClock
from gateway.sinks.broker import BrokerError, EmbeddedBroker
from gateway.sinks.config import MqttConfig
from gateway.sinks.mqtt import MqttSink
from gateway.sinks.mqtt_json import DeviceMeta
from gateway.sinks.mqtt_pace import Pace


@pytest.fixture
async def broker():
    embedded = EmbeddedBroker("127.0.0.1:0")
    host, port = await embedded.start()
    yield host, port
    await embedded.stop()


@pytest.fixture
def heard(broker):
    messages = []
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
    client.on_message = lambda _c, _u, message: messages.append((message.topic, message.payload))
    client.on_connect = lambda c, *_: c.subscribe("microgrid/#", 1)
    client.connect(*broker)
    client.loop_start()
    yield messages
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize("named", ["embedded", "by url"])
async def test_a_sink_falls_back_to_3_1_1_and_all_goes_out(
    named, broker, heard, journal, tmp_path, running, feed, until
):
    by_url = MqttConfig(url=f"mqtt://127.0.0.1:{broker[1]}")
    sink = MqttSink(
        by_url if named == "by url" else MqttConfig(embedded="127.0.0.1:0"),
        journal,
        SystemClock(boot=journal.boot),
        site="hall",
        version="0.1.0",
        devices={"inv-1": DeviceMeta("inverter")},
        secrets=tmp_path,
        state=tmp_path,
        embedded_at=broker,
        pace=Pace(retry_spread_ms=50, connect_s=0.5),
    )
    run = running(sink)
    await until(lambda: sink.connected)
    for _ in range(5):
        feed.frame("inv-1")
    await until(lambda: [t for t, _ in heard].count("microgrid/hall/inv-1/readings") == 5)
    await until(lambda: journal.cursor("mqtt") == 5)
    assert any(topic == "microgrid/hall/inv-1/meta" for topic, _ in heard)
    await run.stop()
    await until(lambda: b'"offline"' in heard[-1][1])


async def test_it_starts_and_stops_cleanly_on_the_port_it_tells():
    broker = EmbeddedBroker("127.0.0.1:0")
    host, port = await broker.start()
    assert port > 0
    await broker.stop()
    again = EmbeddedBroker(f"127.0.0.1:{port}")
    assert await again.start() == (host, port)
    await again.stop()


@pytest.mark.parametrize("address", ["0.0.0.0:1883", "192.168.1.5:1883", "1883", "127.0.0.1:x", "[::]:1883"])
def test_it_only_listens_on_this_machine(address):
    with pytest.raises(BrokerError, match="127.0.0.1"):
        EmbeddedBroker(address)


async def test_a_taken_port_is_said_with_a_remedy():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match="choose another port"):
            await EmbeddedBroker(f"127.0.0.1:{port}").start()
