"""What a counter's readings are worth: nothing is ever lost, invented or counted twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.counter import PERSISTS_MS, Limits, step

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
KW = 1 / 3_600
OF_100_KW = Limits(per_s=100 * KW, slack=0.1)


def told(readings, limits=OF_100_KW, every_ms=MINUTE_MS):
    """`[1000, 1001, (60, 0)]`: a register each minute, or so many minutes after the one before."""
    counter, at_ms, kinds, total = None, 0, [], 0.0
    for reading in readings:
        minutes, register = reading if isinstance(reading, tuple) else (1, reading)
        at_ms += int(minutes * every_ms)
        counter, said = step(counter, limits, at_ms, float(register))
        assert said.growth >= 0
        assert said.believed or said.growth == 0
        kinds.append(said.kind)
        total += said.growth
    return kinds, pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize(
    ("readings", "kinds", "total"),
    [
        ([1000, 1001, 1002.5], "advance advance advance", 2.5),
        ([1000, 1000, 1000], "advance advance advance", 0),
        # a dip and its recovery add 0, wherever it falls to (evcc 30592, dbus-fronius 18)
        ([1000, 0, 1001], "advance doubt advance", 1),
        ([1000, 0, 0, 0, 1002], "advance doubt doubt doubt advance", 2),
        ([1000, 950, 1001], "advance doubt advance", 1),
        ([1000, (1, 500), (1, 20), (1, 1002)], "advance doubt doubt advance", 2),
        # rounding is no dip
        ([1000, 999.95, 1000], "advance advance advance", 0),
        # 20 MWh in an hour are refused (home-assistant 119825), an hour's own energy is not
        ([1000, (60, 21_000), 1003], "advance doubt advance", 3),
        ([1000, (60, 1_095)], "advance advance", 95),
        # a meter that comes back after days brings their energy (amsreader 790)
        ([1000, (2 * 24 * 60, 4_000)], "advance advance", 3_000),
        # a new meter: it stays, and counts on from its first reading
        ([1000, (1, 5), (8, 6), (8, 7), (1, 8)], "advance doubt doubt reset advance", 3),
        ([1000, (1, 5_000), (8, 5_001), (8, 5_002), (1, 5_003)], "advance doubt doubt reset advance", 3),
        # not by time alone, not by readings alone
        ([1000, (1, 5), (60, 6)], "advance doubt doubt", 0),
        ([1000, 5, 5, 5, 5, 5], "advance doubt doubt doubt doubt doubt", 0),
        # zeros from evening to morning, then the old register (Deye)
        ([1000, (1, 0), (10, 0), (10, 0), (600, 0), (1, 1003)], "advance doubt doubt reset advance return", 3),
        # a replaced meter that later shows more than the old one ever did
        ([1000, (1, 5), (8, 6), (8, 7), (3000, 1_004)], "advance doubt doubt reset advance", 2 + 997),
    ],
)  # fmt: skip
def test_what_readings_are_worth(readings, kinds, total):
    assert told(readings) == (kinds.split(), total)


@pytest.mark.parametrize(
    ("limit", "readings", "kinds", "total"),
    [
        (6_553.6, [6_553.0, 0.4], "advance wrap", 1.0),
        (6_553.6, [6_553.0, 6_553.5, 0, 0.1], "advance advance doubt wrap", 0.7),
        (6_553.6, [3_000.0, 0.4, 3_000.5], "advance doubt advance", 0.5),
        (6_553.6, [6_553.0, 600, 6_553.5], "advance doubt advance", 0.5),
        (6_553.6, [6_553.0, 0.4, 6_553.2], "advance wrap return", 1.0),
        (1_000_000, [999_999.5, 0.5, 1.5], "advance wrap advance", 2.0),
        (None, [6_553.0, 0.4], "advance doubt", 0),
    ],
)
def test_a_rollover_is_told_from_a_reset(limit, readings, kinds, total):
    limits = Limits(per_s=100 * KW, slack=0.1, wraps_at=limit)
    assert told(readings, limits) == (kinds.split(), total)


def test_where_nobody_knows_how_fast_it_can_grow_dips_are_still_dips():
    limits = Limits()
    assert told([1000, 0, 1001], limits) == (["advance", "doubt", "advance"], 1)
    away = [(1, 0), (10, 0), (10, 0)]
    assert told([1000, *away, (60, 1001)], limits) == (
        ["advance", "doubt", "doubt", "reset", "return"],
        1,
    )


growths = st.lists(st.tuples(st.integers(1, 30), st.floats(0, 1)), min_size=1, max_size=30)


def grown(parts, start=5_000.0):
    """Registers of a device that never gives more than 100 kW."""
    register, readings = start, [(1, start)]
    for minutes, share in parts:
        register += share * minutes * 100 / 60
        readings.append((minutes, register))
    return readings


@given(growths)
def test_a_true_counter_gives_last_minus_first(parts):
    readings = grown(parts)
    kinds, total = told(readings)
    assert set(kinds) == {"advance"}
    assert readings[-1][1] - readings[0][1] == total


@given(growths, st.data())
def test_dips_change_nothing(parts, data):
    readings = grown(parts)
    dipped = [readings[0]]
    for minutes, register in readings[1:]:
        if data.draw(st.booleans()):
            low = data.draw(st.sampled_from([0.0, 17.0, 4_000.0]))
            dipped += [(minutes / 2, low), (minutes / 2, register)]
        else:
            dipped.append((minutes, register))
    assert readings[-1][1] - readings[0][1] == told(dipped)[1]


@given(st.lists(st.tuples(st.integers(1, 600), st.floats(0, 1e7)), max_size=40), st.sampled_from([None, 1e6]))
def test_no_readings_make_a_total_fall(readings, limit):
    told(readings, Limits(per_s=100 * KW, slack=0.1, wraps_at=limit))


@given(growths, st.floats(0, 400))
def test_a_new_meter_is_recognised_and_its_first_reading_is_not_energy(parts, start):
    after = grown(parts, start)[1:]
    waits = [(PERSISTS_MS / MINUTE_MS / 2, start)] * 3
    kinds, total = told([(1, 5_000.0), (1, start), *waits, *after])
    assert "reset" in kinds
    assert after[-1][1] - start == total
