import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.schedule import Timetable


def a_timetable(**rates):
    table = Timetable(start_ms=10_000)
    for key, own in rates.items():
        table.set(key, own, now_ms=10_000)
    return table


def turns(table, until_ms, *, took_ms=0):
    """What a bus would poll that is never late, or always takes `took_ms`."""
    seen, now_ms = [], 0
    while (first_ms := table.first_ms()) is not None and max(first_ms, now_ms) <= until_ms:
        now_ms = max(first_ms, now_ms)
        slot = table.take(now_ms)
        seen.append((now_ms, slot.key, sorted(slot.rates_ms), slot.skipped))
        now_ms += took_ms
    return seen


def test_rates_of_one_device_meet_in_one_slot():
    assert turns(a_timetable(a=(1_000, 3_000)), 13_000) == [
        (10_000, "a", [1_000, 3_000], 0),
        (11_000, "a", [1_000], 0),
        (12_000, "a", [1_000], 0),
        (13_000, "a", [1_000, 3_000], 0),
    ]


def test_a_turn_in_between_moves_no_slot():
    table = a_timetable(a=(5_000,), b=(5_000,))
    assert table.take(10_000).key == "a"
    table.again("a", frozenset({5_000}), 11_000)
    seen = [(at, key, skipped) for at, key, _, skipped in turns(table, 16_000)]
    assert seen[:2] == [(10_000, "b", 0), (11_000, "a", 0)]
    assert sorted(seen[2:]) == [(15_000, "a", 0), (15_000, "b", 0)]


def test_a_turn_in_between_is_none_where_the_next_slot_comes_sooner():
    table = a_timetable(a=(500,))
    table.take(10_000)
    table.again("a", frozenset({500}), 11_000)
    assert [at for at, *_ in turns(table, 11_000)] == [10_500, 11_000]


def test_nobody_is_due_before_the_time():
    table = a_timetable(a=(1_000,))
    assert table.take(9_999) is None
    assert table.first_ms() == 10_000
    assert Timetable(0).first_ms() is None
    assert Timetable(0).take(5) is None


def test_after_a_stall_each_is_due_once_and_the_missed_slots_are_counted():
    table = a_timetable(a=(1_000,), b=(5_000,))
    table.take(10_000), table.take(10_000)
    first, second = table.take(40_500), table.take(40_500)
    assert (first.key, first.due_ms, first.skipped) == ("a", 11_000, 29)
    assert (second.key, second.due_ms, second.skipped) == ("b", 15_000, 5)
    assert table.take(40_500) is None
    assert table.first_ms() == 41_000


def test_on_an_overloaded_bus_everybody_gets_a_turn():
    seen = [key for _, key, *_ in turns(a_timetable(a=(1_000,), b=(1_000,), c=(1_000,)), 30_000, took_ms=700)]
    assert abs(seen.count("a") - seen.count("c")) <= 1
    assert seen[:6] == ["a", "b", "c", "a", "b", "c"]


def test_a_device_with_new_rates_keeps_its_phase():
    table = a_timetable(a=(1_000,))
    table.take(10_000)
    table.set("a", (1_000, 5_000), now_ms=12_300)
    assert turns(table, 15_000)[-1] == (15_000, "a", [1_000, 5_000], 0)


def test_a_rate_that_is_none_is_refused():
    with pytest.raises(ValueError, match="at least one rate"):
        Timetable(0).set("a", (), now_ms=0)
    with pytest.raises(ValueError, match="positive"):
        Timetable(0).set("a", (0,), now_ms=0)


@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.sets(st.integers(100, 5_000), min_size=1, max_size=3), min_size=1
    ),
    st.lists(st.integers(0, 20_000), max_size=30),
)
def test_however_time_jumps_forward_no_rate_comes_twice_in_its_period(rates, steps):
    table = a_timetable(**rates)
    now_ms, last = 10_000, {}
    for step in steps:
        now_ms += step
        taken = []
        while (slot := table.take(now_ms)) is not None:
            taken.append(slot.key)
            for rate in slot.rates_ms:
                at = (now_ms - 10_000) // rate
                assert last.get((slot.key, rate), -1) < at
                last[slot.key, rate] = at
        assert len(taken) == len(set(taken))
        assert table.first_ms() > now_ms
