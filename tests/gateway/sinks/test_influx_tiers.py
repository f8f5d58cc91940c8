"""Means of a minute and of a quarter hour reach a real database as the raw readings give them, whatever happens on the way."""

import asyncio
import random
from dataclasses import replace

import pytest

from agent.clock import ManualClock, SystemClock
from agent.reading import Frame
from gateway.history.history import History
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from gateway.sinks.config import InfluxConfig
from gateway.sinks.influx_courier import WritePace
from gateway.sinks.influxdb import InfluxSink
from gateway.site_tiers import HistoryTiers

pytestmark = pytest.mark.database

START_MS = 1_780_000_200_000  # the start of a quarter hour
MINUTE_MS, QUARTER_MS = 60_000, 900_000
PACE = WritePace(timeout_s=2.0, retry_first_ms=50, retry_cap_ms=100, hold_ms=100, sure_after_ms=1_500)


class Site:
    """A journal, its history, and a database that both go into."""

    def __init__(self, journal, history, sink):
        self.journal, self.history, self.sink = journal, history, sink
        self.frames = []
        self._seq = 0

    async def poll(self, count, *, from_ms, every_ms=5_000, boot="boot-test", unsure=False):
        dice = random.Random(from_ms)  # noqa: S311  # readings
        for n in range(count):
            self._seq += 1
            ts_ms = from_ms + n * every_ms
            values = (round(dice.uniform(0, 50), 3), float(ts_ms // 1_000))
            names = ("ac_power_kw", "energy_total_kwh")
            frame = Frame("inv-1", boot, self._seq, ts_ms - START_MS, ts_ms, unsure, 0, names, values)
            self.journal.append(frame)
            self.frames.append(frame)
        await self.journal.commit()
        await self.history.catch_up()

    def expected(self, width_ms, until_ms):
        """Start → (mean, least, most, last of the counter) of all spans that are over."""
        spans = {}
        for frame in sorted(self.frames, key=lambda f: f.ts_ms):
            spans.setdefault(frame.ts_ms - frame.ts_ms % width_ms, []).append(frame.values)
        return {
            at: (
                pytest.approx(sum(p for p, _ in rows) / len(rows)),
                min(p for p, _ in rows),
                max(p for p, _ in rows),
                rows[-1][1],
            )
            for at, rows in spans.items()
            if at + width_ms <= until_ms
        }


@pytest.fixture
async def site_at(tmp_path):
    """`await site_at(url)` → a running site."""
    running = []

    async def start(url, clock=None):
        clock = clock or ManualClock()
        journal = await Journal.open(tmp_path, JournalConfig(), clock)
        history = await History.open(tmp_path, journal)
        config = InfluxConfig(url=url, flush_every="10ms", tiers={"minute": "m_1m", "quarter": "m_15m"})
        facts = {"site": "hall", "kinds": {"inv-1": "inverter"}, "secrets": tmp_path}
        sink = InfluxSink(config, journal, SystemClock(), pace=PACE, spans=HistoryTiers(history), **facts)
        site = Site(journal, history, sink)
        running.append((site, asyncio.get_running_loop().create_task(sink.run())))
        return site

    yield start
    for site, task in running:
        task.cancel()
        await asyncio.wait([task])
        await site.history.close()
        await site.journal.close()


def in_database(database, tier):
    columns = [
        {ts: value for _, ts, value in database.rows(f"inverter_{tier}_{field}")}
        for field in ("ac_power_kw", "ac_power_kw_min", "ac_power_kw_max", "energy_total_kwh")
    ]
    return {ts: tuple(column.get(ts) for column in columns) for ts in columns[0]}


@pytest.fixture
def agree(until):
    async def wait(site, database, until_ms):
        for tier, width_ms in (("1m", MINUTE_MS), ("15m", QUARTER_MS)):
            wanted = site.expected(width_ms, until_ms)
            assert wanted
            await until(
                lambda tier=tier, wanted=wanted: (
                    {at: row for at, row in in_database(database, tier).items() if at in wanted} == wanted
                ),
                f"{tier}: {len(wanted)} spans",
                20,
            )

    return wait


async def test_they_are_what_the_raw_readings_give_also_when_some_come_late(victoria, site_at, agree):
    database = victoria()
    site = await site_at(database.url)
    hour_ms = START_MS + 4 * QUARTER_MS
    await site.poll(720, from_ms=START_MS)
    await site.poll(30, from_ms=hour_ms)
    await agree(site, database, hour_ms)
    await site.poll(12, from_ms=START_MS + 10 * MINUTE_MS + 2_500)  # as an import brings them
    await site.poll(30, from_ms=hour_ms + 30 * 5_000)
    await agree(site, database, hour_ms)


async def test_a_database_that_dies_with_spans_in_its_memory_gets_them_again(victoria, site_at, agree, until):
    database = victoria()
    site = await site_at(database.url)
    await site.poll(400, from_ms=START_MS)
    await until(lambda: sum(tier.written for tier in site.sink.tiers) >= 30)
    database.kill()
    await site.poll(400, from_ms=START_MS + 400 * 5_000)
    database.start()
    await agree(site, database, START_MS + 4 * QUARTER_MS)


async def test_spans_of_an_unsure_clock_come_once_their_time_is_known(victoria, site_at, agree):
    database = victoria()
    clock = ManualClock(utc_ms=START_MS - 86_400_000, trusted=False)
    site = await site_at(database.url, clock)
    await site.poll(400, from_ms=START_MS - 86_400_000, unsure=True)
    await asyncio.sleep(0.5)
    assert in_database(database, "1m") == {}
    site.frames = [replace(frame, ts_ms=frame.ts_ms + 86_400_000) for frame in site.frames]
    clock._start_utc_ms, clock.is_trusted = START_MS, True
    await site.journal.commit()
    await site.history.catch_up()
    await site.poll(400, from_ms=START_MS + 2_000_000)
    await agree(site, database, START_MS + 4_000_000 // QUARTER_MS * QUARTER_MS)
    assert min(in_database(database, "1m")) >= START_MS - MINUTE_MS


async def test_a_restart_brings_only_what_the_database_may_lack(scripted, site_at, until):
    site = await site_at(scripted.url)
    await site.poll(800, from_ms=START_MS)
    await until(lambda: sum(tier.written for tier in site.sink.tiers) >= 60)
    await asyncio.sleep(PACE.sure_after_ms / 1_000 + 0.5)
    assert await site.history.told("minute") > 0
    written = site.history._store._connection.total_changes
    await asyncio.sleep(1.0)
    assert site.history._store._connection.total_changes == written, "a card is not written for nothing"
    buckets = {path for *_, path in scripted.requests}
    assert {"bucket=m_1m" in path for path in buckets} == {True, False}
