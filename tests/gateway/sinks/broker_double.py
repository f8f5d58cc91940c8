"""A broker in a few lines that misbehaves as told: it hears everything and answers as `answer` says. MQTT 5."""

import asyncio
from dataclasses import dataclass, field

CONNECT, PUBLISH, SUBSCRIBE, UNSUBSCRIBE, PING = 1, 3, 8, 10, 12


@dataclass
class BrokerDouble:
    """`connack` are the properties of its first answer; `puback(writer, mid)` is what a PUBLISH gets, `waiting()`
    makes the packets that waited for a subscriber."""

    connack: bytes = b""
    puback: object = None
    waiting: object = bytes
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 0
    connects: list[bytes] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)
    unanswered: int = 0
    most_unanswered: int = 0
    largest: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for writer in self.writers:
            writer.close()

    async def _serve(self, reader, writer):
        self.connections += 1
        self.at_s.append(asyncio.get_running_loop().time())
        self.unanswered = 0
        self.writers.append(writer)
        try:
            while True:
                kind, body = await self._packet(reader)
                if kind == CONNECT:
                    self.connects.append(body)
                    writer.write(
                        b"\x20" + bytes([3 + len(self.connack), 0, 0, len(self.connack)]) + self.connack
                    )
                elif kind == PUBLISH:
                    self._published(writer, body)
                elif kind in (SUBSCRIBE, UNSUBSCRIBE):
                    writer.write(self.waiting())
                    writer.write(bytes([0x90 if kind == SUBSCRIBE else 0xB0, 4]) + body[:2] + b"\0\0")
                elif kind == PING:
                    writer.write(b"\xd0\x00")
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _packet(self, reader) -> tuple[int, bytes]:
        first = (await reader.readexactly(1))[0]
        length = shift = 0
        while True:
            byte = (await reader.readexactly(1))[0]
            length |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                break
        self.largest = max(self.largest, 1 + shift // 7 + length)
        return first >> 4, await reader.readexactly(length)

    def _published(self, writer, body: bytes) -> None:
        end = 2 + int.from_bytes(body[:2])
        topic, mid = body[2:end].decode(), int.from_bytes(body[end : end + 2])
        self.heard.append((topic, body[end + 3 :]))  # no properties: one zero
        self.unanswered += 1
        self.most_unanswered = max(self.most_unanswered, self.unanswered)
        (self.puback or self.acknowledge)(writer, mid)

    def acknowledge(self, writer, mid: int) -> None:
        self.unanswered -= 1
        writer.write(b"\x40\x02" + mid.to_bytes(2))

    def count(self, kind: str) -> int:
        return sum(topic.endswith(kind) for topic, _ in self.heard)
