"""Windows: exact while short, bounded while long, silent while too little is good."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.rules.window import CELLS, Window


def filled(measure: str, length_ms: int, samples: list, *, every_ms: int = 10_000, min_good: float = 0.5):
    window = Window(measure, length_ms, every_ms, min_good)
    for index, sample in enumerate(samples):
        window.push(sample, index * every_ms)
    return window.value((len(samples) - 1) * every_ms)


@pytest.mark.parametrize(
    ("measure", "length_s", "samples", "expected"),
    [
        ("avg", 30, [100.0, 1.0, 2.0, 3.0], 2.0),
        ("min", 30, [-5.0, 1.0, 2.0, 3.0], 1.0),
        ("max", 30, [50.0, 1.0, 3.0, 2.0], 3.0),
        ("delta", 30, [9.0, 1.0, 2.0, 3.0, 7.0], 6.0),
        ("rate", 30, [9.0, 1.0, 2.0, 3.0, 7.0], 0.2),
        ("rate", 30, [9.0], None),
        ("avg", 30, [None, 4.0, 6.0], 5.0),
        ("avg", 30, [None, None, 6.0], None),
        ("count_events", 60, [False, True, True, False, True], 2.0),
        ("count_events", 60, [True, True], 0.0),
        ("duration", 60, [False, True, True, True, False, True], 20.0),
    ],
)
def test_measures(measure: str, length_s: int, samples: list, expected: float | None) -> None:
    assert filled(measure, length_s * 1000, samples) == expected


@pytest.mark.parametrize(
    ("min_good", "good", "bad", "known"), [(0.8, 8, 2, True), (0.8, 7, 3, False), (0.0, 1, 9, True)]
)
def test_too_few_good_samples_say_nothing(min_good: float, good: int, bad: int, known: bool) -> None:
    value = filled("avg", 100_000, [1.0] * good + [None] * bad, min_good=min_good)
    assert (value is not None) is known


def test_samples_that_never_came_count_as_not_good() -> None:
    window = Window("avg", 600_000, 10_000, 0.8)
    for at_ms in (0, 10_000, 20_000, 300_000):
        window.push(1.0, at_ms)
    assert window.value(300_000) is None


def test_a_silent_source_leaves_no_value_behind() -> None:
    window = Window("avg", 30_000, 10_000, 0.5)
    window.push(5.0, 0)
    assert window.value(20_000) == 5.0
    assert window.value(31_000) is None


def test_a_week_of_seconds_is_kept_in_few_cells() -> None:
    window = Window("avg", 7 * 86_400_000, 10_000, 0.5)
    for at_s in range(0, 14 * 86_400, 10):
        window.push(float(at_s), at_s * 1000)
    assert len(window._cells) <= CELLS + 2
    assert window.value(14 * 86_400_000) == pytest.approx(10.5 * 86_400, rel=0.005)


@given(st.lists(st.floats(-1e6, 1e6) | st.none(), min_size=1, max_size=120), st.integers(1, 40))
def test_as_the_plain_way_would_say(samples: list, length: int) -> None:
    inside = [s for s in samples[-length:] if s is not None]
    seen = samples[-length:]
    for measure, plain in (("min", min), ("max", max), ("avg", lambda v: sum(v) / len(v))):
        value = filled(measure, length * 10_000, samples)
        if not inside or len(inside) < len(seen) / 2:
            assert value is None
        else:
            assert value == pytest.approx(plain(inside), abs=1e-6)
