"""What a time server's packet says, and what is not believed."""

import struct

import pytest

from gateway.sntp import SIZE, NoTimeError, measured, question
from tests.gateway.time_server_double import packet

NONCE = b"8 random"
UNIX_S = 1_780_000_000.25


def test_a_question_is_48_bytes_and_tells_nothing_of_us():
    asked = question(NONCE)
    assert len(asked) == SIZE == 48
    assert asked[0] == 0x23, "version 4, client"
    assert asked[1:40] == bytes(39)
    assert asked[40:] == NONCE


def test_the_offset_is_halfway_between_question_and_answer():
    # asked at 1,000 ms of the monotonic clock, answered at 1,030; the server thought for 10 ms in the middle
    answer = packet(NONCE, UNIX_S, left_s=UNIX_S + 0.010)
    found = measured(answer, NONCE, 1_000.0, 1_030.0)
    assert found.delay_ms == pytest.approx(20, abs=0.01)
    assert found.offset_ms == pytest.approx(UNIX_S * 1_000 - 1_010, abs=0.01)


@pytest.mark.parametrize(
    "unix_s",
    [1_709_164_800.0, 2_085_978_495.5, 2_085_978_496.5, 2_147_483_648.0, 4_102_444_800.0],
    ids=["29 Feb 2024", "last second of the era", "first of the next", "19 Jan 2038", "2100"],
)
def test_every_year_is_read_right(unix_s):
    found = measured(packet(NONCE, unix_s), NONCE, 0.0, 0.0)
    assert found.offset_ms == pytest.approx(unix_s * 1_000, abs=0.01)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (packet(NONCE, UNIX_S)[:40], "40 bytes"),
        (packet(b"somebody", UNIX_S), "our question"),
        (packet(NONCE, UNIX_S, head=0x23), "our question"),
        (packet(NONCE, UNIX_S, head=0xE4), "not synchronised"),
        (packet(NONCE, UNIX_S, stratum=16), "not synchronised"),
        (packet(NONCE, UNIX_S, dispersion=2 << 16), "off itself"),
        (packet(NONCE, UNIX_S, root_delay=4 << 16), "off itself"),
        (packet(NONCE, 0.0), "clock is wrong"),
        (packet(NONCE, UNIX_S, left_s=UNIX_S - 1), "clock is wrong"),
        (packet(NONCE, UNIX_S, left_s=UNIX_S + 60), "took"),
    ],
    ids=[
        "short",
        "stranger",
        "a client",
        "alarm",
        "stratum 16",
        "dispersion",
        "root delay",
        "1970",
        "back",
        "too long",
    ],
)
def test_what_is_not_believed(answer, why):
    with pytest.raises(NoTimeError, match=why):
        measured(answer, NONCE, 1_000.0, 1_030.0)


def test_an_answer_that_took_too_long_is_too_coarse():
    with pytest.raises(NoTimeError, match="took 2000 ms"):
        measured(packet(NONCE, UNIX_S), NONCE, 0.0, 2_000.0)


@pytest.mark.parametrize(("code", "wait_ms"), [(b"RATE", 900_000), (b"DENY", 86_400_000), (b"INIT", 60_000)])
def test_a_kiss_of_death_is_obeyed(code, wait_ms):
    with pytest.raises(NoTimeError, match=code.decode()) as refused:
        measured(packet(NONCE, UNIX_S, stratum=0, name=code), NONCE, 0.0, 1.0)
    assert refused.value.wait_ms == wait_ms


def test_no_bytes_break_it():
    for length in range(0, 120, 7):
        with pytest.raises(NoTimeError):
            measured(struct.pack(f"{length}s", b"\xff" * length), NONCE, 0.0, 1.0)
