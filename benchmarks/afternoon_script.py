"""What a good engineer writes in an afternoon with the same libraries: the peer of the reference load.

pymodbus polls, aiomqtt publishes one JSON message per device and second (QoS 1), influxdb-client writes
one line per frame. No quality, no rules, no journal, no reconnect: whatever fails is lost.
Arguments: broker port, database URL ("" for none), then the devices' ports.
"""

import asyncio
import json
import struct
import sys
import time

import aiomqtt
from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from pymodbus.client import AsyncModbusTcpClient

NAMES = [f"f{n}" for n in range(10)] + [f"u{n}" for n in range(40)]


async def poll(port: int, mqtt: aiomqtt.Client, write) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    due = time.monotonic()
    while True:
        reply = await client.read_holding_registers(0, count=60, device_id=1)
        if not reply.isError():
            raw = struct.pack(">60H", *reply.registers)
            values = dict(zip(NAMES, struct.unpack(">10f40H", raw), strict=True))
            ts = time.time_ns() // 1_000_000
            payload = json.dumps({"ts": ts, "values": values})
            await mqtt.publish(f"bench/dev-{port}/readings", payload, qos=1)
            if write is not None:
                fields = ",".join(f"{name}={value}" for name, value in values.items())
                await write(f"bench,device=dev-{port} {fields} {ts}")
        due += 1
        await asyncio.sleep(max(0, due - time.monotonic()))


async def main() -> None:
    broker, database, ports = int(sys.argv[1]), sys.argv[2], [int(port) for port in sys.argv[3:]]
    async with aiomqtt.Client("127.0.0.1", broker) as mqtt, asyncio.TaskGroup() as group:
        write = None
        if database:
            api = InfluxDBClient(url=database, token="", org="bench").write_api(write_options=SYNCHRONOUS)

            async def write(line: str) -> None:
                await asyncio.to_thread(api.write, bucket="bench", record=line, write_precision="ms")

        for port in ports:
            group.create_task(poll(port, mqtt, write))


asyncio.run(main())
