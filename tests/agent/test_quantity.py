"""Durations and sizes carry their unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.quantity import duration_ms, duration_text, size_bytes


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("500ms", 500),
        ("1s", 1_000),
        ("0.5s", 500),
        ("5m", 300_000),
        ("2h", 7_200_000),
        ("7d", 604_800_000),
        ("0s", 0),
    ],
)
def test_a_duration_with_its_unit(text, ms):
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", [5, 5.0, "5", "5 minutes", "-1s", "m5", "", None, "1h30m", "1e3s", True])
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="such as 500ms"):
        duration_ms(text)


@given(st.integers(min_value=0, max_value=10**12))
def test_writing_and_reading_agree(ms):
    assert duration_ms(duration_text(ms)) == ms


@pytest.mark.parametrize(
    ("text", "number"),
    [("500MB", 500_000_000), ("4GB", 4_000_000_000), ("4GiB", 4 * 2**30), ("10kB", 10_000)],
)
def test_a_size_with_its_unit(text, number):
    assert size_bytes(text) == number


@pytest.mark.parametrize("text", [4, "4", "4G", "4 gigabytes", "-4GB"])
def test_a_size_without_a_unit_is_refused(text):
    with pytest.raises(ValueError, match="such as 500MB"):
        size_bytes(text)
