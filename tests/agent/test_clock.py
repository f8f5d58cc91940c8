"""Two kinds of time, never mixed; trust follows the kernel."""

from agent.clock import ManualClock, SystemClock


async def test_sleeping_follows_the_monotonic_clock():
    clock = SystemClock()
    before = clock.monotonic_ms()
    await clock.sleep_until(before + 30)
    assert 30 <= clock.monotonic_ms() - before < 1_000


def test_each_run_is_a_boot_of_its_own():
    assert SystemClock().boot != SystemClock().boot
    assert SystemClock("abc").boot == "abc"


def test_trust_is_the_kernels_word():
    clock = SystemClock()
    assert clock.trusted() == (clock.offset_s() is not None)


def test_a_clock_taken_at_its_word_asks_nobody():
    assert SystemClock(taken_at_its_word=True).trusted()


async def test_a_manual_clock_moves_only_when_moved():
    clock = ManualClock(1_000)
    assert clock.utc_ms() == 1_000
    clock.advance(500)
    await clock.sleep_until(2_000)
    assert (clock.monotonic_ms(), clock.utc_ms()) == (2_000, 3_000)
