"""A sink stops when it is told to, whatever its connection is about to say."""

import asyncio

from aiomqtt import MqttError

from agent.clock import SystemClock
from gateway.sinks.config import MqttConfig
from gateway.sinks.mqtt import MqttSink
from gateway.sinks.mqtt_link import Link


async def test_a_connection_that_ends_at_the_moment_of_the_stop_does_not_hide_it(
    journal, tmp_path, monkeypatch
):
    """Before Python 3.12 `asyncio.wait_for` gives the result of what it waited for and forgets the cancellation."""
    waiting = asyncio.Event()

    async def open_(_link):
        waiting.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise MqttError("the connection is lost") from None

    monkeypatch.setattr(Link, "open", open_)
    sink = MqttSink(
        MqttConfig(url="mqtt://127.0.0.1:1883"),
        journal,
        SystemClock(boot=journal.boot),
        devices={},
        secrets=tmp_path,
        state=tmp_path,
        site="hall",
        version="0.1.0",
    )
    task = asyncio.get_running_loop().create_task(sink.run())
    await waiting.wait()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=2)
    assert done
