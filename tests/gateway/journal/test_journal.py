"""One durable log, many readers."""

import asyncio
from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.reading import Frame, Quality
from gateway.journal.config import JournalConfig
from gateway.journal.errors import JournalLocked
from gateway.journal.journal import Journal
from gateway.journal.record import Change

NOW_MS = 1_780_000_000_000


async def test_what_was_committed_is_there_after_a_restart_with_all_it_says(opener, frame):
    journal = await opener()
    frames = [
        frame(1),
        frame(2, values=(None, "off", None), faults={0: Quality.ABSENT, 2: Quality.BAD}),
        frame(3, values=(None,) * 3, faults=dict.fromkeys(range(3), Quality.BAD), reason="timeout"),
        frame(4, unsure=True, values=(1e-9, "待机", False)),
        frame(1, device="bat-1", points=("soc_pct",), values=(55.0,), faults={0: Quality.UNCERTAIN}),
    ]
    positions = [journal.append(f) for f in frames]
    await journal.commit()
    assert positions == [1, 2, 3, 4, 5]
    assert [r.entry for r in await journal.read(0)] == frames

    again = await opener("second")
    assert [r.entry for r in await again.read(0)] == frames
    assert [r.position for r in await again.read(3)] == [4, 5]


async def test_nothing_is_read_before_it_is_committed(opener, frame):
    journal = await opener()
    journal.append(frame(1))
    assert await journal.read(0) == []
    assert journal.head() == 0
    await journal.commit()
    assert journal.head() == 1


async def test_a_reader_is_woken_by_the_commit(opener, frame):
    journal = await opener()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(journal.wait(0))
        await asyncio.sleep(0)
        journal.append(frame(1))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await journal.commit()
        await asyncio.wait_for(waiting, 1)


async def test_changes_and_watches_share_the_commit_of_their_frame(opener, frame):
    journal = await opener()
    journal.append(frame(1))
    journal.append_outcome(
        [{"alert": {"id": "a"}}, {"ticket": "t", "event": {"event": "open"}}],
        {"PV-01|inv-1": b"active", "gone": b"x"},
        mono_ms=1_000,
        ts_ms=NOW_MS,
        unsure=False,
    )
    journal.append_outcome([], {"gone": None}, mono_ms=1_000, ts_ms=NOW_MS, unsure=False)
    await journal.commit()
    again = await opener("second")
    assert again.watches() == {"PV-01|inv-1": b"active"}
    changes = [r.entry for r in await again.read(1)]
    assert changes == [
        Change("boot-test", 1, 1_000, NOW_MS, False, {"alert": {"id": "a"}}),
        Change("boot-test", 2, 1_000, NOW_MS, False, {"ticket": "t", "event": {"event": "open"}}),
    ]


async def test_places_of_readers_survive_and_live_goes_before_backfill(opener, frame):
    journal = await opener()
    for seq in range(1, 11):
        journal.append(frame(seq))
    await journal.commit()
    journal.settle("mqtt", 1, 3)
    journal.settle("mqtt", 8, 10)
    journal.settle("desk", 1, 10)
    assert journal.cursor("influxdb") == 0
    await journal.commit()
    again = await opener("second")
    assert again.cursor("mqtt") == 3
    assert list(again.settled("mqtt")) == [(8, 10)]
    assert again.cursor("desk") == 10
    again.settle("mqtt", 4, 7)
    assert again.cursor("mqtt") == 10
    assert not again.settled("mqtt")
    assert await again.backlog("influxdb") == (10, pytest.approx(0, abs=20))
    assert (await again.backlog("mqtt")) == (0, 0.0)


async def test_a_second_process_is_told_who_has_the_folder(opener, tmp_path: Path):
    await opener()
    with pytest.raises(JournalLocked, match=r"process \d+ has this data folder"):
        await Journal.open(tmp_path, JournalConfig(), ManualClock())


async def test_the_loop_commits_groups_and_changes_at_once(opener, frame):
    journal = await opener(commit_every="20s")
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(journal.run())
        await asyncio.sleep(0.05)
        journal.append(frame(1))
        await asyncio.sleep(0.05)
        assert journal.head() == 0
        journal.append_outcome([{"alert": {}}], {}, mono_ms=0, ts_ms=NOW_MS, unsure=False)
        await asyncio.wait_for(journal.wait(0), 2)
        assert journal.head() == 2
        journal.append(frame(2))
        loop.cancel()
    assert journal.head() == 3, "the last group is committed on the way out"


async def test_old_records_come_back_from_the_file(opener, frame):
    journal = await opener()
    for start in range(1, 10_001, 500):
        for seq in range(start, start + 500):
            journal.append(frame(seq))
        await journal.commit()
    seen, after = [], 0
    while records := await journal.read(after, 300):
        assert len(records) <= 300
        seen += [r.position for r in records]
        after = seen[-1]
    assert seen == list(range(1, 10_001))
    frames = await journal.frames("inv-1", NOW_MS + 5_000, NOW_MS + 8_000)
    assert [f.seq for f in frames] == [5, 6, 7, 8]
    assert all(isinstance(f, Frame) for f in frames)
    assert await journal.frames("none", NOW_MS, NOW_MS + 8_000) == []
    newest = await journal.frames("inv-1", NOW_MS, NOW_MS + 9_000_000, 700)
    assert [f.seq for f in newest] == list(range(8_301, 9_001)), "where there are too many, the newest"


async def test_a_rejected_record_is_a_dead_letter_and_settled(opener, frame):
    journal = await opener()
    journal.append(frame(1))
    await journal.commit()
    (record,) = await journal.read(0)
    await journal.reject("influxdb", record, "field type conflict")
    await journal.commit()
    assert journal.cursor("influxdb") == 1
    assert (await journal.statistics())["dead_letters"] == 1


async def test_a_reader_that_leaves_holds_nothing_back_and_finds_its_place_again(opener, frame):
    journal = await opener()
    journal.append(frame(1))
    await journal.commit()
    journal.settle("mqtt", 1, 1)
    journal.leave("mqtt")
    assert journal.readers() == frozenset()
    assert journal.cursor("mqtt") == 1


async def test_a_commit_is_overdue_only_once_its_time_is_over(opener):
    journal = await opener(commit_every="60s")
    await journal.commit()
    assert -60 <= journal.overdue_s < -50


async def test_gaps_are_told_and_join(opener, frame):
    journal = await opener()
    journal.gap("inv-1", 1_000, 2_000, 2, (3, 4), "overload")
    await journal.commit()
    (first,) = await journal.gaps()
    journal.gap("inv-1", 3_000, 4_000, 3, (5, 7), "overload")
    journal.gap("inv-1", 9_000, 9_500, 1, None, "backoff")
    await journal.commit()
    joined, other = await journal.gaps(after=first.id)
    assert joined.document() == {
        "boot": "boot-test", "from": 1_000, "to": 4_000, "slots": 5, "seq": [3, 7], "reason": "overload",
    }  # fmt: skip
    assert other.seq is None
    assert [g.reason for g in await journal.gaps_between("inv-1", 4_500, 9_100)] == ["backoff"]
