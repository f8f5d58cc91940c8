"""What the boots' clocks were: known, shared with other runs of one kernel boot, or estimated between neighbours."""

import pytest

from agent.reading import Frame
from gateway.journal.batch import Boot
from gateway.journal.boots import Boots
from gateway.journal.record import Change

HOUR_MS = 3_600_000
NOON_MS = 1_780_000_000_000


def boots(*boots):
    return Boots({boot.boot: boot for boot in boots})


def frame(boot, mono_ms, *, unsure=True):
    return Frame("m", boot, 1, mono_ms, mono_ms, unsure, 0, ("x",), (1.0,), {}, None)


UNKNOWN = Boot("a", "k1", 0, 1_000, 1_000, trusted=False, offset_ms=None, last_mono_ms=HOUR_MS)


def test_a_time_that_nobody_knows_yet_waits():
    known = boots(UNKNOWN)
    entry = frame("a", 5_000)
    assert known.waits(entry)
    assert known.mended(entry) is entry
    assert known.shift_ms("a") is None
    assert not known.waits(frame("a", 5_000, unsure=False))


def test_a_boot_that_learns_its_time_mends_frames_and_changes():
    known = boots(UNKNOWN)
    known.learn("a", NOON_MS)
    assert not known.waits(frame("a", 5_000))
    assert known.mended(frame("a", 5_000)) == Frame(
        "m", "a", 1, 5_000, NOON_MS + 5_000, False, 0, ("x",), (1.0,), {}, None
    )
    change = known.mended(Change("a", 1, 5_000, 5_000, True, {}))
    assert (change.ts_ms, change.unsure) == (NOON_MS + 5_000, False)
    assert known.shift_ms("a") == NOON_MS
    assert known.shifts_ms() == {0, NOON_MS}


def test_runs_of_one_kernel_boot_share_what_one_of_them_knows():
    known = boots(UNKNOWN, Boot("b", "k1", 9, 2 * HOUR_MS, 5, trusted=False, offset_ms=NOON_MS))
    mended = known.mended(frame("a", 5_000))
    assert (mended.ts_ms, mended.unsure) == (NOON_MS + 5_000, False)
    assert known.estimated == {}


def test_a_kernel_boot_that_is_still_running_is_not_estimated():
    before = Boot("z", "k0", 0, 0, NOON_MS - 9 * HOUR_MS, trusted=True, offset_ms=NOON_MS - 9 * HOUR_MS)
    known = boots(before, UNKNOWN, Boot("b", "k1", 9, 2 * HOUR_MS, 5, trusted=False, offset_ms=None))
    assert known.waits(frame("a", 5_000)), "the running boot may still learn it for both"


BEFORE = Boot(
    "z",
    "k0",
    0,
    0,
    NOON_MS - 9 * HOUR_MS,
    trusted=True,
    offset_ms=NOON_MS - 9 * HOUR_MS,
    last_mono_ms=HOUR_MS,
)
NOW = Boot("b", "k2", 9, 500, NOON_MS + 500, trusted=True, offset_ms=NOON_MS)


@pytest.mark.parametrize(
    ("shown_ms", "start_ms"),
    [
        (1_000, NOON_MS - 8 * HOUR_MS + 1),
        (NOON_MS - 5 * HOUR_MS, NOON_MS - 5 * HOUR_MS),
        (NOON_MS + 24 * HOUR_MS, NOON_MS + 499 - HOUR_MS + 1_000),
    ],
    ids=[
        "1970: right after the boot before",
        "its own clock where that can be",
        "ahead: right before the next boot",
    ],
)
def test_a_boot_that_ended_unknown_is_put_between_its_neighbours_and_stays_unsure(shown_ms, start_ms):
    lost = Boot("a", "k1", 5, 1_000, shown_ms, trusted=False, offset_ms=None, last_mono_ms=HOUR_MS)
    known = boots(BEFORE, lost, NOW)
    first, last = known.mended(frame("a", 1_000)), known.mended(frame("a", HOUR_MS))
    assert first.ts_ms == start_ms
    assert first.unsure
    assert not known.waits(frame("a", 1_000)), "there is nothing to wait for any more"
    assert BEFORE.last_mono_ms + BEFORE.offset_ms < first.ts_ms, "no time twice: a database would overwrite"
    assert last.ts_ms < NOW.utc_ms
    assert known.estimated == {"a": (NOON_MS - 8 * HOUR_MS - 999, NOON_MS + 499 - HOUR_MS)}


def test_several_lost_boots_keep_their_order():
    first = Boot("a", "k1", 5, 1_000, 1_000, trusted=False, offset_ms=None, last_mono_ms=HOUR_MS)
    second = Boot("c", "k3", 6, 1_000, 1_000, trusted=False, offset_ms=None, last_mono_ms=HOUR_MS)
    known = boots(first, second, NOW)
    a, c = known.mended(frame("a", HOUR_MS)).ts_ms, known.mended(frame("c", 1_000)).ts_ms
    assert a < c < NOW.utc_ms


def test_nothing_is_estimated_before_a_later_boot_knows_the_time():
    later = Boot("b", "k2", 9, 500, 500, trusted=False, offset_ms=None)
    known = boots(BEFORE, UNKNOWN, later)
    assert known.waits(frame("a", 1_000))
    known.learn("b", NOON_MS)
    assert not known.waits(frame("a", 1_000))


def test_restarts_are_counted_by_the_monotonic_clock_where_it_is_the_same_one():
    unsure = [
        Boot(f"b{n}", "k1", n, n * 600_000, 0, trusted=False, offset_ms=None) for n in range(10)
    ]  # a wall clock that stands at 1970 each time
    known = boots(*unsure)
    assert known.restarts(9 * 600_000, NOON_MS, HOUR_MS) == 7, (
        "those of the last hour, the instant an hour ago too"
    )


def test_restarts_over_power_cuts_are_counted_by_utc():
    known = boots(
        Boot("a", "k1", 0, 0, NOON_MS - 3 * HOUR_MS, trusted=True, offset_ms=NOON_MS - 3 * HOUR_MS),
        Boot("b", "k2", 1, 0, NOON_MS - 2 * HOUR_MS, trusted=True, offset_ms=NOON_MS - 2 * HOUR_MS),
        Boot("c", "k3", 2, 0, 0, trusted=False, offset_ms=NOON_MS - HOUR_MS // 2),
        Boot("d", "k4", 3, 0, NOON_MS, trusted=True, offset_ms=NOON_MS),
    )
    assert known.restarts(60_000, NOON_MS + 60_000, HOUR_MS) == 2


def test_the_age_of_a_backlog_is_no_lie_of_an_unsure_clock():
    known = boots(BEFORE, Boot("a", "k1", 5, 1_000, 1_000, trusted=False, offset_ms=NOON_MS))
    assert known.age_s(6, 61_000, NOON_MS + 3_661_000) == 3_600.0, "stamped in 1970, an hour ago"
    assert known.age_s(9, NOON_MS + 61_000, NOON_MS + 121_000) == 60.0, "stamped when the time was known"
    assert known.age_s(3, NOON_MS - 8 * HOUR_MS, NOON_MS) == 8 * 3_600.0, "of another boot"
    assert known.age_s(6, NOON_MS + 1_000_000, NOON_MS) == 0.0
