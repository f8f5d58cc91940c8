"""Minutes, quarter hours, last values and registers: made once from each frame, asked at any step."""

import pytest

from agent.clock import ManualClock
from agent.reading import Quality

NOON_MS = 1_780_012_800_000
MINUTE_MS, QUARTER_MS = 60_000, 900_000


async def _feed(journal, history, frames):
    for frame in frames:
        journal.append(frame)
    await journal.commit()
    await history.catch_up()


async def test_a_minute_has_mean_low_and_high_also_while_it_runs(house, frame):
    journal, history = await house()
    await _feed(journal, history, [frame(10 * n, n + 1) for n in range(9)])
    series = await history.series("inv-1", ["ac_power_kw", "state"], NOON_MS, NOON_MS + 120_000, MINUTE_MS)
    assert series.ts_ms == [NOON_MS, NOON_MS + MINUTE_MS]
    assert series.mean["ac_power_kw"] == [3.5, 8.0]
    assert series.low["ac_power_kw"] == [1.0, 7.0]
    assert series.high["ac_power_kw"] == [6.0, 9.0]
    assert series.mean["state"] == ["running", "running"]
    assert series.low["state"] == [None, None]
    assert series.gaps == []


async def test_only_good_values_count_and_none_is_a_hole(house, frame):
    journal, history = await house()
    bad = {"values": (None, 1_000.0, "off"), "faults": {0: Quality.ABSENT}}
    await _feed(
        journal,
        history,
        [
            frame(0, 1, 5.0),
            frame(10, 2, **bad),
            frame(20, 3, 50.0, faults={0: Quality.UNCERTAIN}),
            frame(60, 4, **bad),
            frame(120, 5, 7.0),
        ],
    )
    for step_ms in (MINUTE_MS, 30_000):
        series = await history.series("inv-1", ["ac_power_kw"], NOON_MS, NOON_MS + 3 * MINUTE_MS, step_ms)
        assert [v for v in series.mean["ac_power_kw"] if v is not None] == [5.0, 7.0]
        assert history.last("inv-1")["ac_power_kw"] == (NOON_MS + 120_000, 7.0)
        assert history.last("inv-1")["energy_total_kwh"] == (NOON_MS + 120_000, 1_000.5)


async def test_frames_and_rows_tell_the_same(house, frame):
    journal, history = await house()
    await _feed(journal, history, [frame(n, n + 1) for n in range(1_900)])
    day = (NOON_MS, NOON_MS + 1_900_000)
    raw = await history.series("inv-1", ["ac_power_kw"], *day, 1_000)
    assert len(raw.ts_ms) == 1_900
    assert raw.mean["ac_power_kw"] == [float(n + 1) for n in range(1_900)]
    quarters = await history.series("inv-1", ["ac_power_kw"], *day, QUARTER_MS)
    assert quarters.mean["ac_power_kw"] == pytest.approx([450.5, 1_350.5, 1_850.5])
    assert quarters.low["ac_power_kw"] == [1.0, 901.0, 1_801.0]
    assert quarters.high["ac_power_kw"] == [900.0, 1_800.0, 1_900.0]
    assert raw.gaps == quarters.gaps == []


async def test_each_record_counts_once_whatever_is_read_again(house, frame):
    journal, history = await house()
    await _feed(journal, history, [frame(7 * n, n + 1, device=d) for n in range(40) for d in ("a", "b")])
    for restart in range(3):
        journal, history = await house(ManualClock(boot=f"boot-{restart}"))
        start = 280 + 49 * restart
        await _feed(
            journal,
            history,
            [frame(start + 7 * n, n + 1, device=d, boot=journal.boot) for n in range(7) for d in ("a", "b")],
        )
    journal, history = await house(ManualClock(boot="last"))
    await history.catch_up()
    counters = await history.registers("a", NOON_MS, NOON_MS + QUARTER_MS)
    assert [(at, sorted(r)) for at, r in counters] == [(NOON_MS, ["energy_total_kwh"])]
    polls = await _polls(history, "a")
    assert sum(polls) == 40 + 21
    assert polls == await _polls(history, "b")


