"""A disk that is full, and a journal that has its size."""

import asyncio
import resource
from contextlib import contextmanager

from agent.reading import Frame


@contextmanager
def files_no_larger_than(size):
    """The kernel refuses each write beyond it, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def until(condition, within_s=5):
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_full_disk_keeps_the_group_in_memory_and_heals_by_itself(opener, frame, file):
    journal = await opener(commit_every="50ms")
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(journal.run())
        for seq in range(1, 51):
            journal.append(frame(seq))
        await until(lambda: journal.head() == 50)
        with files_no_larger_than(4_096):
            for seq in range(51, 101):
                journal.append(frame(seq))
            journal.append_outcome([{"alert": {}}], {"w": b"1"}, mono_ms=0, ts_ms=0, unsure=False)
            await until(lambda: journal.refusals >= 3)
            assert journal.head() == 50
            assert [r.position for r in await journal.read(45)] == [46, 47, 48, 49, 50]
        await until(lambda: journal.head() == 101)
        loop.cancel()
    assert (await journal.statistics())["dropped_records"] == 0
    again = await opener("second")
    assert [r.position for r in await again.read(0)] == list(range(1, 102))
    assert again.watches() == {"w": b"1"}
    assert await again.gaps() == []


async def test_when_memory_has_had_enough_the_oldest_frames_are_a_counted_gap(opener, frame, monkeypatch):
    monkeypatch.setattr("gateway.journal.group._MAX_VALUES", 3 * 20)
    journal = await opener()
    journal.append(frame(1))
    await journal.commit()
    with files_no_larger_than(4_096):
        for seq in range(2, 31):
            journal.append(frame(seq))
        journal.append_outcome([{"alert": {}}], {}, mono_ms=0, ts_ms=0, unsure=False)
        await journal._attempt()
    await journal.commit()
    kept = [r.entry.seq for r in await journal.read(0) if isinstance(r.entry, Frame)]
    (gap,) = await journal.gaps()
    assert gap.reason == "journal_full"
    assert gap.seq == (2, kept[1] - 1)
    assert gap.slots + len(kept) == 30, "scheduled = stored + gap"
    assert kept[1:] == list(range(kept[1], 31))
    assert (await journal.read(0))[-1].entry.body == {"alert": {}}


async def _fill(journal, frame, first, last, points=200):
    names = tuple(f"p{n}" for n in range(points))
    for seq in range(first, last):
        journal.append(
            frame(seq, points=names, values=tuple(seq * 7919 % 10007 + n * 0.37 for n in range(points)))
        )
        await journal.commit()


async def test_the_oldest_settled_records_go_first(opener, frame, file):
    journal = await opener(max_size="1MB")
    journal.cursor("mqtt")
    journal.settle("mqtt", 200, 10_000)
    await _fill(journal, frame, 1, 1_500)
    assert file.stat().st_size < 1_000_000
    records = await journal.read(0, 199)
    assert [r.position for r in records] == list(range(1, 200)), "what is not settled stays"
    assert (await journal.read(256, 1))[0].position > 300, (
        "settled ones went, a segment of 64 commits at a time"
    )
    assert await journal.gaps() == []


async def test_then_the_oldest_unsettled_ones_as_a_gap_that_names_them(opener, frame, file):
    journal = await opener(max_size="1MB")
    journal.cursor("influxdb")
    await _fill(journal, frame, 1, 1_500)
    assert file.stat().st_size < 1_000_000
    first = (await journal.read(0, 1))[0].position
    (gap,) = await journal.gaps()
    assert (gap.device, gap.seq, gap.slots, gap.reason) == (
        "inv-1",
        (1, first - 1),
        first - 1,
        "journal_full",
    )
    assert journal.cursor("influxdb") == first - 1
    again = await opener("second")
    assert again.cursor("influxdb") == first - 1
    assert again.cursor("new") == first - 1


async def test_readers_of_the_past_do_not_hold_data_back(opener, frame):
    journal = await opener(max_size="1MB")
    journal.cursor("removed")
    await _fill(journal, frame, 1, 50)
    again = await opener("second", max_size="1MB")
    again.settle("mqtt", 1, 10_000)
    await _fill(again, frame, 50, 1_500)
    assert [g.reason for g in await again.gaps()] in ([], ["stopped"])


async def test_a_group_too_large_for_one_block_is_there_as_a_whole(opener, frame):
    """As after a refusal of some seconds at a large site."""
    journal = await opener()
    journal.cursor("mqtt")
    for seq in range(1, 2_501):
        journal.append(frame(seq))
    await journal.commit()
    assert journal.cursor("mqtt") == 0
    assert [r.position for r in await journal.read(0, 3_000)] == list(range(1, 2_501))
    assert await journal.gaps() == []
