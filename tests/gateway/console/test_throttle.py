"""How often somebody may try."""

import pytest

from gateway.console.throttle import PER_ACCOUNT, PER_ADDRESS, WINDOW_MS, Throttle


def fails(throttle, address, account, count, at=0):
    return [throttle.begin(address, account, at) for _ in range(count)]


def test_an_address_has_ten_failures_in_five_minutes():
    throttle = Throttle()
    assert fails(throttle, "10.0.0.1", "wang", 12) == [0] * PER_ADDRESS + [WINDOW_MS] * 2
    assert throttle.begin("10.0.0.1", "other", WINDOW_MS - 1) == 1
    assert throttle.begin("10.0.0.1", "wang", WINDOW_MS) == 0


def test_a_guesser_does_not_lock_the_owner_out():
    throttle = Throttle()
    fails(throttle, "10.0.0.1", "wang", 1_000)
    assert throttle.begin("10.0.0.2", "wang", 1) == 0


def test_many_addresses_against_one_account_are_slowed_too():
    throttle = Throttle()
    allowed = [throttle.begin(f"10.0.{n // 250}.{n % 250}", "wang", n) for n in range(200)].count(0)
    assert allowed == PER_ACCOUNT


def test_success_is_no_failure():
    throttle = Throttle()
    for n in range(50):
        assert throttle.begin("10.0.0.1", "wang", n) == 0
        throttle.succeeded("10.0.0.1", "wang", n)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("unknown", "unknown", True),
    ],
)
def test_an_ipv6_household_is_one_address(one, other, same):
    throttle = Throttle()
    fails(throttle, one, "a", PER_ADDRESS)
    assert (throttle.begin(other, "b", 0) > 0) is same


def test_memory_is_bounded():
    throttle = Throttle()
    for n in range(30_000):
        throttle.begin(f"10.{n // 65_536}.{n // 256 % 256}.{n % 256}", f"user-{n}", n)
    assert len(throttle._tries) <= 10_001
