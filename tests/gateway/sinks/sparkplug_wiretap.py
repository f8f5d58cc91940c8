"""Between a node and its broker: what the node really sends, packet by packet (MQTT 5, §2 and §3)."""

import asyncio
from dataclasses import dataclass, field

CONNECT, PUBLISH, SUBSCRIBE, DISCONNECT = 1, 3, 8, 14


@dataclass
class Packet:
    """What tests ask of a packet."""

    kind: int
    flags: int
    body: bytes
    at: int = 0
    facts: dict = field(default_factory=dict)

    def number(self, size):
        self.at += size
        return int.from_bytes(self.body[self.at - size : self.at], "big")

    def bytes_(self):
        size = self.number(2)
        self.at += size
        return self.body[self.at - size : self.at]

    def properties(self, version):
        if version < 5:
            return b""
        size, self.at = _varint(self.body, self.at)
        self.at += size
        return self.body[self.at - size : self.at]


class Wiretap:
    """`async with Wiretap(broker_port) as tap`; `tap.port` leads to the broker."""

    def __init__(self, broker_port):
        self.packets = []
        self.version = 5
        self.swallows = False
        """What the node sends is taken and goes nowhere, as in the buffers of a line that is about to break."""
        self._broker_port = broker_port
        self._writers = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.cut()
        self._server.close()

    def cut(self):
        """The line is gone, at once and without a word."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def of(self, kind):
        return [packet for packet in self.packets if packet.kind == kind]

    def published(self):
        return self.of(PUBLISH)

    async def _relay(self, reader, writer):
        up_reader, up = await asyncio.open_connection("127.0.0.1", self._broker_port)
        self._writers += [writer, up]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pass(reader, up, _Parser(self)))
            tasks.create_task(self._pass(up_reader, writer, None))

    async def _pass(self, reader, writer, parser):
        try:
            while said := await reader.read(65_536):
                if parser is not None:
                    parser.feed(said)
                    if self.swallows:
                        continue
                writer.write(said)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


class _Parser:
    def __init__(self, tap):
        self._tap = tap
        self._said = b""

    def feed(self, said):
        self._said += said
        while len(self._said) >= 2:
            try:
                size, start = _varint(self._said, 1)
            except IndexError:
                return
            if len(self._said) < start + size:
                return
            first, body = self._said[0], self._said[start : start + size]
            self._said = self._said[start + size :]
            packet = Packet(first >> 4, first & 15, body)
            self._understand(packet)
            self._tap.packets.append(packet)

    def _understand(self, packet):
        facts = packet.facts
        if packet.kind == CONNECT:
            packet.bytes_()
            facts["version"] = self._tap.version = packet.number(1)
            flags = packet.number(1)
            facts["clean"] = bool(flags & 2)
            facts["will"] = bool(flags & 4)
            facts["will_qos"], facts["will_retain"] = flags >> 3 & 3, bool(flags & 32)
            packet.number(2)
            facts["session_expiry"] = _session_expiry(packet.properties(facts["version"]))
            facts["client"] = packet.bytes_().decode()
            packet.properties(facts["version"])
            facts["will_topic"], facts["will_payload"] = packet.bytes_().decode(), packet.bytes_()
        elif packet.kind == PUBLISH:
            facts["qos"], facts["retain"] = packet.flags >> 1 & 3, bool(packet.flags & 1)
            facts["topic"] = packet.bytes_().decode()
            if facts["qos"]:
                packet.number(2)
            packet.properties(self._tap.version)
            facts["payload"] = packet.body[packet.at :]
        elif packet.kind == SUBSCRIBE:
            packet.number(2)
            packet.properties(self._tap.version)
            facts["topics"] = {}
            while packet.at < len(packet.body):
                topic = packet.bytes_().decode()
                facts["topics"][topic] = packet.number(1) & 3
        elif packet.kind == DISCONNECT:
            facts["reason"] = packet.body[0] if packet.body else 0


def _session_expiry(properties):
    """Property 0x11 (§3.1.2.11.2); 0 where it is not there."""
    at = properties.find(b"\x11")
    return int.from_bytes(properties[at + 1 : at + 5], "big") if at == 0 else 0


def _varint(said, at):
    value = shift = 0
    while True:
        byte = said[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
