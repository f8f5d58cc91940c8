import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from agent.modbus.address import Span, Table
from agent.modbus.pdu import (
    Ask,
    BadReply,
    UnitRefused,
    check,
    crc16,
    data_bytes,
    find_rtu_replies,
    has_damaged_reply,
    identifying,
    max_count,
    reading,
    request,
    words_of,
)

REFERENCE = {
    Table.COIL: ReadCoilsRequest,
    Table.DISCRETE: ReadDiscreteInputsRequest,
    Table.INPUT: ReadInputRegistersRequest,
    Table.HOLDING: ReadHoldingRegistersRequest,
}


@st.composite
def spans(draw):
    table = draw(st.sampled_from(Table))
    start = draw(st.integers(0, 0xFFFF))
    return Span(table, start, draw(st.integers(1, min(2000 if table.is_bits else 125, 0x10000 - start))))


@given(spans(), st.integers(0, 255), st.integers(0, 0xFFFF))
def test_requests_are_byte_for_byte_those_of_the_reference(span, unit, transaction):
    pdu = REFERENCE[span.table](address=span.start, count=span.count, dev_id=unit, transaction_id=transaction)
    decoder = DecodePDU(is_server=False)
    ask = reading(unit, span)
    assert request(ask, transaction) == FramerSocket(decoder).buildFrame(pdu)
    assert request(ask, None) == FramerRTU(decoder).buildFrame(pdu)


@given(st.sampled_from([1, 2, 3]), st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFF))
def test_so_are_those_for_the_identification(stream, first, unit, transaction):
    pdu = ReadDeviceInformationRequest(stream, first, dev_id=unit, transaction_id=transaction)
    decoder = DecodePDU(is_server=False)
    ask = identifying(unit, stream, first)
    assert request(ask, transaction) == FramerSocket(decoder).buildFrame(pdu)
    assert request(ask, None) == FramerRTU(decoder).buildFrame(pdu)


@given(spans(), st.integers(0, 255), st.one_of(st.none(), st.integers(0, 0xFFFF)))
def test_nothing_but_reading_can_be_said(span, unit, transaction):
    sent = request(reading(unit, span), transaction)
    assert sent[7 if transaction is not None else 1] in (1, 2, 3, 4)


@given(st.binary(min_size=1, max_size=6), st.one_of(st.none(), st.integers(0, 0xFFFF)))
def test_the_builder_refuses_whatever_is_no_read(pdu, transaction):
    reads = pdu[0] in (1, 2, 3, 4) or pdu[:2] == bytes([43, 14])
    try:
        request(Ask(1, pdu, 2), transaction)
    except ValueError as error:
        assert "not for reading" in str(error)
        assert not reads
    else:
        assert reads


@pytest.mark.parametrize("function", [5, 6, 8, 15, 16, 22, 23, 0x83])
def test_writing_and_diagnosing_cannot_be_said(function):
    with pytest.raises(ValueError, match=f"function {function} is not for reading"):
        request(Ask(1, bytes([function, 0, 0, 0, 1]), 2), 1)


def test_canopen_is_no_identification():
    with pytest.raises(ValueError, match="function 43 is not for reading"):
        request(Ask(1, bytes([43, 13, 0, 0, 0]), 2), 1)


@pytest.mark.parametrize("unit", [-1, 256])
def test_a_unit_that_no_request_can_carry_is_refused(unit):
    with pytest.raises(ValueError, match="cannot be asked"):
        reading(unit, Span(Table.INPUT, 0, 1))


def test_a_read_wider_than_the_protocol_is_refused():
    with pytest.raises(ValueError, match="cannot be asked"):
        reading(1, Span(Table.INPUT, 0, 126))
    assert max_count(Span(Table.COIL, 0, 1)) == 2000


@pytest.mark.parametrize(
    ("unit", "stream", "first"), [(-1, 1, 0), (256, 1, 0), (1, 4, 0), (1, 0, 0), (1, 1, 256)]
)
def test_an_identification_that_no_request_can_carry_is_refused(unit, stream, first):
    with pytest.raises(ValueError, match="cannot be asked"):
        identifying(unit, stream, first)


@given(st.binary(max_size=260))
def test_the_checksum_is_that_of_the_reference(data):
    assert crc16(data) == int.from_bytes(FramerRTU.compute_CRC(data).to_bytes(2, "big"), "little")


SPAN = Span(Table.HOLDING, 10, 2)
ASK = reading(7, SPAN)
GOOD = bytes([3, 4, 0, 1, 0, 2])


@pytest.mark.parametrize(
    ("unit", "pdu", "outcome"),
    [
        (7, GOOD, bytes([0, 1, 0, 2])),
        (8, GOOD, "unit 8 answered"),
        (7, bytes([4, 4, 0, 1, 0, 2]), "function 4 in answer to 3"),
        (7, bytes([3, 2, 0, 1]), "2 data bytes"),
        (7, bytes([3, 6, 0, 1, 0, 2, 0, 3]), "6 data bytes"),
        (7, bytes([3, 6, 0, 1, 0, 2]), "it says 6"),
        (7, bytes([3, 3, 0, 1, 0]), "3 data bytes"),
        (7, bytes([3]), "without content"),
        (7, b"", "without content"),
        (7, bytes([0x84, 2]), "function 132"),
        (7, bytes([0x83, 2, 0]), "function 131"),
        (7, bytes([0x83, 2]), 2),
        (7, bytes([0x83, 11]), 11),
    ],
)
def test_a_reply_is_used_only_when_it_is_exactly_what_was_asked_for(unit, pdu, outcome):
    if isinstance(outcome, bytes):
        assert check(ASK, unit, pdu) == outcome
    elif isinstance(outcome, int):
        with pytest.raises(UnitRefused) as refused:
            check(ASK, unit, pdu)
        assert refused.value.code == outcome
        assert refused.value.reason == f"exception_{outcome}"
    else:
        with pytest.raises(BadReply, match=outcome):
            check(ASK, unit, pdu)