async def _polls(history, device):
    """Polls per minute, on the rows and what is open."""
    rows = await history._insist(lambda: history._store.rows("minute", device, NOON_MS, NOON_MS + QUARTER_MS))
    minutes = dict.fromkeys(range(15), 0)
    for at_ms, row in rows:
        minutes[(at_ms - NOON_MS) // MINUTE_MS] += row.polls
    for (owner, _, at), bucket in history._open.items():
        if owner == device:
            minutes[at - NOON_MS // MINUTE_MS] += bucket.fold(bool).polls
    return list(minutes.values())


async def test_a_quarter_hour_keeps_the_first_and_last_of_a_counter(house, frame):
    journal, history = await house()
    await _feed(journal, history, [frame(30 * n, n + 1) for n in range(64)])
    (first, early), (second, late), (third, now) = await history.registers(
        "inv-1", NOON_MS, NOON_MS + 3 * QUARTER_MS
    )
    assert (first, second, third) == (NOON_MS, NOON_MS + QUARTER_MS, NOON_MS + 2 * QUARTER_MS)
    register = early["energy_total_kwh"]
    assert (register.first_ms, register.first) == (NOON_MS, 1_000.1)
    assert (register.last_ms, register.last) == (NOON_MS + 870_000, 1_003.0)
    assert late["energy_total_kwh"].first == 1_003.1
    assert now["energy_total_kwh"].last == 1_006.4
    assert "ac_power_kw" not in early


async def test_a_failed_poll_a_gap_and_silence_each_say_why(house, frame):
    journal, history = await house()
    failed = {"values": (None,) * 3, "faults": dict.fromkeys(range(3), Quality.BAD), "reason": "timeout"}
    await _feed(
        journal,
        history,
        [
            *(frame(10 * n, n + 1) for n in range(12)),
            *(frame(120 + 10 * n, 13 + n, **failed) for n in range(12)),
            frame(480, 30),
            frame(720, 31),
        ],
    )
    journal.gap("inv-1", NOON_MS + 250_000, NOON_MS + 470_000, 22, None, "backoff")
    await journal.commit()
    series = await history.series("inv-1", ["ac_power_kw"], NOON_MS, NOON_MS + 780_000, MINUTE_MS)
    told = [((g.from_ms - NOON_MS) // 1_000, (g.to_ms - NOON_MS) // 1_000, g.reason) for g in series.gaps]
    assert told == [(120, 240, "timeout"), (240, 480, "backoff"), (540, 720, "no_frames")]
    raw = await history.series("inv-1", ["ac_power_kw"], NOON_MS, NOON_MS + 780_000, 1_000)
    assert [g.reason for g in raw.gaps] == ["timeout", "backoff", "no_frames"]


@pytest.mark.parametrize(
    ("hours", "asked_s", "step_s"),
    [
        (0.5, 0.2, 1),
        (1, 1, 2),
        (2, 5, 5),
        (3, 1, 60),
        (24, 1, 60),
        (24, 60, 60),
        (48, 60, 120),
        (24 * 365, 60, 16_200),
    ],
)
async def test_the_step_grows_until_the_series_fits(house, hours, asked_s, step_s):
    _, history = await house()
    to_ms = NOON_MS + int(hours * 3_600_000)
    series = await history.series("inv-1", ["soc_pct"], NOON_MS, to_ms, int(asked_s * 1_000))
    assert series.step_ms == step_s * 1_000
    assert len(series.ts_ms) <= 2_000
    assert series.ts_ms[-1] >= to_ms - series.step_ms


async def test_an_unsure_clock_is_mended_once_it_is_known(house, frame):
    clock = ManualClock(utc_ms=NOON_MS - 86_400_000, boot="unsure", trusted=False)
    journal, history = await house(clock)
    wrong_ms = clock.utc_ms()

    def polls(first, last):
        return [
            frame(
                n,
                n + 1,
                boot="unsure",
                mono_ms=n * 1_000,
                ts_ms=(NOON_MS if clock.is_trusted else wrong_ms) + n * 1_000,
                unsure=not clock.is_trusted,
            )
            for n in range(first, last)
        ]

    await _feed(journal, history, polls(0, 150))
    guessed = await history.series("inv-1", ["ac_power_kw"], wrong_ms, wrong_ms + 180_000, MINUTE_MS)
    assert guessed.mean["ac_power_kw"] == [30.5, 90.5, 135.5]

    clock._start_utc_ms = NOON_MS
    clock.is_trusted = True
    await _feed(journal, history, polls(150, 200))
    mended = await history.series("inv-1", ["ac_power_kw"], NOON_MS, NOON_MS + 240_000, MINUTE_MS)
    assert mended.mean["ac_power_kw"] == [30.5, 90.5, 150.5, 190.5]
    raw = await history.series("inv-1", ["ac_power_kw"], NOON_MS, NOON_MS + 200_000, 1_000)
    assert raw.mean["ac_power_kw"] == [float(n + 1) for n in range(200)]
    old = await history.series("inv-1", ["ac_power_kw"], wrong_ms, wrong_ms + 180_000, MINUTE_MS)
    assert old.mean["ac_power_kw"] == [None, None, None]


async def test_a_clock_that_steps_back_a_day_deletes_and_doubles_nothing(house, frame):
    journal, history = await house()
    await _feed(journal, history, [frame(n, n + 1) for n in range(90)])
    back = -86_400
    await _feed(journal, history, [frame(back + n, 91 + n) for n in range(90)])
    first = await history.series("inv-1", ["ac_power_kw"], NOON_MS, NOON_MS + 120_000, MINUTE_MS)
    assert first.mean["ac_power_kw"] == [30.5, 75.5]
    day_before_ms = NOON_MS + back * 1_000
    second = await history.series("inv-1", ["ac_power_kw"], day_before_ms, day_before_ms + 120_000, MINUTE_MS)
    assert second.mean["ac_power_kw"] == [120.5, 165.5]


@pytest.mark.parametrize(
    "content", [b"", b"no database at all" * 500, None], ids=["empty", "garbage", "gone"]
)
async def test_a_lost_file_is_made_again_from_the_journal(house, frame, tmp_path, content):
    journal, history = await house()
    await _feed(journal, history, [frame(n, n + 1) for n in range(200)])
    path = tmp_path / "history.db"
    spoil = path.unlink if content is None else lambda: path.write_bytes(content)
    journal, history = await house(meanwhile=spoil)
    await history.catch_up()
    series = await history.series("inv-1", ["ac_power_kw"], NOON_MS, NOON_MS + 180_000, MINUTE_MS)
    assert series.mean["ac_power_kw"] == [30.5, 90.5, 150.5]


@pytest.mark.parametrize("who", ["asks", "feeds"])
async def test_a_file_that_breaks_under_way_is_made_again_at_once(house, frame, tmp_path, who):
    journal, history = await house()
    await _feed(journal, history, [frame(n, n + 1) for n in range(200)])
    span = ("inv-1", ["ac_power_kw"], NOON_MS, NOON_MS + 180_000, MINUTE_MS)
    path = tmp_path / "history.db"
    for beside in ("", "-wal"):
        path.with_name(path.name + beside).write_bytes(b"no database at all" * 4_000)
    await history._insist(history._store.close)  # what the cache holds hides the damage
    if who == "asks":
        assert (await history.series(*span)).step_ms == MINUTE_MS
    await _feed(journal, history, [frame(n, n + 1) for n in range(200, 300)])
    assert (await history.series(*span)).mean["ac_power_kw"] == [30.5, 90.5, 150.5]
    assert history.last("inv-1")["ac_power_kw"] == (NOON_MS + 299_000, 300.0)
    assert path.with_name("history.db.damaged").exists()


async def test_the_oldest_minutes_go_first_and_quarters_stay(house, frame):
    journal, history = await house(max_bytes=60_000)
    day_s = 86_400
    for day in range(6):
        frames = [frame(day * day_s + 60 * n, day * 60 + n + 1) for n in range(60)]
        await _feed(journal, history, frames)
    assert await _minutes(history, 0) == 0
    assert await _minutes(history, 5) > 50
    series = await history.series("inv-1", ["ac_power_kw"], NOON_MS, NOON_MS + 3_600_000, QUARTER_MS)
    assert series.mean["ac_power_kw"] == pytest.approx([8.0, 23.0, 38.0, 53.0])


async def _minutes(history, day):
    start_ms = NOON_MS + day * 86_400_000
    rows = await history._insist(
        lambda: history._store.rows("minute", "inv-1", start_ms, start_ms + 3_599_999)
    )
    return len(rows)
