"""A database that dies by SIGKILL takes with it what it had acknowledged and not yet written down: it gets that once more."""

import asyncio
import shutil
from dataclasses import replace

import pytest

from agent.clock import SystemClock
from gateway.journal.config import JournalConfig
from gateway.journal.journal import Journal
from tests.gateway.sinks.conftest import QUICK_WRITES

pytestmark = pytest.mark.database


@pytest.mark.parametrize("away_turns", [0, 3])
async def test_killed_while_writing_it_has_every_row_once(
    victoria, influx_for, running, feed, journal, done, until, away_turns
):
    """It died with rows in its memory; it is back before the next write, or only later."""
    database = victoria()
    sink = influx_for(database.url)
    running(sink)
    killed_at = 4
    for turn in range(10):
        for _ in range(20):
            feed.frame("inv-1")
        await journal.commit()
        if turn == killed_at:
            await until(lambda: sink.written >= 20 * killed_at)
            database.kill()
        if turn == killed_at + away_turns:
            database.start()
        await asyncio.sleep(0.03)
    await until(lambda: sink.written > 200, "what it may have lost came once more")
    await done()
    rows = database.rows("inverter_ac_power_kw")
    assert sorted(value for _, _, value in rows) == [float(n) for n in range(1, 201)]


@pytest.mark.parametrize(("sure_after_ms", "kept"), [(60_000, 0), (1, 20)])
async def test_what_it_took_just_before_the_power_failed_for_both_is_owed_again(
    scripted, influx_for, running, feed, journal, done, tmp_path, sure_after_ms, kept
):
    run = running(influx_for(scripted.url, pace=replace(QUICK_WRITES, sure_after_ms=sure_after_ms)))
    for _ in range(20):
        feed.frame("inv-1")
    await journal.commit()
    await done()
    await run.stop()
    for _ in range(2):  # the second says what the first had not been sure of
        await asyncio.sleep(0.01)
        feed.change({"alert": {"id": "a", "state": "active"}})
        await journal.commit()
    shutil.copytree(tmp_path / "journal", tmp_path / "after")  # as a power cut would leave it
    again = await Journal.open(tmp_path / "after", JournalConfig(), SystemClock())
    assert again.cursor("influxdb") == kept
    await again.close()


async def test_a_connection_that_ends_as_announced_is_no_reason_to_write_again(
    scripted, influx_for, running, feed, journal, done
):
    scripted.otherwise = (204, {"Connection": "close"}, b"")
    sink = influx_for(scripted.url)
    running(sink)
    for _ in range(5):
        feed.frame("inv-1")
        await journal.commit()
        await done()
    assert sink.written == len(scripted.requests) == 5
