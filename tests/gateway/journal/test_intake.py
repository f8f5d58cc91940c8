"""What comes from elsewhere is in the journal once, however often it comes, and disturbs nothing that is measured now."""

import asyncio
import contextlib
import random

import pytest

from agent.clock import ManualClock
from agent.reading import Frame, Quality
from gateway.history.history import History
from gateway.journal.intake import FOLDER, Intake, Taken, lay

NOON_MS = 1_780_000_000_000
HOUR_MS = 3_600_000


def row(number, *, device="inv-1", value=None, points=("ac_power_kw",), step_ms=900_000):
    values = tuple(float(number) if value is None else value for _ in points)
    return Frame(device, "", 0, 0, NOON_MS - 400 * HOUR_MS + number * step_ms, False, 0, points, values)


@pytest.fixture
def take(tmp_path):
    async def into(journal, frames):
        receipt = lay(tmp_path, frames)
        await Intake(tmp_path, journal).take_all()
        return Taken.read(receipt)

    return into


async def frames_of(journal):
    return [record.entry for record in await journal.read(0, 100_000)]


async def test_a_table_is_taken_in_once_with_numbers_of_its_own(opener, take):
    journal = await opener()
    rows = [row(n) for n in range(1_300)]
    assert await take(journal, rows) == Taken(frames=1_300)
    assert await take(journal, rows) == Taken(known=1_300)
    found = await frames_of(journal)
    assert [frame.seq for frame in found] == list(range(1, 1_301))
    assert len({frame.boot for frame in found}) == 1
    assert [(f.ts_ms, f.values) for f in found] == [(r.ts_ms, r.values) for r in rows]


async def test_of_tables_that_overlap_only_what_is_new_is_taken_and_the_journals_own_values_stay(
    opener, take
):
    journal = await opener()
    await take(journal, [row(n) for n in range(10)])
    both = ("ac_power_kw", "state")
    more = [row(n, points=both, value=7.0) for n in range(5, 15)]
    assert await take(journal, more) == Taken(frames=10, differing=4)
    found = await frames_of(journal)
    assert [f.points for f in found[10:]] == [("state",)] * 5 + [both] * 5
    assert [f.values for f in found[:10]] == [(float(n),) for n in range(10)]


async def test_frames_of_another_gateway_keep_boot_number_and_time(opener, take, frame):
    journal = await opener()
    theirs = [frame(seq, boot="theirs") for seq in (1, 2, 3)]
    assert await take(journal, theirs[:2]) == Taken(frames=2)
    assert await take(journal, theirs) == Taken(frames=1, known=2)
    assert await frames_of(journal) == theirs


async def test_where_nobody_knows_the_time_it_is_left_out_and_said(opener, take, frame):
    journal = await opener()
    assert await take(journal, [frame(1, boot="theirs", unsure=True)]) == Taken(timeless=1)
    assert await frames_of(journal) == []


async def test_a_kill_in_the_middle_costs_nothing_and_doubles_nothing(opener, tmp_path):
    dice = random.Random(5)  # noqa: S311  # moments, no secrets
    rows = [row(n, device=f"inv-{n % 3}") for n in range(4_000)]
    receipt = lay(tmp_path, rows)
    for _ in range(12):
        journal = await opener()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(dice.uniform(0.01, 0.15)):
                await Intake(tmp_path, journal).take_all()
    journal = await opener()
    await Intake(tmp_path, journal).take_all()
    assert Taken.read(receipt).frames < 4_000, "it was interrupted at least once"
    found = await frames_of(journal)
    assert sorted((f.device, f.ts_ms, f.values) for f in found) == sorted(
        (r.device, r.ts_ms, r.values) for r in rows
    )
    for device in ("inv-0", "inv-1", "inv-2"):
        numbers = [f.seq for f in found if f.device == device]
        assert numbers == list(range(1, len(numbers) + 1)), "no consumer sees a hole"


async def test_a_damaged_hand_over_is_set_aside_and_said(opener, tmp_path):
    journal = await opener()
    receipt = lay(tmp_path, [row(n) for n in range(50)])
    (laid,) = (tmp_path / FOLDER).glob("*.frames")
    laid.write_bytes(laid.read_bytes()[:-30])
    await Intake(tmp_path, journal).take_all()
    assert "damaged" in Taken.read(receipt).why
    assert [path.suffix for path in sorted((tmp_path / FOLDER).iterdir())] == [".bad", ".receipt"]


async def test_what_is_measured_now_is_not_disturbed(opener, take, tmp_path, frame):
    """The last value stays the last, the past's minutes get theirs, and no stop is told that was none."""
    journal = await opener(clock=ManualClock(boot="now"))
    history = await History.open(tmp_path, journal)
    try:
        journal.append(frame(1, boot="now", points=("ac_power_kw",), values=(99.0,)))
        await journal.commit()
        assert await take(journal, [row(n) for n in range(8)]) == Taken(frames=8)
        journal.append(frame(2, boot="now", points=("ac_power_kw",), values=(98.0,)))
        await journal.commit()
        await history.catch_up()
        assert history.last("inv-1")["ac_power_kw"][1] == 98.0
        first_ms = row(0).ts_ms
        past = await history.series("inv-1", ["ac_power_kw"], first_ms, first_ms + 8 * 900_000, 900_000)
        assert [mean for mean in past.mean["ac_power_kw"] if mean is not None] == [float(n) for n in range(8)]
        assert await journal.gaps() == []
    finally:
        await history.close()


async def test_qualities_come_along(opener, take):
    journal = await opener()
    said = Frame(
        "inv-1",
        "",
        0,
        0,
        NOON_MS,
        False,
        0,
        ("a", "b"),
        (1.0, None),
        {0: Quality.SUBSTITUTED, 1: Quality.BAD},
    )
    await take(journal, [said])
    (found,) = await frames_of(journal)
    assert dict(found.faults) == dict(said.faults)
