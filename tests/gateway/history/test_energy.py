"""Energy by quarter hours: what was counted is there once, and what nobody saw is marked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.counter import Limits
from agent.reading import Frame
from gateway.history.bucket import QUARTER_MS, Bucket, Row
from gateway.history.energy import HOLE_MS, energy_of
from gateway.history.history import is_counter

from .conftest import NOON_MS

MINUTE_MS = 60_000
OF_100_KW = Limits(per_s=100 / 3_600, slack=0.1, wraps_at=6_553.6)
POINT = "energy_import_kwh"


def quarters(readings):
    """Minutes folded and stored as the history does it, merged into quarter hours."""
    buckets: dict[int, Bucket] = {}
    for seq, (at_ms, value) in enumerate(readings, 1):
        frame = Frame("m", "b", seq, at_ms, at_ms, False, 0, (POINT,), (float(value),))
        buckets.setdefault(at_ms // MINUTE_MS, Bucket(seq)).add(seq, frame)
    rows: dict[int, Row] = {}
    for minute, bucket in sorted(buckets.items()):
        start_ms = minute * MINUTE_MS - minute * MINUTE_MS % QUARTER_MS
        rows[start_ms] = rows.get(start_ms, Row()).merged(Row.unpack(bucket.fold(is_counter).pack()))
    return [(start_ms, row.registers[POINT]) for start_ms, row in rows.items()]


def energy(*readings, before=(), limits=OF_100_KW):
    """Readings as (seconds after noon, register)."""

    def timed(some):
        return [(NOON_MS + round(at_s * 1_000), value) for at_s, value in some]

    register = quarters(timed(before))[-1][1] if before else None
    return energy_of(register, quarters(timed(readings)), limits)


def slots(found):
    return [
        ((slot.start_ms - NOON_MS) // QUARTER_MS, round(slot.counted, 6), slot.marks) for slot in found.slots
    ]


def gaps(found):
    return [
        ((gap.from_ms - NOON_MS) // 1_000, (gap.to_ms - NOON_MS) // 1_000, round(gap.counted, 6))
        for gap in found.gaps
    ]


def test_what_grows_is_counted_where_it_grew():
    found = energy((0, 100), (600, 105), (890, 107), (910, 107.5), (1_700, 110))
    assert slots(found) == [(0, 7.0, set()), (1, 3.0, set())]
    assert gaps(found) == []


def test_what_grew_since_the_register_before_counts_too():
    assert slots(energy((10, 100.5), before=[(-10, 100)])) == [(0, 0.5, set())]
    assert slots(energy((10, 101))) == [(0, 0.0, set())]


def test_the_energy_of_a_gap_is_kept_with_its_time_and_in_no_quarter_hour():
    found = energy((0, 100), (60, 101), (7_260, 151), (7_300, 152))
    assert slots(found) == [(0, 1.0, set()), (8, 1.0, set())]
    assert gaps(found) == [(60, 7_260, 50.0)]
    assert found.total == pytest.approx(52)


def test_a_dip_and_its_recovery_add_nothing():
    for low in (0, 50, 99.5):
        found = energy((0, 100), (60, 101), (120, low), (180, 101.5), (240, 102))
        assert (slots(found), gaps(found)) == ([(0, 2.0, set())], [])


def test_a_dip_across_a_quarter_hour_and_a_restart_adds_nothing():
    found = energy((0, 100), (880, 105), (895, 0), (905, 0), (920, 105.5))
    assert sum(counted for _, counted, _ in slots(found)) == 5.5
    assert found.total == pytest.approx(5.5)


def test_twenty_megawatt_hours_in_an_hour_are_no_energy():
    found = energy((0, 1_000), (60, 1_000), (3_660, 6_000), (3_720, 1_050))
    assert found.total == pytest.approx(50)


def test_a_rollover_is_marked_and_goes_on():
    found = energy((0, 6_553.0), (60, 0.4), (120, 1.4), limits=OF_100_KW)
    assert slots(found) == [(0, 2.0, {"wrap"})]


def test_a_new_meter_is_marked_and_its_register_is_not_energy():
    found = energy((0, 5_000), (60, 3), (500, 4), (1_000, 5), (1_060, 6))
    assert [marks for _, _, marks in slots(found)] == [set(), {"reset"}]
    assert found.total == pytest.approx(3)
    assert gaps(found) == [(0, 1_000, 2.0)]


@given(st.lists(st.tuples(st.integers(1, 7_200), st.floats(0, 1)), min_size=1, max_size=60))
def test_quarters_and_gaps_are_together_what_the_counter_counted(parts):
    register, at_ms = 500.0, NOON_MS
    readings = [(at_ms, register)]
    for seconds, share in parts:
        at_ms += seconds * 1_000
        register += share * seconds * 100 / 3_600
        readings.append((at_ms, register))
    limits = Limits(per_s=100 / 3_600, slack=0.1)
    found = energy_of(None, quarters(readings), limits)
    assert found.total == pytest.approx(register - 500.0, abs=1e-6)
    assert all(slot.counted >= 0 for slot in found.slots)
    assert all(gap.counted >= 0 and gap.to_ms - gap.from_ms > HOLE_MS for gap in found.gaps)
    assert all(slot.counted <= 100 / 4 + 100 * HOLE_MS / 3_600_000 + 1e-6 for slot in found.slots)


@given(st.lists(st.tuples(st.integers(1, 4_000), st.floats(0, 1e6)), max_size=60))
def test_no_readings_make_negative_energy(parts):
    at_ms, readings = NOON_MS, []
    for seconds, value in parts:
        at_ms += seconds * 1_000
        readings.append((at_ms, value))
    found = energy_of(None, quarters(readings), OF_100_KW)
    assert all(part.counted >= 0 for part in (*found.slots, *found.gaps))


async def test_the_history_gives_it_after_a_restart_with_the_register_from_before(house, frame):
    journal, history = await house()
    for seq in range(1, 400):
        journal.append(frame(10.0 * seq, seq))
    await journal.commit()
    await history.catch_up()
    journal, history = await house()
    await history.catch_up()
    limits = Limits(per_s=1.0)
    found = await history.energy(
        "inv-1", "energy_total_kwh", NOON_MS + QUARTER_MS, NOON_MS + 4 * QUARTER_MS, limits
    )
    assert slots(found) == [(n, 9.0, set()) for n in (1, 2, 3)]
    assert gaps(found) == []
