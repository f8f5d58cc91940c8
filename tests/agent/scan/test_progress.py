"""How long a search will still take, by what it has taken so far."""

from agent.modbus.endpoint import parse_url
from agent.scan.progress import Progress
from agent.scan.search import Step

LINE = parse_url("tcp://192.0.2.1:502")


def asked(done, found=0):
    return Step(LINE, "asking", done, 100, found)


def identified(done):
    return Step(LINE, "identifying", done, 3, done)


def test_before_the_first_reply_nobody_knows():
    assert Progress(1_000, 1_000, total=100).left_ms(5_000) is None


def test_the_rest_goes_like_what_was_and_each_unit_found_takes_its_time():
    half = Progress(0, 0, total=100).after(asked(50), 10_000)
    assert half.left_ms(10_000) == 10_000
    assert half.left_ms(12_000) == 8_000
    assert half.left_ms(60_000) == 0
    assert Progress(0, 0).after(asked(50, found=2), 10_000).left_ms(10_000) == 22_000


def test_identifying_is_measured_by_itself():
    begun = Progress(0, 0).after(asked(100, found=3), 20_000).after(identified(0), 20_000)
    assert begun.left_ms(20_000) == 18_000
    assert begun.after(identified(1), 23_000).left_ms(23_000) == 6_000
    assert begun.after(identified(3), 29_000).left_ms(29_000) == 0
