"""The reference load's devices: TCP servers with 60 holding registers each, in a process of their own.

    modbus_farm.py DEVICES [REGISTERS]

Prints the ports as one JSON line, then the number of requests served at SIGTERM.
Registers: 10 float32 (a slow sine with noise) and 40 uint16 (a counter, levels, noise), new every second;
beyond them more noise.
"""

import asyncio
import json
import math
import random
import signal
import struct
import sys

DEVICES = 20
REGISTERS = int(sys.argv[2]) if len(sys.argv) > 2 else 60
served = 0


def registers(device: int, second: int) -> bytes:
    noise = random.Random(device * 1_000_003 + second)
    floats = [
        500 + 400 * math.sin((second + 7 * device + 11 * n) / 60) + noise.uniform(-5, 5) for n in range(10)
    ]
    words = [second & 0xFFFF, *(4_000 + 100 * n + noise.randrange(200) for n in range(39))]
    return struct.pack(">10f40H", *floats, *words) + noise.randbytes(2 * (REGISTERS - 60))


class Device(asyncio.Protocol):
    def __init__(self, number: int) -> None:
        self.number = number

    def connection_made(self, transport) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        global served
        self.buffer += data
        while len(self.buffer) >= 12:
            tid, _, _, unit, function, start, count = struct.unpack(">HHHBBHH", self.buffer[:12])
            self.buffer = self.buffer[12:]
            if function != 3 or start + count > REGISTERS:
                self.transport.write(struct.pack(">HHHBBB", tid, 0, 3, unit, function | 0x80, 2))
                continue
            second = int(asyncio.get_running_loop().time())
            body = registers(self.number, second)[2 * start : 2 * (start + count)]
            self.transport.write(struct.pack(">HHHBBB", tid, 0, 3 + len(body), unit, 3, len(body)) + body)
            served += 1


async def main() -> None:
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(lambda n=n: Device(n), "127.0.0.1", 0) for n in range(int(sys.argv[1]))
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    print(json.dumps({"served": served}), flush=True)


asyncio.run(main())
