"""A journal and its sink in a process of their own: frames and changes come in steadily until stdin ends.

`python -m tests.faults.uplink URL FOLDER`, of a broker or a database, writes `[[device, boot, seq], ...]` into `sent.json` of the folder
when all is settled.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from agent.clock import SystemClock
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from gateway.sinks.config import InfluxConfig, MqttConfig
from gateway.sinks.influx_courier import WritePace
from gateway.sinks.influxdb import InfluxSink
from gateway.sinks.mqtt import MqttSink
from gateway.sinks.mqtt_json import DeviceMeta
from gateway.sinks.mqtt_pace import Pace
from tests.gateway.sinks.conftest import Feed

DEVICES = tuple(f"inv-{number}" for number in range(1, 6))
EVERY_S = 0.05
ALERT = {"state": "active", "device": "inv-1", "rule": "X-01", "channel": None, "severity": "low"}
MOST_GROWTH_KB = 10 * 1024
PACE = Pace(
    keepalive_s=2,
    connect_s=2.0,
    stall_s=1.0,
    retry_spread_ms=200,
    retry_first_ms=100,
    retry_cap_ms=300,
    taken_over_ms=200,
    receipt_ms=2_000,
)
WRITES = WritePace(timeout_s=1.0, retry_first_ms=50, retry_cap_ms=200, hold_ms=300, sure_after_ms=3_000)


def sink_of(url: str, folder: Path, journal: Journal, clock: SystemClock) -> MqttSink | InfluxSink:
    if url.startswith("http"):
        config = InfluxConfig(url=url, flush_every="50ms")
        kinds = dict.fromkeys(DEVICES, "inverter")
        return InfluxSink(config, journal, clock, site="hall", kinds=kinds, secrets=folder, pace=WRITES)
    return MqttSink(
        MqttConfig(url=url, station="county-1"),
        journal,
        clock,
        site="hall",
        version="0.1.0",
        devices={device: DeviceMeta("inverter") for device in DEVICES},
        secrets=folder,
        state=folder,
        pace=PACE,
    )


def memory_kb(process: subprocess.Popen) -> int:
    """What it holds in memory now."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


async def main(url: str, folder: Path) -> None:
    clock = SystemClock()
    journal = await Journal.open(folder, JournalConfig(commit_every="100ms"), clock)
    feed = Feed(journal, journal.boot)
    sink = sink_of(url, folder, journal, clock)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, ended.set)
    changes = 0
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(journal.run()), group.create_task(sink.run())]
        while not ended.is_set():
            for device in DEVICES:
                feed.frame(device)
            if feed.sent[-1][2] % 10 == 0:
                changes += 1
                feed.change({"alert": ALERT | {"id": f"a{changes}"}})
            await asyncio.sleep(EVERY_S)
        await journal.commit()
        while journal.cursor(sink.name) < journal.head():
            await asyncio.sleep(0.05)
        for task in reversed(tasks):
            task.cancel()
    await journal.close()
    sent = [*feed.sent, *(("changes", journal.boot, number + 1) for number in range(changes))]
    (folder / "sent.json").write_text(json.dumps(sent))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
