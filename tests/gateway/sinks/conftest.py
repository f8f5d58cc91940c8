"""A real journal for the sinks' tests."""

import asyncio

import pytest

from agent.clock import SystemClock
from agent.reading import Frame, Quality
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from gateway.sinks.config import InfluxConfig, MqttConfig
from gateway.sinks.influx_courier import WritePace
from gateway.sinks.influxdb import InfluxSink
from gateway.sinks.mqtt import MqttSink
from tests.gateway.sinks.mqtt_site import DEVICES, QUICK


class Feed:
    """Puts frames and changes into the journal as pollers and rules do."""

    def __init__(self, journal: Journal, boot: str) -> None:
        self.journal = journal
        self.boot = boot
        self.sent: list[tuple[str, str, int]] = []
        self._seq: dict[str, int] = {}
        self._ts_ms = 1_780_000_000_000

    def frame(self, device="inv-1", *, reason=None, value=None, unsure=False) -> Frame:
        seq = self._seq[device] = self._seq.get(device, 0) + 1
        self._ts_ms += 1
        points = ("ac_power_kw", "state")
        values = (None, None) if reason else (float(seq) if value is None else value, "running")
        faults = {0: Quality.BAD, 1: Quality.BAD} if reason else {}
        frame = Frame(
            device, self.boot, seq, self._ts_ms, self._ts_ms, unsure, 3, points, values, faults, reason
        )
        self.journal.append(frame)
        self.sent.append((device, self.boot, seq))
        return frame

    def change(self, body: dict) -> None:
        self._ts_ms += 1
        self.journal.append_outcome([body], {}, mono_ms=self._ts_ms, ts_ms=self._ts_ms, unsure=False)


@pytest.fixture
async def journal(tmp_path):
    """A journal that commits every 50 ms."""
    opened = await Journal.open(tmp_path / "journal", JournalConfig(commit_every="50ms"), SystemClock())
    task = asyncio.get_running_loop().create_task(opened.run())
    yield opened
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await opened.close()


@pytest.fixture
def feed(journal):
    return Feed(journal, journal.boot)


@pytest.fixture
async def running():
    """`running(sink)` runs it beside the test; `await stop()` of what it returns ends it early."""
    tasks = []

    class Running:
        def __init__(self, sink) -> None:
            self.task = asyncio.get_running_loop().create_task(sink.run())
            tasks.append(self.task)

        async def stop(self) -> None:
            self.task.cancel()
            await asyncio.wait([self.task])

    yield Running
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome


QUICK_WRITES = WritePace(timeout_s=1.0, retry_first_ms=50, retry_cap_ms=100, hold_ms=150)
KINDS = {"inv-1": "inverter", "bat-1": "battery"}


@pytest.fixture
def influx_for(journal, tmp_path):
    """`influx_for(url, pace=, **config)` → a sink for a database there."""

    def make(url, *, pace=QUICK_WRITES, **config):
        token = tmp_path / "influx.token"
        token.write_text("t0ken\n")
        token.chmod(0o600)
        block = {"url": url, "org": "village", "token_file": "influx.token", "flush_every": "10ms"} | config
        return InfluxSink(
            InfluxConfig(**block),
            journal,
            SystemClock(boot=journal.boot),
            site="hall",
            kinds=KINDS,
            secrets=tmp_path,
            pace=pace,
        )

    return make


@pytest.fixture
def done(journal, until):
    """Waits until the database has taken all."""

    async def wait(deadline_s=10.0):
        await until(lambda: 0 < journal.cursor("influxdb") == journal.head(), "all settled", deadline_s)

    return wait


@pytest.fixture
def sink_for(journal, tmp_path):
    def make(port, *, pace=QUICK, config=None, **facts):
        config = config or MqttConfig(url=f"mqtt://127.0.0.1:{port}")
        facts = {
            "devices": DEVICES,
            "secrets": tmp_path,
            "state": tmp_path,
            "site": "hall",
            "version": "0.1.0",
        } | facts
        return MqttSink(config, journal, SystemClock(boot=journal.boot), pace=pace, **facts)

    return make
