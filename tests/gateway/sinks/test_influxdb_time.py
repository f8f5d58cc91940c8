"""InfluxDB waits for the true time: what an unsure clock stamped is held, never dropped, and written once."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from agent.clock import ManualClock, SystemClock
from agent.reading import Frame
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from gateway.sinks.config import InfluxConfig
from gateway.sinks.influx_courier import WritePace
from gateway.sinks.influxdb import InfluxSink

pytestmark = pytest.mark.database

NOON_MS = 1_780_000_000_000
DAY_MS = 86_400_000
QUICK = WritePace(timeout_s=1.0, retry_first_ms=50, retry_cap_ms=100, hold_ms=150)
ALERT = {
    "alert": {
        "id": "a1",
        "device": "m",
        "rule": "X-01",
        "channel": None,
        "state": "active",
        "severity": "low",
    }
}


def frame(clock, seq, mono_ms):
    unsure = not clock.trusted()
    return Frame(
        "m",
        clock.boot,
        seq,
        mono_ms,
        clock.utc_at(mono_ms),
        unsure,
        0,
        ("active_power_kw",),
        (float(seq),),
        {},
    )


@asynccontextmanager
async def life(folder, clock, database):
    """One run of journal and sink."""
    journal = await Journal.open(folder, JournalConfig(commit_every="50ms"), clock)
    config = InfluxConfig(url=database.url, bucket="microgrid", flush_every="10ms")
    sink = InfluxSink(
        config,
        journal,
        SystemClock(boot=clock.boot),
        site="hall",
        kinds={"m": "meter"},
        secrets=folder,
        pace=QUICK,
    )
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(journal.run()), group.create_task(sink.run())]
        yield journal
        for task in tasks:
            task.cancel()
    await journal.close()


async def until(journal, cursor):
    async with asyncio.timeout(10):
        while journal.cursor("influxdb") < cursor:
            await asyncio.sleep(0.02)


def rows(database):
    return sorted((at_ms, int(seq)) for _, at_ms, seq in database.rows("meter_seq"))


async def test_unsure_frames_and_alerts_are_held_and_written_with_their_true_time(victoria, tmp_path):
    database, clock = victoria(), ManualClock(utc_ms=0, boot="b1", trusted=False)
    async with life(tmp_path, clock, database) as journal:
        for seq in range(1, 6):
            journal.append(frame(clock, seq, seq * 1_000))
        journal.append_outcome([ALERT], {}, mono_ms=5_000, ts_ms=5_000, unsure=True)
        clock.advance(6_000)
        await journal.commit()
        await asyncio.sleep(0.3)
        assert rows(database) == []
        assert journal.cursor("influxdb") == 0
        clock.learn(NOON_MS + 6_000)
        journal.append(frame(clock, 6, 6_000))
        await until(journal, 7)
        assert rows(database) == [(NOON_MS + seq * 1_000, seq) for seq in range(1, 7)]


async def test_they_are_held_over_a_restart_in_the_same_kernel_boot(victoria, tmp_path):
    database, first = victoria(), ManualClock(utc_ms=0, boot="b1", trusted=False)
    async with life(tmp_path, first, database) as journal:
        journal.append(frame(first, 1, 1_000))
        await journal.commit()
        await asyncio.sleep(0.2)
    second = ManualClock(utc_ms=NOON_MS, boot="b2")
    second.advance(60_000)
    async with life(tmp_path, second, database) as journal:
        await until(journal, 1)
        assert rows(database) == [(NOON_MS + 1_000, 1)], "both runs share the monotonic clock"


async def test_a_boot_that_never_knew_its_time_is_written_between_its_neighbours(
    victoria, tmp_path, monkeypatch
):
    database = victoria()
    for number, clock in enumerate(
        [
            ManualClock(utc_ms=NOON_MS - DAY_MS, boot="before"),
            ManualClock(utc_ms=0, boot="lost", trusted=False),
            ManualClock(utc_ms=NOON_MS, boot="after"),
        ]
    ):
        monkeypatch.setattr(
            "gateway.journal.this_boot._kernel_boot", lambda number=number: f"kernel boot {number}"
        )
        async with life(tmp_path, clock, database) as journal:
            for seq in (1, 2):
                journal.append(frame(clock, seq, seq * 1_000))
            await journal.commit()
            if clock.boot == "lost":
                await asyncio.sleep(0.2)
                assert len(rows(database)) == 2, "nothing is written at a time that is a guess"
            else:
                await until(journal, 2 if clock.boot == "before" else 6)
    written = rows(database)
    assert written[:2] == [(NOON_MS - DAY_MS + 1_000, 1), (NOON_MS - DAY_MS + 2_000, 2)]
    assert [seq for _, seq in written[2:4]] == [1, 2]
    assert all(NOON_MS - DAY_MS + 2_000 <= at_ms <= NOON_MS for at_ms, _ in written[2:4])
    assert written[4:] == [(NOON_MS + 1_000, 1), (NOON_MS + 2_000, 2)]
