"""The life of a watch: the ten vectors, second by second, and what must hold for every history."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.rules.state import QUIET, Phase, Sample, State, Timing, reset, step

TICK_MS = 10_000
TIMING = Timing(for_ms=30_000, clear_for_ms=60_000, max_gap_ms=30_000, hold_max_ms=120_000)
LATCH = Timing(for_ms=30_000, clear_for_ms=60_000, max_gap_ms=30_000, hold_max_ms=120_000, latch=True)


def samples(text: str) -> list[Sample]:
    kinds = {"51": Sample.RAISE, "48": Sample.BETWEEN, "49": Sample.BETWEEN, "46": Sample.CLEAR}
    kinds |= {"b": Sample.BAD, "o": Sample.OUTSIDE, "-": Sample.NONE}
    found = []
    for word in text.split():
        token, _, times = word.partition("x")
        found += [kinds[token]] * int(times or 1)
    return found


def transitions(text: str, timing: Timing = TIMING) -> str:
    state, told = QUIET, []
    for index, sample in enumerate(samples(text)):
        after = step(state, sample, timing, index * TICK_MS)
        if after.phase is not state.phase:
            told.append(f"{after.phase} {index * 10}")
        state = after
    return ", ".join(told)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ("51x3 49x20", "pending 0, normal 30"),
        ("51x30", "pending 0, active 30"),
        ("51x4 48x30", "pending 0, active 30"),
        ("51x4 46x7", "pending 0, active 30, clearing 40, normal 100"),
        ("51 51 b b 51x20", "pending 0, active 60"),
        ("51 51 bx4 51x20", "pending 0, normal 50, pending 60, active 90"),
        ("51x4 bx14 51", "pending 0, active 30, unknown 160, active 180"),
        ("51x4 46x4 b 46x20", "pending 0, active 30, clearing 40, normal 120"),
        ("51x4 46x5 48x2 46x20", "pending 0, active 30, clearing 40, active 90, clearing 110, normal 170"),
    ],
    ids=[f"T{n}" for n in range(1, 10)],
)
def test_the_vectors_of_the_timers(history: str, expected: str) -> None:
    assert transitions(history) == expected


def test_t10_a_latched_watch_waits_for_its_reset() -> None:
    assert transitions("51x4 46x40", LATCH) == "pending 0, active 30, clearing 40, latched 100"
    assert reset(State(Phase.LATCHED, 0, None, 100_000)) is QUIET


@pytest.mark.parametrize("phase", [p for p in Phase if p is not Phase.LATCHED])
def test_only_a_latched_watch_can_be_reset(phase: Phase) -> None:
    with pytest.raises(ValueError, match="only a latched watch"):
        reset(State(phase))


@pytest.mark.parametrize(
    ("history", "timing", "expected"),
    [
        ("51", Timing(0, 60_000, 30_000, 120_000), "active 0"),
        ("51 46", Timing(0, 0, 30_000, 120_000), "active 0, normal 10"),
        ("51 46 51", Timing(0, 0, 30_000, 120_000, latch=True), "active 0, latched 10, active 20"),
        ("51 51 ox30 51 51 51", TIMING, "pending 0, active 340"),
        ("51x4 ox30 46x7", TIMING, "pending 0, active 30, clearing 340, normal 400"),
        ("51x4 bx14 46x7", TIMING, "pending 0, active 30, unknown 160, clearing 180, normal 240"),
        ("51 51 -x4", TIMING, "pending 0, normal 50"),
        ("51 -x9 51 51 51 51", TIMING, "pending 0, normal 40, pending 100, active 130"),
        ("b b b", TIMING, ""),
    ],
    ids=[
        "for 0 fires on the first sample",
        "clear_for 0 clears on the first",
        "a latched watch that goes bad again is the same episode",
        "outside only_if nothing counts and nothing is lost",
        "outside only_if nothing clears",
        "unknown may clear, but takes its time",
        "nothing came for too long",
        "a gap is judged before the sample after it",
        "bad says nothing",
    ],
)
def test_edges(history: str, timing: Timing, expected: str) -> None:
    assert transitions(history, timing) == expected


@given(st.lists(st.sampled_from(list(Sample)), max_size=60), st.booleans())
def test_an_open_alert_ends_only_on_good_data(history: list[Sample], latch: bool) -> None:
    timing, state = (LATCH if latch else TIMING), QUIET
    for index, sample in enumerate(history):
        after = step(state, sample, timing, index * TICK_MS)
        if state.phase.is_open and not after.phase.is_open:
            assert sample is Sample.CLEAR
        if not state.phase.is_open and after.phase.is_open:
            assert sample is Sample.RAISE
        assert after.timer_ms >= 0
        state = after


@given(st.lists(st.sampled_from([Sample.RAISE, Sample.BAD, Sample.OUTSIDE, Sample.NONE]), max_size=40))
def test_an_alert_needs_its_time_on_good_data(history: list[Sample]) -> None:
    state, counted_ms, last = QUIET, 0, None
    for index, sample in enumerate(history):
        state = step(state, sample, TIMING, index * TICK_MS)
        counted_ms += TICK_MS if sample is last is Sample.RAISE else 0
        if sample is not Sample.NONE:
            last = sample
        if state.phase is Phase.ACTIVE:
            assert index * TICK_MS >= TIMING.for_ms
            return
