"""Readers' places, and what of them is safe to write down."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.places import Places
from gateway.journal.ranges import Progress, Ranges


def test_a_place_is_made_by_asking_for_it_and_knows_what_is_gone():
    places = Places({"mqtt": Progress(7)}, Ranges.of([(1, 3)]))
    assert (places.of("mqtt").cursor, places.of("new").cursor) == (7, 3)
    assert places.active == {"mqtt", "new"}


def test_without_a_lag_what_is_settled_is_durable_at_once():
    places = Places({}, Ranges())
    places.settle("mqtt", 1, 5)
    assert places.durable(0)["mqtt"].cursor == 5


def test_with_a_lag_it_is_durable_only_once_it_is_old_enough():
    places = Places({"db": Progress(2)}, Ranges())
    places.lag("db", 1_000)
    said = []
    for mono_ms in range(0, 3_000, 500):
        places.settle("db", places.of("db").cursor + 1, places.of("db").cursor + 10)
        said.append(places.durable(mono_ms)["db"].cursor)
    assert said == [2, 2, 12, 22, 32, 42]
    assert places.of("db").cursor == 62


def test_a_reader_that_begins_anew_makes_nothing_sure_that_was_not():
    places = Places({}, Ranges())
    places.lag("db", 1_000)
    places.settle("db", 1, 9)
    places.durable(0)
    places.lag("db", 1_000)
    assert places.durable(10)["db"].cursor == 0
    places.recede("db")
    assert places.of("db").cursor == 0


def test_what_recedes_is_owed_again_but_never_what_is_gone():
    places = Places({}, Ranges())
    places.lag("db", 1_000)
    places.settle("db", 1, 9)
    places.durable(0)
    places.vanish(Ranges.of([(1, 4)]))
    places.recede("db")
    assert places.of("db").cursor == 4
    assert places.durable(5_000)["db"].cursor == 0, "a place that was sure stays so until the next is"


@given(st.lists(st.tuples(st.integers(1, 400), st.booleans()), max_size=60))
def test_what_is_durable_was_settled_a_lag_ago_and_never_goes_back(steps):
    places = Places({}, Ranges())
    places.lag("db", 1_000)
    mono_ms, told, sure = 0, [], 0
    for after_ms, breaks in steps:
        mono_ms += after_ms
        if breaks:
            places.recede("db")
        else:
            places.settle("db", places.of("db").cursor + 1, places.of("db").cursor + 1)
        durable = places.durable(mono_ms)["db"].cursor
        told.append((mono_ms, places.of("db").cursor))
        assert durable >= sure
        assert durable <= max([c for at, c in told if at <= mono_ms - 1_000], default=0)
        sure = durable
