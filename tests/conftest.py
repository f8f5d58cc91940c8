"""What all tests share. In CI (`CI=true`) a skipped test is a failed one: there everything must be tried.

The servers (`mosquitto`, `victoria`, `influxd`) are factories that start a process
on a free loopback port and kill what is left of it at the end of the test.
"""

import asyncio
import gzip
import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import paho.mqtt.client as paho
import pytest
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def pytest_configure(config):
    """What the program sends to devices is looked at in every test, see tests/tap."""
    sys.path.insert(0, str(Path(__file__).parent / "tap"))
    config.pluginmanager.register(importlib.import_module("wire_tap"))


@pytest.fixture(autouse=True)
def _logs_as_they_come():
    """A command that ran inside a test configures the logs of the whole process; the next test starts afresh."""
    structlog.reset_defaults()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {report.longrepr}"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(0.2)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def until_sync(condition, what: str, deadline_s: float = 10.0):
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {deadline_s:g} s for: {what}")


@pytest.fixture
def until():
    async def wait(condition, what: str = "", deadline_s: float = 10.0):
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            if found := condition():
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(f"waited {deadline_s:g} s for: {what or condition}")

    return wait


class Server:
    """A process that can be stopped, killed, frozen and started again on the same port."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.port = port
        self._command = command
        self._log = log
        self._process: subprocess.Popen | None = None

    def start(self) -> "Server":
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until_sync(self._ready, f"{self._command[0]} on {self.port}; its log: {self._log}")
        return self

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        return listens(self.port)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(how)
            self._process.wait(10)
            self._process = None

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)


def _installed(program: str) -> str:
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


@pytest.fixture
def mosquitto(tmp_path):
    """`mosquitto(*config lines, persistent=False)` → a started broker."""
    started = []

    def start(*lines: str, persistent: bool = False, listener: str | None = None) -> Server:
        port = free_port()
        folder = tmp_path / f"mosquitto-{port}"
        folder.mkdir()
        config = folder / "mosquitto.conf"
        settings = [listener or f"listener {port} 127.0.0.1", "allow_anonymous true", *lines]
        if os.geteuid() == 0:
            settings.append("user root")
        if persistent:
            settings += ["persistence true", f"persistence_location {folder}/"]
            settings += ["autosave_on_changes true", "autosave_interval 1", "max_queued_messages 0"]
        config.write_text("\n".join(settings).replace("{port}", str(port)) + "\n")
        server = Server([_installed("mosquitto"), "-c", str(config)], port, folder / "log")
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.kill()


class Series(Server):
    """VictoriaMetrics: takes InfluxDB's v2 write, is read back by its export."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def rows(self, match: str) -> list[tuple[dict[str, str], int, float]]:
        """(labels, ms, value) of all samples of one metric, e.g. `inverter_ac_power_kw`."""
        urllib.request.urlopen(f"{self.url}/internal/force_flush", timeout=10).close()  # noqa: S310  # ours
        query = urllib.parse.urlencode({"match[]": match})
        with urllib.request.urlopen(f"{self.url}/api/v1/export?{query}", timeout=10) as answer:  # noqa: S310  # ours
            series = [json.loads(line) for line in answer.read().splitlines()]
        return [
            (one["metric"], ts, value)
            for one in series
            for ts, value in zip(one["timestamps"], one["values"], strict=True)
        ]


@pytest.fixture
def victoria(tmp_path):
    """`victoria()` → a started database."""
    started = []

    def start() -> Series:
        port = free_port()
        folder = tmp_path / f"victoria-{port}"
        command = [
            _installed("victoria-metrics"),
            "-dedup.minScrapeInterval=1ms",
            f"-httpListenAddr=127.0.0.1:{port}",
            f"-storageDataPath={folder}",
            "-retentionPeriod=100y",
            "-memory.allowedBytes=64MB",
        ]
        server = Series(command, port, tmp_path / f"victoria-{port}.log")
        started.append(server)
        return server.start()

    yield start
    for server in started:
        server.kill()


