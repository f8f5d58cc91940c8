"""The history under clocks that are wrong: ahead, behind, and never known."""

from agent.clock import ManualClock
from agent.quantity import MINUTE_MS
from tests.gateway.history.conftest import NOON_MS

DAY_MS = 86_400_000
AHEAD_MS = 2_147_483_648_000
"""19 January 2038."""


async def feed(journal, history, frames):
    for frame in frames:
        journal.append(frame)
    await journal.commit()
    await history.catch_up()


async def powers(history, from_ms, minutes):
    series = await history.series("inv-1", ["ac_power_kw"], from_ms, from_ms + minutes * MINUTE_MS, MINUTE_MS)
    return series.mean["ac_power_kw"]


async def test_a_clock_that_was_ahead_hides_no_later_value(house, frame):
    clock = ManualClock(AHEAD_MS, boot="ahead", trusted=False)
    journal, history = await house(clock)
    before = frame(0, 1, boot="ahead", mono_ms=0, ts_ms=AHEAD_MS, unsure=True)
    await feed(journal, history, [before])
    assert history.last("inv-1")["ac_power_kw"] == (AHEAD_MS, 1.0)
    clock.advance(60_000)
    clock.learn(NOON_MS + 60_000)
    await feed(journal, history, [frame(60, 2, boot="ahead", mono_ms=60_000)])
    assert history.last("inv-1")["ac_power_kw"] == (NOON_MS + 60_000, 2.0)
    assert await powers(history, NOON_MS, 2) == [1.0, 2.0]


async def test_a_boot_that_never_knew_its_time_stands_between_its_neighbours_once(house, frame, monkeypatch):
    lives = [
        ManualClock(NOON_MS - DAY_MS, boot="before"),
        ManualClock(0, boot="lost", trusted=False),
        ManualClock(NOON_MS, boot="after"),
        ManualClock(NOON_MS + DAY_MS, boot="once more"),
    ]
    for number, clock in enumerate(lives):
        monkeypatch.setattr(
            "gateway.journal.this_boot._kernel_boot", lambda number=number: f"kernel boot {number}"
        )
        journal, history = await house(clock)
        polls = [
            frame(
                n,
                n + 1,
                kw=float(number),
                boot=clock.boot,
                mono_ms=n * 10_000,
                ts_ms=clock.utc_at(n * 10_000),
                unsure=not clock.trusted(),
            )
            for n in range(12)
        ]
        await feed(journal, history, polls)
    start_ms = NOON_MS - DAY_MS
    series = await history.series("inv-1", ["ac_power_kw"], start_ms, start_ms + 10 * MINUTE_MS, 10_000)
    told = [value for value in series.mean["ac_power_kw"] if value is not None]
    assert told == [0.0] * 11 + [0.5] + [1.0] * 11, (
        "right after the boot before, whose last is in the same step"
    )
    means = await powers(history, start_ms, 5)
    assert means[0] == 0.0
    assert 1.0 in means
    assert await powers(history, 0, 5) == [None] * 5, "nothing is left in 1970"
