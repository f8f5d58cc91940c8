"""Places of readers: a low-water mark and what is settled beyond it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.ranges import Progress, Ranges

SPANS = st.lists(
    st.tuples(st.integers(1, 60), st.integers(0, 12)).map(lambda s: (s[0], s[0] + s[1])), max_size=20
)


@pytest.mark.parametrize(
    ("settled", "cursor", "beyond"),
    [
        ([(1, 3)], 3, []),
        ([(5, 6)], 0, [(5, 6)]),
        ([(5, 6), (1, 2)], 2, [(5, 6)]),
        ([(5, 6), (1, 4)], 6, []),
        ([(5, 6), (9, 9), (7, 8)], 0, [(5, 9)]),
        ([(1, 3), (2, 5)], 5, []),
        ([(1, 3), (2, 2)], 3, []),
    ],
)
def test_the_cursor_moves_over_what_is_whole(settled, cursor, beyond):
    progress = Progress()
    for span in settled:
        progress = progress.settle(*span)
    assert (progress.cursor, list(progress.beyond)) == (cursor, beyond)


@given(SPANS)
def test_any_order_settles_exactly_what_was_named(spans):
    progress = Progress()
    for span in spans:
        progress = progress.settle(*span)
    named = {n for first, last in spans for n in range(first, last + 1)}
    held = set(range(1, progress.cursor + 1)) | {
        n for first, last in progress.beyond for n in range(first, last + 1)
    }
    assert held == named
    assert progress.backlog(100) == 100 - len(named)
    assert progress.beyond == Ranges.of(progress.beyond)
    assert all(progress.covers(*span) for span in spans)


@given(SPANS)
def test_ranges_never_touch(spans):
    ranges = Ranges.of(spans)
    assert all(a[1] + 1 < b[0] for a, b in zip(ranges.spans, ranges.spans[1:], strict=False))
    assert ranges.count == len({n for first, last in spans for n in range(first, last + 1)})


def test_an_empty_range_is_refused():
    with pytest.raises(ValueError, match="no range"):
        Ranges().add(3, 2)
