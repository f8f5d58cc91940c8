"""What one connection makes of a broker's first answer."""

import asyncio

import pytest
from aiomqtt import MqttError, ProtocolVersion, Will
from aiomqtt.exceptions import MqttConnectError

from gateway.sinks.mqtt_link import Link, ProtocolRefusedError, Target


async def _open(answer: bytes, version: ProtocolVersion) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        link: Link[None] = Link(
            Target("127.0.0.1", server.sockets[0].getsockname()[1], "maplebridge-hall"),
            version,
            Will("microgrid/hall/status", b"{}", qos=1, retain=True),
            on_ack=lambda _token, _refused: None,
            on_message=lambda _topic, _payload: None,
            on_news=lambda: None,
            keepalive_s=10,
            timeout_s=2,
        )
        await link.open()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(b"\x20\x02\x00\x01", ProtocolRefusedError, id="a broker of 3.1.1, as it says no"),
        pytest.param(b"\x20\x03\x00\x84\x00", ProtocolRefusedError, id="a broker of MQTT 5 that takes older"),
        pytest.param(b"", ProtocolRefusedError, id="hangs up"),
        pytest.param(b"\x20\x03\x00\x87\x00", MqttConnectError, id="not authorized is no matter of version"),
    ],
)
async def test_only_a_refused_version_asks_for_an_older_one(answer, error):
    with pytest.raises(MqttError) as raised:
        await _open(answer, ProtocolVersion.V5)
    assert type(raised.value) is error
