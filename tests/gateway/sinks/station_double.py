"""A station in a process of its own: stores what it hears, commits, then confirms by exact ranges.

`python station_double.py PORT FILE STATION`. It knows nothing of the product but the contract.
"""

import itertools
import json
import sqlite3
import subprocess
import sys
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

_TABLE = "CREATE TABLE IF NOT EXISTS heard (device, boot, seq, ts, late, PRIMARY KEY (device, boot, seq))"


def main(port: int, file: str, station: str) -> None:
    heard: list[tuple[str, str, int, int, bool]] = []

    def on_message(_client, _data, message):
        *_, device, kind = message.topic.split("/")
        said = json.loads(message.payload)
        if kind == "changes":
            device = "changes"
        if said.get("clock") != "unsure":
            heard.append((device, said["boot"], said["seq"], said["ts"], said.get("late", False)))

    def on_connect(client, _data, _flags, _reason, _properties):
        client.subscribe([("microgrid/hall/+/readings", 1), ("microgrid/hall/changes", 1)])

    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=station, protocol=paho.MQTTv5)
    client._reconnect_min_delay = client._reconnect_max_delay = 0.05
    client.on_connect, client.on_message = on_connect, on_message
    session = Properties(PacketTypes.CONNECT)
    session.SessionExpiryInterval = 600
    store = sqlite3.connect(file)
    store.execute(_TABLE)
    client.connect_async("127.0.0.1", port, keepalive=5, clean_start=False, properties=session)
    client.loop_start()
    while True:
        time.sleep(0.02)
        batch, heard[:] = heard[:], []
        if not batch:
            continue
        with store:
            store.executemany("INSERT OR IGNORE INTO heard VALUES (?, ?, ?, ?, ?)", batch)
        ranges = list(_ranges(sorted({(boot, device, seq) for device, boot, seq, _, _ in batch})))
        client.publish("microgrid/hall/receipts", json.dumps({"station": station, "ranges": ranges}), 1)


def _ranges(keys):
    for (boot, device, _), run in itertools.groupby(enumerate(keys), lambda e: (*e[1][:2], e[1][2] - e[0])):
        numbers = [key[2] for _, key in run]
        yield {"boot": boot, "device": device, "from": numbers[0], "to": numbers[-1]}


class StationDouble:
    """Starts and stops the process, and reads what it has stored."""

    def __init__(self, port: int, file) -> None:
        self._command = [sys.executable, __file__, str(port), str(file), "county-1"]
        self._file = file
        self._process = None

    def start(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def rows(self) -> list[tuple[str, str, int, int, int]]:
        """(device, boot, seq, ts, late) of all that is stored, in the order of storing."""
        try:
            store = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)
        except sqlite3.OperationalError:
            return []
        try:
            return store.execute("SELECT * FROM heard ORDER BY rowid").fetchall()
        except sqlite3.OperationalError:  # not made yet
            return []
        finally:
            store.close()

    def keys(self) -> set[tuple[str, str, int]]:
        return {row[:3] for row in self.rows()}


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
