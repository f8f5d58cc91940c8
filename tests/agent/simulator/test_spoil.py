"""What each fault makes of one good reply, byte by byte."""

import pytest

from agent.modbus.pdu import crc16
from agent.simulator.fault import Acting, Fault
from agent.simulator.mislabel import Past
from agent.simulator.reply import Piece, Reply
from agent.simulator.spoil import spoilt

ASK = bytes.fromhex("03000a0002")
GOOD = bytes.fromhex("030400010002")
TCP = Reply(ASK, 5, GOOD, 9)
RTU = Reply(ASK, 5, GOOD)


def rtu(text):
    body = bytes.fromhex(text)
    return body + crc16(body).to_bytes(2, "little")


def bytes_of(sending):
    return b"".join(piece.data for piece in sending.pieces)


def pauses_of(sending):
    return [piece.after_ms for piece in sending.pieces]


@pytest.mark.parametrize(
    ("fault", "frame"),
    [
        (Fault("refuse", code=6), "0009 0000 0003 05 8306"),
        (Fault("refuse_other", code=2), "0009 0000 0003 05 8402"),
        (Fault("wrong_function"), "0009 0000 0007 05 040400010002"),
        (Fault("wrong_unit"), "0009 0000 0007 06 030400010002"),
        (Fault("wrong_unit", unit=77), "0009 0000 0007 4d 030400010002"),
        (Fault("wrong_transaction"), "000a 0000 0007 05 030400010002"),
        (Fault("wrong_protocol"), "0009 0001 0007 05 030400010002"),
        (Fault("wrong_length"), "0009 0000 ffff 05 030400010002"),
        (Fault("wrong_length", length=0), "0009 0000 0000 05 030400010002"),
        (Fault("short_count"), "0009 0000 0005 05 03020001"),
        (Fault("long_count", registers=2), "0009 0000 000b 05 03080001000200020002"),
        (Fault("lying_count"), "0009 0000 0007 05 030600010002"),
        (Fault("lying_count", registers=-1), "0009 0000 0007 05 030200010002"),
        (Fault("odd_count"), "0009 0000 0006 05 0303000100"),
        (Fault("fill", word=0xFFFF), "0009 0000 0007 05 0304ffffffff"),
        (Fault("truncate", keep=4), "0009 0000"),
        (Fault("twice"), 2 * "0009 0000 0007 05 030400010002"),
    ],
    ids=lambda x: x.do if isinstance(x, Fault) else "",
)
def test_faults_over_tcp(fault, frame):
    assert bytes_of(spoilt(TCP, [Acting(fault)], Past())) == bytes.fromhex(frame)


@pytest.mark.parametrize(
    ("fault", "frame"),
    [
        (Fault("short_count"), rtu("05 03020001")),
        (Fault("refuse", code=2), rtu("05 8302")),
        (Fault("echo"), rtu("05 03000a0002") + rtu("05 030400010002")),
        (Fault("truncate", keep=3), bytes.fromhex("050304")),
    ],
    ids=lambda x: x.do if isinstance(x, Fault) else "",
)
def test_faults_on_a_serial_line(fault, frame):
    assert bytes_of(spoilt(RTU, [Acting(fault)], Past())) == frame


def test_no_fault_leaves_the_reply_as_it_is():
    assert bytes_of(spoilt(RTU, [], Past())) == rtu("05 030400010002")


def test_a_dead_unit_says_nothing():
    assert spoilt(TCP, [Acting(Fault("dead"))], Past()) is None


@pytest.mark.parametrize(
    ("fault", "pauses"),
    [
        (Fault("late", late_ms=500), [500]),
        (Fault("slow", pause_ms=2), [9]),  # nine bytes of reply: four and a half registers
        (Fault("drip", pause_ms=30), [30] * 9),
        (Fault("split", pause_ms=20), [0, 20]),
    ],
    ids=lambda x: x.do if isinstance(x, Fault) else "",
)
def test_slow_faults_change_no_byte(fault, pauses):
    sending = spoilt(RTU, [Acting(fault)], Past())
    assert (bytes_of(sending), pauses_of(sending)) == (rtu("05 030400010002"), pauses)