def rtu(*body: int) -> bytes:
    frame = bytes(body)
    return frame + crc16(frame).to_bytes(2, "little")


REPLY = rtu(7, 3, 4, 0, 1, 0, 2)


VALUE = bytes([0, 1, 0, 2])
REFUSAL = rtu(7, 0x83, 2)


@pytest.mark.parametrize(
    ("received", "found"),
    [
        (REPLY, [VALUE]),
        (b"\x00\xff" + REPLY, [VALUE]),
        (REPLY + b"\x00", [VALUE]),
        (request(ASK, None) + REPLY, [VALUE]),
        (rtu(8, 3, 4, 9, 9, 9, 9) + REPLY, [VALUE]),
        (REPLY + REPLY, [VALUE, VALUE]),
        (rtu(7, 3, 4, 9, 9, 9, 9) + REPLY, [bytes([9, 9, 9, 9]), VALUE]),
        (REFUSAL, [2]),
        (REFUSAL + REPLY, [2, VALUE]),
        (REPLY[:-1], []),
        (REPLY[:-1] + b"\x00", []),
        (REFUSAL[:-1], []),
        (rtu(7, 0x84, 2), []),
        (rtu(8, 3, 4, 9, 9, 9, 9), []),
        (rtu(7, 4, 4, 9, 9, 9, 9), []),
        (rtu(7, 3, 2, 9, 9), []),
        (b"\x07\x03\x04", []),
        (b"", []),
    ],
)
def test_on_a_serial_line_only_unit_function_length_and_checksum_together_make_a_reply(received, found):
    assert [told(ASK, frame) for frame in find_rtu_replies(ASK, received)[0]] == found


def told(ask, frame):
    try:
        return check(ask, frame[0], frame[1:-2])
    except UnitRefused as refused:
        return refused.code


@pytest.mark.parametrize("rest", [b"", b"\x00", REPLY[:3]])
def test_what_comes_after_the_last_reply_is_told(rest):
    assert find_rtu_replies(ASK, b"\x55" + REPLY + rest) == ([REPLY], rest)


def test_the_echo_of_a_read_of_bits_that_looks_like_a_reply_is_none():
    ask = reading(7, Span(Table.COIL, 0x0312, 20))  # unit, function, then 3: as if three data bytes followed
    echo, reply = request(ask, None), rtu(7, 1, 3, 0xAA, 0xBB, 0x0C)
    assert find_rtu_replies(ask, echo) == ([], echo)
    assert find_rtu_replies(ask, echo + reply) == ([reply], b"")


@pytest.mark.parametrize(
    ("received", "damaged"),
    [(REPLY[:-1] + b"\x00", True), (REPLY[:-1], False), (b"\x00" + REPLY[:-1] + b"\x00", True), (b"", False)],
)
def test_a_reply_that_is_whole_but_damaged_need_not_be_waited_for(received, damaged):
    assert has_damaged_reply(ASK, received) is damaged


@given(st.binary(max_size=300))
def test_noise_never_becomes_words(noise):
    for frame in find_rtu_replies(ASK, noise)[0]:
        assert crc16(frame) == 0
        assert frame in noise


OBJECTS = bytes([43, 14, 1, 0x81, 0, 0, 2, 0, 3]) + b"ABC" + bytes([1, 2]) + b"DE"
WHO = identifying(7, 1, 0)


def test_the_end_of_an_identification_is_found_by_its_objects_and_its_checksum():
    frame = rtu(7, *OBJECTS)
    assert find_rtu_replies(WHO, b"\x00" + frame + b"\x55") == ([frame], b"\x55")
    assert told(WHO, frame) == OBJECTS[1:]
    for cut in range(1, len(frame)):
        assert find_rtu_replies(WHO, frame[:cut])[0] == []
        assert not has_damaged_reply(WHO, frame[:cut])
    assert find_rtu_replies(WHO, frame[:-1] + b"\x00")[0] == []
    assert has_damaged_reply(WHO, frame[:-1] + b"\x00")
    (refusal,), _ = find_rtu_replies(WHO, rtu(7, 0xAB, 1))
    assert told(WHO, refusal) == 1


@pytest.mark.parametrize(
    "pdu",
    [
        OBJECTS[:-1],
        OBJECTS + b"x",
        OBJECTS[:6] + bytes([3]) + OBJECTS[7:],
        OBJECTS[:6] + bytes([1]) + OBJECTS[7:],
        bytes([43, 13]) + OBJECTS[2:],
        OBJECTS[:6],
        bytes([43, 14]),
        bytes([43, 14, 1, 1, 0, 0, 1, 0, 246]) + bytes(246),
    ],
)
def test_an_identification_whose_objects_do_not_fill_it_is_refused(pdu):
    assert check(WHO, 7, OBJECTS) == OBJECTS[1:]
    with pytest.raises(BadReply, match="do not fill it"):
        check(WHO, 7, pdu)


@given(st.binary(max_size=300))
def test_noise_never_becomes_an_identification(noise):
    assert all(len(frame) == 5 for frame in find_rtu_replies(WHO, noise)[0])


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_bits_come_out_in_the_order_of_their_addresses(bits):
    span = Span(Table.COIL, 5, len(bits))
    packed = sum(bit << i for i, bit in enumerate(bits)).to_bytes(data_bytes(span), "little")
    assert words_of(span, packed) == tuple(map(int, bits))
