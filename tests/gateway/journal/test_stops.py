"""What a stop cost: between the last frame of one run and the first of the next, counted by the device's period."""

import pytest

NOW_MS = 1_780_000_000_000


@pytest.fixture
def run(opener, frame):
    """`await run(boot, seconds)`: a run that commits a frame at each of these seconds; its gaps of stops."""

    async def one(boot, seconds, period_ms=1_000):
        journal = await opener(boot)
        if period_ms:
            journal.expect({"inv-1": period_ms})
        for seq, second in enumerate(seconds, 1):
            journal.append(frame(seq, boot=boot, ts_ms=NOW_MS + second * 1_000))
            await journal.commit()
        gaps = await journal.gaps()
        return [(g.from_ms - NOW_MS, g.to_ms - NOW_MS, g.slots) for g in gaps if g.reason == "stopped"]

    return one


async def test_it_is_counted_by_the_period_and_not_by_how_polls_came(run):
    await run("a", [1, 7])  # one late poll is no period
    assert await run("b", [17]) == [(7_000, 17_000, 9)]


async def test_a_restart_between_two_polls_costs_none(run):
    await run("a", [1, 2])
    assert await run("b", [3, 4]) == []


async def test_where_the_period_is_not_known_only_the_bounds_are_told(run):
    await run("a", [1, 2], period_ms=0)
    assert await run("b", [10]) == [(2_000, 10_000, None)]


async def test_a_kill_between_a_commit_and_its_mark_moves_no_bound(run, tmp_path):
    await run("a", [1, 2])
    marks = {path: path.read_bytes() for path in (tmp_path / "journal").glob("mark.*")}
    await run("b", [3, 4, 5, 6])
    for path, content in marks.items():
        path.write_bytes(content)
    assert (await run("c", [10]))[-1] == (6_000, 10_000, 3)