def test_a_jitter_is_the_same_in_every_run():
    def lateness():
        acting = Acting(Fault("late", late_ms=100, jitter_ms=50, seed=4))
        return [pauses_of(spoilt(RTU, [acting], Past()))[0] for _ in range(20)]

    assert lateness() == lateness()
    assert 50 <= min(lateness()) < 80 < 120 < max(lateness()) <= 150


@pytest.mark.parametrize("bits", [1, 3])
def test_noise_turns_so_many_bits(bits):
    got = bytes_of(spoilt(RTU, [Acting(Fault("bit_noise", bits=bits))], Past()))
    good = rtu("05 030400010002")
    assert int.from_bytes(got).__xor__(int.from_bytes(good)).bit_count() == bits


def test_garbage_has_the_length_of_the_reply_and_nothing_else_of_it():
    got = bytes_of(spoilt(RTU, [Acting(Fault("garbage"))], Past()))
    assert len(got) == 9
    assert got != rtu("05 030400010002")
    before = bytes_of(spoilt(RTU, [Acting(Fault("garbage_before"))], Past()))
    assert before[7:] == rtu("05 030400010002")


def test_a_bad_checksum_spoils_nothing_else():
    got = bytes_of(spoilt(RTU, [Acting(Fault("bad_crc"))], Past()))
    assert got[:-1] == rtu("05 030400010002")[:-1]
    assert crc16(got) != 0


def test_what_was_said_before_comes_again():
    past = Past()
    shifted, stale = Acting(Fault("shifted")), Acting(Fault("stale"))
    assert bytes_of(spoilt(TCP, [shifted], past)) == TCP.framed()  # nothing was said yet
    later = Reply(ASK, 5, bytes.fromhex("030400070008"), 10)
    assert bytes_of(spoilt(later, [shifted], past)) == TCP.framed() + later.framed()
    assert bytes_of(spoilt(later, [stale], past)) == Reply(ASK, 5, GOOD, 10).framed()


def test_the_connection_is_closed_after_a_piece_or_at_once():
    cut = spoilt(TCP, [Acting(Fault("truncate", keep=3, closes=True))], Past())
    assert (cut.closes, cut.pieces) == (True, (Piece(TCP.framed()[:3]),))
    shut = spoilt(TCP, [Acting(Fault("close"))], Past())
    assert (shut.closes, shut.pieces) == (True, ())


def test_faults_pass_a_reply_on_in_their_order():
    sending = spoilt(
        TCP, [Acting(Fault("late", late_ms=50)), Acting(Fault("wrong_unit")), Acting(Fault("twice"))], Past()
    )
    assert bytes_of(sending) == 2 * Reply(ASK, 6, GOOD, 9).framed()
    assert pauses_of(sending)[0] == 50


def test_a_fault_may_meet_only_some_replies():
    few = Acting(Fault("dead", times=2))
    assert [spoilt(TCP, [few], Past()) is None for _ in range(4)] == [True, True, False, False]
    luck = Acting(Fault("dead", chance=0.3, seed=1))
    met = [spoilt(TCP, [luck], Past()) is None for _ in range(1_000)]
    assert 250 < sum(met) < 350


@pytest.mark.parametrize(("start", "met"), [(8, False), (9, True), (14, True), (15, False)])
def test_a_fault_may_sit_at_some_addresses(start, met):
    hole = Acting(Fault("dead", at=((10, 5),)))
    ask = bytes((3,)) + start.to_bytes(2) + (2).to_bytes(2)
    assert (spoilt(Reply(ask, 5, GOOD, 9), [hole], Past()) is None) == met