class Influx1(Server):
    """InfluxDB 1.x: real types and partial writes, but only `/write`."""

    def ask(self, path: str, body: bytes | None = None, **query: str) -> bytes:
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=10) as answer:
            return answer.read()

    def rows(self, query: str) -> list[dict]:
        answer = json.loads(self.ask("/query", db="microgrid", epoch="ms", q=query))
        series = answer["results"][0].get("series", [])
        return [dict(zip(s["columns"], row, strict=True)) for s in series for row in s["values"]]


@pytest.fixture
def influxd(tmp_path):
    """`influxd()` → a started database with an empty `microgrid`."""
    started = []

    def start() -> Influx1:
        port, rpc = free_port(), free_port()
        folder = tmp_path / f"influx-{port}"
        config = tmp_path / f"influx-{port}.conf"
        config.write_text(
            f"""reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[http]
  bind-address = "127.0.0.1:{port}"
[monitor]
  store-enabled = false
"""
        )
        server = Influx1([_installed("influxd"), "-config", str(config)], port, tmp_path / "influxd.log")
        started.append(server)
        server.start()
        server.ask("/query", b"", q="CREATE DATABASE microgrid")
        return server

    yield start
    for server in started:
        server.kill()


class Subscriber:
    """Hears everything at QoS 1 in a session that outlives connections; has a thread of its own."""

    def __init__(self, port: int, *topics: str) -> None:
        self.messages: list[tuple[str, bytes, bool]] = []
        self._topics = topics
        self._subscribed = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"subscriber-{port}", protocol=paho.MQTTv5
        )
        self._client.reconnect_delay_set(1, 1)
        self._client._reconnect_min_delay = self._client._reconnect_max_delay = 0.05
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _c, _u, m: self.messages.append((m.topic, m.payload, bool(m.retain)))
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 600
        self._client.connect("127.0.0.1", port, keepalive=5, clean_start=False, properties=session)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def _on_connect(self, client, userdata, flags, reason, properties):
        if not flags.session_present:
            client.subscribe([(topic, 1) for topic in self._topics])

    def on(self, topic: str) -> list[dict | None]:
        """Payloads of one topic, in order; None for an empty one."""
        return [json.loads(p) if p else None for t, p, _ in self.messages.copy() if t == topic]

    def last(self, topic: str) -> dict | None:
        heard = self.on(topic)
        return heard[-1] if heard else None

    def frames(self) -> list[tuple[str, str, int, bool]]:
        """(device, boot, seq, late) of all readings heard."""
        found = []
        for topic, payload, _ in self.messages.copy():
            *_, device, kind = topic.split("/")
            if kind == "readings":
                frame = json.loads(payload)
                found.append((device, frame["boot"], frame["seq"], frame.get("late", False)))
        return found

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def subscriber():
    """`subscriber(port, *topics)`; all topics by default."""
    opened = []

    def open_(port: int, *topics: str) -> Subscriber:
        opened.append(Subscriber(port, *(topics or ("#",))))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


class Script(ThreadingHTTPServer):
    """A database that answers as it is told; `answers` are used up, then `otherwise` for ever.

    An answer is (status, headers, body), a function of the lines to one, or a function that
    is given the handler and does it all by itself (marked by `raw = True`).
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _ScriptHandler)
        self.answers: list = []
        self.otherwise = (204, {}, b"")
        self.requests: list[tuple[float, list[bytes], dict[str, str], str]] = []
        self.stored: list[bytes] = []
        """Lines answered with 204."""
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """A client that went away is what some tests are about."""


class _ScriptHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        lines = body.split(b"\n")
        script = self.server
        script.requests.append((time.monotonic(), lines, dict(self.headers), self.path))
        answer = script.answers.pop(0) if script.answers else script.otherwise
        if getattr(answer, "raw", False):
            answer(self)
            return
        status, headers, said = answer(lines) if callable(answer) else answer
        if status == 204:
            script.stored.extend(lines)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        if status != 204:
            self.wfile.write(said)

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture
def scripted():
    server = Script()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()
    thread.join()
